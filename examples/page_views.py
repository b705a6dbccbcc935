"""Views per page of a click stream, least viewed first; the whole table at each batch."""
import os

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("page-views").getOrCreate()

clicks = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", os.environ.get("KAFKA", "127.0.0.1:9092"))
    .option("subscribe", "clickstream")
    .option("startingOffsets", os.environ.get("STARTING", "latest"))
    .load()
    .selectExpr("CAST(value AS STRING) AS value")
    .select(F.from_json("value", "timestamp STRING, userid STRING, page STRING, action STRING").alias("data"))
)
views = clicks.filter(F.col("data.action") == "view").groupBy(F.col("data.page")).count().orderBy("count")

writer = views.writeStream.outputMode("complete").format("console")
if os.environ.get("TRIGGER") == "availableNow":
    writer = writer.trigger(availableNow=True)
writer.start().awaitTermination()
