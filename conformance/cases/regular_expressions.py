"""Java's regular expressions through the functions of PySpark, over columns and with errors."""
from case import batch, spark
from pyspark.sql import functions as F

texts = spark.createDataFrame(
    [
        (1, "GET /a/1?q=x HTTP/1.1", r"^(\w+) (\S+)"),
        (2, "ann@example.org; bob@test.example", r"(?<user>\w+)@(?<host>[\w.]+)"),
        (3, "a\r\nb\nc", r"(?m)^.$"),
        (4, "été ſ K", r"(?iu)[a-z]"),
        (5, "😀a😀", "a*"),
        (6, "aaa", "a++a"),
        (7, "abab", r"(ab)\1"),
        (8, "", ""),
        (9, None, "a"),
        (10, "a", None),
    ],
    "id INT, s STRING, p STRING",
)
each = texts.orderBy("id")
columns = spark.sql("SELECT 1 AS id, 2 AS name, 3 AS `nam.e`, 4 AS nr, 5 AS Id2, 6 AS `a``b`")
named = columns.alias("c")

batch("rlike by row", lambda: each.select("id", F.rlike("s", F.col("p"))))
batch("regexp_like by row", lambda: each.select("id", F.regexp_like("s", F.col("p"))))
batch("count by row", lambda: each.select("id", F.regexp_count("s", F.col("p"))))
batch("instr by row", lambda: each.select("id", F.regexp_instr("s", F.col("p"))))
batch("substr by row", lambda: each.select("id", F.regexp_substr("s", F.col("p"))))
batch("extract all by row", lambda: each.select("id", F.regexp_extract_all("s", F.col("p"), F.lit(0))))
batch("replace by row", lambda: each.select("id", F.regexp_replace("s", F.col("p"), F.lit("<$0>"))))
batch("replace by name", lambda: each.select("id", F.regexp_replace("s", r"(?<l>\w)(?<r>\w)", "${r}${l}")))
batch("replace without a group", lambda: each.select("id", F.regexp_replace("s", "a", "$1")))
batch("replace by an unknown name", lambda: each.select("id", F.regexp_replace("s", "a", "${x}")))
batch("split by row", lambda: each.select("id", F.split("s", F.col("p"))))
batch("split by row with a limit", lambda: each.select("id", F.split("s", F.col("p"), F.lit(2))))
batch("split behind", lambda: each.select("id", F.split("s", r"(?<=[a-z])(?=[A-Z/;])")))
batch("str_to_map", lambda: each.select("id", F.str_to_map("s", F.lit(r";\s*"), F.lit(r"(?<=\w)@"))))
batch("extract", lambda: each.select("id", F.regexp_extract("s", r"(\w+)@([\w.]+)", 2)))
batch("extract backwards", lambda: each.select("id", F.regexp_extract("s", r"(a)", -1)))
batch("Column.rlike", lambda: each.where(F.col("s").rlike(r"(?<!b)\d\z|(?i)ANN")).select("id"))
batch("Column.ilike", lambda: each.where(F.col("s").ilike("%É%")).select("id"))
batch("bad pattern where no row is", lambda: each.where("id > 100").select(F.split("s", "a{2,1}")))
for pattern in [
    "`(id|n.*)`", "`ID`", "`(?i)ID`", "`(Id)?+.+`", "`n(?=a)...`", "`nam.e`", "`.*d`", "`ſd`", "`a``b`", "`n[a-z&&[^b]].*`",
    "c.`n.*`", "d.`n.*`", "c.id", "id", "`(`",
]:
    batch(f"colRegex {pattern}", lambda: named.select(named.colRegex(pattern)))
