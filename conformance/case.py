"""What a case may use: a session, and ways to write down what an engine answers. A case asserts nothing."""
import datetime
import decimal
import json
import math
import os
import time

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
spark.conf.set("spark.sql.shuffle.partitions", "2")
# Seconds between batches.
INTERVAL = float(os.environ.get("CASE_INTERVAL", "0.5"))
answers = {}


def plain(value):
    """A collected value as JSON that keeps what matters: types that JSON lacks become tagged text."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.timedelta, decimal.Decimal, bytes, bytearray)):
        return f"{type(value).__name__} {value}"
    if hasattr(value, "asDict"):
        return {name: plain(value[name]) for name in value.asDict()}
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def rows_of(df, ordered):
    rows = [[plain(value) for value in row] for row in df.collect()]
    return rows if ordered else in_order(rows)


def in_order(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def error_of(error):
    return {"error": error.getCondition() or type(error).__name__, "exception": type(error).__name__}


def batch(label, make, ordered=False):
    """Writes down the schema and rows of a DataFrame, or the class of its error."""
    try:
        df = make()
        answers[label] = {"schema": df.schema.simpleString(), "rows": rows_of(df, ordered)}
    except PySparkException as error:
        answers[label] = error_of(error)


def text(label, make):
    """Writes down a text that the engine makes, such as a shown table."""
    try:
        answers[label] = {"text": make()}
    except PySparkException as error:
        answers[label] = error_of(error)


def value(label, make):
    """Writes down a plain value that a method returns."""
    try:
        answers[label] = {"value": plain(make())}
    except PySparkException as error:
        answers[label] = error_of(error)


def rates(rows_per_batch):
    """A stream that gives `value` 0, 1, 2 … in batches of this many rows: the same on every engine."""
    return (
        spark.readStream.format("rate-micro-batch").option("rowsPerBatch", rows_per_batch)
        .option("numPartitions", 1).option("startTimestamp", 0).option("advanceMillisPerBatch", 1000).load()
    )


class Late(Exception):
    """A table was read too late: the next batch may be in it."""


def stream(label, make, mode, batches):
    """Runs a streaming DataFrame into memory; writes down rows and progress batch by batch, or the class of its error."""
    name = label.replace(" ", "_").replace("-", "_")
    for seconds in (INTERVAL, INTERVAL * 4, INTERVAL * 16):
        try:
            answers[label] = one_run(make, (name, mode, batches), seconds)
            return
        except PySparkException as error:
            answers[label] = error_of(error)
            return
        except Late:
            name += "_again"
    raise RuntimeError(f"{label}: batches come faster than their results can be read")


def one_run(make, asked, seconds):
    name, mode, batches = asked
    trigger = f"{int(seconds * 1000)} milliseconds"
    query = make().writeStream.outputMode(mode).format("memory").queryName(name).trigger(processingTime=trigger).start()
    try:
        if mode == "complete":
            return follow(query, name, batches, seconds)
        return at_the_end(query, name, batches)
    finally:
        query.stop()


def wait_for(query, batch):
    """The progress of all batches up to this one, or nothing if the query has failed."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if query.exception() is not None:
            return None
        progress = {p["batchId"]: p for p in map(as_dict, query.recentProgress)}
        if batch in progress:
            return progress
        time.sleep(0.02)
    raise RuntimeError(f"no batch {batch} in 240 s")


def failed(query):
    return {"error": query.exception().getCondition() or "STREAM_FAILED", "exception": "StreamingQueryException"}


def at_the_end(query, name, batches):
    """A table that only grows holds the rows of one batch after the other; the progress says how many each has."""
    progress = wait_for(query, batches - 1)
    if progress is None:
        return failed(query)
    rows = [[plain(value) for value in row] for row in spark.table(name).collect()]
    told, start = [], 0
    for batch in range(batches):
        end = start + progress[batch]["sink"]["numOutputRows"]
        told.append({"rows": in_order(rows[start:end]), **digest(progress[batch])})
        start = end
    return {"schema": spark.table(name).schema.simpleString(), "batches": told}


def follow(query, name, batches, seconds):
    """A table that each batch replaces has to be read before the next trigger."""
    told = []
    while len(told) < batches:
        progress = wait_for(query, len(told))
        if progress is None:
            return failed(query)
        table = rows_of(spark.table(name), ordered=False)
        this = progress[len(told)]
        began = datetime.datetime.fromisoformat(this["timestamp"].replace("Z", "+00:00")).timestamp()
        if time.time() >= (began // seconds + 1) * seconds:
            raise Late
        told.append({"rows": table, **digest(this)})
    return {"schema": spark.table(name).schema.simpleString(), "batches": told}


def as_dict(progress):
    return progress if isinstance(progress, dict) else json.loads(progress.json)


def digest(progress):
    """What of the progress must be equal on every engine: counts and watermarks, no times."""
    state = [
        {key: operator[key] for key in ("operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark")}
        for operator in progress["stateOperators"]
    ]
    for told, operator in zip(state, progress["stateOperators"]):
        duplicates = operator["customMetrics"].get("numDroppedDuplicateRows")
        if duplicates is not None:
            told["numDroppedDuplicateRows"] = duplicates
    return {
        "batchId": progress["batchId"],
        "numInputRows": sum(source["numInputRows"] for source in progress["sources"]),
        "watermark": progress.get("eventTime", {}).get("watermark"),
        "state": state,
        "startOffset": offset(progress["sources"][0]["startOffset"]),
        "endOffset": offset(progress["sources"][0]["endOffset"]),
    }


def offset(value):
    """An offset as JSON; PySpark gives it as text, with or without blanks."""
    return json.loads(value) if isinstance(value, str) else value
