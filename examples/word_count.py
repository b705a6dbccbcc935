"""The ten most frequent words of a text file: a batch program.

usage: millstream run examples/word_count.py FILE
"""
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("word-count").getOrCreate()
words = spark.read.text(sys.argv[1]).select(F.explode(F.split("value", " ")).alias("word"))
words.groupBy("word").count().orderBy(F.desc("count"), "word").limit(10).show(truncate=False)
