"""Rows without repetitions: what DataFrames say with distinct and dropDuplicates, and SQL with DISTINCT and UNION."""
from case import rates, spark, stream
from pyspark.sql import functions as F


def events(rows=4):
    """Events a minute apart by three users, every seventh at the beginning of time."""
    time = F.when(F.col("value") % 7 == 6, F.timestamp_seconds(F.lit(1))).otherwise(F.timestamp_seconds(F.col("value") * 60))
    return rates(rows).select("value", time.alias("ts"), (F.col("value") % 3).alias("user"), (F.col("value") % 2).alias("odd"))


timed = lambda rows=4: events(rows).withWatermark("ts", "2 minutes")
windows = lambda: timed().groupBy(F.window("ts", "5 minutes"), "user").count()


def view(name, make=timed):
    make().createOrReplaceTempView(name)


stream("distinct", lambda: events().select("user").distinct(), "append", 2)
stream("distinct in update mode", lambda: events().select("user", "odd").distinct(), "update", 3)
stream("distinct rows", lambda: timed().distinct(), "append", 4)
stream("by key", lambda: timed().dropDuplicates(["user"]).select("user", "value"), "append", 4)
stream("by key and time", lambda: timed().dropDuplicates(["user", "ts"]).select("value"), "append", 5)
stream("by key beside time", lambda: timed().dropDuplicates(["odd", "user"]), "append", 5)
stream("by a key of texts", lambda: events().select(F.when(F.col("user") > 0, F.concat(F.lit("k"), "user")).alias("k")).drop_duplicates(["k"]), "append", 2)
stream("by a window", lambda: timed().select("value", "user", F.window("ts", "3 minutes").alias("w")).dropDuplicates(["user", "w"]), "append", 5)
stream("within watermark", lambda: timed().dropDuplicatesWithinWatermark(["user"]).select("user", "value"), "append", 5)
stream("within watermark by all", lambda: timed().select("user", "ts").dropDuplicatesWithinWatermark(), "update", 4)
stream("before a window", lambda: timed().dropDuplicates(["user", "ts"]).groupBy(F.window("ts", "5 minutes")).agg(F.sum("value").alias("s")), "append", 6)
stream("before a window in complete mode", lambda: timed().dropDuplicatesWithinWatermark(["user"]).groupBy(F.window("ts", "5 minutes")).agg(F.sum("value").alias("s")), "complete", 3)
stream("behind a window", lambda: windows().dropDuplicates(["user"]), "append", 6)
stream("behind a window in update mode", lambda: windows().dropDuplicates(["user"]), "update", 4)
stream("behind counts", lambda: events().groupBy("user").count().dropDuplicates(["user", "count"]), "update", 3)
stream("twice", lambda: timed().dropDuplicates(["user", "ts"]).dropDuplicates(["odd"]), "append", 3)

# SQL's DISTINCT is an aggregate.
stream("sql", lambda: view("d_append") or spark.sql("SELECT DISTINCT user FROM d_append"), "append", 1)
stream("sql in update mode", lambda: view("d_update") or spark.sql("SELECT DISTINCT user FROM d_update"), "update", 2)
stream("sql completely", lambda: view("d_complete") or spark.sql("SELECT DISTINCT user, odd FROM d_complete"), "complete", 2)
stream("sql with time", lambda: view("d_time") or spark.sql("SELECT DISTINCT ts FROM d_time"), "append", 4)
stream("sql union", lambda: view("d_union") or spark.sql("SELECT user FROM d_union UNION SELECT odd FROM d_union"), "update", 2)

# Refused
stream("complete", lambda: timed().dropDuplicates(["user"]), "complete", 1)
stream("within watermark without one", lambda: events().dropDuplicatesWithinWatermark(["user"]), "append", 1)
stream("by no column", lambda: timed().dropDuplicates([]), "append", 1)
stream("by an unknown column", lambda: timed().dropDuplicates(["nothing"]), "append", 1)
stream("intersection", lambda: events().select("user").intersect(spark.range(2).select(F.col("id").alias("user"))), "update", 1)
stream("difference", lambda: events().select("user").subtract(spark.range(2).select(F.col("id").alias("user"))), "update", 1)
stream("two event times", lambda: timed().select("user", "ts", F.window("ts", "5 minutes")).dropDuplicates(["user"]), "append", 1)
