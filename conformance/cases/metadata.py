"""Metadata of columns: where it comes from, and through what it is kept."""
import datetime
import json

from case import answers, error_of, spark
from pyspark.errors import PySparkException
from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

commented = spark.createDataFrame([(1, 2)], "a INT COMMENT 'hello', b INT")
described = spark.createDataFrame(
    [(1, datetime.datetime(2024, 1, 1), "x")],
    T.StructType([
        T.StructField("a", T.IntegerType(), True, {"k": 1, "n": {"x": [1, 2]}, "s": "t"}),
        T.StructField("t", T.TimestampType(), True, {"u": True}),
        T.StructField("b", T.StringType()),
    ]),
)
stream = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).load()


def metadata(label, make):
    """Writes down the metadata of each column that has some."""
    try:
        schema = make().schema
        answers[label] = {"metadata": [[field.name, json.dumps(field.metadata, sort_keys=True)] for field in schema]}
    except PySparkException as error:
        answers[label] = error_of(error)


window = lambda: F.window("t", "5 minutes")
marked = stream.withWatermark("timestamp", "1 minute")
for label, make in {
    "comment": lambda: commented,
    "given with a schema": lambda: described,
    "select": lambda: described.select("t", "a"),
    "alias": lambda: described.select(F.col("a").alias("z")),
    "alias with metadata": lambda: described.select(F.col("a").alias("z", metadata={"q": 1})),
    "expression with metadata": lambda: described.select((F.col("a") + 1).alias("z", metadata={"q": 1})),
    "constant with metadata": lambda: described.select(F.lit(1).alias("o", metadata={"c": 3})),
    "expression": lambda: described.select((F.col("a") + 1).alias("z")),
    "unnamed expression": lambda: described.select(F.col("a") + 1, F.upper("b"), F.lit(1)),
    "named by another select": lambda: described.select(F.upper("b")).select(F.col("upper(b)").alias("u"), "upper(b)"),
    "cast": lambda: described.select(F.col("a").cast("int"), F.col("a").cast("long").alias("l")),
    "added column": lambda: described.withColumn("c", F.col("a")),
    "replaced column": lambda: described.withColumn("a", F.col("a")),
    "withMetadata": lambda: described.withMetadata("a", {"w": 2}),
    "renamed": lambda: described.withColumnRenamed("a", "z"),
    "toDF": lambda: described.toDF("x", "y", "z"),
    "filter, sort, limit": lambda: described.filter("a > 0").orderBy("a").limit(1),
    "group": lambda: described.groupBy("a").agg(F.max("t"), F.max("t").alias("m")),
    "group by an alias": lambda: described.groupBy(F.col("a").alias("z")).count(),
    "rollup": lambda: described.rollup("a").count(),
    "over": lambda: described.select("a", F.row_number().over(Window.orderBy("a")).alias("n")),
    "join": lambda: described.join(commented, "a"),
    "full join": lambda: described.join(commented, "a", "full"),
    "right join": lambda: commented.join(described, "a", "right"),
    "union": lambda: described.union(described),
    "union with another": lambda: described.select("a").union(commented.select("a")),
    "union of other types": lambda: described.select("a").union(commented.select(F.col("a").cast("long"))),
    "union by name": lambda: described.unionByName(described),
    "intersect": lambda: described.select("a").intersect(commented.select("a")),
    "distinct": lambda: described.distinct(),
    "drop duplicates": lambda: described.dropDuplicates(["a"]),
    "explode": lambda: described.select("a", F.explode(F.array("a"))),
    "unpivot": lambda: described.unpivot("a", ["a"], "k", "v"),
    "fillna": lambda: described.na.fill(0),
    "to": lambda: described.to(T.StructType([T.StructField("a", T.LongType(), True, {"new": 1}), T.StructField("b", T.StringType())])),
    "window": lambda: described.select(window()),
    "window group": lambda: described.groupBy(window(), "a").count(),
    "window alias": lambda: described.groupBy(window().alias("w")).count(),
    "window field": lambda: described.groupBy(window()).count().select("window.start", "window"),
    "session window": lambda: described.groupBy(F.session_window("t", "5 minutes")).count(),
    "watermark of a batch": lambda: described.withWatermark("t", "1 minute"),
    "watermark": lambda: marked,
    "window of a stream": lambda: marked.groupBy(F.window("timestamp", "1 minute")).count(),
    "sql": lambda: spark.sql("select a, a as b, t, a + 1 from {d}", d=described),
    "sql group": lambda: spark.sql("select a, max(t) from {d} group by a", d=described),
    "sql subquery": lambda: spark.sql("with c as (select a from {d}) select q.a from (select a from c) q", d=described),
}.items():
    metadata(label, make)
