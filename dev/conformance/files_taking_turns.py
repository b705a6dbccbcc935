"""A stream from files into files that Millstream and Apache Spark run in turns, on the same folders and checkpoint.

usage: dev/conformance/files_taking_turns.py URL     with the Python of dev/servers/spark; URL is that of `millstream serve`

Six files come before each turn, and are read one a batch, so that both logs of files are compacted by either. After each
turn the sink's folder must hold each row once, by the reader whose turn it is.
"""
import os
import shutil
import subprocess
import sys
import tempfile

TURNS = ["millstream", "spark", "millstream", "spark"]
FILES = 6


def turn(who, root, url):
    from pyspark.sql import SparkSession

    if who == "spark":
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        spark.sparkContext.setLogLevel("OFF")
    else:
        spark = SparkSession.builder.remote(url).getOrCreate()
    rows = spark.readStream.schema("a int").option("maxFilesPerTrigger", 1).csv(root + "/in").selectExpr("a", "a % 2 k")
    query = rows.writeStream.format("parquet").partitionBy("k").trigger(availableNow=True)
    query.option("checkpointLocation", root + "/checkpoint").start(root + "/out").awaitTermination()
    found = sorted(row.a for row in spark.read.parquet(root + "/out").collect())
    expected = list(range(len(os.listdir(root + "/in"))))
    print("same" if found == expected else f"DIFFERS: {found}", who, len(found), flush=True)
    return found != expected


def main():
    if len(sys.argv) > 2:
        return turn(*sys.argv[1:])
    root = tempfile.mkdtemp()
    try:
        os.mkdir(root + "/in")
        for place, who in enumerate(TURNS):
            for number in range(place * FILES, (place + 1) * FILES):
                with open(f"{root}/in/{number}.csv", "w") as file:
                    file.write(f"{number}\n")
            if subprocess.run([sys.executable, __file__, who, root, sys.argv[1]]).returncode:
                return 1
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
