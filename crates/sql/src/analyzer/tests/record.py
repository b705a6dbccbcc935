"""Asks Apache Spark what it answers to the plans below, and writes plans and answers to spark/*.txt.

    python record.py [FAMILY ...]

SPARK_REMOTE names a Spark Connect server (4.2). Without a family, all are asked. A case is a name, the plan as the client sends it (base64), and the schema
and rows, or the error, that Spark gave. `analyzer/tests.rs` gives the same plans to the analyzer.
"""
import base64
import datetime
import decimal
import logging
import os
import sys

from google.protobuf.message import Message
from pyspark.sql import SparkSession, Window, functions as F, types as T
from pyspark.sql.connect.plan import SQL
from pyspark.sql.connect.dataframe import DataFrame

logging.disable(logging.CRITICAL)
HERE = os.path.dirname(os.path.abspath(__file__))
spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
os.environ["TZ"] = "UTC"


def strip(message: Message) -> None:
    """Takes call sites out: they name files of whoever recorded."""
    if message.DESCRIPTOR.full_name in ("spark.connect.ExpressionCommon", "spark.connect.RelationCommon"):
        message.ClearField("origin")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = getattr(field, "is_repeated", None)
        if repeated is None:
            repeated = field.label == field.LABEL_REPEATED
        if field.message_type.GetOptions().map_entry:
            for key in value:
                if isinstance(value[key], Message):
                    strip(value[key])
        elif repeated:
            for one in value:
                strip(one)
        else:
            strip(value)


def text(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (int, decimal.Decimal)):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(text(v) for v in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(text(v) for v in value) + "]"
    return str(value).replace("\n", "\\n")


def sql(query: str) -> DataFrame:
    return DataFrame(SQL(query, None, None, None), spark)


FILES: dict[str, list] = {}


def case(family: str, name: str, build, **settings: str) -> None:
    """`settings` are those of the session for this case: `zone`, `ansi` and `lenient`."""
    if sys.argv[1:] and family not in sys.argv[1:]:
        return
    lines = [f"case: {name}"] + [f"setting: {key}={value}" for key, value in settings.items()]
    spark.conf.set("spark.sql.session.timeZone", settings.get("zone", "UTC"))
    spark.conf.set("spark.sql.ansi.enabled", settings.get("ansi", "true"))
    strict = "false" if "lenient" in settings else "true"
    spark.conf.set("spark.sql.analyzer.strictDataFrameColumnResolution", strict)
    given = len(lines)
    try:
        df = build()
        plan = df._plan.to_proto(spark.client).root
        strip(plan)
        lines.append("plan: " + base64.b64encode(plan.SerializeToString()).decode())
        lines.append("schema: " + df.schema.simpleString())
        if not df.isStreaming or name.startswith("collect"):
            lines += ["row: " + text(tuple(row)) for row in df.collect()]
    except Exception as error:  # noqa: BLE001 what Spark refuses is an answer too
        message = getattr(error, "_message", None) or str(error)
        message = message.split("\n\nJVM stacktrace")[0].split("; line ")[0].split(";\n")[0].split("\n== SQL")[0].strip()
        if len(lines) == given:
            print("cannot record", family, name, message[:200])
            return
        lines.append("error: " + message.replace("\n", "\\n"))
    FILES.setdefault(family, []).append("\n".join(lines))


for questions in ("cases.py", "references.py", "refused.py"):
    exec(compile(open(os.path.join(HERE, questions)).read(), questions, "exec"))

for family, cases in FILES.items():
    with open(os.path.join(HERE, "spark", family + ".txt"), "w") as out:
        out.write("\n\n".join(cases) + "\n")
    print(family, len(cases))
sys.stdout.flush()
