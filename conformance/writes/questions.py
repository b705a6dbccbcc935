"""What is asked of a batch write: steps that write into one folder, and what lies there afterwards.

A step is a dict: `sql` the rows, `format`, and if need be `mode`, `by` (partitionBy) and `options`. The rows are coalesced
to one task. {path} in an option is the folder. Spark's answer is the error of the last step, or the files.
"""

ROWS = (
    "select * from values (1,'x'),(null,'y,z'),(3,null),(4,''),(5,'q\"u'),(6,' sp '),(7,'a\\\\b'),(8,'l\\nm') t(a,b)"
)
BLANKS = (
    "select * from values ('  '),(''),(null),('#x'),('a,b'),('\\\\'),('a\\\\,b'),('\\t'),('\\r'),('\"'),(' \" '),"
    "('a;b'),('a!b'),('a\",b'),('x\\\\\"y'),(' a, ') t(b)"
)
EMPTY = "select * from values (1,'x') t(a,b) where a > 1"
SCALARS = (
    "select X'4142' i, 1.5 d, 1e20D e, date'2020-01-01' dt, timestamp'2020-01-01 01:02:03.123456' ts,"
    " timestamp_ntz'2020-01-01 01:02:03.123456' tn, true bb, cast('nan' as double) nn, cast('inf' as double) ii,"
    " cast(1.5 as float) f, cast(0.0000001 as decimal(10,7)) s, cast(1 as tinyint) t"
)
TIMES = "select date'2020-01-02' d, timestamp'2020-01-02 03:04:05.6' t, timestamp_ntz'2020-01-02 03:04:05.6' n"
NESTED = "select array(1, null) a, map('k', 1) m, struct(1 x, 'y' z) s"


def step(sql, format, mode="error", by=(), **options):
    return {"sql": sql, "format": format, "mode": mode, "by": list(by), "options": options}


def one(name, *args, **kwargs):
    return name, [step(*args, **kwargs)]


