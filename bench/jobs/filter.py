"""Latency, first job: rows in, JSON read, filtered, written as JSON again. A stock PySpark program; `bench/latency.py`
runs it, and says by SINK_OPTIONS what else the sink is told."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()

rows = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["FROM"])
    .option("startingOffsets", "earliest")
    .load()
    .select(F.from_json(F.col("value").cast("string"), "id LONG, user STRING, sent LONG, pad STRING").alias("row"))
    .select("row.*")
)

query = (
    rows.where(F.col("id") % 10 != 9)
    .select(F.to_json(F.struct("id", "user", "sent", "pad")).alias("value"))
    .writeStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("topic", os.environ["TO"])
    .option("checkpointLocation", os.environ["CHECKPOINT"])
    .options(**dict(option.split("=") for option in os.environ.get("SINK_OPTIONS", "").split()))
    .start()
)
query.awaitTermination()
