"""What is asked of Spark: `record.py` says how a question is written."""

import gzip
import zlib
import bz2


def csv(text, schema=None, select=None, conf=None, **options):
    question = {"files": {"f.csv": text}, "format": "csv", "options": options}
    more = {"schema": schema, "select": select, "conf": conf}
    return question | {key: value for key, value in more.items() if value}


def json(text, schema=None, select=None, **options):
    return csv(text, schema, select, **options) | {"format": "json", "files": {"f.json": text}}


def csv_questions():
    header = {"header": "true"}
    infer = {"header": "true", "inferSchema": "true"}
    both = "a int, b string"
    corrupt = "a int, b string, _corrupt_record string"
    yield csv("a,b\n1,x\n2,y\n")
    yield csv("a,b\n1,x\n2,y\n", **infer)
    yield csv("a,b,a,,b\n1,2,3,4,5\n", **header)
    yield csv("a,A\n1,2\n", **header)
    yield csv("a,A\n1,2\n", conf={"spark.sql.caseSensitive": "true"}, **header)
    yield csv("\n  \na,b\n1,2\n", **header)
    yield csv("", **header)
    yield csv("\n\n")
    yield csv("", schema=both)
    yield csv("NA,b\n1,2\n", nullValue="NA", **header)
    for escape in ['"', "\\"]:
        yield csv('"x ""q"" y",b\n"x \\"q\\" y",b\n', escape=escape)
    yield csv('x"y"z,b\n"x"y,b\n"x"y",b\n "x" ,b\n')
    for many in ["true", "false"]:
        yield csv('"x\ny",b\n1,2\n', multiLine=many)
        yield csv('"x\r\ny",b\r\n1,2\r\n', multiLine=many)
        yield csv('#c,1\na,b\n#d\n\n1,2', comment="#", multiLine=many)
        yield csv('#c,1\na,b\n#d\n1,2', comment="#", multiLine=many, **infer)
        yield csv('a,b\n1,x\n"2\n3",y\nq\n1,2,3\n', schema=corrupt, multiLine=many)
        yield csv('1,2\nx,y\n3', schema=both, mode="FAILFAST", multiLine=many)
        yield csv('1,2\nx,y\n3', schema=both, mode="DROPMALFORMED", multiLine=many)
    yield csv("a,b\n1,2,3\n1\n,\n\n  \n", **header)
    yield csv("1,2,3\n1\n,\n\n  \nx,y", schema=corrupt)
    yield csv("1,2,3\n1\n,\n\n  \nx,y", schema=both, mode="DROPMALFORMED")
    yield csv("1,2,3\n1\n,\n", schema=both, mode="FAILFAST")
    yield csv("1,2\nx,y", schema=both, mode="FAILFAST")
    yield csv("1,2\nx,y", schema=both, mode="FAILFAST", select=["b"])
    yield csv("1,2\nx,y,z\n3", schema=both, mode="DROPMALFORMED", select=["b"])
    yield csv("1,2\nx,y,z\n3", schema=corrupt, select=["b", "_corrupt_record"])
    yield csv("1,2\nx,y,z\n3", schema=corrupt, select=["b", "a"])
    yield csv("1,2\nx,y", schema="bad string, a int, b string", columnNameOfCorruptRecord="bad")
    yield csv("1,2\nx,y", schema="a int, bad int, b string", columnNameOfCorruptRecord="bad")
    for names in ["x,y", "B,A", "A,b", "a,b,c", "a"]:
        yield csv(f"{names}\n1,2\n", schema=both, enforceSchema="false", **header)
    yield csv("x,y\n1,2\n", schema=both, **header)
    yield csv('1,NA\nNA,""\n,"" \n', nullValue="NA")
    yield csv('1,""\n,x\n', emptyValue="EMPTY")
    yield csv("1,-\n,x\n", schema="a double, b double", nanValue="-", positiveInf="x", negativeInf="y")
    numbers = "NaN,Inf\n-Inf,1e5\n1.5d,Infinity\n.5,1.\n 1, 2 \n1f,-Infinity\n1e400,0x10\n+1,-.5e-3\n--1,1_0\n"
    yield csv(numbers, schema="a double, b float, _corrupt_record string")
    yield csv("1,2\n+1,-2\n 1,2 \n1.0,1e3\n128,40000\n", schema="a byte, b short, _corrupt_record string")
    yield csv("true,TRUE\nFalse,f\n1,yes\n", schema="a boolean, b boolean, _corrupt_record string")
    yield csv('1.25,"1,234.5"\n1e2,1000000\n 1,abc\n0.005,-0.005\n', schema="a decimal(4,2), b decimal(6,1), _corrupt_record string")
    times = "2020-01-02,2020-01-02 03:04:05\n2020-1-2,2020-01-02T03:04:05.123456Z\n2020,2020-01\nx,y\n2020-01-02 11:00:00,2020-01-02\n"
    yield csv(times, schema="a date, b timestamp, _corrupt_record string")
    yield csv(times, schema="a date, b timestamp_ntz, _corrupt_record string")
    yield csv("02/01/2020,2020.01.02 03\nx,2020-01-02\n", schema="a date, b timestamp, _corrupt_record string", dateFormat="dd/MM/yyyy", timestampFormat="yyyy.MM.dd HH")
    yield csv("2020-01-02 03:04:05\n", schema="a timestamp", timeZone="Asia/Tokyo")
    for text in ["1,2.5,x,2020-01-01,2020-01-01 10:00:00,true\n2,3,y,2021-02-03,2021-01-01,FALSE\n",
                 "1,99999999999,123456789012345678901234567890,1e3,2020-01-01,x\n1.5,1,1,1,2020-01-01 10:00:00,1\n",
                 "1,,NaN,Inf,2020-1-1\n,,1,2,2020-01\n", "+1,01,1.,1d,.5,1e2\n", "true,1,x\n1,true,2020-01-01\n",
                 "99999999999,12345678901234567890123,1\n1.5,1.5,12345678901234567890123\n"]:
        yield csv(text, inferSchema="true")
    yield csv("2020-01-01,01/02/2020\n2020-01-02 10:00:00,01/02/2020 10\n", inferSchema="true", dateFormat="MM/dd/yyyy", timestampFormat="MM/dd/yyyy HH")
    yield csv("2020-01-01\n", inferSchema="true", preferDate="false")
    yield csv("2020-01-01\n2020-01-01 10:00:00\n", inferSchema="true", dateFormat="yyyy-MM-dd")
    for start in ["true", "false"]:
        for end in ["true", "false"]:
            yield csv(' a , b \n c, " d "\n', ignoreLeadingWhiteSpace=start, ignoreTrailingWhiteSpace=end)
    yield csv("a;b\n", sep=";")
    yield csv("a\tb\n", delimiter="\\t")
    yield csv("a||b|c||d\n", sep="||")
    yield csv("'a,b',c\n", quote="'")
    yield csv('"a,b",c\n', quote="")
    yield csv("a,b;c,d;", lineSep=";")
    yield csv("a,b\r1,2\r\n3,4\n")
    yield csv("a,b", lineSep="abc")
    yield csv("a,b", lineSep="")
    yield csv("a,b", sep="")
    yield csv("a,b", sep="\\")
    yield csv("a,b", sep="\\u0001")
    yield csv("a,b", quote="ab")
    yield csv("a,b", escape="xx")
    yield csv("a,b", maxColumns="x")
    yield csv("a,b", header="yes")
    yield csv("a,b,c\n1,2,3\n", maxColumns="2")
    yield csv("a,b,c\n1,2,3\n", schema=both, maxColumns="2")
    yield csv("a,bcd\n1,2\n", schema=both, maxCharsPerColumn="2")
    yield csv("a,b", schema="a array<int>")
    yield csv("a,b", schema="a int, b struct<c: int>")
    yield csv("Ä,ö\nß,日本\n", **header)
    yield csv("\ufeffa,b\n1,2\n", **header)
    yield csv("\ufeffa,b\n1,2\n", multiLine="true", **header)
    yield csv("a\n1\n", schema="A int", **header)
    yield csv(b"a,\xff\n")
    yield {"files": {"a.csv": "x,y\n1,2\n", "b.csv": "x,y\n3,4\n", "c.csv": "z,w\n5,6\n"}, "format": "csv", "options": infer}
    yield {"files": {"a.csv": "", "b.csv": "x\n3\n"}, "format": "csv", "options": infer}
    yield {"files": {"_h.csv": "a"}, "format": "csv"}


