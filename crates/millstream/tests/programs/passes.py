"""Passes rows on in append mode, a few a batch, with a checkpoint; what a crash test kills and starts again."""
import os

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = (
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["TOPIC"]).option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", 7).load()
    .selectExpr("offset", "CAST(value AS STRING) AS value")
)
rows.writeStream.format("console").option("numRows", 100).option("truncate", False).trigger(availableNow=True).option(
    "checkpointLocation", os.environ["CHECKPOINT"]
).start().awaitTermination()
