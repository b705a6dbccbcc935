"""Streams whose results take rows back, at random, beside DuckDB.

    pip install duckdb                                      into the Python of dev/python
    millstream serve --listen 127.0.0.1:15002 --broker=127.0.0.1:9092 &
    $PYTHON dev/conformance/retraction.py --seeds 1-50 [--remote sc://127.0.0.1:15002 --kafka 127.0.0.1:9092]

A seed is rows, queries over them, and where batches end. Each query runs as a stream in update and in complete mode; what
its sink holds at the end must be what DuckDB answers to the same text over all rows. In update mode the rows are put
together by key, as `_op` says. DuckDB shares no code with Millstream, and each query is one that both understand
(`retraction_queries.py`). Exit status 1 and the seed where an answer differs.
"""

import argparse
import collections
import json
import math
import random
import sys
import time

import duckdb
import retraction_queries
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

COLUMNS = "k STRING, r BIGINT, v BIGINT, d DOUBLE"


def rows(draw):
    """Few keys and values, so that groups meet; doubles whose sums are exact in any order."""
    def value(choices, nulls=0.1):
        return None if draw.random() < nulls else draw.choice(choices)

    count = draw.randint(1, 60)
    return [
        {
            "k": value(["a", "b", "c", "", "long key"]),
            "r": value(range(4)),
            "v": value(range(-9, 10)),
            "d": value([0.5, -2.25, 8.0, 0.0, 1024.125, -0.125]),
        }
        for _ in range(count)
    ]


def plain(row):
    def value(cell):
        if isinstance(cell, float) and math.isnan(cell):
            return "NaN"
        return None if cell is None else (cell if isinstance(cell, str) else float(cell))

    return tuple(value(cell) for cell in row)


def ordered(result):
    return sorted(result, key=repr)


def integrated(result, has_operation, places):
    """What a sink holds that follows `_op`, or puts rows in the place of those with their key where there is none."""
    held = collections.defaultdict(list)
    for row in result:
        row, operation = (row[:-1], row[-1]) if has_operation else (row, "upsert")
        key = repr(row if places is None else [row[place] for place in places])
        if operation == "upsert":
            held[key] = [*held[key], row] if places is None else [row]
        elif operation == "delete" and held[key]:
            held[key].pop()
        else:
            raise AssertionError(f"{operation} of {key}, of which there are {len(held[key])}")
    return [row for rows in held.values() for row in rows]


def streamed(spark, kafka, topic, name, query, mode, batch_rows):
    """The rows that the sink was given, and whether they say what becomes of them."""
    stream = (
        spark.readStream.format("kafka").option("kafka.bootstrap.servers", kafka).option("subscribe", topic)
        .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", batch_rows).load()
    )
    stream = stream.select(F.from_json(F.col("value").cast("string"), COLUMNS).alias("j")).select("j.*")
    stream.createOrReplaceTempView("t")
    asked = spark.sql(query.text)
    if query.first_of:
        asked = asked.dropDuplicates(query.first_of)
    running = asked.writeStream.format("memory").queryName(name).outputMode(mode).trigger(availableNow=True).start()
    running.awaitTermination()
    table = spark.table(name)
    return [tuple(row) for row in table.collect()], table.columns[-1] == "_op"


def check(spark, kafka, seed, run):
    draw = random.Random(seed)
    data = rows(draw)
    topic = f"retraction-{run}-{seed}"
    values = spark.createDataFrame([(json.dumps(row),) for row in data], "value STRING").coalesce(1)
    values.write.format("kafka").option("kafka.bootstrap.servers", kafka).option("topic", topic).save()
    table = duckdb.connect()
    table.execute("CREATE TABLE t (k VARCHAR, r BIGINT, v BIGINT, d DOUBLE)")
    table.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [list(row.values()) for row in data])
    asked, wrong = 0, 0
    for number in range(4):
        query = retraction_queries.query(draw)
        batch_rows = draw.choice([1, 2, 3, 7, 20, 100])
        expected = ordered(plain(row) for row in table.execute(query.duck).fetchall())
        for mode in query.modes:
            name = f"q_{run}_{seed}_{number}_{mode}"
            asked += 1
            try:
                given, has_operation = streamed(spark, kafka, topic, name, query, mode, batch_rows)
                held = integrated(given, has_operation, query.key) if mode == "update" else given
                found = ordered(plain(row) for row in held)
            except (AssertionError, PySparkException) as error:
                found = str(error).split("JVM stacktrace")[0]
            if found != expected:
                wrong += 1
                print(f"seed {seed}, {mode} mode, {batch_rows} rows a batch: {query}\n  rows {data}")
                print(f"  stream {found}\n  duckdb {expected}", flush=True)
    return asked, wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", default="1-20")
    options.add_argument("--remote", default="sc://127.0.0.1:15002")
    options.add_argument("--kafka", default="127.0.0.1:9092")
    given = options.parse_args()
    first, last = (int(part) for part in given.seeds.split("-"))
    spark = SparkSession.builder.remote(given.remote).getOrCreate()
    asked, wrong, run = 0, 0, int(time.time())
    for seed in range(first, last + 1):
        more, differs = check(spark, given.kafka, seed, run)
        asked, wrong = asked + more, wrong + differs
    print(f"{asked} streams of seeds {given.seeds}, {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
