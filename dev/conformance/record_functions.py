"""Records what Apache Spark answers to the expressions in `functions/*.sql`, into the golden files.

    SPARK_REMOTE=sc://127.0.0.1:15002 python record_functions.py [FAMILY ...]

A case is one line: an SQL expression over literals, or over the columns of the four rows of `t` where it aggregates. A
line that begins with `~` is asked without ANSI mode, one that begins with `!` in both. `#` begins a comment. The answers
are never edited by hand: change the case, record again.
"""

import pathlib
import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "functions"
GOLDEN = HERE.parents[1] / "crates" / "functions" / "tests" / "golden" / "functions"
ZONE = "Europe/Berlin"


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def ask(spark, expression):
    """Type, whether it can be NULL, and text of the answer, or the error's class and SQLSTATE."""
    try:
        frame = spark.sql(f"SELECT {expression} AS r FROM {TABLE}")
        data_type = frame.schema[0].dataType.simpleString()
        nullable = "" if frame.schema[0].nullable else " not null"
        shown = "hex(r)" if data_type == "binary" else "CAST(r AS STRING)"
        rows = frame.selectExpr(shown).collect()
        values = ["NULL" if row[0] is None else escape("=" + row[0]) for row in rows]
        return f"{data_type}{nullable}\t{'|'.join(values)}"
    except PySparkException as error:
        name = error.getCondition() if hasattr(error, "getCondition") else error.getErrorClass()
        return f"ERROR\t{name or type(error).__name__}"


def cases(path):
    for line in path.read_text().splitlines():
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        mode, expression = (line[0], line[1:]) if line[0] in "~!" else ("", line)
        if mode in ("", "!"):
            yield True, expression
        if mode in ("~", "!"):
            yield False, expression


TABLE = "(SELECT 1)"
TABLE_T = "VALUES (1, 1.5D, 'a', true, 1.10BD), (2, NULL, 'b', false, 2.25BD), (NULL, 2.5D, 'a', NULL, NULL), (4, -1.0D, NULL, true, -3.00BD) AS t(i, d, s, b, n)"


def main():
    global TABLE
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", ZONE)
    wanted = sys.argv[1:]
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path in sorted(CASES.glob("*.sql")):
        if wanted and path.stem not in wanted:
            continue
        TABLE = TABLE_T if path.stem == "aggregate" else "(SELECT 1)"
        lines = [f"# Apache Spark {spark.version}, zone {ZONE}; ansi, expression, type, value. Recorded by dev/conformance/record_functions.py."]
        for ansi, expression in cases(path):
            spark.conf.set("spark.sql.ansi.enabled", str(ansi).lower())
            lines.append(f"{'ansi' if ansi else 'legacy'}\t{escape(expression)}\t{ask(spark, expression)}")
        (GOLDEN / f"{path.stem}.txt").write_text("\n".join(lines) + "\n")
        print(path.stem, len(lines) - 1)


if __name__ == "__main__":
    main()