def json_questions():
    both = "a int, b string"
    corrupt = "a int, b string, _corrupt_record string"
    text = '{"a":1,"b":"x"}\n{"a":"q"}\n\nbad\n{"a":2,"b":"y","c":[1]}\n'
    for mode in ["PERMISSIVE", "DROPMALFORMED", "FAILFAST"]:
        yield json(text, schema=both, mode=mode)
        yield json(text, mode=mode)
    yield json(text, schema=corrupt)
    yield json(text, schema=corrupt, select=["b", "_corrupt_record"])
    yield json(text)
    yield json('{"a":1}\n{"a":2.5}\n{"a":null}\n')
    yield json('{"a":1}\n{"a":99999999999999999999}\n')
    yield json('{"b":{"x":1}}\n{"b":{"y":[1,2]}}\n{"a":[{"c":1},{"d":true}]}\n')
    yield json('{"a":1}\n{"a":"x"}\n{"a":true}\n')
    yield json('{"a":{}}\n{"a":null,"b":[]}\n')
    yield json('{"a":{}}\n{"a":null,"b":[],"c":1}\n', dropFieldIfAllNull="true")
    yield json('{"a":1,"b":true,"c":1.5}\n', primitivesAsString="true")
    yield json('{"a":1.5,"c":12345678901234567890.5}\n', prefersDecimal="true")
    yield json('{"a":"2020-01-01T00:00:00Z"}\n', inferTimestamp="true")
    yield json('{"a":"2020-01-01"}\n{"a":"x"}', inferTimestamp="true")
    yield json('{"a":1}\n[{"a":2},{"a":3}]\n{"a":4}')
    yield json('[{"a":2},{"a":3}]\n', schema=both)
    yield json("{'a':1} \n {\"a\":NaN}\n")
    yield json('{"a":1,/*x*/"b":2}\n', allowComments="true")
    yield json('{a:01}\n', allowUnquotedFieldNames="true", allowNumericLeadingZeros="true")
    yield json('bad\nworse\n')
    yield json('bad\n{"a":1}\n', columnNameOfCorruptRecord="oops")
    yield json("", schema=both)
    yield json("")
    yield json("\n \n")
    yield json('"x"\n1\n')
    yield json('{"a":1};{"a":2}', lineSep=";")
    yield json('{"a":1,"A":2}\n')
    yield json('{"a":1,"a":2}\n')
    yield json('{"d":"2020-01-02","t":"2020-01-02 03:04:05"}\n', schema="d date, t timestamp")
    yield json('{"d":"02/01/2020"}\n', schema="d date", dateFormat="dd/MM/yyyy")
    yield json('{"a":\n1}\n', multiLine="true")
    yield json('[{"a":1},\n{"a":2}]\n', multiLine="true")
    yield json('{"a":1}\n{"a":2}\n', multiLine="true")
    yield json('{"a":1\n', multiLine="true", schema=corrupt)
    yield json('{"a": [1, "x"], "m": {"k": 1}}', schema="a array<string>, m map<string,int>")
    yield json('{"a":1,"b":"x"}\n', schema="B string, a long")