QUESTIONS = [
    one("csv", ROWS, "csv"),
    one("csv with a header", ROWS, "csv", header="true"),
    one("csv, all quoted", ROWS, "csv", quoteAll="true"),
    one("csv, quotes not escaped", ROWS, "csv", escapeQuotes="false"),
    one("csv, words for no value", ROWS, "csv", nullValue="NN", emptyValue="EE"),
    one("csv, blanks kept", ROWS, "csv", ignoreLeadingWhiteSpace="false", ignoreTrailingWhiteSpace="false"),
    one("csv, a separator of two letters", ROWS, "csv", sep="||"),
    one("csv, a tab", ROWS, "csv", sep="\\t"),
    one("csv, delimiter", ROWS, "csv", delimiter=";"),
    one("csv without quotes", ROWS, "csv", quote=""),
    one("csv, another end of line", ROWS, "csv", lineSep=";"),
    one("csv without rows", EMPTY, "csv"),
    one("csv without rows but for the header", EMPTY, "csv", header="true"),
    one("csv, blanks", BLANKS, "csv"),
    one("csv, blanks that stay", BLANKS, "csv", ignoreLeadingWhiteSpace="false", ignoreTrailingWhiteSpace="false"),
    one("csv, blanks before that stay", BLANKS, "csv", ignoreLeadingWhiteSpace="false"),
    one("csv, blanks behind that stay", BLANKS, "csv", ignoreTrailingWhiteSpace="false"),
    one("csv, blanks quoted", BLANKS, "csv", quoteAll="true", nullValue="N", emptyValue="E"),
    one("csv, another escape", BLANKS, "csv", escape="!"),
    one("csv, the quote as escape", BLANKS, "csv", escape='"'),
    one("csv, no escape", BLANKS, "csv", escape=""),
    one("csv, another comment", BLANKS, "csv", comment="a"),
    one("csv, an escape of the escape", BLANKS, "csv", charToEscapeQuoteEscaping="%"),
    one("csv, a line ends with a letter of a field", BLANKS, "csv", lineSep=";"),
    one("csv, fields with quotes that need none", BLANKS, "csv", escapeQuotes="false"),
    one("csv, a word with a separator for no value", BLANKS, "csv", nullValue='n,"l', emptyValue="e,f"),
    one("csv, quoted words for no value", BLANKS, "csv", nullValue='"n"', emptyValue='"'),
    one("csv, nothing for an empty text", BLANKS, "csv", emptyValue=""),
    one("csv, a quote of two letters", ROWS, "csv", quote="ab"),
    one("csv, an end of line of three letters", ROWS, "csv", lineSep="abc"),
    one("csv, names that need quotes", "select 1 `a,b`, 2 `c\"d`, 3 ` e `", "csv", header="true"),
    one("csv, a header in quotes", "select 1 `a,b`, 2 c", "csv", header="true", quoteAll="true"),
    one("csv, a language", "select 1.5D a", "csv", locale="de-DE"),
    one("csv, a zone", "select timestamp'2020-01-02 00:00:00' a", "csv", timeZone="Asia/Tokyo"),
    one("csv, scalars", SCALARS, "csv"),
    one("csv, names of numbers that are none", SCALARS, "csv", nanValue="N", positiveInf="P"),
    one("csv, patterns", TIMES, "csv", dateFormat="dd/MM/yy", timestampFormat="yyyy HH", timestampNTZFormat="HH:mm"),
    one("csv, Latin letters", "select 'é☃' a", "csv", encoding="ISO-8859-1"),
    one("csv, ASCII", "select 'é☃' a", "csv", encoding="US-ASCII"),
    one("csv, UTF-16BE", ROWS, "csv", encoding="UTF-16BE"),
    one("csv, UTF-16 with a header", ROWS, "csv", encoding="UTF-16", header="true"),
    one("csv, charset", "select 'é' a", "csv", charset="UTF-16LE"),
    one("csv, a charset that there is not", ROWS, "csv", encoding="nope"),
    one("csv, codec", ROWS, "csv", codec="gzip"),
    one("csv, the class of a codec", ROWS, "csv", compression="org.apache.hadoop.io.compress.GzipCodec"),
    one("csv, a column twice", "select 1 a, 2 a", "csv", header="true"),
    one("csv of an array", "select array(1) a", "csv"),
    one("csv of a map", "select map(1, 2) a", "csv"),
    one("csv of a struct", "select struct(1) a", "csv"),
    one("csv of nothing", "select null a", "csv"),
    one("csv, a separator that is empty", ROWS, "csv", sep=""),
    one("json", ROWS, "json"),
    one("json without rows", EMPTY, "json"),
    one("json with NULLs", ROWS, "json", ignoreNullFields="false"),
    one("json, another end of line", ROWS, "json", lineSep="|"),
    one("json, an end of line without a letter", ROWS, "json", lineSep=""),
    one("json, pretty", ROWS, "json", pretty="true"),
    one("json, scalars", SCALARS, "json"),
    one("json, nested", NESTED, "json"),
    one("json, patterns", TIMES, "json", dateFormat="dd/MM/yy", timestampFormat="yyyy HH", timestampNTZFormat="HH:mm"),
    one("json, UTF-16", ROWS, "json", encoding="UTF-16"),
    one("json, UTF-16LE", "select 'é' a", "json", encoding="UTF-16LE"),
    one("json, UTF-32", "select 'é' a", "json", encoding="UTF-32"),
    one("json, UTF-32BE", "select 'é' a", "json", encoding="UTF-32BE"),
    one("json, Latin letters", "select 'é☃' a", "json", encoding="ISO-8859-1"),
    one("json, letters beyond ASCII as numbers", "select 'é☃😀' a", "json", writeNonAsciiCharacterAsCodePoint="true"),
    one("json of nothing", "select null a, 1 b", "json"),
    one("json, a column twice", "select 1 a, 2 a", "json"),
    one("json, a column twice in other letters", "select 1 a, 2 A", "json"),
    one("json, a zone", "select timestamp'2020-01-02 00:00:00' a", "json", timeZone="America/New_York"),
    one("text", "select b from (" + ROWS + ")", "text"),
    one("text without rows", "select b from (" + EMPTY + ")", "text"),
    one("text, another end of line", "select b from (" + ROWS + ")", "text", lineSep="--"),
    one("text, an encoding", "select 'é' a", "text", encoding="ISO-8859-1"),
    one("text of a number", "select 1 a", "text"),
    one("text of two columns", "select 'a' a, 'b' b", "text"),
    one("text of a number and a text", ROWS, "text"),
    one("text of nothing", "select null a", "text"),
    one("text beside a partition", "select 'a' a, 'b' b", "text", by=["b"]),
    one("parquet", ROWS, "parquet"),
    one("parquet without rows", EMPTY, "parquet"),
    one("parquet, scalars", SCALARS, "parquet"),
    one("parquet, nested", NESTED, "parquet"),
    one("parquet, a column twice in other letters", "select 1 a, 2 A", "parquet"),
    one("parquet, names with blanks", "select 1 `a b`, 2 `c;d`", "parquet"),
    one("parquet by partition", "select 1 a, 'x' b", "parquet", by=["b"]),
    *[
        one(f"{format}, {codec}", "select 1 a, 'x' b", format, compression=codec)
        for format, codecs in [
            ("json", ["none", "uncompressed", "gzip", "GZIP", "deflate", "snappy", "lz4", "zstd", "nope"]),
            ("csv", ["gzip", "deflate", "snappy", "lz4", "nope"]),
            ("parquet", ["none", "uncompressed", "snappy", "gzip", "GZIP", "lz4", "lz4_raw", "nope"]),
        ]
        for codec in codecs
    ],
    one("text, gzip", "select 'x' b", "text", compression="gzip"),
    one("partitions", "select id a, id%2 k, if(id=3,null,concat('v=/ :%',id)) s from range(5)", "csv", by=["k", "s"]),
    one(
        "partitions of all types",
        "select 1 a, date'2020-01-02' d, timestamp'2020-01-02 03:04:05.678' t, 1.50 n, true b, 1.0D f, '' e, X'4142' x,"
        " -0.0D z, cast(7 as smallint) s, timestamp_ntz'2020-01-02 03:04:05.1' tn",
        "json",
        by=["d", "t", "n", "b", "f", "e", "x", "z", "s", "tn"],
    ),
    one("partitions of times in another zone", "select 1 a, timestamp'2020-01-02 03:04:05' k", "json", by=["k"],
        timeZone="Asia/Tokyo"),
    one("a partition of every letter that means something", "select 1 a, concat('\"#%', chr(39), '*/:=?', chr(92),"
        " chr(127), '{[]^ }~|`<>&@!$,;()+-.é', chr(1), chr(9)) k", "json", by=["k"]),
    one("a partition column whose name means something", "select 1 a, 'x' `k=/v w`", "json", by=["k=/v w"]),
    one("partitions without rows", "select a, b from (" + EMPTY + ")", "json", by=["b"]),
    one("all columns are partitions", "select 1 a", "json", by=["a"]),
    one("a partition that is no column", "select 1 a", "json", by=["z"]),
    one("a partition in other letters", "select 1 Abc, 2 b", "json", by=["aBC"]),
    one("a partition twice", "select 1 a, 2 b", "json", by=["b", "b"]),
    one("a partition that is a struct", "select 1 a, struct(1) s", "json", by=["s"]),
    one("a partition that is an array", "select 1 a, array(1) s", "json", by=["s"]),
    one("a partition that is nothing", "select 1 a, null s", "json", by=["s"]),
    one("a partition of NULLs", "select 1 a, cast(null as int) s", "json", by=["s"]),
    one("files of two rows", "select id from range(5)", "csv", maxRecordsPerFile="2"),
    one("files of two rows in partitions", "select id, id%2 k from range(7)", "csv", by=["k"], maxRecordsPerFile="2"),
    one("files of less than no row", "select 1 a", "csv", maxRecordsPerFile="-1"),
    one("files of a word", "select 1 a", "csv", maxRecordsPerFile="x"),
    ("twice", [step("select 1 a", "json"), step("select 2 a", "json")]),
    ("twice, ignoring", [step("select 1 a", "json"), step("select 2 a", "json", "ignore")]),
    ("twice, appending", [step("select 1 a", "json"), step("select 2 a", "json", "append")]),
    ("twice, overwriting", [step("select 1 a", "json"), step("select 2 a", "json", "overwrite")]),
    ("overwriting another format", [step("select 1 a", "json"), step("select 2 a", "csv", "overwrite")]),
    ("appending where nothing is", [step("select 1 a", "json", "append")]),
    ("overwriting where nothing is", [step("select 1 a", "json", "overwrite")]),
    ("ignoring where nothing is", [step("select 1 a", "json", "ignore")]),
    ("overwriting partitions", [
        step("select id a, id%2 k from range(4)", "json", by=["k"]),
        step("select 9 a, 1 k", "json", "overwrite", by=["k"]),
    ]),
    ("overwriting only partitions with rows", [
        step("select id a, id%2 k from range(4)", "json", by=["k"]),
        step("select 9 a, 1 k", "json", "overwrite", by=["k"], partitionOverwriteMode="dynamic"),
    ]),
    ("overwriting only partitions, of which there are none", [
        step("select id a from range(4)", "json"),
        step("select 9 a", "json", "overwrite", partitionOverwriteMode="dynamic"),
    ]),
    ("overwriting no partition, without rows", [
        step("select id a, id%2 k from range(4)", "json", by=["k"]),
        step("select 9 a, 1 k where 1 > 2", "json", "overwrite", by=["k"], partitionOverwriteMode="dynamic"),
    ]),
    ("overwriting with nothing", [step("select 1 a", "json"), step("select 1 a where 1 > 2", "json", "overwrite")]),
    one("a row that fails", "select if(id = 2, raise_error('boom'), id) x from range(3)", "json"),
    one("a struct without fields", "select 1 a, named_struct() b", "parquet"),
]
