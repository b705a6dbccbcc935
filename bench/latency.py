"""How long a row takes through the engine, beside the floor: a bare relay on the same client, in turn in the same run.

usage: cargo xtask bench latency [--runs N] [--seconds N] [--rates R,…] [--jobs J,…] [--brokers B,…] [--exactly-once] [--burst N]
       [--beside-heavy N] [--spark]

Starts Apache Kafka and `millstream broker` on loopback, and for each run, rate and broker the relay and then each job
of bench/jobs, each on new topics with a new engine and a new checkpoint. Prints a table; writes bench/latency.json, where
brokers that were not measured keep their figures. Every figure is the median of the runs; every row is checked to have come
back, once.

With `--exactly-once` the results are read with `read_committed`, the relay makes a transaction of each poll, and each job is
measured once with a log that is forced to the disk, as is the default then, and once without. A second relay puts an
offset into each transaction, as the engine does. So one sees what log, marker and transaction cost.

With `--burst N` the sender sends N times as much for half a second; beside the percentiles stands how long the longest row took,
how long after the burst rows were as quick again as 99 of 100 before it, and the most memory the engine had.

With `--beside-heavy N` each job is measured once alone and once beside N batch queries on the same engine that never end and never
pause: a cross join, `levenshtein` of long texts, a plan that takes hours to analyse. With `--ordinary`, else real-time priority keeps
them from the cores.

Milliseconds are lost to whatever else runs, and to a hypervisor that wakes sleeping cores late. Where the system allows it
(root), everything measured therefore runs at real-time priority on cores that do not sleep; `--ordinary` leaves this out.
Other work on the machine should rest all the same: Linux keeps 50 ms of each second for it. Beside each figure stands how
much of the time the hypervisor gave to other machines meanwhile.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from run import Millstream, go_on_with_clients, machine, peak_rss_mb, release_binary, server  # noqa: E402  (after the path)

# What each job makes of the rows, in the driver's words.
EXPECT = {"filter": "nine-of-ten", "counts": "counts"}
# The place of time that the hypervisor gave to others, in the first line of /proc/stat.
STEAL = 7
SHARES = ["p50_ms", "p90_ms", "p99_ms", "p99.9_ms"]
RESULTS = ROOT / "bench" / "latency.json"


def undisturbed(stack):
    """Real-time priority for this process and those it starts, and cores that stay awake; says whether it was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        # Linux keeps the request for as long as the file is open.
        latency_us = stack.enter_context(open("/dev/cpu_dma_latency", "wb", buffering=0))
        latency_us.write(struct.pack("i", 0))
    except OSError as error:
        print(f"at ordinary priority: {error}", file=sys.stderr)
        return False
    return True


def ticks():
    """What the cores have done so far, by kind."""
    return [int(value) for value in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


@contextlib.contextmanager
def ending(process, how=signal.SIGTERM):
    """A process that ends with the block."""
    try:
        yield process
    finally:
        process.send_signal(how)
        process.wait(10)


@contextlib.contextmanager
def apache_kafka(_options):
    started = server("kafka")
    try:
        yield started["KAFKA"]
    finally:
        for pid in map(int, started["KAFKA_PIDS"].split()):
            os.kill(pid, signal.SIGTERM)
        shutil.rmtree(started["KAFKA_DIR"], ignore_errors=True)


@contextlib.contextmanager
def embedded_broker(options):
    command = [options.engine, "broker", "--listen", "127.0.0.1:0"]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)) as process:
        line = process.stdout.readline()
        found = re.search(r"Kafka broker on (\S+)", line)
        if not found:
            raise RuntimeError(f"the broker said {line!r}")
        yield found.group(1)


BROKERS = {"kafka": apache_kafka, "millstream": embedded_broker}


