"""Replays the cases of conformance/cases on Millstream and compares with what Apache Spark answered.

usage: cargo xtask conformance [record | record-streams] [--jobs N] [CASE…]

`--jobs` says how many cases run side by side, each on a server of its own; by default as many as there are cores.
`record` starts a real Apache Spark (dev/servers/spark) and writes conformance/golden/CASE.json anew; `record-streams` asks one
the questions of conformance/streams (see streams/record.py).
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def run_case(python, remote, case, interval):
    environment = {**os.environ, "SPARK_REMOTE": remote, "CASE_INTERVAL": interval, "TZ": "UTC", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, HERE / "ask.py", case], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=1800,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")), None)
    if line is None:
        raise SystemExit(f"{case.name} failed:\n{done.stderr[-4000:]}")
    return json.loads(line.removeprefix("ANSWERS "))


def exports(text):
    return dict(pair.split("=", 1) for pair in text.replace("export ", "").split())


def start_spark():
    if "SPARK_REMOTE" in os.environ:
        return os.environ["SPARK_REMOTE"], None
    started = exports(subprocess.run([ROOT / "dev/servers/spark"], check=True, text=True, stdout=subprocess.PIPE).stdout)
    return started["SPARK_REMOTE"], int(started["SPARK_PID"])


@contextlib.contextmanager
def millstream():
    """The address of a server of one's own: on a free port, in a folder of its own, ended by its process id."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = [target / "debug" / "millstream", "serve", "--listen", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            line = next((line for line in process.stdout if "sc://" in line), None)
            if line is None:
                raise SystemExit("millstream serve printed no address")
            yield "sc://" + line.split("sc://", 1)[1].split()[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def differences(label, ours, theirs):
    """The first places where two answers differ, as lines."""
    if ours == theirs:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        lines = []
        for key in sorted(set(ours) | set(theirs)):
            lines += differences(f"{label}/{key}", ours.get(key), theirs.get(key))
        return lines
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        lines = []
        for index, (left, right) in enumerate(zip(ours, theirs)):
            lines += differences(f"{label}/{index}", left, right)
        return lines
    return [f"  {label}\n    spark      {json.dumps(theirs)[:600]}\n    millstream {json.dumps(ours)[:600]}"]


def known_differences():
    """Questions that are knowingly answered in another way, by case and label, with the reason."""
    lines = (HERE / "differences.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(case, label): reason for case, label, reason in rows}


def compare_case(python, case, known):
    """How many questions of a case there are and how many are answered wrongly, and the lines that say so."""
    golden = json.loads((HERE / "golden" / f"{case.stem}.json").read_text())
    with millstream() as remote:
        ours = run_case(python, remote, case, "0.5")["answers"]
    lines, bad, labels = [], 0, list(golden["answers"]) + [label for label in ours if label not in golden["answers"]]
    for label in labels:
        if label not in golden["answers"]:
            found = [f"  {label}\n    was never recorded: cargo xtask conformance record {case.stem}"]
        else:
            found = differences(label, ours.get(label), golden["answers"][label])
            if (case.stem, label) in known:
                # One that has come to agree fails too, so that the list stays true.
                found = [] if found else [f"  {label}\n    agrees now: take it off differences.tsv"]
        bad += bool(found)
        lines += found[:4]
    for label in sorted({label for stem, label in known if stem == case.stem} - set(labels)):
        bad += 1
        lines.append(f"  {label}\n    is in differences.tsv, but nobody asks it")
    lines.insert(0, f"{case.stem:<28} {len(labels) - bad:>4} of {len(labels)} as Spark {golden['version']}")
    return len(labels), bad, lines


def compare(python, cases, jobs):
    known, compared, failed = known_differences(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for count, bad, lines in pool.map(lambda case: compare_case(python, case, known), cases):
            compared, failed = compared + count, failed + bad
            print("\n".join(lines), flush=True)
    print(f"{compared - failed} passed, {failed} failed")
    return 1 if failed or not compared else 0


def record(python, cases):
    remote, pid = start_spark()
    try:
        for case in cases:
            answers = run_case(python, remote, case, "3")
            (HERE / "golden" / f"{case.stem}.json").write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
            print(f"{case.stem}: {len(answers['answers'])} answers of Spark {answers['version']}")
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
    return 0


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask conformance")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("words", nargs="*")
    options, rest = parser.parse_known_args([argument for argument in sys.argv[1:] if argument != "--"])
    python = os.environ.get("MILLSTREAM_PYTHON")
    if python is None:
        python = subprocess.run([ROOT / "dev/python"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    if options.words[:1] == ["record-streams"]:
        return subprocess.run([python, HERE / "streams/record.py", *options.words[1:], *rest]).returncode
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    recording = options.words[:1] == ["record"]
    chosen = options.words[1:] if recording else options.words
    cases = [case for case in sorted((HERE / "cases").glob("*.py")) if not chosen or case.stem in chosen]
    return record(python, cases) if recording else compare(python, cases, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
