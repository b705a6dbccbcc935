"""Files that Millstream writes, read by Apache Spark, by hand.

usage: MILLSTREAM=target/debug/millstream dev/conformance/files_interchange.py     with the Python of dev/servers/spark

Millstream writes rows of every type in every format and codec, in partitions, and a stream's files with their log. Spark
reads each folder and compares it with what the same SQL gives there. Each side runs in a process of its own.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SCALARS = (
    "select cast(id as int) a, cast(id as byte) b, cast(id as short) c, id d, cast(id as float)/3 e, id/7D f, "
    "cast(id as decimal(9,2))/3 g, cast(id as decimal(18,4)) h, cast(id as decimal(38,10)) i, concat('s', id) j, "
    "cast(concat('b', id) as binary) k, id%2=0 l, date_add(date'1960-01-01', cast(id*1000 as int)) m, "
    "timestamp'1950-01-01 00:00:00.123456' + make_dt_interval(cast(id*1000 as int)) n, "
    "timestamp_ntz'2020-01-01 01:02:03.000004' o, if(id%3=0, null, id) p from range(50)"
)
SCALARS = SCALARS.replace("timestamp'1950-01-01 00:00:00.123456' + make_dt_interval(cast(id*1000 as int))",
                          "timestamp_micros(id*86400123456 - 700000000000000)")
NESTED = (
    "select id a, if(id%4=0, null, array(id, null, id+1)) q, map(concat('k', id), id) r, "
    "struct(id x, array(struct('y' z)) w) s, interval '1-2' year to month u, interval '1 02:03:04' day to second t, "
    "null v from range(20)"
)
SIMPLE = "select id a, concat('x \\\"', id, '\\n,') b, if(id%2=0, null, '') c from range(100)"
TEXT = "select concat('line ', id) value from range(100)"
PARTITIONS = "select id a, concat('k=/ ', id%3) k, if(id%2=0, null, date'2020-01-02') d from range(30)"

BATCHES = (
    [("parquet", SCALARS, [], {"compression": c}) for c in ["snappy", "gzip", "lz4", "lz4_raw", "none"]]
    + [("parquet", NESTED, [], {}), ("parquet", SIMPLE, [], {}), ("parquet", PARTITIONS, ["k", "d"], {})]
    + [("json", SIMPLE, [], {"compression": c}) for c in ["none", "gzip", "deflate", "snappy", "lz4"]]
    + [("json", PARTITIONS, ["k", "d"], {}), ("json", SIMPLE, [], {"encoding": "UTF-16LE", "lineSep": "\n"})]
    + [("csv", SIMPLE, [], {"header": "true", "multiLine": "true", "escape": '"', "compression": c})
       for c in ["none", "gzip", "deflate", "snappy", "lz4"]]
    + [("text", TEXT, [], {"compression": c}) for c in ["none", "gzip", "snappy", "lz4"]]
)
STREAMED = 40


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(root, port):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
    for place, (format, sql, by, options) in enumerate(BATCHES):
        spark.sql(sql).write.format(format).partitionBy(*by).options(**options).save(f"{root}/{place}")
    stream = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load()
    for by in [[], ["k"]]:
        folder = f"{root}/stream{len(by)}"
        rows = stream.selectExpr("value", "value % 3 as k")
        query = rows.writeStream.format("parquet").partitionBy(*by).option("checkpointLocation", folder + "-checkpoint")
        query = query.trigger(processingTime="0 seconds").start(folder)
        while not query.lastProgress or query.lastProgress["batchId"] < STREAMED // 10 - 1:
            time.sleep(0.1)
        query.stop()


def read(root):
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    wrong = 0
    for place, (format, sql, by, options) in enumerate(BATCHES):
        expected = spark.sql(sql)
        schema = expected.schema
        found = spark.read.schema(schema).format(format).options(**options).load(f"{root}/{place}")
        shown = [f"cast({column} as string) {column}" for column in expected.columns]
        texts = [sorted(map(str, rows.selectExpr(*shown).collect())) for rows in (found, expected)]
        same = texts[0] == texts[1]
        if format == "csv":
            # A NULL and an empty text are the same for a reader, unless it is told otherwise.
            count = found.count()
            same = count == expected.count() and [r.a for r in found.orderBy("a").collect()] == list(range(count))
        wrong += not same
        print("same" if same else "DIFFERS", format, by, options)
        if format == "parquet" and spark.read.parquet(f"{root}/{place}").select(*expected.columns).dtypes != expected.dtypes:
            wrong += 1
            print("DIFFERS in types", spark.read.parquet(f"{root}/{place}").dtypes)
    for by in [0, 1]:
        folder = f"{root}/stream{by}"
        pathlib.Path(folder, "part-00000-stray-c000.snappy.parquet").write_text("no entry, not read")
        values = sorted(row.value for row in spark.read.parquet(folder).collect())
        same = len(values) >= STREAMED and values == list(range(len(values)))
        wrong += not same
        print("same" if same else f"DIFFERS {values}", "a stream's files", by)
    print(f"{wrong} differ")
    return wrong


def main():
    if len(sys.argv) > 1:
        role, root = sys.argv[1:3]
        return write(root, sys.argv[3]) if role == "write" else read(root)
    root, port = tempfile.mkdtemp(), free_port()
    server = subprocess.Popen([os.environ["MILLSTREAM"], "serve", "--listen", f"127.0.0.1:{port}"])
    try:
        time.sleep(1)
        subprocess.run([sys.executable, __file__, "write", root, str(port)], check=True)
        return subprocess.run([sys.executable, __file__, "read", root]).returncode
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
