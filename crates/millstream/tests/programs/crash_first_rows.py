"""One row of every four, exactly once: a job with dropDuplicates for millstream crash-test."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
rows = (
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("subscribe", os.environ["INPUT"]).option("startingOffsets", os.environ["STARTING"]).load()
)
number = F.get_json_object(F.col("value").cast("string"), "$.n").cast("bigint")
# Those with one number come in several partitions, some in one batch and some not.
first = rows.select(F.floor(number / 4).cast("string").alias("key")).dropDuplicates(["key"])
trigger = {"availableNow": True} if os.environ["TRIGGER"] == "availableNow" else {"processingTime": os.environ["TRIGGER"]}
first.withColumn("value", F.col("key")).writeStream.format("kafka").option(
    "kafka.bootstrap.servers", os.environ["KAFKA"]
).option("topic", os.environ["OUTPUT"]).option("delivery.guarantee", "exactly-once").option(
    "checkpointLocation", os.environ["CHECKPOINT"]
).trigger(**trigger).start().awaitTermination()
