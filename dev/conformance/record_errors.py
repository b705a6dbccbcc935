"""Records how Apache Spark refuses the statements of `errors.sql`, into the golden files of the functions.

    SPARK_REMOTE=sc://127.0.0.1:15002 python record_errors.py

A case is one line: a statement, which may read the view `t`. A line that begins with `~` is asked without ANSI mode, `#`
begins a comment. An answer is the condition, Spark's exception and the message's parameters: the message itself is the
condition's template filled with them. The answers are never edited by hand: change the case, record again.
"""

import json
import pathlib

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "crates" / "functions" / "tests" / "golden" / "errors.txt"
ZONE = "Europe/Berlin"
TABLE = "VALUES (1, 1.5D, 'a', true, 1.10BD), (2, NULL, 'b', false, 2.25BD), (NULL, 2.5D, 'a', NULL, NULL), (4, -1.0D, NULL, true, -3.00BD) AS t(i, d, s, b, n)"


def ask(spark, statement):
    try:
        spark.sql(statement).collect()
        return "none"
    except PySparkException as error:
        parameters = json.dumps(error.getMessageParameters() or {}, ensure_ascii=False, sort_keys=True)
        return f"{error.getCondition() or '-'}\t{type(error).__name__}\t{parameters}"


def main():
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", ZONE)
    spark.sql(f"CREATE OR REPLACE TEMP VIEW t AS SELECT * FROM {TABLE}")
    lines = [f"# Apache Spark {spark.version}, zone {ZONE}; mode, statement, condition, exception, parameters. Recorded by dev/conformance/record_errors.py."]
    for line in (HERE / "errors.sql").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        mode, statement = ("legacy", line[1:]) if line.startswith("~") else ("ansi", line)
        spark.conf.set("spark.sql.ansi.enabled", str(mode == "ansi").lower())
        answer = ask(spark, statement)
        if answer == "none":
            print("not refused:", statement)
        else:
            lines.append(f"{mode}\t{statement}\t{answer}")
    GOLDEN.write_text("\n".join(lines) + "\n")
    print(len(lines) - 1)


if __name__ == "__main__":
    main()
