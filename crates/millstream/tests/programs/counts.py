"""Counts per key in complete mode, a few rows a batch, with a checkpoint; what a crash test kills and starts again."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
rows = (
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["TOPIC"]).option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", 7).load()
    .select(F.from_json(F.col("value").cast("string"), "k STRING, v INT").alias("d")).select("d.*")
)
counts = rows.groupBy("k").agg(F.count("*").alias("n"), F.sum("v").alias("s"), F.max("v").alias("m"))
counts.writeStream.outputMode("complete").format("console").option("numRows", 100).trigger(availableNow=True).option(
    "checkpointLocation", os.environ["CHECKPOINT"]
).start().awaitTermination()
