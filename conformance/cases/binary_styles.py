"""How tables show BINARY, by `spark.sql.binaryOutputStyle`, and what the setting leaves alone."""
from case import batch, spark, text

ask = """SELECT X'31FF00' AS b, array(X'3132', NULL) AS a, named_struct('x', X'41') AS s, CAST(NULL AS BINARY) AS n,
map('k', X'C3A4') AS m, X'' AS e, X'0A09' AS c"""

text("not set", lambda: spark.sql(ask)._show_string(20, False))
for style in ("UTF-8", "BASIC", "BASE64", "HEX", "HEX_DISCRETE", "hex"):
    spark.conf.set("spark.sql.binaryOutputStyle", style)
    text(f"{style}", lambda: spark.sql(ask)._show_string(20, False))
    text(f"{style}, cut and vertical", lambda: spark.sql("SELECT X'3132333435363738' AS b")._show_string(20, 6, True))
    text(f"{style}, text of a cast", lambda: spark.sql("SELECT CAST(X'3132' AS STRING) AS c")._show_string(20, False))
    batch(f"{style}, rows", lambda: spark.sql("SELECT X'31FF' AS b, to_json(named_struct('b', X'3132')) AS j, hex(X'31') AS h"))
spark.conf.unset("spark.sql.binaryOutputStyle")
text("unset", lambda: spark.sql(ask)._show_string(20, False))