class Bench:
    """Measures on one broker."""

    def __init__(self, options, kafka):
        self.options, self.kafka = options, kafka
        self.driver = str(pathlib.Path(options.engine).with_name("millstream-latency"))
        self.count = 0

    def topics(self):
        """Two new ones."""
        self.count += 1
        names = [f"latency-{os.getpid()}-{self.count}-{side}" for side in ("in", "out")]
        subprocess.run([self.driver, "topics", "--bootstrap", self.kafka, *names], check=True)
        return names

    def drive(self, names, rate, expect):
        to, back = names
        command = [
            self.driver, "drive", "--bootstrap", self.kafka, "--to", to, "--from", back, "--rate", str(rate),
            "--seconds", str(self.options.seconds), "--skip", str(self.options.skip), "--expect", expect,
            *(["--read-committed"] if self.options.exactly_once else []),
            *(["--burst", str(self.options.burst)] if self.options.burst else []),
        ]
        before = ticks()
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"{expect} at {rate} rows/s failed")
        passed = [after - before for after, before in zip(ticks(), before)]
        return {**json.loads(done.stdout), "stolen_percent": 100 * passed[STEAL] / sum(passed)}

    def relay(self, rate, *settings):
        names = self.topics()
        command = [self.driver, "relay", "--bootstrap", self.kafka, "--from", names[0], "--to", names[1], *settings]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with ending(subprocess.Popen(command, **pipes)) as relay:
            if relay.stdout.readline() != "ready\n":
                raise RuntimeError("the relay did not start")
            return self.drive(names, rate, "all")

    def beside_heavy(self, rate, job):
        """The job on a new engine that has much else to do."""
        return self.job(rate, job, heavy=self.options.beside_heavy)

    def job(self, rate, job, *sink_options, heavy=0):
        """The job on a new engine, or on Apache Spark."""
        names = self.topics()
        with contextlib.ExitStack() as stack:
            if self.options.spark:
                remote = self.options.spark
            else:
                engine = Millstream(self.options.engine)
                stack.callback(engine.stop)
                remote = engine.remote
            environment = {
                **os.environ, "SPARK_REMOTE": remote, "KAFKA": self.kafka, "FROM": names[0], "TO": names[1],
                "CHECKPOINT": stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)),
                "PYTHONWARNINGS": "ignore", "SINK_OPTIONS": " ".join(sink_options),
            }
            program = subprocess.Popen([sys.executable, ROOT / "bench" / "jobs" / f"{job}.py"], env=environment)
            stack.enter_context(ending(program, signal.SIGKILL))
            if heavy:
                beside = [sys.executable, ROOT / "bench" / "jobs" / "heavy.py"]
                beside = subprocess.Popen(beside, env={**environment, "HEAVY": str(heavy)})
                stack.enter_context(ending(beside, signal.SIGKILL))
            line = self.drive(names, rate, EXPECT[job])
            if not self.options.spark:
                line["peak_rss_mb"] = peak_rss_mb(engine.process.pid)
            return line


def programs(options):
    """What is measured, by name: a method of the bench and what follows its rate. The floor is the first."""
    if options.beside_heavy:
        heavy = f"beside {options.beside_heavy} heavy"
        jobs = [(job, (Bench.job, job), (Bench.beside_heavy, job)) for job in options.jobs]
        pairs = {name: how for job, alone, beside in jobs for name, how in [(job, alone), (f"{job}, {heavy}", beside)]}
        return {"floor": (Bench.relay,), **pairs}
    if not options.exactly_once:
        return {"floor": (Bench.relay,), **{job: (Bench.job, job) for job in options.jobs}}
    measured = {
        "floor": (Bench.relay, "--transactions"),
        "floor, marker": (Bench.relay, "--transactions", "--marker", f"latency-{os.getpid()}"),
    }
    for job in options.jobs:
        measured[job] = (Bench.job, job, "delivery.guarantee=exactly-once")
        measured[f"{job}, sync=never"] = (*measured[job], "checkpoint.sync=never")
    return measured


def measure(options):
    """Everything that is asked for: by broker, rate and program, the line of each run."""
    lines = {}
    measured = programs(options)
    for broker in options.brokers:
        with BROKERS[broker](options) as kafka:
            bench = Bench(options, kafka)
            # For the broker's compiler, which with transactions has more to do: its figures settle after a minute and a half.
            floors, rounds = (2, 4) if options.exactly_once else (1, 2)
            for rate in options.rates * rounds:
                for method, *settings in list(measured.values())[:floors]:
                    method(bench, rate, *settings)
            for run in range(options.runs):
                for rate in options.rates:
                    for program, (method, *settings) in measured.items():
                        line = method(bench, rate, *settings)
                        lines.setdefault((broker, rate, program), []).append(line)
                        print(f"run {run + 1}: {broker}, {rate} rows/s, {program}: {brief(line)}", file=sys.stderr)
    return lines


