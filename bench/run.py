"""The measures of Millstream, each side by side with its peer in one run. Prints tables, writes bench/results.json.

usage: cargo xtask bench [-- ] [--runs N] [--rows N] [--without-spark] [payments] [start] [small_query] [operators]

Starts Apache Kafka and, unless told otherwise, Apache Spark from dev/servers on loopback, and ends both.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEASURES = ["payments", "start", "small_query", "operators"]
OPERATORS = ["counts", "sliding", "sessions", "join", "deduplication", "distinct", "chained"]
PROGRAM = ROOT / "examples" / "payment_monitor.py"
sys.path.insert(0, str(ROOT / "bench"))


def go_on_with_clients():
    """Starts this program again in the Python of dev/python, where the stock clients are, unless it runs there; gives its path."""
    python = subprocess.run([ROOT / "dev" / "python"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    if sys.executable != python:
        os.execv(python, [python, *sys.argv])
    return python


def release_binary():
    """Where cargo puts it."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return str(pathlib.Path(target) / "release" / "millstream")


def machine():
    """What was measured on, for the result files."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.platform()}"


def server(script, *arguments, **environment):
    """Starts a server of dev/servers; gives its exported variables."""
    out = subprocess.run(
        [ROOT / "dev" / "servers" / script, *arguments], check=True, text=True, stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    ).stdout
    return dict(word.split("=", 1) for word in shlex.split(out) if "=" in word)


def peak_rss_mb(pid, reset=False):
    if reset:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024


def rss_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Millstream:
    """`millstream serve` on a free port."""

    def __init__(self, binary, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        begin = time.perf_counter()
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", f"127.0.0.1:{self.port}", *options], stdout=self.log, stderr=self.log,
        )
        self.start_ms = self.wait_open(begin)
        self.remote = f"sc://127.0.0.1:{self.port}"

    def wait_open(self, begin):
        while time.perf_counter() - begin < 10:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return (time.perf_counter() - begin) * 1000
        raise RuntimeError("millstream did not open its port in 10 s")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def run_program(python, remote, topic, kafka):
    """One run of the stock program, on a copy that names `topic`; nothing else of it changes."""
    program = pathlib.Path(tempfile.mkdtemp()) / PROGRAM.name
    program.write_text(PROGRAM.read_text().replace('"user_events"', f'"{topic}"'))
    return timed(python, program, SPARK_REMOTE=remote, KAFKA=kafka, TRIGGER="availableNow", STARTING="earliest")


def timed(python, program, **environment):
    """Runs a program; gives the seconds and the rows of its query."""
    environment = {**os.environ, **environment, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, ROOT / "bench" / "timed.py", program], env=environment, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the program failed:\n{done.stderr}")
    return json.loads(next(line for line in reversed(done.stderr.splitlines()) if line.startswith("{")))


def whole_program(binary, python, topic, kafka):
    """Seconds of `millstream run` from exec to exit, Python's own start in it."""
    program = pathlib.Path(tempfile.mkdtemp()) / PROGRAM.name
    program.write_text(PROGRAM.read_text().replace('"user_events"', f'"{topic}"'))
    environment = {
        **os.environ, "KAFKA": kafka, "TRIGGER": "availableNow", "STARTING": "earliest", "MILLSTREAM_PYTHON": python,
    }
    begin = time.perf_counter()
    subprocess.run([binary, "run", program], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def bench_payments(options, python, kafka, spark):
    import topics

    results = {}
    for topic, share in (("bench_plain", 0.0), ("bench_odd", 0.2)):
        topics.fill(kafka, topic, options.rows, odd_share=share)
    engine = Millstream(options.binary)
    try:
        for topic in ("bench_plain", "bench_odd"):
            ours, theirs, cpu = [], [], []
            for _ in range(options.runs):
                before = cpu_seconds(engine.process.pid)
                ours.append(rate(run_program(python, engine.remote, topic, kafka), options.rows))
                cpu.append((cpu_seconds(engine.process.pid) - before) / options.rows * 1e9)
                if spark and topic == "bench_plain":
                    theirs.append(rate(run_program(python, spark["SPARK_REMOTE"], topic, kafka), options.rows))
            results[topic] = {"millstream": spread(ours), "cpu_ns_per_row": spread(cpu)}
            if theirs:
                warm = theirs[1:] or theirs
                results[topic]["spark_warm"] = spread(warm)
                results[topic]["ratio_to_warm_spark"] = statistics.median(ours) / statistics.median(warm)
        results["peak_rss_mb"] = peak_rss_mb(engine.process.pid)
    finally:
        engine.stop()
    results["whole_program_seconds"] = spread(
        [whole_program(options.binary, python, "bench_plain", kafka) for _ in range(options.runs)]
    )
    return results


def bench_start(options, python):
    opens, first, idle = [], [], []
    for _ in range(options.runs):
        engine = Millstream(options.binary)
        try:
            opens.append(engine.start_ms)
            environment = {**os.environ, "SPARK_REMOTE": engine.remote, "PYTHONWARNINGS": "ignore"}
            out = subprocess.run([python, ROOT / "bench" / "first_collect.py"], env=environment, check=True, text=True, stdout=subprocess.PIPE)
            first.append(float(out.stdout))
            idle.append(rss_mb(engine.process.pid))
        finally:
            engine.stop()
    return {"port_open_ms": spread(opens), "first_collect_ms": spread(first), "idle_rss_mb": spread(idle)}


def bench_small_query(options, python, spark):
    """Milliseconds of `spark.range(5).collect()` on a warm connection: the median of many, for each run of a client."""
    def one_client(remote):
        environment = {**os.environ, "SPARK_REMOTE": remote, "PYTHONWARNINGS": "ignore"}
        script = ROOT / "bench" / "small_query.py"
        return float(subprocess.run([python, script], env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout)

    engine = Millstream(options.binary)
    try:
        results = {"millstream": [], "spark": []}
        for _ in range(options.runs):
            results["millstream"].append(one_client(engine.remote))
            if spark:
                results["spark"].append(one_client(spark["SPARK_REMOTE"]))
    finally:
        engine.stop()
    return {name: spread(values) for name, values in results.items() if values}


def bench_operators(options, python, kafka, spark):
    """Rows a second of a query for each stateful operator, the engines in turn. A join reads the topic on each side."""
    import topics

    topics.fill(kafka, "bench_operators", options.rows)
    engine = Millstream(options.binary)
    results = {}
    try:
        for operator in OPERATORS:
            found = {"millstream": [], "spark": []}
            for _ in range(options.runs):
                for name, remote in (("millstream", engine.remote), ("spark", spark and spark["SPARK_REMOTE"])):
                    if remote:
                        run = timed(
                            python, ROOT / "bench" / "jobs" / "operators.py", SPARK_REMOTE=remote, KAFKA=kafka,
                            FROM="bench_operators", QUERY=operator,
                        )
                        found[name].append(options.rows / run["seconds"])
            results[operator] = {name: spread(values) for name, values in found.items() if values}
            if spark:
                results[operator]["ratio_to_spark"] = statistics.median(found["millstream"]) / statistics.median(found["spark"])
    finally:
        engine.stop()
    return results


def rate(run, rows):
    if run["rows"] != rows:
        raise RuntimeError(f"the query read {run['rows']} rows of {rows}")
    return run["rows"] / run["seconds"]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def show(title, results, indent=""):
    print(f"{indent}{title}")
    for name, value in results.items():
        if isinstance(value, dict) and "median" in value:
            print(f"{indent}  {name:<22} {value['median']:>14,.1f}   ({value['min']:,.1f} – {value['max']:,.1f}, {value['runs']} runs)")
        elif isinstance(value, dict):
            show(name, value, indent + "  ")
        else:
            print(f"{indent}  {name:<22} {value:>14,.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measures", nargs="*", metavar="|".join(MEASURES), help="all unless named")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--binary", default=release_binary())
    options = parser.parse_args()
    options.measures = options.measures or MEASURES
    if unknown := set(options.measures) - set(MEASURES):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}")
    python = go_on_with_clients()
    results = {"machine": machine(), "rows": options.rows}
    started = []
    try:
        spark = None
        if {"payments", "small_query", "operators"} & set(options.measures) and not options.without_spark:
            spark = server("spark")
            started.append(int(spark["SPARK_PID"]))
        if {"payments", "operators"} & set(options.measures):
            broker = server("kafka")
            started += map(int, broker["KAFKA_PIDS"].split())
        if "payments" in options.measures:
            results["payments, rows/s (checkpoint.sync=never)"] = bench_payments(options, python, broker["KAFKA"], spark)
        if "start" in options.measures:
            results["start"] = bench_start(options, python)
        if "small_query" in options.measures:
            results["small query, ms"] = bench_small_query(options, python, spark)
        if "operators" in options.measures:
            results["operators, rows/s (checkpoint.sync=never)"] = bench_operators(options, python, broker["KAFKA"], spark)
    finally:
        for pid in started:
            os.kill(pid, signal.SIGTERM)
    show(results.pop("machine"), results)
    (ROOT / "bench" / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
