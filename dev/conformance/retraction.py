"""Aggregates of aggregates over streams, at random, beside DuckDB.

    pip install duckdb                                      into the Python of dev/python
    millstream serve --listen 127.0.0.1:15002 --broker=127.0.0.1:9092 &
    $PYTHON dev/conformance/retraction.py --seeds 1-50 [--remote sc://127.0.0.1:15002 --kafka 127.0.0.1:9092]

A seed is rows, queries over them, and where batches end. Each query runs as a stream in update and in complete mode; what
its sink holds at the end must be what DuckDB answers to the same text over all rows. In update mode the rows are put
together by key, as `_op` says. DuckDB shares no code with Millstream, and each query is one that both understand. Exit
status 1 and the seed where an answer differs.
"""

import argparse
import json
import math
import random
import sys
import time

import duckdb
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


def first_level(draw):
    keys = draw.choice([["k"], ["r"], ["k", "r"]])
    values = [
        "count(*) AS n", "count(v) AS nv", "sum(v) AS s", "max(v) AS hi", "min(d) AS lo", "sum(d) AS x",
        "count(DISTINCT v) AS u", "sum(v) FILTER (WHERE d > 0) AS p",
    ]
    text = f"SELECT {', '.join(keys + values)} FROM t"
    if draw.random() < 0.3:
        text += f" WHERE v > {draw.randint(-9, 5)}"
    text += f" GROUP BY {', '.join(keys)}"
    if draw.random() < 0.3:
        text += f" HAVING count(*) > {draw.randint(1, 3)}"
    return text, keys


def second_level(draw, below, keys):
    group = draw.choice(["n", "u", "nv", "hi", keys[0], "n % 2", None])
    values = [
        "count(*) AS c", "sum(n) AS n", "sum(s) AS s", "max(hi) AS hi", "min(lo) AS lo", "sum(x) AS x", "avg(n) AS a",
        "count(DISTINCT n) AS u", "sum(DISTINCT u) AS du", "min(hi) FILTER (WHERE n > 1) AS p", "count(p) AS nv",
    ]
    shown = draw.sample(values, draw.randint(2, len(values)))
    head = f"{group} AS g, " if group else ""
    text = f"SELECT {head}{', '.join(shown)} FROM ({below}) AS b{draw.randint(0, 9)}"
    if draw.random() < 0.4:
        text += f" WHERE {draw.choice(['n > 1', 'hi IS NOT NULL', 's <> 0', 'u < 3', 'lo < 1'])}"
    if group:
        text += f" GROUP BY {group}"
    if draw.random() < 0.3:
        text += f" HAVING count(*) {draw.choice(['> 1', '< 3'])}"
    return text, group is not None


def query(draw):
    text, has_key = second_level(draw, *first_level(draw))
    if draw.random() < 0.25:
        total = draw.choice(["count(*) AS groups", "count(DISTINCT g) AS groups, min(g) AS least"]) if has_key else "count(*) AS q"
        return f"SELECT {total} FROM ({text}) AS top", False
    return text, has_key


def plain(row):
    def value(cell):
        if isinstance(cell, float) and math.isnan(cell):
            return "NaN"
        return None if cell is None else (cell if isinstance(cell, str) else float(cell))

    return tuple(value(cell) for cell in row)


def ordered(result):
    return sorted(result, key=repr)


def integrated(result, has_key):
    """What a sink holds that follows `_op`."""
    held = {}
    for *row, operation in result:
        key = row[0] if has_key else ()
        if operation == "upsert":
            held[key] = row
        elif operation == "delete":
            if key not in held:
                raise AssertionError(f"{key} is deleted, but is not there")
            del held[key]
        else:
            raise AssertionError(f"{operation} is nothing that becomes of a key")
    return held.values()


def streamed(spark, kafka, topic, name, text, mode, batch_rows):
    stream = (
        spark.readStream.format("kafka").option("kafka.bootstrap.servers", kafka).option("subscribe", topic)
        .option("startingOffsets", "earliest").option("maxOffsetsPerTrigger", batch_rows).load()
    )
    stream = stream.select(F.from_json(F.col("value").cast("string"), COLUMNS).alias("j")).select("j.*")
    stream.createOrReplaceTempView("t")
    writer = spark.sql(text).writeStream.format("memory").queryName(name).outputMode(mode)
    running = writer.trigger(availableNow=True).start()
    running.awaitTermination()
    return [tuple(row) for row in spark.table(name).collect()]


def check(spark, kafka, seed, run):
    draw = random.Random(seed)
    data = rows(draw)
    topic = f"retraction-{run}-{seed}"
    values = spark.createDataFrame([(json.dumps(row),) for row in data], "value STRING").coalesce(1)
    values.write.format("kafka").option("kafka.bootstrap.servers", kafka).option("topic", topic).save()
    table = duckdb.connect()
    table.execute("CREATE TABLE t (k VARCHAR, r BIGINT, v BIGINT, d DOUBLE)")
    table.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [list(row.values()) for row in data])
    asked = 0
    for number in range(4):
        text, has_key = query(draw)
        batch_rows = draw.choice([1, 2, 3, 7, 20, 100])
        expected = ordered(plain(row) for row in table.execute(text).fetchall())
        for mode in ["update", "complete"]:
            name = f"q_{run}_{seed}_{number}_{mode}"
            given = streamed(spark, kafka, topic, name, text, mode, batch_rows)
            held = integrated(given, has_key) if mode == "update" else given
            found = ordered(plain(row) for row in held)
            asked += 1
            if found != expected:
                print(f"seed {seed}, {mode} mode, {batch_rows} rows a batch: {text}\n  rows {data}")
                print(f"  stream {found}\n  duckdb {expected}")
                return asked, 1
    return asked, 0


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
