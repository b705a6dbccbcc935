"""How many payments each user makes in every five minutes of event time; the whole table at each batch.

The events are JSON on the Kafka topic user_events. KAFKA, STARTING and TRIGGER override what stands here.
"""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType, TimestampType

spark = SparkSession.builder.appName("payment-monitor").getOrCreate()

schema = StructType([
    StructField("user_id", IntegerType()),
    StructField("action", StringType()),
    StructField("amount", DoubleType()),
    StructField("timestamp", TimestampType()),
])

events = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ.get("KAFKA", "127.0.0.1:9092"))
    .option("subscribe", "user_events")
    .option("startingOffsets", os.environ.get("STARTING", "latest"))
    .option("failOnDataLoss", "false")
    .load()
    .select(F.from_json(F.col("value").cast("string"), schema).alias("data"), F.col("timestamp").alias("kafka_timestamp"))
)

counts = (
    events.filter("data.action = 'payment'")
    .groupBy(F.window("data.timestamp", "5 minutes"), "data.user_id")
    .count()
)

interval = os.environ.get("TRIGGER", "10 seconds")
trigger = {"availableNow": True} if interval == "availableNow" else {"processingTime": interval}
query = (
    counts.writeStream.outputMode("complete").format("console").option("truncate", "false").option("numRows", 20)
    .trigger(**trigger).start()
)
query.awaitTermination()
