"""Asks Apache Spark the streaming questions of `questions/`, and writes its answers to `recorded/`.

    cargo xtask conformance record-streams [--all] [FILE…]

Only questions that were never recorded, or were changed since, are asked; `--all` asks all of them again. One Spark answers
them all: its source `feed` and its recording sink are `spark/Feed.scala`. Needs a JDK.
"""
import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import questions
import recording

HERE = questions.HERE
ROOT = HERE.parents[1]
# Counts are the same whatever the number of partitions; with one, the order of rows is that of the feed.
SETTINGS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.streaming.stateStore.maintenanceInterval": "1h",
    "spark.sql.streaming.numRecentProgressUpdates": "1000",
    # It knows plans, but not the settings under which they were analysed.
    "spark.connect.session.planCache.enabled": "false",
    "spark.sql.streaming.checkpointFileManagerClass":
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager",
    "spark.hadoop.fs.file.impl": "org.apache.spark.sql.feed.PlainFileSystem",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
}


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--"]
    everything = "--all" in arguments
    chosen = [argument for argument in arguments if argument != "--all"]
    feeds = questions.feeds()
    # The client logs every error that Spark answers with.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="millstream-feeds-", dir=scratch()) as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        spark = None
        for path in sorted((HERE / "questions").glob("*.txt")):
            if chosen and path.stem not in chosen:
                continue
            asked = questions.questions(path, feeds)
            text, plans = HERE / "recorded" / path.name, HERE / "recorded" / f"{path.stem}.plans"
            known = {} if everything else recording.read(text, plans)
            if all(question.digest in known for question in asked) and len(asked) == len(known):
                continue
            spark = spark or stack.enter_context(running_spark(folder, feeds))
            spark.record(path.stem, asked, known, (text, plans))


