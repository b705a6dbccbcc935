"""Asks Apache Spark what it says of the errors of the questions below: class, SQLSTATE, parameters, the places in the program, and
how the message ends. Writes plans and answers to spark/contexts.jsonl; `contexts.rs` gives the same plans to the analyzer.

    python record_contexts.py        SPARK_REMOTE names a Spark Connect server (4.2)

The SQL statements stand in context_questions.txt. Paths and lines of this file, which the client sends as call sites, are written
as CALL_SITE.
"""
import base64
import json
import logging
import os
import re

from pyspark.errors import PySparkException, QueryContextType
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import SQL

logging.disable(logging.CRITICAL)
HERE = os.path.dirname(os.path.abspath(__file__))
CALL_SITE = "program.py:1"
spark = SparkSession.builder.getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")

VIEWS = {
    "numbers": "SELECT id, CAST(id AS STRING) AS text, array(id) AS list, map('k', id) AS entries FROM VALUES (0L), (1L), (2L) AS t(id)",
    "broken": "SELECT id, 10 / id AS tenth FROM numbers",
    "words": "SELECT id,\n  CAST(concat('a', id) AS INT) AS word\nFROM numbers",
    "constant": "SELECT CAST('a' AS INT) AS number",
    "filtered": "SELECT id FROM numbers WHERE 1 / id > 0",
    "again": "SELECT number + 1 AS number FROM constant",
    "grouped": "SELECT sum(1 / id) AS total FROM numbers",
}


def anonymous(message):
    """Call sites name files of whoever recorded."""
    for field, value in message.ListFields():
        if field.name == "call_site":
            message.call_site = CALL_SITE
        elif field.message_type is None:
            continue
        elif field.message_type.GetOptions().map_entry:
            for key in value:
                if field.message_type.fields_by_name["value"].message_type:
                    anonymous(value[key])
        elif hasattr(value, "add"):
            for one in value:
                anonymous(one)
        else:
            anonymous(value)


def here(text):
    return re.sub(r"\S*record_contexts\.py:\d+", CALL_SITE, text)


def context(one):
    if one.contextType() == QueryContextType.SQL:
        return {
            "object": [one.objectType(), one.objectName()], "from": one.startIndex(), "to": one.stopIndex(),
            "fragment": one.fragment(), "summary": one.summary(),
        }
    return {"fragment": one.fragment(), "callSite": here(one.callSite()), "summary": here(one.summary())}


def answer(df):
    """What Spark says of a plan. The plan that an analysis error shows at its end is left out."""
    try:
        df.collect()
        return {}
    except PySparkException as error:
        message = error._message.split("\n\nJVM stacktrace")[0]
        tail = message.split("SQLSTATE: ")[-1][5:].split(";\n")[0] if "SQLSTATE: " in message else ""
        return {
            "class": error.getCondition(), "state": error.getSqlState(), "parameters": dict(error.getMessageParameters() or {}),
            "contexts": [context(one) for one in error.getQueryContext() or []], "tail": here(tail),
        }


lines = []


def ask(name, build):
    try:
        df = build()
        plan = df._plan.to_proto(spark.client).root
    except Exception as error:  # noqa: BLE001 what the client refuses by itself is no question to a server
        print("not asked:", name, error)
        return
    said = answer(df)
    anonymous(plan)
    lines.append({"name": name, "plan": base64.b64encode(plan.SerializeToString()).decode(), **said})


def sql(text):
    return DataFrame(SQL(text, None, None, None), spark)


for name, query in VIEWS.items():
    statement = f"CREATE OR REPLACE TEMPORARY VIEW {name} AS {query}"
    spark.sql(statement)
    lines.append({"view": statement})

for statement in open(os.path.join(HERE, "context_questions.txt")).read().splitlines():
    ask(statement, lambda: sql(statement))

