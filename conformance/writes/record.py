"""Asks Apache Spark the questions about batch writes and records what it wrote.

usage: conformance/writes/record.py      with the Python of dev/servers/spark, which has PySpark and finds a JDK

recorded.jsonl has a line a question: its steps, and the error of the last one or the files that lie in the folder. A
file's name has no random part, its bytes stand as Latin-1; gzip and deflate are unpacked, Parquet is left out.
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import tempfile
import zlib

from pyspark.sql import SparkSession

from questions import QUESTIONS

HERE = pathlib.Path(__file__).resolve().parent
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def session():
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def content(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".deflate":
        data = zlib.decompress(data)
    return None if path.suffix == ".parquet" else data.decode("latin-1")


def files(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and path.suffix != ".crc":
            name = RANDOM.sub("ID", str(path.relative_to(folder)))
            found.setdefault(name, []).append(content(path))
    return {name: sorted(texts, key=str) for name, texts in found.items()}


def answer(spark, steps, folder):
    for step in steps:
        writer = spark.sql(step["sql"]).coalesce(1).write.format(step["format"]).mode(step["mode"])
        if step["by"]:
            writer = writer.partitionBy(*step["by"])
        try:
            writer.options(**step["options"]).save(folder)
        except Exception as error:
            text = getattr(error, "_desc", None) or str(error)
            condition = error.getCondition() if hasattr(error, "getCondition") else None
            first = text.split("\n")[0].replace(folder, "{path}")
            return {"error": condition, "message": first}
    return {"files": files(folder)}


def main():
    spark = session()
    lines = []
    for name, steps in QUESTIONS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, "out")
            lines.append(json.dumps({"name": name, "steps": steps, **answer(spark, steps, folder)}, ensure_ascii=False))
            shutil.rmtree(folder, ignore_errors=True)
    (HERE / "recorded.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} questions")


if __name__ == "__main__":
    main()
