"""How much state fits into how much memory, how fast it is changed, and how long a start with it takes.

usage: cargo xtask bench state [--keys N] [--batch N] [--starts N]

*Budget*: a count for each of --keys keys of 16 characters, update mode, from the rate source into nothing. Every key comes once, then
once more, in an order that is as good as random. *Start*: the same query is stopped with so many keys and started again; the time is
from starting the process to its first committed batch. Every run checks the number of keys. Prints tables; writes bench/state.json.
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from run import Millstream, go_on_with_clients, machine, peak_rss_mb, release_binary  # noqa: E402  (after the path)

PROGRAM = """
CREATE TABLE numbers USING `rate-micro-batch` OPTIONS ('rowsPerBatch' = '${ROWS}', 'numPartitions' = '2');
CREATE TABLE counts USING noop OPTIONS ('outputMode' = 'update', 'checkpointLocation' = '${CHECKPOINT}');
INSERT INTO counts SELECT key, count(*) FROM (SELECT KEY AS key FROM STREAM numbers) GROUP BY key;
"""
BUDGETS = ["1GB", "256MB"]
MULTIPLIER = 6_700_417   # a prime: value * MULTIPLIER modulo the number of keys meets each key once before any twice


def key(keys):
    return f"lpad(CAST(pmod(value * {MULTIPLIER}, {keys}) AS STRING), 16, '0')"


@contextlib.contextmanager
def serving(options, memory):
    """`millstream serve` with this budget, and a session with it."""
    from pyspark.sql import SparkSession

    engine = Millstream(options.binary, "--memory", memory)
    try:
        spark = SparkSession.builder.remote(engine.remote).create()
        yield engine, spark
        spark.stop()
    finally:
        engine.stop()


def within(options, memory, checkpoint):
    """All keys twice; the state stays behind in the checkpoint."""
    with serving(options, memory) as (engine, spark):
        rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", options.batch)
        counts = rows.option("numPartitions", 2).load().selectExpr(key(options.keys) + " AS key").groupBy("key").count()
        begin = time.perf_counter()
        query = counts.writeStream.format("noop").outputMode("update").option("checkpointLocation", checkpoint).start()
        wanted = 2 * options.keys // options.batch
        half = None
        while (progress := query.lastProgress) is None or progress["batchId"] + 1 < wanted:
            if query.exception() is not None:
                raise RuntimeError(str(query.exception()))
            if half is None and progress is not None and progress["batchId"] + 1 >= wanted // 2:
                half = time.perf_counter() - begin
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        rows = (progress["batchId"] + 1) * options.batch
        state = progress["stateOperators"][0]
        if state["numRowsTotal"] != options.keys:
            raise RuntimeError(f"the state has {state['numRowsTotal']} keys of {options.keys}")
        peak = peak_rss_mb(engine.process.pid)
        query.stop()
    return {
        "updates_per_s": rows / seconds,
        "new_keys_per_s": options.keys / half,
        "peak_rss_mb": peak,
        "memory_used_mb": state["memoryUsedBytes"] / 1e6,
        "spilled_mb": state["customMetrics"]["spilledBytes"] / 1e6,
        "spill_files_mb": state["customMetrics"]["spillFilesBytes"] / 1e6,
    }


def run_until(options, checkpoint, keys, rows, batches):
    """`millstream run` until it has committed so many batches; gives seconds to the first, and the peak of its memory."""
    folder = pathlib.Path(tempfile.mkdtemp())
    program = folder / "counts.sql"
    program.write_text(PROGRAM.replace("KEY", key(keys), 1))
    command = [options.binary, "run", "--memory", BUDGETS[0], "--log", "warn,millstream_engine=debug", program]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*command, f"ROWS={rows}", f"CHECKPOINT={checkpoint}"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    first, seen = None, 0
    for line in process.stderr:
        if "batch committed" in line:
            first, seen = first or time.perf_counter() - begin, seen + 1
            if seen == batches:
                break
    peak = peak_rss_mb(process.pid) if process.poll() is None else 0
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.wait(30)
    shutil.rmtree(folder)
    if seen < batches:
        raise RuntimeError(f"the query ended after {seen} batches:\n{rest}")
    return first, peak


def starts(options, checkpoint, keys):
    runs = [run_until(options, checkpoint, keys, 1000, 1) for _ in range(options.starts)]
    seconds = [first for first, _ in runs]
    return {
        "median_s": statistics.median(seconds), "min_s": min(seconds), "max_s": max(seconds),
        "peak_rss_mb": max(peak for _, peak in runs),
    }


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--batch", type=int, default=500_000, help="rows of a batch (default 500,000)")
    parser.add_argument("--starts", type=int, default=3, help="starts for each size of the state (default 3)")
    parser.add_argument("--binary", default=release_binary())
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench" / "state.json")
    return parser.parse_args()


def main():
    options = arguments()
    go_on_with_clients()
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        budgets = {memory: within(options, memory, str(work / memory)) for memory in BUDGETS}
        sizes = {}
        for keys in [size for size in (10_000, 100_000, 1_000_000) if size < options.keys]:
            checkpoint = work / str(keys)
            run_until(options, checkpoint, keys, min(keys, options.batch), 2 * keys // min(keys, options.batch))
            sizes[keys] = starts(options, checkpoint, keys)
        sizes[options.keys] = starts(options, work / BUDGETS[0], options.keys)
    finally:
        shutil.rmtree(work)
    print(f"{'budget':<10}{'updates/s':>12}{'new keys/s':>12}{'peak RSS, MB':>14}{'state in memory, MB':>21}{'spilled, MB':>13}")
    for memory, figures in budgets.items():
        cells = [figures[name] for name in ("updates_per_s", "new_keys_per_s", "peak_rss_mb", "memory_used_mb", "spilled_mb")]
        print(f"{memory:<10}{cells[0]:>12,.0f}{cells[1]:>12,.0f}{cells[2]:>14,.0f}{cells[3]:>21,.0f}{cells[4]:>13,.0f}")
    print(f"\n{'keys':<12}{'start, s':>10}{'lowest':>9}{'highest':>9}{'peak RSS, MB':>14}")
    for keys, figures in sizes.items():
        print(f"{keys:<12,}{figures['median_s']:>10.2f}{figures['min_s']:>9.2f}{figures['max_s']:>9.2f}{figures['peak_rss_mb']:>14,.0f}")
    results = {
        "machine": machine(),
        "settings": {"keys": options.keys, "batch": options.batch, "starts": options.starts},
        "budgets": budgets,
        "starts": sizes,
    }
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
