"""Files in batch beside Apache Spark: the same queries on the same files in turn; and a stream over a folder of many files.

usage: cargo xtask bench files [--runs N] [--rows N] [--parts N] [--files N] [--formats F,…] [--without-spark]

Spark writes --rows rows as Parquet, JSON and CSV once. Then both engines read them in turn, on connections that are warm: *aggregate*
groups, sums and counts; *write* filters half of the rows and writes them in the same format. Every run checks the rows. A folder of
--files files of one JSON line each is read by a stream of Millstream; then files come one at a time, and what is timed is how long it
looks for files among all that it has read (`latestOffset` of its progress), the batch of that one file as a whole, and the processor
time in a second in which nothing comes. Prints tables; writes bench/files.json.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from run import Millstream, cpu_seconds, go_on_with_clients, machine, release_binary, server, show, spread  # noqa: E402  (after the path)

FORMATS = ["parquet", "json", "csv"]
SCHEMA = "id BIGINT, user STRING, amount DOUBLE, day DATE, at TIMESTAMP, country STRING, note STRING"
ROWS = """
    id,
    concat('user-', CAST(id % 100003 AS STRING)) AS user,
    CAST(id % 9973 AS DOUBLE) / 4 AS amount,
    date_add(DATE'2026-01-01', CAST(id % 365 AS INT)) AS day,
    timestamp_seconds(1767225600 + id) AS at,
    element_at(array('DE', 'FR', 'IT', 'ES', 'PL', 'SE', 'NL'), CAST(id % 7 AS INT) + 1) AS country,
    concat('note ', CAST(id * 7919 % 1000003 AS STRING), ' of this row') AS note
"""
# Batches of one file that are timed.
BATCHES = 20


def read(spark, folder, name):
    return spark.read.format(name).schema(SCHEMA).load(f"{folder}/{name}")


def aggregate(spark, folder, name, rows):
    """Seconds of a read with an aggregate."""
    begin = time.perf_counter()
    groups = read(spark, folder, name).groupBy("country").agg({"amount": "sum", "day": "max", "user": "max", "*": "count"}).collect()
    seconds = time.perf_counter() - begin
    counted = sum(group["count(1)"] for group in groups)
    if counted != rows:
        raise RuntimeError(f"{name}: the query read {counted} rows of {rows}")
    return seconds


def write_back(spark, folder, name, rows):
    """Seconds of a read with a filter whose rows are written again."""
    target = tempfile.mkdtemp(dir=folder)
    try:
        begin = time.perf_counter()
        read(spark, folder, name).where("id % 2 = 0").write.format(name).mode("overwrite").save(target)
        seconds = time.perf_counter() - begin
        written = spark.read.format(name).schema(SCHEMA).load(target).count()
    finally:
        shutil.rmtree(target)
    if written != (rows + 1) // 2:
        raise RuntimeError(f"{name}: the query wrote {written} rows of {(rows + 1) // 2}")
    return seconds


def compare(options, sessions, folder):
    """By format and query the seconds of each engine, and the ratio of the medians."""
    results = {}
    for name in options.formats:
        for title, query in (("aggregate", aggregate), ("write", write_back)):
            found = {engine: [] for engine in sessions}
            for _ in range(options.runs + 1):
                for engine, session in sessions.items():
                    found[engine].append(query(session, folder, name, options.rows))
            # The first run of each warms it up.
            seconds = {engine: spread(values[1:]) for engine, values in found.items()}
            if "spark" in seconds:
                seconds["ratio_to_spark"] = seconds["spark"]["median"] / seconds["millstream"]["median"]
            results[f"{name}, {title}, s"] = seconds
    return results


def many_files(folder, count):
    """A folder of small files."""
    source = pathlib.Path(folder) / "many"
    source.mkdir()
    for number in range(count):
        (source / f"file-{number:06}.json").write_text(f'{{"id":{number}}}\n')
    return source


def wait_rows(query, rows, seconds=900):
    """Waits until the query's batches have had so many rows in all; gives the newest progress."""
    counted, batch = 0, -1
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if query.exception() is not None:
            raise RuntimeError(str(query.exception()))
        for progress in query.recentProgress:
            progress = json.loads(progress.json) if hasattr(progress, "json") else progress
            if progress["batchId"] > batch:
                read = sum(source["numInputRows"] for source in progress["sources"])
                counted, batch, newest = counted + read, progress["batchId"], progress
        if counted >= rows:
            return newest
        time.sleep(0.05)
    raise RuntimeError("the stream did not read its files in time")


def stream(session, pid, folder, count):
    """What a stream of `count` files costs: in its first batch, in a batch of one more file, and while nothing comes."""
    source = many_files(folder, count)
    rows = session.readStream.schema("id BIGINT").json(str(source))
    begin = time.perf_counter()
    writer = rows.writeStream.format("noop").option("checkpointLocation", f"{folder}/checkpoint")
    query = writer.trigger(processingTime="1 second").start()
    try:
        wait_rows(query, count)
        first = time.perf_counter() - begin
        looks, batches = [], []
        for number in range(BATCHES):
            part = source / f".new-{number:03}"
            part.write_text(f'{{"id":{count + number}}}\n')
            part.rename(source / f"new-{number:03}.json")
            duration = wait_rows(query, count + number + 1)["durationMs"]
            looks.append(duration["latestOffset"])
            batches.append(duration["triggerExecution"])
        time.sleep(5)
        before = cpu_seconds(pid)
        time.sleep(10)
        idle = (cpu_seconds(pid) - before) / 10 * 1000
    finally:
        query.stop()
        shutil.rmtree(source)
        shutil.rmtree(f"{folder}/checkpoint")
    return {
        "first_batch_s": first, "look_for_files_ms": spread(looks), "one_file_batch_ms": spread(batches),
        "idle_cpu_ms_per_s": idle,
    }


def session(remote):
    from pyspark.sql import SparkSession

    return SparkSession.builder.remote(remote).create()


def fill(session, options, folder):
    """Writes the files that both engines read, by the first of them."""
    rows = session.sql(f"SELECT {ROWS} FROM range(0, {options.rows}, 1, {options.parts})")
    for name in options.formats:
        rows.write.format(name).mode("overwrite").save(f"{folder}/{name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--parts", type=int, default=4, help="files of each format")
    parser.add_argument("--files", type=int, default=100_000, help="files of the stream's folder, 0 for no stream")
    parser.add_argument("--formats", type=lambda names: [name for name in names.split(",") if name], default=FORMATS)
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--binary", default=release_binary())
    options = parser.parse_args()
    go_on_with_clients()
    results = {"machine": machine(), "rows": options.rows, "files": options.files}
    engine = Millstream(options.binary)
    spark = None
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            spark = server("spark") if options.formats and not options.without_spark else None
            sessions = {"spark": session(spark["SPARK_REMOTE"])} if spark else {}
            sessions["millstream"] = session(engine.remote)
            if options.formats:
                fill(next(iter(sessions.values())), options, folder)
                results["batch"] = compare(options, sessions, folder)
            if options.files:
                results["stream"] = stream(sessions["millstream"], engine.process.pid, folder, options.files)
            for opened in sessions.values():
                opened.stop()
    finally:
        engine.stop()
        if spark:
            os.kill(int(spark["SPARK_PID"]), signal.SIGTERM)
    show(results.pop("machine"), results)
    (ROOT / "bench" / "files.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
