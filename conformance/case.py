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
INTERVAL = os.environ.get("CASE_INTERVAL", "300 milliseconds")
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
    return rows if ordered else sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


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


def rates(rows_per_batch):
    """A stream that gives `value` 0, 1, 2 … in batches of this many rows: the same on every engine."""
    return (
        spark.readStream.format("rate-micro-batch").option("rowsPerBatch", rows_per_batch)
        .option("numPartitions", 1).option("startTimestamp", 0).option("advanceMillisPerBatch", 1000).load()
    )


def stream(label, make, mode, batches):
    """Runs a streaming DataFrame into memory; writes down rows and progress batch by batch, or the class of its error."""
    name = label.replace(" ", "_").replace("-", "_")
    try:
        query = make().writeStream.outputMode(mode).format("memory").queryName(name).trigger(processingTime=INTERVAL).start()
    except PySparkException as error:
        answers[label] = error_of(error)
        return
    try:
        answers[label] = follow(query, name, mode, batches)
    except PySparkException as error:
        answers[label] = error_of(error)
    finally:
        query.stop()


def follow(query, name, mode, batches):
    seen, told = [], []
    deadline = time.monotonic() + 120
    while len(told) < batches:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: only {len(told)} of {batches} batches in 120 s")
        if query.exception() is not None:
            return {"error": query.exception().getCondition() or "STREAM_FAILED", "exception": "StreamingQueryException"}
        progress = {p["batchId"]: p for p in map(as_dict, query.recentProgress)}
        if len(told) in progress:
            table = rows_of(spark.table(name), ordered=False)
            new = table if mode == "complete" else without(table, seen)
            seen = table
            told.append({"rows": new, **digest(progress[len(told)])})
        else:
            time.sleep(0.02)
    return {"schema": spark.table(name).schema.simpleString(), "batches": told}


def without(table, seen):
    """The rows of `table` that are not in `seen`, each as often as it is new."""
    left = [json.dumps(row, sort_keys=True) for row in seen]
    new = []
    for row in table:
        key = json.dumps(row, sort_keys=True)
        if key in left:
            left.remove(key)
        else:
            new.append(row)
    return new


def as_dict(progress):
    return progress if isinstance(progress, dict) else json.loads(progress.json)


def digest(progress):
    """What of the progress must be equal on every engine: counts and watermarks, no times."""
    state = [
        {key: operator[key] for key in ("operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark")}
        for operator in progress["stateOperators"]
    ]
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