def file_questions():
    def text(files, **more):
        return {"files": files, "format": "text"} | more

    some = {"a.txt": "one\ntwo\r\nthree", "b.txt": "x\n\ny\n", "_h.txt": "no", ".h": "no", "sub/c.txt": "sub\n", "e.txt": ""}
    yield text(some)
    for path in ["a.txt", "*.txt", "{a,b}.txt", "[ab].txt", "?.txt", "_h.txt", "nope", "nope*", "sub", "*", ["a.txt", "b.txt"], ["a.txt", "nope"]]:
        yield text(some, path=path)
    yield text(some, options={"recursiveFileLookup": "true"})
    yield text(some, options={"pathGlobFilter": "a*"})
    yield text(some, options={"wholetext": "true"})
    yield text(some, options={"lineSep": "\n"})
    yield text(some, options={"modifiedAfter": "2020-01-01T00:00:00"})
    yield text(some, options={"modifiedBefore": "2020-01-01T00:00:00"})
    yield text(some, options={"modifiedBefore": "x"})
    yield text({"a.txt": "\ufeffbom\nx"})
    yield text({"a.txt": "x"}, schema="a int")
    yield text({"a.txt": "x"}, schema="a string, b string")
    yield text({"a.txt.gz": gzip.compress(b"zipped\nlines\n")})
    yield text({"a.gz": gzip.compress(b"one\n") + gzip.compress(b"two\n")})
    yield text({"a.deflate": zlib.compress(b"deflated\n")})
    yield text({"a.bz2": bz2.compress(b"bzipped\n")})
    yield text({"a.txt.gz": b"not gzip"})
    yield {"files": {"f.csv.gz": gzip.compress(b"a,b\n1,2\n")}, "format": "csv", "options": {"header": "true", "inferSchema": "true"}}
    yield {"files": {"f.json.gz": gzip.compress(b'{"a":1}\n')}, "format": "json"}

    def parts(files, **more):
        return {"files": files, "format": "csv"} | more

    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"})
    yield parts({"k=1/f.csv": "a", "k=x/f.csv": "b"})
    yield parts({"k=1/f.csv": "a", "k=2.5/f.csv": "b", "k=__HIVE_DEFAULT_PARTITION__/f.csv": "c"})
    yield parts({"k=1/j=x/f.csv": "a", "k=2/j=2020-01-01/f.csv": "b"})
    yield parts({"d=2020-01-01/f.csv": "a", "d=2021-01-01/f.csv": "b"})
    yield parts({"d=2020-01-01/f.csv": "a", "d=2021-01-01 10%3A00%3A00/f.csv": "b"})
    yield parts({"k=99999999999/f.csv": "a", "k=1/f.csv": "b"})
    yield parts({"k=99999999999999999999/f.csv": "a", "k=1/f.csv": "b"})
    yield parts({"k=true/f.csv": "a"})
    yield parts({"k=01/f.csv": "a", "k=1/f.csv": "b"})
    yield parts({"k=/f.csv": "a"})
    yield parts({"k=a%20b%2Fc/f.csv": "a"})
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, conf={"spark.sql.sources.partitionColumnTypeInference.enabled": "false"})
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, path="k=1")
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, path="k=1", options={"basePath": "$DIR"})
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, path="k=*")
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, path=["k=1", "k=2"])
    yield parts({"k=1/f.csv": "a", "j=2/f.csv": "b"})
    yield parts({"k=1/f.csv": "a", "f.csv": "b"})
    yield parts({"k=1/f.csv": "a", "x/k=2/f.csv": "b"})
    yield parts({"k=1/f.csv": "a"}, options={"recursiveFileLookup": "true"})
    yield parts({"k=1/f.csv": "a"}, schema="a string, k string")
    yield parts({"k=1/f.csv": "a"}, schema="a string, k int")
    yield parts({"k=1/f.csv": "a"}, schema="k int, a string")
    yield parts({"k=1/f.csv": "a"}, schema="a string")
    yield parts({"k=1/f.csv": "a", "k=x/f.csv": "b"}, schema="a string, k int")
    yield parts({"k=1/f.csv": "a"}, schema="a string, K int")
    yield parts({"k=1/f.csv": "k\n7"}, options={"header": "true", "inferSchema": "true"})
    yield parts({"k=1/f.csv": "a", "k=2/f.csv": "b"}, select=["k"])
    yield parts({"k=1/_f.csv": "a", "k=2/f.csv": "b"})
    yield parts({"_k=1/f.csv": "a", "j=2/f.csv": "b"})
    yield parts({"year=2024/month=01/day=05/f.csv": "a", "year=2024/month=12/day=15/f.csv": "b"})
    yield {"files": {"k=1/f.json": '{"a":1}'}, "format": "json"}
    yield {"files": {"k=1/f.txt": "a"}, "format": "text"}

    names = ["_metadata.file_name", "_metadata.file_size", "_metadata.file_block_start", "_metadata.file_block_length"]
    yield {"files": {"a b.txt": "x", "c.txt": "long\ner"}, "format": "text", "select": ["value", *names, "_metadata.file_path"]}
    yield {"files": {"k=1/f.csv": "a,b"}, "format": "csv", "select": ["_c1", "k", *names]}
    yield {"files": {"f.bin": b"\x00\xff", "g.txt": "xyz"}, "format": "binaryFile", "select": ["length", "hex(content)", "path"]}
    yield {"files": {"f.bin": b"\x00\xff", "g.txt": "xyz"}, "format": "binaryFile", "options": {"pathGlobFilter": "*.bin"}, "select": ["length", "hex(content)"]}
    yield {"files": {"k=1/f.bin": b"abc"}, "format": "binaryFile", "select": ["length", "k"]}
    yield {"files": {"f.bin": b"abc"}, "format": "binaryFile", "schema": "a int"}


