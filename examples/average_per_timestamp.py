"""The average reading per time stamp, in full at each batch."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("average-per-timestamp").getOrCreate()

readings = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ.get("KAFKA", "127.0.0.1:9092"))
    .option("subscribe", "realtime_data")
    .option("startingOffsets", os.environ.get("STARTING", "latest"))
    .load()
    .selectExpr("CAST(value AS STRING)")
    .select(F.from_json(F.col("value"), "timestamp STRING, value INT").alias("data"))
    .select("data.*")
)

writer = readings.groupBy("timestamp").avg("value").writeStream.outputMode("complete").format("console")
if os.environ.get("TRIGGER") == "availableNow":
    writer = writer.trigger(availableNow=True)
writer.start().awaitTermination()
