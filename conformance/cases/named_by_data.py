"""Columns that only the data names (pivot without values, crosstab, transpose), and records that lie in a DataFrame."""
from case import batch, spark, value
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

df = spark.createDataFrame([(1, "x", 1.5), (2, "y", None), (1, None, 2.0), (1, "x", 0.5), (2, "x", None)], "a INT, b STRING, c DOUBLE")


def failing(make):
    try:
        return [list(row) for row in make().collect()]
    except PySparkException as error:
        return [error.getCondition(), error.getMessageParameters()]


batch("pivot", lambda: df.groupBy("a").pivot("b").count())
batch("pivot with two aggregates", lambda: df.groupBy("a").pivot("c").agg(F.sum("a").alias("s"), F.max("b")))
batch("pivot of no rows", lambda: df.filter("a > 5").groupBy("a").pivot("b").count())
batch("pivot of all rows", lambda: df.groupBy().pivot("b").agg(F.sum("c")))
batch("pivot by time", lambda: df.withColumn("t", F.lit("2020-01-01 01:02:03").cast("timestamp")).groupBy("a").pivot("t").count())
batch("pivot by truth", lambda: df.withColumn("t", F.col("a") > 1).groupBy("b").pivot("t").agg(F.collect_list("a")))
batch("pivot of counts beside texts", lambda: df.groupBy("a").pivot("b", ["x", "y"]).agg(F.count("a"), F.max("b")))
batch("pivot of counts beside numbers", lambda: df.groupBy("a").pivot("b", ["x", "y"]).agg(F.count("a"), F.max("c")))
batch("pivot of first values", lambda: df.repartition(1).sort("c").groupBy("a").pivot("a", [1, 2]).agg(F.first("b"), F.last("b")))
batch("pivot of a pivot", lambda: df.groupBy("a", "c").pivot("b").count().groupBy("a").pivot("x").count())
batch("pivot in a join", lambda: df.select("a").distinct().join(df.groupBy("a").pivot("b").count(), "a"))
df.groupBy("a").pivot("b").count().createOrReplaceTempView("pivoted")
batch("pivot in a view", lambda: spark.sql("SELECT x + 1 AS x FROM pivoted WHERE a = 1"))
batch("crosstab", lambda: df.crosstab("a", "b"))
batch("crosstab, turned", lambda: df.crosstab("b", "a"))
batch("crosstab with backticks", lambda: df.withColumn("b", F.lit("`q`")).crosstab("a", "b"))
batch("crosstab of dates", lambda: df.select(F.lit("2020-01-01").cast("date").alias("d"), (F.col("a") > 1).alias("x y")).crosstab("d", "x y"))
value("error: crosstab", lambda: failing(lambda: df.crosstab("a", "nope")))
for label, make in {
    "texts": lambda: spark.createDataFrame([("k", 1), ("j", 2), ("k", 3)], "k STRING, v INT").transpose(),
    "by a column": lambda: df.transpose("b"),
    "numbers in order": lambda: spark.createDataFrame([(10, 1), (9, 2), (None, 5), (-1, 3)], "k INT, v INT").transpose(),
    "one column": lambda: df.select("a").transpose(),
    "arrays": lambda: spark.sql("SELECT 1 AS k, array(1) AS a, array(2L) AS b").transpose(),
    "nulls": lambda: spark.sql("SELECT 1 AS k, null AS a, 2 AS b").transpose(),
    "dates": lambda: df.select(F.lit("2020-01-01").cast("date").alias("d"), "a", "c").limit(1).transpose("d"),
    "structs": lambda: df.select("a", F.struct("a").alias("s")).limit(1).transpose(),
    "binary": lambda: spark.sql("SELECT x'61' AS k, 1 AS a").transpose(),
}.items():
    batch(f"transpose: {label}", make, ordered=True)
for label, make in {
    "no common type": lambda: df.transpose(),
    "decimals": lambda: spark.sql("SELECT 1 AS k, 1.25BD AS a, 2 AS b").transpose(),
    "an expression": lambda: df.transpose(F.col("a") + 1),
    "an array": lambda: df.select(F.array("a").alias("k"), "a").transpose(),
    "an unknown column": lambda: df.transpose("nope"),
}.items():
    value(f"error: transpose by {label}", lambda make=make: failing(make))
spark.conf.set("spark.sql.pivotMaxValues", "1")
spark.conf.set("spark.sql.transposeMaxValues", "2")
value("error: too many values", lambda: failing(lambda: df.groupBy("a").pivot("b").count()))
value("error: too many rows", lambda: failing(lambda: df.select("a", "c").transpose()))
batch("rows without an index are not counted", lambda: spark.createDataFrame([(10, 1), (9, 2), (None, 5)], "k INT, v INT").transpose())
spark.conf.unset("spark.sql.pivotMaxValues")
spark.conf.unset("spark.sql.transposeMaxValues")

JSON = ['{"a":1,"b":"x"}', "", " ", None, "{bad", '[{"a":2},{"a":3}]', "null", "1", '{"a":"x","b":"y"}', '{"a":1}{"a":2}', "[]", '{"A":5}', "[1]", '{"a":null}']
CSV = ["1,x", "", " ", None, "2", "3,y,z", 'x,"q,r"', "#c,1", ",", "é;1,2"]


def records(values):
    return spark.createDataFrame([(text,) for text in values], "value STRING")


batch("json records", lambda: spark.read.json(records(JSON), schema="a INT, b STRING"))
batch("csv records", lambda: spark.read.csv(records(CSV), schema="a INT, b STRING"))
batch("csv records without a schema", lambda: spark.read.csv(records(CSV)))
batch("csv records, separated", lambda: spark.read.csv(records(CSV), sep=";"))
batch("no csv records", lambda: spark.read.csv(records(["", None])))
for number, text in enumerate(JSON):
    batch(f"json record {number}", lambda text=text: spark.read.json(records([text]), schema="b STRING, a DOUBLE"))
for number, text in enumerate(CSV):
    batch(f"csv record {number}", lambda text=text: spark.read.csv(records([text]), schema="a STRING, b DOUBLE NOT NULL"))
batch("csv record of two lines", lambda: spark.read.csv(records(['1,"a\nb"']), schema="a STRING, b STRING"))
batch("csv record of two lines, unquoted", lambda: spark.read.csv(records(["1,a\nb"]), schema="a STRING, b STRING"))
value("error: csv of a number", lambda: failing(lambda: spark.read.csv(spark.range(1))))
value("error: json of two columns", lambda: failing(lambda: spark.read.json(spark.range(1).select("id", "id"))))
value("error: xml of no column", lambda: failing(lambda: spark.read.xml(spark.range(1).select(), rowTag="a")))
batch("json records, guessed", lambda: spark.read.json(records(JSON)))
batch("csv records, guessed", lambda: spark.read.csv(records(["1,2"]), inferSchema=True))
batch("csv records under a header", lambda: spark.read.csv(records(CSV), schema="a STRING, b STRING", header=True))
batch("json records, dropped", lambda: spark.read.option("mode", "DROPMALFORMED").json(records(JSON), schema="a INT, b STRING"))
