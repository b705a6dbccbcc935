"""Prints the median milliseconds of `spark.range(5).collect()` on a connection that is warm."""
import statistics
import time

from pyspark.sql import SparkSession

WARM_UP = 20
QUERIES = 100

spark = SparkSession.builder.getOrCreate()
times = []
for _ in range(WARM_UP + QUERIES):
    begin = time.perf_counter()
    rows = spark.range(5).collect()
    times.append((time.perf_counter() - begin) * 1000)
    assert [row.id for row in rows] == [0, 1, 2, 3, 4]
print(statistics.median(times[WARM_UP:]))
