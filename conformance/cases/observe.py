"""observe(): metrics beside the rows, in batches, shows, writes and streams, and what may be a metric."""
import contextlib
import io
import time

from case import rates, spark, value
from pyspark.errors import PySparkException
from pyspark.sql import Observation, Window
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQueryListener

people = spark.range(10).withColumn("name", F.col("id").cast("string"))
PLAIN = (F.count("*").alias("n"), F.sum("id").alias("total"))


def observed(*metrics, frame=people, act=lambda df: len(df.collect()), reads=True):
    observation = Observation("metrics")
    try:
        done = act(frame.observe(observation, *metrics))
        return [done, observation.get if reads else None]
    except PySparkException as error:
        return [error.getCondition(), error.getMessageParameters()]


def shown(df):
    with contextlib.redirect_stdout(io.StringIO()):
        df.show(3)


value("plain", lambda: observed(*PLAIN))
value("values over aggregates", lambda: observed(F.sum("id") + 1, F.max("name"), F.avg("id"), F.lit(1), F.lit(None)))
value("nested values", lambda: observed(F.struct(F.count("*").alias("a"), F.array(F.max("id")).alias("b")).alias("s"), F.create_map(F.lit("k"), F.count("*"))))
value("types", lambda: observed(
    F.max(F.lit("2020-01-01").cast("date")), F.max(F.lit("2020-01-01 01:02:03.5").cast("timestamp")), F.max(F.expr("interval 1 day")),
    F.max(F.lit(b"ab")), F.sum(F.lit("1.5").cast("decimal(10,2)")), F.max(F.col("id").cast("tinyint")), F.max(F.col("id") > 3)))
value("no rows", lambda: observed(*PLAIN, F.max("name"), frame=people.filter("id < 0")))
value("a column of the same name", lambda: observed(F.max("id").alias("id")))
value("below a filter", lambda: observed(*PLAIN, act=lambda df: df.filter("id < 3").count()))
value("below a grouping", lambda: observed(*PLAIN, act=lambda df: df.groupBy("name").count().count()))
value("above a grouping", lambda: observed(F.sum("count"), frame=people.groupBy("name").count()))
value("sorted", lambda: observed(*PLAIN, frame=people.orderBy(F.desc("id")), act=lambda df: [row.id for row in df.collect()]))
value("shown", lambda: observed(F.max("id") > 0, act=shown))
value("written", lambda: observed(*PLAIN, act=lambda df: df.write.format("noop").mode("overwrite").save()))
value("two", lambda: observed(*PLAIN, act=lambda df: len(df.observe("other", F.max("id")).collect())))
value("joined with itself", lambda: observed(*PLAIN, act=lambda df: df.alias("a").join(df.alias("b"), "id").count()))
value("union with itself", lambda: observed(*PLAIN, act=lambda df: df.union(df).count()))
value("failing metric", lambda: observed(F.count("*"), F.raise_error(F.lit("no")), reads=False))
value("failing argument", lambda: observed(F.sum(F.expr("9223372036854775807 + id"))))
value("error: the same name twice", lambda: observed(*PLAIN, act=lambda df: df.observe(Observation("metrics"), *PLAIN).collect()))
for label, metric in {
    "column": F.col("id"),
    "star": F.expr("*"),
    "nested aggregate": F.sum(F.sum("id")),
    "distinct": F.count_distinct("id").alias("d"),
    "filter": F.expr("count(1) filter (where id > 3)"),
    "window": F.row_number().over(Window.partitionBy("name").orderBy("id")),
    "chance": (F.rand(5) + 1).alias("r"),
    "unknown column": F.max("nope"),
}.items():
    value(f"error: {label}", lambda metric=metric: observed(metric))


class Events(StreamingQueryListener):
    """The metrics of each run, batch by batch."""

    def __init__(self):
        self.metrics = {}
        self.running = 0

    def onQueryStarted(self, event):
        self.running += 1

    def onQueryProgress(self, event):
        metrics = {name: row.asDict() for name, row in event.progress.observedMetrics.items()}
        self.metrics.setdefault(str(event.progress.runId), []).append(metrics)

    def onQueryIdle(self, event):
        pass

    def onQueryTerminated(self, event):
        self.running -= 1


events = Events()
spark.streams.addListener(events)


def started(make):
    return make(rates(3)).writeStream.format("noop").outputMode("append").trigger(processingTime="100 milliseconds").start()


def streamed(make, batches):
    """The metrics of the first batches, from the events that a listener gets."""
    query = started(make)
    deadline = time.monotonic() + 120
    try:
        while query.isActive and len(events.metrics.get(str(query.runId), [])) < batches and time.monotonic() < deadline:
            time.sleep(0.05)
        failure = query.exception()
        return failure.getCondition() if failure else events.metrics[str(query.runId)][:batches]
    finally:
        query.stop()


def last_progress(make):
    query = started(make)
    try:
        while query.isActive and not query.lastProgress:
            time.sleep(0.05)
        return sorted(query.recentProgress[0]["observedMetrics"]["m"].asDict())
    finally:
        query.stop()


value("stream", lambda: streamed(lambda df: df.observe("m", F.count("*").alias("n"), F.sum("value"), F.avg("value"), F.max("timestamp")), 3))
value("stream with values", lambda: streamed(lambda df: df.observe(
    "m", F.struct(F.max("value"), F.lit(None)).alias("s"), F.collect_list("value"), F.lit("x"), F.max(F.lit(b"ab")), F.max(F.lit(float("nan"))), F.max(F.to_date("timestamp")).alias("day"), F.sum(F.lit("0.50").cast("decimal(5,2)"))), 2))
value("stream, filtered below", lambda: streamed(lambda df: df.filter("value < 4").observe("m", F.count("*").alias("n"), F.max("value")), 3))
value("stream, observed twice", lambda: streamed(lambda df: df.observe("a", F.count("*")).filter("value > 3").observe("b", F.count("*")), 2))
value("stream, failing metric", lambda: streamed(lambda df: df.observe("m", F.count("*"), F.raise_error(F.lit("no"))), 1))
value("stream, failing argument", lambda: streamed(lambda df: df.observe("m", F.sum(F.expr("9223372036854775807 + value"))), 1))
value("stream, progress asked for", lambda: last_progress(lambda df: df.observe("m", F.count("*").alias("n"))))
# PySpark's client waits for its own lock when a listener is removed while an event comes.
deadline = time.monotonic() + 60
while events.running and time.monotonic() < deadline:
    time.sleep(0.05)
spark.streams.removeListener(events)
