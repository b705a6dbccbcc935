"""Runs a PySpark program unedited and prints one JSON line about its last query.

usage: timed.py PROGRAM [ARGS…], with SPARK_REMOTE set. The line says the seconds from `start()` to the query's end and
the rows it read, by the query's own progress.
"""
import json
import runpy
import sys
import time

from pyspark.sql.connect.streaming.query import StreamingQuery
from pyspark.sql.connect.streaming.readwriter import DataStreamWriter

started = {}
original_start, original_await = DataStreamWriter.start, StreamingQuery.awaitTermination


def start(self, *args, **kwargs):
    begin = time.perf_counter()
    query = original_start(self, *args, **kwargs)
    started[str(query.runId)] = begin
    return query


def await_termination(self, timeout=None):
    result = original_await(self, timeout)
    seconds = time.perf_counter() - started[str(self.runId)]
    progress = [json.loads(p.json) if hasattr(p, "json") and isinstance(p.json, str) else p for p in self.recentProgress]
    rows = sum(source["numInputRows"] for p in progress for source in p["sources"])
    print(json.dumps({"seconds": seconds, "rows": rows, "batches": len(progress)}), file=sys.stderr, flush=True)
    return result


DataStreamWriter.start, StreamingQuery.awaitTermination = start, await_termination
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
