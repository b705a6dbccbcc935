"""Counts per key in update mode, exactly once, told by variables where to work: a job of a user for millstream crash-test."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
rows = (
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["INPUT"]).option("startingOffsets", os.environ["STARTING"]).load()
)
counts = rows.groupBy("key").agg(F.count("*").cast("string").alias("value"))
trigger = {"availableNow": True} if os.environ["TRIGGER"] == "availableNow" else {"processingTime": os.environ["TRIGGER"]}
counts.writeStream.outputMode("update").format("kafka").option("kafka.bootstrap.servers", os.environ["KAFKA"]).option(
    "topic", os.environ["OUTPUT"]
).option("delivery.guarantee", "exactly-once").option("checkpointLocation", os.environ["CHECKPOINT"]).trigger(
    **trigger
).start().awaitTermination()
