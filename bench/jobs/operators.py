"""Throughput of stateful operators: one query of those below over the payments of a topic, from its beginning to its end. A stock
PySpark program; `bench/run.py operators` runs it on both engines and says by QUERY which one."""
import os
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()
spark.conf.set("spark.sql.shuffle.partitions", "2")   # as many as cores; Apache Spark's default is 200


def read():
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", os.environ["KAFKA"])
        .option("subscribe", os.environ["FROM"])
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", "100000")
        .load()
        .select(F.from_json(F.col("value").cast("string"), "user_id LONG, action STRING, amount DOUBLE, timestamp TIMESTAMP").alias("row"))
        .select("row.*")
        .withWatermark("timestamp", "10 seconds")
    )


def join():
    payments = read().where("action = 'payment'").select("user_id", "amount", F.col("timestamp").alias("paid"))
    clicks = read().where("action = 'click'").select(F.col("user_id").alias("clicker"), F.col("timestamp").alias("clicked"))
    near = "user_id = clicker AND clicked BETWEEN paid AND paid + INTERVAL 1 MINUTE"
    return payments.join(clicks, F.expr(near))


QUERIES = {
    # a million keys
    "counts": ("update", lambda: read().groupBy((F.col("amount") * 2000).cast("int").alias("k")).count()),
    "sliding": ("append", lambda: read().groupBy(F.window("timestamp", "1 minute", "5 seconds"), "action").agg(F.sum("amount"), F.count("*"))),
    "sessions": ("append", lambda: read().groupBy(F.session_window("timestamp", "30 seconds"), "user_id").agg(F.sum("amount"), F.count("*"))),
    "join": ("append", join),
    "deduplication": ("append", lambda: read().dropDuplicates(["user_id", "timestamp"])),
    # Apache Spark has no exact count(DISTINCT …) over a stream but this one
    "distinct": ("append", lambda: read().groupBy(F.window("timestamp", "10 seconds"), "action").agg(F.size(F.collect_set("user_id")))),
    "chained": ("append", lambda: read().groupBy(F.window("timestamp", "10 seconds"), "user_id").agg(F.sum("amount").alias("s"))
                .groupBy(F.window(F.window_time("window"), "1 minute")).agg(F.avg("s"), F.count("*"))),
}

mode, query = QUERIES[os.environ["QUERY"]]
with tempfile.TemporaryDirectory() as checkpoint:
    query().writeStream.format("noop").outputMode(mode).option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