columns = lambda name: ", ".join(f"id + {i} AS {name}{i}" for i in range(20))
ask("several lines", lambda: sql("SELECT\n  id,\n  1 / id AS x\nFROM numbers"))
ask("an unknown column on the third line", lambda: sql("SELECT\n  id,\n  nope\nFROM numbers"))
ask("several lines of one expression", lambda: sql("SELECT 1 /\n  (id -\n   id) FROM numbers"))
ask("a comment before it", lambda: sql("-- a comment\nSELECT /* one more */ 1 / 0 -- and\n"))
ask("a long line", lambda: sql(f"SELECT {columns('c')}, 1 / id AS x, {columns('d')} FROM numbers"))
ask("beyond Latin", lambda: sql("SELECT 'Grüße', 1 / 0"))
ask("outside the basic plane", lambda: sql("SELECT '😀', 1 / 0"))

numbers = spark.table("numbers")
one = spark.range(1, 2)
for name, build in {
    "lit / col": lambda: numbers.select(F.lit(1) / F.col("id")),
    "1 / col": lambda: numbers.select(1 / F.col("id")),
    "col / 0": lambda: numbers.select(numbers.id / 0),
    "col % 0": lambda: numbers.select(numbers.id % 0),
    "5 % col": lambda: numbers.select(5 % numbers.id),
    "lit + lit": lambda: one.select(F.lit(2147483647) + F.lit(1)),
    "lit - lit": lambda: one.select(F.lit(-2147483648) - F.lit(1)),
    "lit * lit": lambda: one.select(F.lit(2147483647) * F.lit(2)),
    "-col": lambda: one.select(-F.lit(-2147483648)),
    "col + text": lambda: one.select(one.id + "x"),
    "col - text": lambda: one.select(one.id - "x"),
    "col * text": lambda: one.select(one.id * "x"),
    "col / text": lambda: one.select(one.id / "x"),
    "col % text": lambda: one.select(one.id % "x"),
    "col == text": lambda: one.select(one.id == "x"),
    "col != text": lambda: one.select(one.id != "x"),
    "col < text": lambda: one.select(one.id < "x"),
    "col <= text": lambda: one.select(one.id <= "x"),
    "col > text": lambda: one.select(one.id > "x"),
    "col >= text": lambda: one.select(one.id >= "x"),
    "col.eqNullSafe(text)": lambda: one.select(one.id.eqNullSafe("x")),
    "col ** text": lambda: one.select(one.id ** "x"),
    "col & text": lambda: one.select(F.lit(True) & F.lit("x")),
    "col | text": lambda: one.select(F.lit(True) | F.lit("x")),
    "~text": lambda: one.select(~F.lit("x")),
    "bitwiseAND": lambda: one.select(one.id.bitwiseAND(F.lit("x"))),
    "between": lambda: one.select(one.id.between("x", "y")),
    "isin": lambda: one.select(one.id.isin("x", "y")),
    "like": lambda: one.select(one.id.like("x") & (one.id / 0 > 1)),
    "substr": lambda: one.select(F.lit("abc").substr(F.lit("x"), F.lit(1))),
    "cast": lambda: one.select(F.lit("x").cast("int")),
    "astype": lambda: numbers.select(F.concat(numbers.text, F.lit("x")).astype("int")),
    "cast to date": lambda: one.select(F.lit("x").cast("date")),
    "cast of a type that does not fit": lambda: numbers.select(numbers.list.cast("int")),
    "try_cast of a type that does not fit": lambda: numbers.select(numbers.list.try_cast("int")),
    "getItem": lambda: numbers.select(numbers.list.getItem(5)),
    "col[5]": lambda: numbers.select(numbers.list[5]),
    "getItem of an array of constants": lambda: one.select(F.array(F.lit(1)).getItem(5)),
    "getItem of a map": lambda: numbers.select(numbers.entries.getItem("z")),
    "getField": lambda: numbers.select(numbers.id.getField("x")),
    "getField of a struct": lambda: numbers.select(F.struct("id").getField("x")),
    "element_at": lambda: numbers.select(F.element_at("list", 5)),
    "element_at 0": lambda: numbers.select(F.element_at("list", 0)),
    "F.abs": lambda: one.select(F.abs(F.lit(-2147483648))),
    "F.mod": lambda: numbers.select(F.pmod(F.lit(1), F.col("id"))),
    "F.to_date": lambda: one.select(F.to_date(F.lit("x"), "yyyy")),
    "F.to_timestamp": lambda: one.select(F.to_timestamp(F.lit("x"))),
    "F.year": lambda: one.select(F.year(F.lit("x"))),
    "F.sqrt": lambda: one.select(F.sqrt(F.lit("x"))),
    "F.when": lambda: numbers.select(F.when(1 / numbers.id > 0, 1).otherwise(2)),
    "F.when over text": lambda: numbers.select(F.when(F.lit("x"), 1)),
    "F.coalesce": lambda: numbers.select(F.coalesce(1 / numbers.id, F.lit(1))),
    "F.coalesce of types": lambda: numbers.select(F.coalesce("id", "list")),
    "F.transform": lambda: numbers.select(F.transform("list", lambda x: 1 / x)),
    "F.expr": lambda: numbers.select(F.expr("1 / id")),
    "F.expr in a call": lambda: numbers.select(F.abs(F.expr("id / 0")) + 1),
    "selectExpr": lambda: numbers.selectExpr("id", "1 / id AS x"),
    "selectExpr of an unknown column": lambda: numbers.selectExpr("id", "nope + 1"),
    "filter by text": lambda: numbers.filter("1 / id > 0"),
    "filter by text of an unknown column": lambda: numbers.filter("nope > 0"),
    "filter": lambda: numbers.filter(1 / numbers.id > 0),
    "filter of no boolean": lambda: numbers.filter(F.col("id")),
    "withColumn": lambda: numbers.withColumn("x", F.lit(1) / F.col("id")),
    "withColumn alias": lambda: numbers.select((F.lit(1) / F.col("id")).alias("x")),
    "orderBy": lambda: numbers.orderBy(1 / numbers.id),
    "groupBy": lambda: numbers.groupBy(1 / numbers.id).count(),
    "agg": lambda: numbers.agg(F.sum(1 / numbers.id)),
    "agg of an overflow": lambda: spark.createDataFrame([(2**63 - 1,), (1,)], "x LONG").agg(F.sum("x")),
    "join": lambda: numbers.join(one, 1 / numbers.id > one.id),
    "unknown column by name": lambda: numbers.select("nope"),
    "unknown column": lambda: numbers.select(F.col("nope") + 1),
    "unknown column in a function": lambda: numbers.select(F.upper("nope")),
    "unknown column in filter": lambda: numbers.filter(F.col("nope") > 1),
    "unknown column in groupBy": lambda: numbers.groupBy("nope").count(),
    "unknown column in orderBy": lambda: numbers.orderBy("nope"),
    "unknown column in drop and select": lambda: numbers.drop("id").select("id"),
    "unknown function": lambda: numbers.select(F.call_function("nofunction", "id")),
    "unknown table": lambda: spark.table("nowhere"),
    "wrong type": lambda: numbers.select(F.col("list") + 1),
    "wrong type of a comparison": lambda: numbers.select(F.col("list") == 1),
    "wrong type of and": lambda: numbers.select(F.col("id") & F.col("list")),
    "wrong type of a function": lambda: numbers.select(F.abs(F.array("id"))),
    "wrong type of a function in a sum": lambda: numbers.select(F.upper(F.col("list")) + F.abs(F.array("id"))),
    "explode": lambda: numbers.select(F.explode("id")),
    "explode in a sum": lambda: numbers.select(F.explode("list") + 1),
    "view": lambda: spark.table("broken").select("tenth"),
    "view of a constant": lambda: spark.table("constant").select(F.col("number") + 1),
    "sql and a method": lambda: sql("SELECT id FROM numbers").select(1 / F.col("id")),
    "method over sql": lambda: sql("SELECT 1 / id AS x FROM numbers").select(F.col("x") + 1),
    "over": lambda: numbers.select(F.rank()),
    "sum of sum": lambda: numbers.agg(F.sum(F.sum("id"))),
}.items():
    ask(name, build)

with open(os.path.join(HERE, "spark", "contexts.jsonl"), "w") as out:
    for line in lines:
        out.write(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n")
print(len(lines), "lines")
