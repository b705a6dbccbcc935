"""Asks Apache Spark what it reads from files: `questions.py` says what, `answers.jsonl` takes the answers.

    SPARK_LOCAL_IP=127.0.0.1 python record.py        a Python with PySpark 4.2 and a JVM

A question is a dictionary: `files` (name: text, or bytes), `format`, and where wanted `options`, `schema` (DDL), `select`,
`path` (below the folder; several in a list), `conf`. An answer has the columns with their types and the rows as texts,
sorted, or the condition and the message of the error. `$DIR` stands for the folder of the files.
"""

import base64
import json
import pathlib
import shutil
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from questions import questions

HERE = pathlib.Path(__file__).parent


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


def written(spark, folder, question):
    """Lets Spark write the files of a question that says how."""
    conf = question.pop("writes", {})
    for key, value in conf.items():
        spark.conf.set(key, value)
    for below, sql in question.get("write", {}).items():
        spark.sql(sql).coalesce(1).write.format(question["format"]).mode("append").save(str(folder / below))
    for key in conf:
        spark.conf.unset(key)
    if "write" in question:
        # The name of a file is random, its bytes are not.
        files = sorted(path for path in folder.rglob("part-*") if path.is_file())
        for at, path in enumerate(files):
            name = path.parent / f"f{at}{''.join(path.suffixes)}"
            path.rename(name)
            question["files"][str(name.relative_to(folder))] = name.read_bytes()
        for left in [*folder.rglob(".*.crc"), *folder.rglob("_SUCCESS")]:
            left.unlink()
        question["write"] = [question["write"], conf]


def condition(error):
    """The outermost error that has a condition and says more than that a file could not be read."""
    found, seen = None, error
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while java is not None:
        name = java.getClass().getName()
        try:
            if java.getCondition() and (found is None or found[0].startswith("FAILED_READ_FILE")):
                found = (java.getCondition(), java.getMessage())
        except Exception:
            pass
        last = (name, java.getMessage())
        java = java.getCause()
    if found is None and getattr(error, "getCondition", lambda: None)():
        found = (error.getCondition(), str(error))
    return found or (None, str(last[1] if "last" in dir() else seen))


def ask(spark, question):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="files-"))
    try:
        write(folder, question["files"])
        written(spark, folder, question)
        for key, value in question.get("conf", {}).items():
            spark.conf.set(key, value)
        paths = question.get("path", "")
        paths = [str(folder / path) for path in (paths if isinstance(paths, list) else [paths])]
        options = {key: value.replace("$DIR", str(folder)) for key, value in question.get("options", {}).items()}
        reader = spark.read.format(question["format"]).options(**options)
        if question.get("schema"):
            fields = StructType.fromDDL(question["schema"]).fields
            question["fields"] = [[field.name, field.dataType.simpleString()] for field in fields]
            reader = reader.schema(question["schema"])
        try:
            frame = reader.load(paths)
            columns = [[field.name, field.dataType.simpleString()] for field in frame.schema.fields]
            names = question.get("select") or [f"`{name}`" for name, _ in columns]
            rows = frame.selectExpr(*[f"cast({name} as string) as c{at}" for at, name in enumerate(names)]).collect()
            rows = sorted([list(row) for row in rows], key=lambda row: [(cell is None, cell or "") for cell in row])
            answer = {"columns": columns, "rows": rows}
        except Exception as error:
            found, message = condition(error)
            answer = {"error": found, "message": (message or "").split("\n")[0]}
        return json.loads(json.dumps(answer).replace(str(folder), "$DIR"))
    finally:
        for key in question.get("conf", {}):
            spark.conf.unset(key)
        shutil.rmtree(folder)


def main():
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    with open(HERE / "answers.jsonl", "w") as out:
        for question in questions():
            answer = ask(spark, question)
            files = {
                name: {"base64": base64.b64encode(content).decode()} if isinstance(content, bytes) else content
                for name, content in question["files"].items()
            }
            out.write(json.dumps({**question, "files": files, "answer": answer}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
