"""What the embedded broker can do beside Apache Kafka, with the same client, in turn in the same run.

usage: cargo xtask bench broker [--runs N] [--rows N]

*Throughput*: one producer and one consumer in one process, small rows, one partition, as fast as it goes. *Fetch*: how long a
row takes from the producer to a consumer that waits for it, at 1,000 rows a second. Both check that every row came. Prints
a table; writes bench/broker.json.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from latency import BROKERS, undisturbed  # noqa: E402  (after the path)
from run import machine, release_binary  # noqa: E402


def driver(options, *arguments):
    command = str(pathlib.Path(options.engine).with_name("millstream-latency"))
    done = subprocess.run([command, *arguments], check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done.stdout else None


def new_topic(options, kafka, name):
    topic = f"broker-{os.getpid()}-{name}"
    driver(options, "topics", "--bootstrap", kafka, topic)
    return topic


def pump(options, kafka, run):
    topic = new_topic(options, kafka, f"pump-{run}")
    rows = ["--rows", str(options.rows), "--bytes", str(options.bytes)]
    return driver(options, "pump", "--bootstrap", kafka, "--topic", topic, *rows)["rows_per_s"]


def fetch(options, kafka, run):
    topic = new_topic(options, kafka, f"fetch-{run}")
    return driver(options, "drive", "--bootstrap", kafka, "--to", topic, "--from", topic, "--rate", "1000",
                  "--seconds", "5", "--skip", "2", "--expect", "all")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of a throughput run (default 5,000,000)")
    parser.add_argument("--bytes", type=int, default=32, help="of each row (default 32)")
    parser.add_argument("--engine", default=release_binary())
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench" / "broker.json")
    return parser.parse_args()


def main():
    options = arguments()
    figures = {broker: {"rows_per_s": [], "p50_ms": [], "p99_ms": []} for broker in BROKERS}
    with contextlib.ExitStack() as stack:
        real_time = undisturbed(stack)
        running = {name: stack.enter_context(start(options)) for name, start in BROKERS.items()}
        for run in range(-1, options.runs):   # the first is for the brokers' compiler, and does not count
            for name, kafka in running.items():
                rows_per_s, line = pump(options, kafka, run), fetch(options, kafka, run)
                print(f"run {run + 1}: {name}: {rows_per_s:,.0f} rows/s, p50 {line['p50_ms']:.2f} ms", file=sys.stderr)
                if run >= 0:
                    figures[name]["rows_per_s"].append(rows_per_s)
                    figures[name]["p50_ms"].append(line["p50_ms"])
                    figures[name]["p99_ms"].append(line["p99_ms"])
    summary = {
        name: {key: {"median": statistics.median(all), "min": min(all), "max": max(all)} for key, all in keys.items()}
        for name, keys in figures.items()
    }
    print(f"{'broker':<12}{'rows/s':>14}{'fetch p50, ms':>16}{'p99, ms':>10}")
    for name, keys in summary.items():
        cells = [keys[key]["median"] for key in ("rows_per_s", "p50_ms", "p99_ms")]
        print(f"{name:<12}{cells[0]:>14,.0f}{cells[1]:>16.2f}{cells[2]:>10.2f}")
    results = {
        "machine": machine(),
        "settings": {"rows": options.rows, "bytes": options.bytes, "partitions": 1, "real_time_priority": real_time},
        "brokers": summary,
    }
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
