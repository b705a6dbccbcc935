"""Latency, second job: a count and the newest row of each user, in update mode. A stock PySpark program; `bench/latency.py`
runs it, and says by SINK_OPTIONS what else the sink is told."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()
spark.conf.set("spark.sql.shuffle.partitions", "2")   # as many as cores; Apache Spark's default is 200

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
    rows.groupBy("user")
    .agg(F.count("*").alias("n"), F.max("sent").alias("sent"))
    .select(F.to_json(F.struct("user", "n", "sent")).alias("value"))
    .writeStream.format("kafka")
    .outputMode("update")
    .option("kafka.bootstrap.servers", os.environ["KAFKA"])
    .option("topic", os.environ["TO"])
    .option("checkpointLocation", os.environ["CHECKPOINT"])
    .options(**dict(option.split("=") for option in os.environ.get("SINK_OPTIONS", "").split()))
    .start()
)
query.awaitTermination()
