"""What exactly-once costs in rows a second: the payment monitor in update mode to a topic, with both guarantees in turn.

usage: cargo xtask bench guarantees [--runs N] [--rows N] [--batch-rows N,…] [--brokers B,…]

Starts Apache Kafka and `millstream broker` on loopback. Prints a table; writes bench/guarantees.json. Both have a log that
is forced to the disk (`checkpoint.sync=always`), so that the difference is the transactions alone; what the log costs is
shown by at-least-once without.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from latency import BROKERS, listed  # noqa: E402  (after the path)
from run import Millstream, go_on_with_clients, machine, rate, release_binary, spread  # noqa: E402

SINKS = {
    "at-least-once, sync=never": "checkpoint.sync=never",
    "at-least-once": "checkpoint.sync=always",
    "exactly-once": "checkpoint.sync=always delivery.guarantee=exactly-once",
}


def measure(options, kafka, batch_rows, sink, run):
    """Rows a second of one run, on a new engine, a new checkpoint, and a new topic for the results."""
    engine = Millstream(options.engine)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as checkpoint:
            environment = {
                **os.environ, "SPARK_REMOTE": engine.remote, "KAFKA": kafka, "FROM": "payments", "CHECKPOINT": checkpoint,
                "TO": f"counts-{batch_rows}-{run}-{list(SINKS).index(sink)}", "BATCH_ROWS": str(batch_rows),
                "SINK_OPTIONS": SINKS[sink], "PYTHONWARNINGS": "ignore",
            }
            done = subprocess.run(
                [sys.executable, ROOT / "bench" / "timed.py", ROOT / "bench" / "jobs" / "payments.py"],
                env=environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            )
    finally:
        engine.stop()
    if done.returncode != 0:
        raise RuntimeError(f"the program failed:\n{done.stderr}")
    return rate(json.loads(next(line for line in reversed(done.stderr.splitlines()) if line.startswith("{"))), options.rows)


def compare(options, kafka):
    """By rows a batch: the rows a second of each sink, and of exactly-once as a share of at-least-once run by run."""
    rows = {}
    for batch_rows in options.batch_rows:
        rates = {sink: [] for sink in SINKS}
        for run in range(options.runs):
            for sink, runs in rates.items():
                runs.append(measure(options, kafka, batch_rows, sink, run))
        shares = [exactly / least for exactly, least in zip(rates["exactly-once"], rates["at-least-once"])]
        rows[batch_rows] = {**{sink: spread(runs) for sink, runs in rates.items()}, "share": spread(shares)}
    return rows


def show(broker, rows):
    print(f"{broker}: rows/s")
    for batch_rows, measured in rows.items():
        print(f"  {batch_rows:>9,} rows a batch")
        for name, value in measured.items():
            form = ".2f" if name == "share" else ",.0f"
            print(f"    {name:<27}{value['median']:>12{form}}   ({value['min']:{form}} – {value['max']:{form}})")


def main():
    import topics   # needs the stock Kafka client, which the Python below has

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--batch-rows", type=lambda text: [int(rows) for rows in text.split(",")], default=[200_000, 25_000])
    parser.add_argument("--brokers", type=listed(list(BROKERS)), default=list(BROKERS))
    parser.add_argument("--engine", default=release_binary())
    options = parser.parse_args()
    results = {"machine": machine(), "rows": options.rows}
    for broker in options.brokers:
        with BROKERS[broker](options) as kafka:
            topics.fill(kafka, "payments", options.rows)
            results[broker] = compare(options, kafka)
        show(broker, results[broker])
    (ROOT / "bench" / "guarantees.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    go_on_with_clients()
    main()
