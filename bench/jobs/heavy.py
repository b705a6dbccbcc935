"""Batch queries that compute without a pause, as many as HEAVY says, each in a thread of its own and again when it has ended:
`bench/latency.py --beside-heavy` runs a stream beside them. Ends when it is killed."""
import os
import threading

from pyspark.sql import SparkSession

spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()

TABLES = ", ".join(f"t{n} AS (SELECT a.x + 1 AS x FROM t{n - 1} AS a JOIN t{n - 1} AS b ON a.x = b.x)" for n in range(1, 12))
KINDS = [
    # A join of 10^15 rows.
    "SELECT count(*) FROM range(100000000) AS a CROSS JOIN range(10000000) AS b WHERE a.id + b.id > 7",
    # A kernel that is quadratic in long texts.
    "SELECT sum(levenshtein(repeat('a', 100000), repeat(cast(id AS STRING), 30000))) FROM range(1000)",
    # A plan that doubles eleven times while it is analysed, which is near the most that a plan may have.
    f"WITH t0 AS (SELECT 1 AS x), {TABLES} SELECT * FROM t11",
]


def run(query):
    while True:
        spark.sql(f"SELECT * FROM ({query})").collect()


running = [threading.Thread(target=run, args=[KINDS[number % len(KINDS)]]) for number in range(int(os.environ["HEAVY"]))]
for thread in running:
    thread.start()
for thread in running:
    thread.join()
