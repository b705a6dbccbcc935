"""Windowed and keyed aggregates over a stream with a watermark, batch by batch, in each output mode."""
from case import rates, stream
from pyspark.sql import functions as F

# Event times in seconds, one a row; the golden trace of a tumbling window of ten seconds with a delay of ten.
TRACE = [1.0, 19.999, 5.0, 20.0, 9.9, 10.0, 29.9, 30.0, 31.0, 45.5, 8.0, 61.0]


def events(times, rows_per_batch=1, delay="10 seconds"):
    listed = F.array(*[F.lit(time) for time in times])
    at = F.element_at(listed, (F.col("value") % len(times) + 1).cast("int"))
    df = rates(rows_per_batch).select(
        F.timestamp_millis((at * 1000).cast("long")).alias("ts"), F.col("value"),
        F.when(F.col("value") % 2 == 0, "a").otherwise("b").alias("k"),
    )
    return df.withWatermark("ts", delay) if delay else df


def windowed(df, *keys):
    return df.groupBy(F.window("ts", "10 seconds"), *keys).agg(F.count("*").alias("n"), F.sum("value").alias("s"))


for mode in ("append", "update", "complete"):
    stream(f"tumbling {mode}", lambda: windowed(events(TRACE)), mode, 12)
    stream(f"tumbling by key {mode}", lambda: windowed(events(TRACE, 3), "k"), mode, 4)
    stream(
        f"sliding {mode}",
        lambda: events(TRACE, 2).groupBy(F.window("ts", "10 seconds", "5 seconds")).agg(F.max("value").alias("m")), mode, 6,
    )
    stream(f"bare event time {mode}", lambda: events(TRACE, 2).groupBy("ts").count(), mode, 6)
for mode in ("update", "complete"):
    stream(f"no watermark {mode}", lambda: windowed(events(TRACE, 4, delay=None), "k"), mode, 3)
    stream(
        f"all functions {mode}",
        lambda: events(TRACE, 3).groupBy("k").agg(
            F.count("value").alias("c"), F.sum("value").alias("s"), F.avg("value").alias("a"), F.min("ts").alias("lo"),
            F.max("k").alias("hi"), F.sum(F.col("value") / 2).alias("d"), F.avg(F.col("value").cast("decimal(10,2)")).alias("dec"),
        ), mode, 4,
    )
    stream(f"global {mode}", lambda: rates(5).agg(F.sum("value").alias("s"), F.count("*").alias("n")), mode, 3)
    stream(
        f"nulls in the key {mode}",
        lambda: rates(6).groupBy(F.when(F.col("value") % 3 > 0, F.col("value") % 3).alias("k")).count(), mode, 3,
    )
stream("ordered and limited", lambda: rates(5).groupBy((F.col("value") % 4).alias("k")).count().orderBy(F.desc("count"), "k").limit(2), "complete", 3)
stream("having", lambda: rates(5).groupBy((F.col("value") % 4).alias("k")).count().where("count > 1"), "complete", 3)
stream("stateless", lambda: rates(4).where("value % 2 = 1").select((F.col("value") * 10).alias("v"), "timestamp"), "append", 3)
stream("stateless update", lambda: rates(4).selectExpr("value", "CASE WHEN value > 2 THEN 'high' ELSE 'low' END AS level"), "update", 2)
stream("exploded", lambda: rates(2).select(F.explode(F.split(F.concat_ws(",", F.col("value"), F.col("value") + 1), ",")).alias("x")), "append", 2)
stream("word count", lambda: rates(3).select(F.explode(F.array(F.lit("x"), F.col("value").cast("string"))).alias("w")).groupBy("w").count(), "update", 3)
stream("union", lambda: rates(2).select("value").union(rates(2).select(F.col("value") + 100)), "append", 2)
