"""Asks two engines the same: Apache Spark at SPARK_REMOTE, Millstream at MILLSTREAM_REMOTE (`millstream serve`)."""

import os

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

# Rows that are asked together. An error is that of one row, so a part with errors is asked again in smaller ones.
PART = 256


def session(variable, conf=()):
    """A session with the engine whose address stands in this variable."""
    spark = SparkSession.builder.remote(os.environ[variable]).create()
    for key, value in {"spark.sql.session.timeZone": "UTC", **dict(conf)}.items():
        spark.conf.set(key, value)
    return spark


def error_of(error):
    name = error.getCondition() if hasattr(error, "getCondition") else None
    return "ERROR " + (name or type(error).__name__)


def ask(spark, rows, columns, expressions):
    """For each row the texts of the expressions, or its error. `columns` is the rows' schema in DDL."""
    answers = []
    for start in range(0, len(rows), PART):
        answers += ask_part(spark, rows[start:start + PART], columns, expressions)
    return answers


def ask_part(spark, rows, columns, expressions):
    numbered = [(number, *row) for number, row in enumerate(rows)]
    try:
        frame = spark.createDataFrame(numbered, f"number INT, {columns}").selectExpr("number", *expressions)
        return [list(row[1:]) for row in sorted(frame.collect(), key=lambda row: row[0])]
    except PySparkException as error:
        if len(rows) == 1:
            return [error_of(error)]
    middle = len(rows) // 2
    return ask_part(spark, rows[:middle], columns, expressions) + ask_part(spark, rows[middle:], columns, expressions)


def compare(rows, columns, expressions, conf=(), shown=40):
    """Prints the rows whose answers differ, and how many do."""
    theirs = ask(session("SPARK_REMOTE", conf), rows, columns, expressions)
    ours = ask(session("MILLSTREAM_REMOTE", conf), rows, columns, expressions)
    differing = [(row, their, our) for row, their, our in zip(rows, theirs, ours, strict=True) if their != our]
    for row, their, our in differing[:shown]:
        print(f"{row!r}\n    spark      {their!r}\n    millstream {our!r}")
    failed = sum(isinstance(their, str) for their in theirs)
    print(f"{len(rows)} rows, {failed} of them errors in Spark; {len(differing)} differ")
    return differing
