"""Records the settings that Apache Spark documents, with their defaults and what a value must be.

    SPARK_REMOTE=sc://127.0.0.1:15002 python record_settings.py

The table is read by the session's configuration: `crates/connect/src/session/conf/documented.tsv`. A line is a key, what a
value must be, and the default; a key without a default ends with its kind. What a value must be is learned from the
refusal of a value that is nothing; a setting that only a start may change is `static`. Settings whose default is a place
on the server's machine are left out, and so are those that the server was started with.
"""

import pathlib

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "crates" / "connect" / "src" / "session" / "conf" / "documented.tsv"
OF_A_MACHINE = {"spark.sql.warehouse.dir", "spark.sql.timeType.enabled"}
NOTHING = "?!"


def kind(spark, key):
    try:
        spark.conf.set(key, NOTHING)
        spark.conf.unset(key)
        return "string"
    except PySparkException as error:
        condition, parameters = error.getCondition() or "", error.getMessageParameters() or {}
        if condition == "INVALID_CONF_VALUE.TYPE_MISMATCH":
            return parameters["confType"]
        if condition == "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS":
            return "one of " + parameters["confOptions"]
        if condition.startswith("CANNOT_MODIFY"):
            return "static"
        return "string"


def main():
    spark = SparkSession.builder.getOrCreate()
    lines = [f"# Settings that Apache Spark {spark.version} documents: key, what a value is, default. Recorded by dev/conformance/record_settings.py."]
    for key in sorted(row[0] for row in spark.sql("SET -v").collect()):
        if key in OF_A_MACHINE:
            continue
        default = spark.conf.get(key)
        lines.append("\t".join([key, kind(spark, key)] + ([] if default is None else [default.replace("\n", "\\n")])))
    TABLE.write_text("\n".join(lines) + "\n")
    print(f"{len(lines) - 1} settings")


if __name__ == "__main__":
    main()