def parquet_questions():
    """`write` says what Spark writes first: a query, and options."""

    def parquet(sql, writes=None, **more):
        several = sql if isinstance(sql, dict) else {"": sql}
        return {"files": {}, "format": "parquet", "write": several, "writes": writes or {}} | more

    flat = """SELECT id, cast(id as byte) b, cast(id as short) s, cast(id as int) i, id / 2 d, cast(id as float) f,
        id % 2 = 0 t, concat('x', id) str, cast(concat('y', id) as binary) bin, cast(id as decimal(5,2)) d5,
        cast(id as decimal(15,3)) d15, cast(id as decimal(38,10)) d38, date_add(date'2020-01-01', cast(id as int)) dt,
        timestamp'2020-01-01 10:00:00.123456' ts, timestamp_ntz'1890-01-01 10:00:00.123456' ntz,
        if(id = 1, null, id) n FROM range(4)"""
    yield parquet(flat)
    yield parquet(flat, {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"})
    yield parquet(flat, {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MILLIS"})
    yield parquet(flat, {"spark.sql.parquet.writeLegacyFormat": "true"})
    for codec in ["uncompressed", "gzip", "lz4", "lz4_raw", "zstd"]:
        yield parquet("SELECT id, 'a' x FROM range(3)", {"spark.sql.parquet.compression.codec": codec})
    nested = """SELECT array(id, null, 2) a, named_struct('x', id, 'y', named_struct('z', 'q')) s, map('k', id) m,
        array(named_struct('p', id)) aa, cast(null as struct<u: int>) n, array() e FROM range(2)"""
    yield parquet(nested)
    yield parquet(nested, {"spark.sql.parquet.writeLegacyFormat": "true"})
    yield parquet(nested, schema="a array<long>, s struct<X: long, w: string>, m map<string, long>")
    yield parquet("SELECT timestamp'9999-12-31 23:59:59' a, timestamp'0001-01-01 00:00:00' b")
    yield parquet("SELECT 1 a, 'x' b", schema="b string, c int, A int")
    for wanted in ["a long", "a double", "a string", "a decimal(12,1)", "a decimal(5,1)", "a byte", "a date"]:
        yield parquet("SELECT cast(300 as int) a", schema=wanted)
    for wanted in ["a int", "a double", "a decimal(20,0)", "a timestamp"]:
        yield parquet("SELECT cast(300 as bigint) a", schema=wanted)
    yield parquet("SELECT cast(1.25 as decimal(5,2)) a", schema="a decimal(8,3)")
    yield parquet("SELECT cast(1.25 as decimal(5,2)) a", schema="a decimal(5,1)")
    yield parquet("SELECT cast(1.25 as float) a", schema="a double")
    yield parquet("SELECT cast(1.25 as double) a", schema="a float")
    yield parquet("SELECT 'x' a", schema="a binary")
    yield parquet("SELECT date'2020-01-01' a", schema="a timestamp_ntz")
    yield parquet("SELECT 1 a, 2 A", {"spark.sql.caseSensitive": "true"})
    yield parquet("SELECT 1 a, 2 A", {"spark.sql.caseSensitive": "true"}, schema="a int")
    yield parquet({"k=1": "SELECT 1 a", "k=2": "SELECT 2 a, 'x' b"})
    yield parquet({"k=1": "SELECT 1 a", "k=2": "SELECT 2 a, 'x' b"}, options={"mergeSchema": "true"})
    yield parquet({"k=1": "SELECT 1 a", "k=2": "SELECT 'x' a"}, options={"mergeSchema": "true"})
    yield parquet({"k=1": "SELECT named_struct('x', 1) a", "k=2": "SELECT named_struct('y', 'x') a"}, options={"mergeSchema": "true"})
    yield parquet("SELECT 1 a WHERE false")
    yield {"files": {"f.parquet": "no parquet"}, "format": "parquet"}
    yield {"files": {"f.parquet": "no parquet"}, "format": "parquet", "schema": "a int"}
    yield {"files": {"_f.parquet": "hidden"}, "format": "parquet"}
    yield parquet("SELECT id a FROM range(2)", select=["a", "_metadata.file_block_start"])


def left_out_questions():
    """Files that cannot be read, or have other columns than others."""
    zipped = gzip.compress(b"a,b\n1,2\n")
    for options in [{}, {"ignoreCorruptFiles": "true"}, {"ignoreCorruptFiles": "maybe"}, {"ignoreMissingFiles": "maybe"}]:
        yield {"files": {"f.parquet": "no parquet", "g.parquet": ""}, "format": "parquet", "schema": "a int", "options": options}
        yield {"files": {"f.csv.gz": "no gzip", "g.csv.gz": zipped, "h.csv": "3,4\n"}, "format": "csv", "options": options}
    ignored = {"spark.sql.files.ignoreCorruptFiles": "true"}
    yield {"files": {"f.csv.gz": "no gzip", "g.csv": "1,2\n"}, "format": "csv", "schema": "a int, b int", "conf": ignored}
    yield {"files": {"f.json.gz": "no gzip", "g.json": '{"a":1}'}, "format": "json", "options": {"ignoreCorruptFiles": "true"}}
    yield {"files": {"f.parquet": ""}, "format": "parquet", "schema": "a int"}
    yield {"files": {"f.parquet": ""}, "format": "parquet"}
    yield {"files": {"f.parquet": ""}, "format": "parquet", "options": {"ignoreCorruptFiles": "true"}}
    heads = {"1.csv": "a,b\n1,2\n", "2.csv": "b,a\n3,4\n", "3.csv": "a,b,c\n5,6,7\n"}
    for options in [{}, {"header": "true"}, {"header": "true", "inferSchema": "true"}]:
        yield {"files": heads, "format": "csv", "options": options}
    for ratio in ["1.0", "0", "-1"]:
        yield {"files": {"f.csv": "1,2\n"}, "format": "csv", "options": {"inferSchema": "true", "samplingRatio": ratio}}
        yield {"files": {"f.json": '{"a":1}'}, "format": "json", "options": {"samplingRatio": ratio}}
    yield {"files": {"é ü.csv": "1"}, "format": "csv", "select": ["_metadata.file_name", "_metadata.file_path"]}


def split_questions():
    """Files that several tasks read: each row says in which bytes Spark read it."""
    block = ["_metadata.file_name", "_metadata.file_block_start", "_metadata.file_block_length"]
    lines = "a,b\n" + "".join(f"{at},x{at}\n" for at in range(12))
    records = "".join('{"a":%d}\n' % at for at in range(9))
    for most in ["1", "7", "16", "1000"]:
        for cost in ["0", "1", "40"]:
            conf = {"spark.sql.files.maxPartitionBytes": most, "spark.sql.files.openCostInBytes": cost}
            yield csv(lines, schema="a int, b string", select=["a", "b", *block], conf=conf, header="true")
    for tasks in ["1", "3", "100"]:
        conf = {"spark.sql.files.openCostInBytes": "3", "spark.sql.files.minPartitionNum": tasks}
        yield json(records, schema="a int", select=["a", *block], conf=conf)
        files = {"a.txt": "a\r\nb\rc\n\nd\r\n", "b.txt": "é\n" * 4, "c.txt": "", "d.txt.gz": gzip.compress(b"x\ny\n" * 20)}
        yield {"files": files, "format": "text", "select": ["value", *block], "conf": conf}
        yield {"files": files, "format": "text", "select": ["value", *block], "conf": conf, "options": {"wholetext": "true"}}
        yield {"files": files, "format": "text", "select": ["value", *block], "conf": conf, "options": {"lineSep": "\n"}}
        yield csv('a,"b\nc",d\n1,"2\n3",4\nx\n', select=["_c0", "_c1", *block], conf=conf)
        yield csv('a,"b\nc",d\n1,"2\n3",4\nx\n', select=["_c0", "_c1", *block], conf=conf, multiLine="true")
        yield json('{"a":1,\n"b":2}\n', schema="a int", select=["a", *block], conf=conf, multiLine="true")
        yield csv("\ufeffa,b\n1,2\n3,4\n", schema="a int, b int", select=["a", *block], conf=conf, header="true")
        yield {"write": {"": "SELECT id FROM range(5)"}, "files": {}, "format": "parquet", "select": ["id", *block[1:]], "conf": conf}
    for separator in ["||", "ab", "\r\n"]:
        conf = {"spark.sql.files.maxPartitionBytes": "5", "spark.sql.files.openCostInBytes": "1"}
        text = separator.join(["aa", "b", "ccccc", "d", "", "e", "ff", "g" * 20, "h"])
        yield csv(text, select=["value", *block[1:]], conf=conf, lineSep=separator) | {"format": "text"}
    wanted = {"files": {"k=1/f.csv": "1\n2\n", "k=2/f.csv": "3\n", "k=x/f.csv": "4\n"}, "format": "csv"}
    yield wanted | {"select": ["_c0", "k", *block[1:]], "conf": {"spark.sql.files.maxPartitionBytes": "2"}}


def encoding_questions():
    """Texts in other encodings: with the lines that Spark finds in them, and where it wants to be told."""
    both = "a string, b string"
    rows = 'a,é\n"x\ny",ß\n中,😀\n'
    records = '{"a":"é","b":"x"}\n{"a":"ß"}\n{"a":"中😀"\n'
    lines = {"lineSep": "\n"}
    for name in ["UTF-16", "utf-16le", "UTF-16BE", "UTF-32", "ISO-8859-1", "US-ASCII"]:
        python = {"UTF-32": "utf-32-be", "UTF-16": "utf-16"}.get(name, name)
        encoded = rows.encode(python, "replace")
        one_line = rows.replace('"x\ny"', "x").encode(python, "replace")
        yield csv(encoded, schema=both, encoding=name, multiLine="true")
        yield csv(encoded, encoding=name, multiLine="true", header="true", inferSchema="true")
        if name in ["utf-16le", "UTF-16BE", "ISO-8859-1", "US-ASCII"]:
            yield csv(one_line, schema=both, charset=name, **lines)
            yield csv(one_line, encoding=name, **lines)
        if name in ["ISO-8859-1", "US-ASCII"]:
            yield csv(one_line, schema=both, encoding=name)
            yield csv("é,ü\n".encode("utf-8"), encoding=name)
        encoded = records.encode(python, "replace")
        broken = both + ", _corrupt_record string"
        yield json(encoded, schema=broken, encoding=name)
        yield json(encoded, encoding=name)
        yield json(encoded, schema=broken, encoding=name, **lines)
        yield json(encoded, encoding=name, **lines)
        yield json(encoded, schema=both, encoding=name, multiLine="true")
        yield json(encoded, charset=name, multiLine="true")
    marked = "\ufeff"
    yield csv((marked + rows).encode("utf-16-le"), schema=both, encoding="UTF-16LE", multiLine="true")
    yield csv((marked + "a,b\nc,d\n").encode("utf-16-le"), schema=both, encoding="UTF-16LE", **lines)
    yield csv((marked + "a,b\nc,d\n").encode("utf-16-be"), schema=both, encoding="UTF-16BE", **lines)
    yield json((marked + records).encode("utf-16-le"), schema=both, encoding="UTF-16LE", **lines)
    yield json((marked + records).encode("utf-16-le"), schema=both, encoding="UTF-16LE", multiLine="true")
    yield json((marked + records).encode("utf-16-be"), schema=both, encoding="UTF-16", multiLine="true")
    yield json((marked + records).encode("utf-32-le"), schema=both, encoding="UTF-32", multiLine="true")
    for unknown in ["windows-1252", "nonsense"]:
        yield csv("a,b\n", schema=both, encoding=unknown)
        yield json("{}\n", schema=both, encoding=unknown)
        yield json("{}\n", schema=both, encoding=unknown, multiLine="true")


def questions():
    yield from split_questions()
    yield from left_out_questions()
    yield from parquet_questions()
    yield from csv_questions()
    yield from json_questions()
    yield from file_questions()
    yield from encoding_questions()
