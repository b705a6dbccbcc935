"""Asks Apache Spark the statements about tables and records its answers.

usage: conformance/tables/record.py      with the Python of dev/servers/spark, which has PySpark and finds a JDK

recorded.jsonl has a line a question: its statements, each with the names of the columns and the rows, or with the error.
A cell is text; the rows of a SELECT are sorted. What is no SQL:

    @file PATH: TEXT                      a file with this line
    @remove PATH                          a file or folder is removed
    @exists PATH                          whether it is there
    @save MODE TABLE FORMAT [BY]: QUERY   write.saveAsTable
    @insert MODE TABLE: QUERY             write.insertInto
    @v2 WHAT TABLE [FORMAT [BY]]: QUERY   writeTo; overwrite is with the condition true
"""
import json
import os
import pathlib
import shutil
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

HERE = pathlib.Path(__file__).resolve().parent


def questions():
    found = []
    for line in (HERE / "questions.txt").read_text().splitlines():
        if line.startswith("## "):
            found.append((line[3:], []))
        elif line and not line.startswith("# "):
            found[-1][1].append(line)
    return found


def cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "NULL" if value is None else str(value)


def write(spark, what, words, query):
    frame = spark.sql(query)
    if what == "@insert":
        return frame.write.mode(words[0]).insertInto(words[1])
    mode, table, *rest = words
    if what == "@save":
        writer = frame.write.mode(mode).format(rest[0])
        return (writer.partitionBy(*rest[1:]) if rest[1:] else writer).saveAsTable(table)
    writer = frame.writeTo(table)
    writer = writer.using(rest[0]) if rest else writer
    writer = writer.partitionedBy(*map(F.col, rest[1:])) if rest[1:] else writer
    return writer.overwrite(F.lit(True)) if mode == "overwrite" else getattr(writer, mode)()


def run(spark, statement):
    if not statement.startswith("@"):
        frame = spark.sql(statement)
        rows = [[cell(value) for value in row] for row in frame.collect()]
        if statement.startswith("select"):
            rows.sort()
        return {"columns": frame.columns, "rows": rows}
    head, _, tail = statement.partition(": ")
    what, *words = head.split(" ")
    path = pathlib.Path(words[0])
    if what == "@file":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tail + "\n")
    elif what == "@remove":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif what == "@exists":
        return {"rows": [[cell(path.exists())]]}
    else:
        write(spark, what, words, tail)
    return {"rows": []}


def answer(spark, statement, places):
    text = statement
    for name, path in places.items():
        text = text.replace(name, path)
    try:
        found = run(spark, text)
    except Exception as error:
        text = getattr(error, "_desc", None) or str(error)
        condition = error.getCondition() if hasattr(error, "getCondition") else None
        found = {"error": condition, "message": text.strip().split("\n")[0].split(" SQLSTATE: ")[0]}
    found = json.dumps(found)
    for name, path in places.items():
        found = found.replace(path, name)
    return {"statement": statement, **json.loads(found)}


def main():
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    lines = []
    with tempfile.TemporaryDirectory() as warehouse:
        builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1")
        builder = builder.config("spark.sql.warehouse.dir", warehouse)
        first = builder.getOrCreate()
        first.sparkContext.setLogLevel("OFF")
        for name, statements in questions():
            spark = first.newSession()
            with tempfile.TemporaryDirectory() as folder:
                places = {"{dir}": folder, "{warehouse}": warehouse}
                answers = [answer(spark, statement, places) for statement in statements]
            lines.append(json.dumps({"name": name, "statements": answers}, ensure_ascii=False))
            clean(spark, warehouse)
    (HERE / "recorded.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} questions, {sum(len(statements) for _, statements in questions())} statements")


def clean(spark, warehouse):
    """Each question has a warehouse to itself."""
    spark.catalog.clearCache()
    spark.catalog.setCurrentDatabase("default")
    for row in spark.sql("show tables in default").collect():
        if row.isTemporary:
            spark.catalog.dropTempView(row.tableName)
    for row in spark.sql("show views in default").collect():
        spark.sql(f"drop view if exists default.`{row.viewName}`")
    for row in spark.sql("show tables in default").collect():
        spark.sql(f"drop table if exists default.`{row.tableName}`")
    for database in spark.catalog.listDatabases():
        if database.name != "default":
            spark.sql(f"drop database `{database.name}` cascade")
    for function in spark.sql("show user functions").collect():
        spark.sql(f"drop function if exists {function[0]}")
    for path in pathlib.Path(warehouse).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
