"""Prints the milliseconds of the first `spark.range(5).collect()` of a process, imports left out."""
import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
begin = time.perf_counter()
rows = spark.range(5).collect()
print((time.perf_counter() - begin) * 1000)
assert [row.id for row in rows] == [0, 1, 2, 3, 4]
