"""Compares crates/core/src/conditions.tsv with Apache Spark's own list of error conditions.

usage: conformance/conditions.py            compare with what was recorded; needs neither Spark nor a JVM
       conformance/conditions.py record     read the list from Spark's jars again, and bring SQLSTATE and message of the
                                            table's rows up to date; a new row needs its first three columns only

Spark keeps its conditions as JSON inside the jars spark-common-utils and spark-sql-kafka. `record` finds them where
dev/servers/spark has installed Spark (MILLSTREAM_TOOLS), and writes golden/conditions.tsv: class, SQLSTATE and a digest
of the message. The messages themselves stand once, in the table.
"""
import hashlib
import json
import os
import pathlib
import re
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
GOLDEN = HERE / "golden" / "conditions.tsv"
TABLE = ROOT / "crates" / "core" / "src" / "conditions.tsv"
HEAD = ["class", "kind", "exceptions", "SQLSTATE", "message"]
VERSION = "4.2.0"


def digest(message):
    return hashlib.sha256(message.encode()).hexdigest()[:16]


def escaped(message):
    """One line that no editor trims: `\\n` for a line break, `\\s` for a space at the end."""
    if "\\" in message or "\t" in message:
        raise SystemExit(f"the table has no way to write this message: {message!r}")
    line = message.replace("\n", "\\n")
    return line[:-1] + "\\s" if line.endswith(" ") else line


def unescaped(line):
    return line.replace("\\n", "\n").replace("\\s", " ")


def flattened(conditions):
    """Class, with its sub-class, to SQLSTATE and whole message (Spark: `ErrorClassesJsonReader`)."""
    flat = {}
    for name, condition in conditions.items():
        state, message = condition.get("sqlState", "-"), "\n".join(condition["message"])
        flat[name] = (state, message)
        for sub_name, sub in condition.get("subClass", {}).items():
            flat[f"{name}.{sub_name}"] = (sub.get("sqlState", state), message + " " + "\n".join(sub["message"]))
    return flat


def of_spark():
    tools = pathlib.Path(os.environ.get("MILLSTREAM_TOOLS", pathlib.Path.home() / ".cache" / "millstream-tools"))
    found = {}
    for pattern, entry in [
        (f"spark-4.2/lib/python3*/site-packages/pyspark/jars/spark-common-utils_*-{VERSION}.jar", "error-conditions"),
        (f"spark-4.2-connectors/spark-sql-kafka-*-{VERSION}.jar", "kafka-error-conditions"),
    ]:
        jar = next(iter(tools.glob(pattern)), None)
        if jar is None:
            raise SystemExit(f"no {tools / pattern}: dev/servers/spark installs it")
        with zipfile.ZipFile(jar) as opened:
            found.update(flattened(json.loads(opened.read(f"error/{entry}.json"))))
    return found


def table():
    head, *rows = [line.split("\t") for line in TABLE.read_text().splitlines()]
    if head != HEAD:
        raise SystemExit(f"{TABLE.relative_to(ROOT)} must begin with the columns {' '.join(HEAD)}")
    return rows


def record():
    spark = of_spark()
    lines = [f"# Error conditions of Apache Spark {VERSION}: class, SQLSTATE, digest of the message. Written by conditions.py."]
    lines += ["\t".join([name, state, digest(message)]) for name, (state, message) in sorted(spark.items())]
    GOLDEN.write_text("\n".join(lines) + "\n")
    rows = ["\t".join(HEAD)]
    for name, kind, exceptions, *_ in sorted(table()):
        if name not in spark:
            raise SystemExit(f"Spark has no condition {name}")
        state, message = spark[name]
        rows.append("\t".join([name, kind, exceptions, state, escaped(message)]))
    TABLE.write_text("\n".join(rows) + "\n")


def findings():
    golden = (line.split("\t") for line in GOLDEN.read_text().splitlines() if not line.startswith("#"))
    spark = {name: (state, wanted) for name, state, wanted in golden}
    for name, _, _, state, message in table():
        if name not in spark:
            yield f"Spark has no condition {name}"
            continue
        wanted_state, wanted = spark[name]
        if state != wanted_state:
            yield f"{name} has SQLSTATE {wanted_state} in Spark, {state} here"
        if digest(unescaped(message)) != wanted:
            yield f"{name} has another message in Spark"
    sources = "".join(file.read_text() for file in ROOT.glob("crates/*/src/**/*.rs"))
    raised = set(re.findall(r'spark_error!\(\s*"([^"]+)"', sources))
    for name, *_ in table():
        if name not in raised:
            yield f"{name} is raised nowhere: take its line off the table"


def main():
    if sys.argv[1:] == ["record"]:
        record()
    elif sys.argv[1:]:
        raise SystemExit(__doc__)
    found = list(findings())
    if found:
        raise SystemExit("\n".join(found))
    print(f"conditions                   {len(table()):4} as in Spark {VERSION}")


if __name__ == "__main__":
    main()