def scratch():
    """Checkpoints are many small files that nobody needs to survive."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


@contextlib.contextmanager
def running_spark(folder, feeds):
    """An Apache Spark that knows the feeds, ended by its process id."""
    write_feeds(folder / "feeds", feeds)
    environment = {**os.environ, "SPARK_MEMORY": os.environ.get("SPARK_MEMORY", "1g"), "TMPDIR": str(folder)}
    options = [f"--conf={key}={value}" for key, value in SETTINGS.items()]
    options += [f"--conf=spark.millstream.feeds={folder / 'feeds'}", f"--conf=spark.driver.extraClassPath={plugin()}"]
    # Every query is new code that runs a few times: compiling it well takes longer than running it.
    options += ["--conf=spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"]
    started = subprocess.run([ROOT / "dev/servers/spark", *options], env=environment, check=True, text=True, stdout=subprocess.PIPE)
    exported = dict(pair.split("=", 1) for pair in started.stdout.replace("export ", "").split())
    try:
        recorder = Recorder(exported["SPARK_REMOTE"], folder, feeds)
        yield recorder
        # Before its server is gone: the client would look for it for minutes.
        recorder.spark.stop()
    finally:
        os.kill(int(exported["SPARK_PID"]), signal.SIGTERM)


def write_feeds(folder, feeds):
    for feed in feeds.values():
        (folder / feed.name).mkdir(parents=True)
        (folder / feed.name / "schema").write_text(feed.ddl)
        (folder / feed.name / "steps").write_text(str(len(feed.steps)))
        for step, rows in enumerate(feed.steps):
            if rows is not None:
                (folder / feed.name / f"{step}.json").write_text("".join(row + "\n" for row in rows))


def plugin():
    """The jar of `spark/Feed.scala`, built with the compiler that Spark brings."""
    source = HERE / "spark" / "Feed.scala"
    tools = pathlib.Path(os.environ.get("MILLSTREAM_TOOLS", pathlib.Path.home() / ".cache/millstream-tools"))
    jar = tools / f"feed-{questions.fnv(source.read_text()):016x}.jar"
    if not jar.exists():
        (home,) = tools.glob("spark-4.2/lib/python3*/site-packages/pyspark")
        with tempfile.TemporaryDirectory() as classes:
            subprocess.run(
                ["java", "-cp", f"{home}/jars/*", "scala.tools.nsc.Main", "-nowarn", "-usejavacp", "-d", classes, source], check=True)
            services = pathlib.Path(classes) / "META-INF/services"
            services.mkdir(parents=True)
            (services / "org.apache.spark.sql.sources.DataSourceRegister").write_text("org.apache.spark.sql.feed.FeedProvider\n")
            subprocess.run(["jar", "cf", jar, "-C", classes, "."], check=True)
    return jar


class Torn(Exception):
    """Two feeds were moved on while Spark looked at them, and gave one step as two batches."""


class Recorder:
    """A session on Spark, in which questions are asked one after the other."""

    def __init__(self, remote, folder, feeds):
        from pyspark.sql import SparkSession, Window, functions, types

        self.spark = SparkSession.builder.remote(remote).getOrCreate()
        self.folder, self.feeds, self.runs = folder, feeds, 0
        self.names = {"F": functions, "T": types, "W": Window, "spark": self.spark, "feed": self.feed, "sql": self.sql}

    def feed(self, name):
        return self.spark.readStream.format("feed").option("name", name).load()

    def sql(self, query, **frames):
        """`spark.sql` that asks nothing yet, so that what Spark refuses has a plan too."""
        from pyspark.sql.connect.dataframe import DataFrame
        from pyspark.sql.connect.plan import SQL, SubqueryAlias

        views = [SubqueryAlias(frame._plan, name) for name, frame in frames.items()]
        return DataFrame(SQL(query.format(**{name: name for name in frames}), None, None, views), self.spark)

    def record(self, stem, asked, known, paths):
        began, new, blocks = time.monotonic(), 0, []
        for question in asked:
            if question.digest in known:
                name, lines, plan = known[question.digest]
                blocks.append((question.name, question.ask, question.digest, plan, lines[3:]))
                continue
            try:
                blocks.append((question.name, question.ask, question.digest, *self.ask(question)))
                new += 1
            except Exception as error:
                print(f"{stem}: {question.name}: cannot be recorded: {error!r}", flush=True)
        recording.write(*paths, self.spark.version, blocks)
        print(f"{stem}: {len(blocks)} answers, {new} of them new, in {time.monotonic() - began:.0f} s", flush=True)

    def ask(self, question):
        plan = self.plan(question)[1].SerializeToString(deterministic=True)
        for key, value in question.conf.items():
            self.spark.conf.set(key, value)
        try:
            for _ in range(5):
                with contextlib.suppress(Torn):
                    return plan, self.answer(question)
            raise RuntimeError("its steps are torn again and again")
        finally:
            for key in question.conf:
                self.spark.conf.unset(key)

    def plan(self, question):
        """The DataFrame, and its plan with ids that do not depend on what was asked before."""
        from pyspark.sql.connect.plan import LogicalPlan

        LogicalPlan._nextPlanId = 0
        names = dict(self.names)
        for name, expression in question.lets.items():
            names[name] = eval(expression, names)
        frame = eval(question.ask, names)
        message = frame._plan.to_proto(self.spark.client).root
        forget_call_sites(message)
        return frame, message

    def answer(self, question):
        """The lines of Spark's answer."""
        from pyspark.errors import PySparkException

        frame, _ = self.plan(question)
        checkpoint = self.folder / "checkpoint"
        shutil.rmtree(checkpoint, ignore_errors=True)
        checkpoint.mkdir()
        try:
            schema = f"schema: {frame.schema.simpleString()}"
            writer = frame.writeStream.format("feed").outputMode(question.mode).option("checkpointLocation", str(checkpoint))
            steps = max((len(self.feeds[name].steps) for name in question.feeds), default=1)
            move_on(checkpoint, 1 if question.drive == "live" else steps)
            query = (writer if question.drive == "live" else writer.trigger(availableNow=True)).start()
        except PySparkException as error:
            return refusal(error)
        try:
            failure = self.drive(question, query, checkpoint, steps)
            told = [json.loads(progress.json) if hasattr(progress, "json") else progress for progress in query.recentProgress]
        finally:
            query.stop()
        batches = {progress["batchId"]: progress for progress in told if "addBatch" in progress["durationMs"]}
        self.check_not_torn(question, batches, failure)
        rows = read_rows(checkpoint / "out")
        answer = [schema]
        for batch in sorted(batches):
            lines = batch_lines(batches[batch], rows.pop(batch), question.ordered)
            if question.clock:
                lines.insert(1, f"time: {batch_time(checkpoint, batch)}")
            answer += lines
        return answer + failure

    def drive(self, question, query, checkpoint, steps):
        """Brings the steps one by one, or waits for all; what ended the query before it was through."""
        from pyspark.errors import PySparkException

        try:
            if question.drive == "backlog":
                query.awaitTermination()
                return []
            for step in range(1, steps + 1):
                move_on(checkpoint, step)
                query.processAllAvailable()
            return []
        except PySparkException:
            return failed(str(query.exception()))

    def check_not_torn(self, question, batches, failure):
        if failure or question.drive == "backlog":
            return
        brought = {step for name in question.feeds for step, rows in enumerate(self.feeds[name].steps) if rows is not None}
        moved = [progress for progress in batches.values() if any(s["startOffset"] != s["endOffset"] for s in progress["sources"])]
        ends = [max(int(source["endOffset"]) for source in progress["sources"]) for progress in moved]
        if [end for end in ends if end > 0] != sorted(step + 1 for step in brought):
            raise Torn


