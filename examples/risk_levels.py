"""A risk level for each user and hour, from devices, cities and log-ins, as it changes.

Three aggregates of the same events are joined on user and hour, and rules make a level of them. Events are JSON on the
Kafka topic account_events; levels go to the topic risk_levels, a record for each that has changed, keyed by user. KAFKA,
STARTING, TRIGGER and CHECKPOINTS override what stands here.
"""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

KAFKA = os.environ.get("KAFKA", "127.0.0.1:9092")
RULES = [
    ("devices > 1 AND cities > 1", "HIGH"),
    ("log_ins > 5", "MEDIUM"),
    ("true", "LOW"),
]

spark = SparkSession.builder.appName("risk-levels").getOrCreate()

events = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", KAFKA)
    .option("subscribe", "account_events")
    .option("startingOffsets", os.environ.get("STARTING", "latest"))
    .load()
    .select(
        F.from_json(
            F.col("value").cast("string"),
            "user_id STRING, event_type STRING, device_id STRING, city STRING, event_time TIMESTAMP",
        ).alias("event")
    )
    .select("event.*")
    .withWatermark("event_time", "10 minutes")
)

by_hour = ["user_id", F.window("event_time", "1 hour")]
devices = events.groupBy(*by_hour).agg(F.countDistinct("device_id").alias("devices"))
cities = events.groupBy(*by_hour).agg(F.countDistinct("city").alias("cities"))
log_ins = events.filter("event_type = 'login'").groupBy(*by_hour).agg(F.count("*").alias("log_ins"))
features = (
    devices.join(cities, ["user_id", "window"], "left_outer")
    .join(log_ins, ["user_id", "window"], "left_outer")
    .fillna(0, ["devices", "cities", "log_ins"])
)

level = "CASE " + " ".join(f"WHEN {condition} THEN '{name}'" for condition, name in RULES) + " END"
levels = features.select("user_id", "window.start", "devices", "cities", "log_ins", F.expr(level).alias("level"))

interval = os.environ.get("TRIGGER", "1 second")
trigger = {"availableNow": True} if interval == "availableNow" else {"processingTime": interval}
query = (
    levels.select(F.col("user_id").alias("key"), F.to_json(F.struct("*")).alias("value"))
    .writeStream.outputMode("update").format("kafka")
    .option("kafka.bootstrap.servers", KAFKA)
    .option("topic", "risk_levels")
    .option("checkpointLocation", os.path.join(os.environ.get("CHECKPOINTS", "checkpoints"), "risk_levels"))
    .trigger(**trigger).start()
)
query.awaitTermination()
