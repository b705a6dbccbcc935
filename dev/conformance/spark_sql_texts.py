"""Asks an engine the SQL statements of Spark's own tests, file by file, and compares the answers of two engines.

    python spark_sql_texts.py fetch FOLDER
    SPARK_REMOTE=sc://… python spark_sql_texts.py ask FOLDER ANSWERS [FILE…]
    python spark_sql_texts.py compare ANSWERS_OF_SPARK ANSWERS_OF_MILLSTREAM [KIND…]

`fetch` takes the tests' jar of Spark from Maven. Neither the texts nor the answers belong into this repository: what
they show is asked again in words of our own (`conformance/cases`). Both engines run in the zone America/Los_Angeles
(`TZ`), as the texts assume. A file is a session. `compare` counts what is equal and prints the statements of the kinds
that are named: `rows`, `types`, `names` and `order` differ though both answer; `we answer` what Spark refuses; `we
fail` where Spark answers; `refused` by name; `internal` errors; `other error`.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import zipfile

ARTIFACT = "org.apache.spark:spark-sql_2.13:4.2.0:jar:tests"
# Functions in Scala and Python, and what is not built: collations and XML.
LEFT_OUT = ("udf/", "udaf/", "udtf/", "collations", "xml")
# Statements about plans and the catalog show names and ids that differ by nature.
OF_CATALOG = ("EXPLAIN", "DESC", "SHOW")
TENS = "unique1 unique2 two four ten twenty hundred thousand twothousand fivethous tenthous odd even".split()
ONEK = ", ".join([f"{name} INT" for name in TENS] + ["stringu1 STRING", "stringu2 STRING", "string4 STRING"])
VIEWS = {
    "testdata": "SELECT CAST(id + 1 AS INT) AS key, CAST(id + 1 AS STRING) AS value FROM range(100)",
    "arraydata": "SELECT * FROM VALUES (array(1, 2, 3), array(array(1, 2, 3))), (array(2, 3, 4), array(array(2, 3, 4)))"
    " AS t(arraycol, nestedarraycol)",
    "mapdata": "SELECT * FROM VALUES (map(1, 'a1', 2, 'b1', 3, 'c1', 4, 'd1', 5, 'e1')), (map(1, 'a2', 2, 'b2', 3, 'c2',"
    " 4, 'd2')), (map(1, 'a3', 2, 'b3', 3, 'c3')), (map(1, 'a4', 2, 'b4')), (map(1, 'a5')) AS t(mapcol)",
}
DATA = {"aggtest": ("agg.data", "a INT, b FLOAT"), "onek": ("onek.data", ONEK), "tenk1": ("tenk.data", ONEK)}


def fetch(folder):
    subprocess.run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"], check=True)
    [jar] = folder.glob("spark-sql*tests.jar")
    with zipfile.ZipFile(jar) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(("sql-tests/", "test-data/postgresql/"))])


def statements(folder, file):
    text = (folder / "sql-tests/results" / file).read_text()
    return [found.strip() for found in re.findall(r"^-- !query\n(.*?)\n-- !query schema", text, re.S | re.M)]


def settings(folder, file):
    source = folder / "sql-tests/inputs" / file.removesuffix(".out")
    lines = source.read_text().splitlines() if source.exists() else []
    pairs = [pair for line in lines if line.startswith("--SET ") for pair in line[6:].split(",") if "=" in pair]
    found = dict(pair.strip().split("=", 1) for pair in pairs)
    if file.startswith("nonansi"):
        found["spark.sql.ansi.enabled"] = "false"
    return {"spark.sql.session.timeZone": "America/Los_Angeles", **found}


def session(folder):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.create()
    for name, text in VIEWS.items():
        spark.sql(text).createOrReplaceTempView(name)
    for name, (file, schema) in DATA.items():
        rows = spark.read.csv(str(folder / "test-data/postgresql" / file), sep="\t", schema=schema)
        rows.createOrReplaceTempView(name)
    return spark


def answer(spark, statement):
    try:
        frame = spark.sql(statement)
        types = [field.dataType.simpleString() for field in frame.schema.fields]
        return {"names": frame.columns, "types": types, "rows": [repr(tuple(row)) for row in frame.collect()]}
    except Exception as error:  # also Python's own, of years that it does not know
        condition = error.getCondition() if hasattr(error, "getCondition") else None
        return {"error": condition or type(error).__name__, "message": str(error)[:400]}


def ask(folder, answers, files):
    answers.mkdir(exist_ok=True)
    known = sorted(str(path.relative_to(folder / "sql-tests/results")) for path in folder.glob("sql-tests/results/**/*.out"))
    for file in files or [file for file in known if not file.startswith(LEFT_OUT)]:
        spark = session(folder)
        for key, value in settings(folder, file).items():
            spark.conf.set(key, value)
        found = [{"statement": text, **answer(spark, text)} for text in statements(folder, file)]
        (answers / (file.replace("/", "__") + ".json")).write_text(json.dumps(found))
        spark.stop()


def kind(theirs, ours):
    if theirs["statement"].upper().startswith(OF_CATALOG):
        return "of the catalog"
    refused = "error" in ours and re.search("not supported|UNSUPPORTED|NOT_SUPPORTED", ours["message"])
    if "INTERNAL" in ours.get("error", ""):
        return "internal"
    if "error" in theirs and "error" in ours:
        return "equal" if theirs["error"] == ours["error"] else "refused" if refused else "other error"
    if "error" in ours:
        return "refused" if refused else "we fail"
    if "error" in theirs:
        return "we answer"
    if sorted(theirs["rows"]) != sorted(ours["rows"]):
        return "rows"
    if "ORDER BY" in theirs["statement"].upper() and theirs["rows"] != ours["rows"]:
        return "order"
    return next((part for part in ("types", "names") if theirs[part] != ours[part]), "equal")


def compare(spark, millstream, kinds):
    counted = collections.Counter()
    for path in sorted(millstream.glob("*.json")):
        pairs = zip(json.loads((spark / path.name).read_text()), json.loads(path.read_text()), strict=True)
        for theirs, ours in pairs:
            found = kind(theirs, ours)
            counted[found] += 1
            if found in kinds:
                print(f"# {found}: {path.stem}\n{theirs.pop('statement')}")
                print(f"    spark      {theirs}\n    millstream { {key: ours[key] for key in ours if key != 'statement'} }"[:900])
    print(", ".join(f"{count} {found}" for found, count in counted.most_common()))


if __name__ == "__main__":
    task, *paths = sys.argv[1:]
    if task == "fetch":
        fetch(pathlib.Path(paths[0]))
    elif task == "ask":
        ask(pathlib.Path(paths[0]).resolve(), pathlib.Path(paths[1]), paths[2:])
    else:
        compare(pathlib.Path(paths[0]), pathlib.Path(paths[1]), paths[2:])