def brief(line):
    shares = "  ".join(f"{share[:-3]} {line[share]:.2f}" for share in SHARES)
    return f"{shares}  stolen {line['stolen_percent']:.0f} %"


def table(lines):
    """The medians, and how far a job is above the floor of its own run."""
    rows = []
    for (broker, rate, program), runs in lines.items():
        row = {"broker": broker, "rows_per_s": rate, "program": program, "runs": len(runs)}
        floors = lines[broker, rate, "floor"]
        for share in SHARES:
            values = [line[share] for line in runs]
            above = [line[share] - floor[share] for line, floor in zip(runs, floors)]
            row[share] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
            row[share]["above_floor"] = statistics.median(above)
        row["stolen_percent"] = statistics.median(line["stolen_percent"] for line in runs)
        if "burst" in runs[0]:
            row["burst"] = [{**line["burst"], "peak_rss_mb": line.get("peak_rss_mb")} for line in runs]
        rows.append(row)
    return rows


def show(rows):
    print(f"{'broker':<11}{'rows/s':>7}  {'program':<20}" + "".join(f"{share[:-3] + ', ms':>24}" for share in SHARES[:3]) + f"{'stolen, %':>11}")
    for row in rows:
        cells = ""
        for share in SHARES[:3]:
            value = row[share]
            above = "" if row["program"] == "floor" else f" (+{value['above_floor']:.2f})"
            cells += f"{value['median']:.2f}{above}".rjust(24)
        print(f"{row['broker']:<11}{row['rows_per_s']:>7}  {row['program']:<20}{cells}{row['stolen_percent']:>11.0f}")
        for burst in row.get("burst", []):
            print("    burst: " + ", ".join(f"{name} {value}" for name, value in burst.items()))


def listed(known):
    """Takes names that are known, with commas between them."""
    def parse(text):
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"there is no {min(unknown)}; there are {', '.join(known)}")
        return names
    return parse


def rates(text):
    return [int(rate) for rate in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="how long each measure sends (default 6)")
    parser.add_argument("--skip", type=int, default=3, help="its first seconds, which do not count (default 3)")
    parser.add_argument("--rates", type=rates, default=[2000, 10000])
    parser.add_argument("--jobs", type=listed(list(EXPECT)), default=list(EXPECT))
    parser.add_argument("--brokers", type=listed(list(BROKERS)), default=list(BROKERS))
    parser.add_argument("--exactly-once", action="store_true", help="with transactions, read with read_committed")
    parser.add_argument("--burst", type=int, metavar="N", help="send N times as much for half a second in the middle")
    parser.add_argument("--beside-heavy", type=int, metavar="N", help="beside N batch queries that never end, too")
    parser.add_argument("--ordinary", action="store_true", help="at ordinary priority, on cores that may sleep")
    parser.add_argument("--spark", metavar="REMOTE", help="measure this Spark Connect server instead of Millstream")
    parser.add_argument("--engine", default=release_binary())
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    return parser.parse_args()


def main():
    options = arguments()
    go_on_with_clients()
    with contextlib.ExitStack() as stack:
        real_time = not options.ordinary and undisturbed(stack)
        rows = table(measure(options))
    show(rows)
    settings = {
        "machine": machine(), "row_bytes": 1100,
        "partitions": 1, "seconds": options.seconds, "skipped_seconds": options.skip, "trigger": "default",
        "checkpoint.sync": "as named, else always" if options.exactly_once else "never", "real_time_priority": real_time,
    }
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for broker in options.brokers:
        name = broker + (", exactly once" if options.exactly_once else "") + (", burst" if options.burst else "")
        name += f", beside {options.beside_heavy} heavy" if options.beside_heavy else ""
        results[name] = {**settings, "latency": [row for row in rows if row["broker"] == broker]}
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
