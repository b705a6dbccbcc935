"""Sensor readings with the Kafka coordinates they came from; readings out of range are left out.

Keeps a checkpoint (CHECKPOINTS, default ./checkpoints): stop it, start it again, and it goes on where it was.
"""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructField, StructType, TimestampType

spark = SparkSession.builder.appName("sensor-readings").getOrCreate()

schema = StructType([
    StructField("device_id", StringType()),
    StructField("temperature", DoubleType()),
    StructField("humidity", DoubleType()),
    StructField("timestamp", TimestampType()),
])

readings = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ.get("KAFKA", "127.0.0.1:9092"))
    .option("subscribe", "iot_telemetry")
    .option("startingOffsets", os.environ.get("STARTING", "earliest"))
    .option("maxOffsetsPerTrigger", 10000)
    .load()
    .select(
        F.col("key").cast("string").alias("device_key"),
        F.from_json(F.col("value").cast("string"), schema).alias("data"),
        "topic", "partition", "offset", F.col("timestamp").alias("kafka_timestamp"),
    )
    .select("device_key", "data.*", "topic", "partition", "offset", "kafka_timestamp")
)
in_range = readings.filter(F.col("temperature").between(-40, 100) & F.col("humidity").between(0, 100))

interval = os.environ.get("TRIGGER", "5 seconds")
trigger = {"availableNow": True} if interval == "availableNow" else {"processingTime": interval}
query = (
    in_range.writeStream.outputMode("append").format("console").option("truncate", "false").option("numRows", 100)
    .option("checkpointLocation", os.path.join(os.environ.get("CHECKPOINTS", "checkpoints"), "sensor_readings"))
    .trigger(**trigger).start()
)
query.awaitTermination()
spark.stop()
