"""Asks Apache Spark for its verdict on each text of spark_verdicts.jsonl, and writes the file anew.

Run with a PySpark Connect client, SPARK_REMOTE naming a Spark 4.2 server. Lines need "kind" (expression, query or
schema) and "text" only.
"""

import json
import logging
import pathlib

from pyspark.errors import ParseException, PySparkException
from pyspark.sql import SparkSession

logging.disable(logging.CRITICAL)
FILE = pathlib.Path(__file__).with_name("spark_verdicts.jsonl")
SEEN_BEFORE_THE_STACK = "\n\nJVM stacktrace"


def ask(spark, kind, text):
    if kind == "expression":
        spark.range(1).selectExpr(text).schema
    elif kind == "schema":
        spark._client._analyze("ddl_parse", ddl_string=text)
    else:
        spark.sql(text)


def verdict(spark, case):
    kind, text = case["kind"], case["text"]
    try:
        ask(spark, kind, text)
    except PySparkException as error:
        message = str(error).split(SEEN_BEFORE_THE_STACK)[0]
        # A type error in DDL has no place in the text, and another exception.
        parses = not isinstance(error, ParseException) and kind != "schema"
        answer = {"kind": kind, "text": text, "parses": parses, "class": error.getCondition()}
        return answer if parses else answer | {"message": message}
    return {"kind": kind, "text": text, "parses": True}


def main():
    spark = SparkSession.builder.getOrCreate()
    for name, columns in {"t": "1 AS a, 2 AS b, array(1, 2) AS arr, timestamp'2024-01-01' AS ts", "u": "1 AS a, 3 AS c"}.items():
        spark.sql(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns}")
    cases = [json.loads(line) for line in FILE.read_text().splitlines()]
    answers = [verdict(spark, case) for case in cases]
    FILE.write_text("".join(json.dumps(answer) + "\n" for answer in answers))


if __name__ == "__main__":
    main()