def move_on(checkpoint, steps):
    """Lets the query see so many steps, at once."""
    (checkpoint / "steps.next").write_text(str(steps))
    (checkpoint / "steps.next").rename(checkpoint / "steps")


def read_rows(path):
    rows, batch = {}, None
    for line in path.read_text().split("\n")[:-1] if path.exists() else []:
        if line.startswith("batch "):
            batch = rows[int(line.removeprefix("batch "))] = []
        else:
            batch.append(line)
    return rows


def batch_time(checkpoint, batch):
    """What `current_timestamp()` is in a batch, in milliseconds since 1970."""
    metadata = (checkpoint / "offsets" / str(batch)).read_text().split("\n")[1]
    return json.loads(metadata)["batchTimestampMs"]


def batch_lines(progress, rows, ordered):
    """What of a batch must be the same on every engine: rows, counts and watermarks, no times of the clock."""
    lines = [f"batch: {progress['batchId']}"]
    for source in progress["sources"]:
        start, end = source["startOffset"] or 0, source["endOffset"]
        lines.append(f"read: {source['description']} {start}..{end}, {source['numInputRows']} rows")
    lines += [f"row: {row}" for row in (rows if ordered else sorted(rows))]
    times = dict(progress.get("eventTime", {}))
    watermark = times.pop("watermark", None)
    if times:
        lines.append("event time: " + ", ".join(f"{key} {times[key]}" for key in sorted(times)))
    if watermark is not None:
        lines.append(f"watermark: {watermark}")
    for operator in progress["stateOperators"]:
        counts = [("total", "numRowsTotal"), ("updated", "numRowsUpdated"), ("removed", "numRowsRemoved"), ("late", "numRowsDroppedByWatermark")]
        line = ", ".join(f"{name} {operator[key]}" for name, key in counts)
        duplicates = operator["customMetrics"].get("numDroppedDuplicateRows")
        lines.append(f"state: {operator['operatorName']} {line}" + ("" if duplicates is None else f", duplicates {duplicates}"))
    return lines


def refusal(error):
    """An error that the client is given when it starts the query."""
    parameters = error.getMessageParameters() or {}
    lines = [f"refused: {error.getCondition() or type(error).__name__}"]
    if error.getSqlState():
        lines.append(f"sqlstate: {error.getSqlState()}")
    return lines + [f"parameter: {name}={one_line(parameters[name])}" for name in sorted(parameters)]


def failed(text):
    """The error that ended a running query: the innermost that has a class."""
    cause = text.split("terminated with exception: ", 1)[-1].split("\n\nJVM stacktrace", 1)[0]
    cause = cause.split("\n=== Streaming Query ===", 1)[0].removeprefix("(STREAM_FAILED) ")
    found = re.search(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\] (.*?) SQLSTATE: (\w{5})", cause, re.DOTALL)
    if found is None:
        return [f"failed: {one_line(cause.removesuffix(' SQLSTATE: XXKST'))}"]
    return [f"failed: {found[1]}", f"sqlstate: {found[3]}", f"message: {one_line(found[2])}"]


def one_line(text):
    """A text without line ends, and without the numbers that Spark gives to columns."""
    text = re.sub(r"#\d+L?", "#", text)
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def forget_call_sites(message):
    """They name files of whoever recorded."""
    from google.protobuf.message import Message

    if message.DESCRIPTOR.full_name in ("spark.connect.ExpressionCommon", "spark.connect.RelationCommon"):
        message.ClearField("origin")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            children = [value[key] for key in value if isinstance(value[key], Message)]
        elif field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED:
            children = value
        else:
            children = [value]
        for child in children:
            forget_call_sites(child)


if __name__ == "__main__":
    sys.exit(main())
