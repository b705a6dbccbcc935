"""What is refused, and with which error class: when a query starts, and while it runs. In strict mode, for some of it runs here
otherwise; to Spark the setting means nothing."""
from case import rates, spark, stream
from pyspark.sql import functions as F

spark.conf.set("millstream.strictSpark", "true")


def timed(delay="5 seconds"):
    return rates(2).withWatermark("timestamp", delay)


stream("append without watermark", lambda: rates(2).groupBy("value").count(), "append", 1)
stream("append grouped without time", lambda: timed().groupBy("value").count(), "append", 1)
stream("complete without aggregate", lambda: rates(2), "complete", 1)
stream("sort without aggregate", lambda: rates(2).orderBy("value"), "append", 1)
stream("sort in update", lambda: rates(2).groupBy("value").count().orderBy("count"), "update", 1)
stream("limit in update", lambda: rates(2).limit(1), "update", 1)
stream("distinct aggregate", lambda: rates(2).groupBy(F.window("timestamp", "1 second")).agg(F.count_distinct("value")), "update", 1)
stream("row number", lambda: rates(2).selectExpr("row_number() OVER (ORDER BY value) AS n"), "append", 1)
stream("two windows", lambda: rates(2).groupBy(F.window("timestamp", "1 second"), F.window("timestamp", "2 seconds")).count(), "update", 1)
stream("months in window", lambda: rates(2).groupBy(F.window("timestamp", "1 month")).count(), "update", 1)
stream("slide beyond window", lambda: rates(2).groupBy(F.window("timestamp", "1 second", "2 seconds")).count(), "update", 1)
stream("watermark on text", lambda: rates(2).selectExpr("CAST(value AS STRING) AS v").withWatermark("v", "1 second"), "append", 1)
stream("watermark on nothing", lambda: rates(2).withWatermark("nowhere", "1 second"), "append", 1)
stream("bad delay", lambda: timed("soon"), "append", 1)
stream("negative delay", lambda: timed("-5 seconds"), "append", 1)
stream("unknown column", lambda: rates(2).select("valeu"), "append", 1)
stream("unknown format", lambda: __import__("case").spark.readStream.format("carrier-pigeon").load(), "append", 1)
stream("bad mode", lambda: rates(2), "sometimes", 1)
stream("offset", lambda: rates(2).offset(1), "append", 1)
stream("sample", lambda: rates(2).sample(0.5), "append", 1)
stream("intersect", lambda: rates(2).select("value").intersect(rates(2).select("value")), "append", 1)
stream("cast fails while running", lambda: rates(2).selectExpr("CAST(concat('x', value) AS INT) AS i"), "append", 1)
stream("divide by zero while running", lambda: rates(2).selectExpr("1 / value AS i"), "append", 1)
