"""Throughput: the payment monitor of examples/, but in update mode to a topic. `bench/guarantees.py` runs it, and says by
SINK_OPTIONS which guarantee the sink gives."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()

events = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["FROM"])
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", os.environ["BATCH_ROWS"])
    .load()
    .select(F.from_json(
        F.col("value").cast("string"), "user_id INT, action STRING, amount DOUBLE, timestamp TIMESTAMP"
    ).alias("data"))
)

query = (
    events.filter("data.action = 'payment'")
    .groupBy(F.window("data.timestamp", "5 minutes"), "data.user_id")
    .count()
    .select(F.col("user_id").cast("string").alias("key"), F.to_json(F.struct("window", "user_id", "count")).alias("value"))
    .writeStream.format("kafka")
    .outputMode("update")
    .option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("topic", os.environ["TO"])
    .option("checkpointLocation", os.environ["CHECKPOINT"])
    .options(**dict(option.split("=") for option in os.environ.get("SINK_OPTIONS", "").split()))
    .trigger(availableNow=True)
    .start()
)
query.awaitTermination()
