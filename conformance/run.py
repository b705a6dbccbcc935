"""Replays the cases of conformance/cases on Millstream and compares with what Apache Spark answered.

usage: cargo xtask conformance [-- record] [CASE…]

`record` starts a real Apache Spark (dev/servers/spark) and writes conformance/golden/CASE.json anew.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys

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


def start_millstream():
    binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "millstream"
    process = subprocess.Popen(
        [binary, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    for line in process.stdout:
        if "sc://" in line:
            return "sc://" + line.split("sc://", 1)[1].split()[0], process.pid
    raise SystemExit("millstream serve printed no address")


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


def compare(python, cases):
    remote, pid = start_millstream()
    failed, compared, known = 0, 0, known_differences()
    try:
        for case in cases:
            golden = json.loads((HERE / "golden" / f"{case.stem}.json").read_text())
            answers = run_case(python, remote, case, "0.5")["answers"]
            lines, bad = [], 0
            for label, theirs in golden["answers"].items():
                found = differences(label, answers.get(label), theirs)
                if (case.stem, label) in known:
                    # One that has come to agree fails too, so that the list stays true.
                    found = [] if found else [f"  {label}\n    agrees now: take it off differences.tsv"]
                bad += bool(found)
                lines += found[:4]
            compared, failed = compared + len(golden["answers"]), failed + bad
            print(f"{case.stem:<28} {len(golden['answers']) - bad:>4} of {len(golden['answers'])} as Spark {golden['version']}")
            print("\n".join(lines), end="\n" if lines else "")
    finally:
        os.kill(pid, signal.SIGTERM)
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
    arguments = [argument for argument in sys.argv[1:] if argument != "--"]
    recording = arguments[:1] == ["record"]
    chosen = arguments[1:] if recording else arguments
    cases = [case for case in sorted((HERE / "cases").glob("*.py")) if not chosen or case.stem in chosen]
    python = os.environ.get("MILLSTREAM_PYTHON")
    if python is None:
        python = subprocess.run([ROOT / "dev/python"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    return record(python, cases) if recording else compare(python, cases)


if __name__ == "__main__":
    sys.exit(main())
