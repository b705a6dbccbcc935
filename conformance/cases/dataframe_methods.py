"""The methods of DataFrame and Column that programs chain, with what they return, show and print."""
import contextlib
import datetime
import decimal
import io

from case import batch, spark, text, value
from pyspark.errors import PySparkException
from pyspark.sql import Row, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

staff = spark.createDataFrame(
    [(1, "Ann", "eng", 100.5), (2, "Bob", "eng", None), (3, None, "ops", 70.25), (4, "Di", None, 70.25), (4, "Di", None, 70.25)],
    "id INT, name STRING, team STRING, pay DOUBLE",
)
teams = spark.createDataFrame([("eng", "Berlin"), ("ops", "Seoul"), ("hr", "Lima")], "team STRING, city STRING")
nested = spark.createDataFrame(
    [(1, [1, 2], {"a": 1}, (5, "x")), (2, [], {}, None)], "id INT, xs ARRAY<INT>, m MAP<STRING, INT>, s STRUCT<p: INT, q: STRING>",
)


def printed(label, action):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        text(label, lambda: action() or out.getvalue())


# Creation
everything = T.StructType([
    T.StructField("b", T.BooleanType()), T.StructField("i8", T.ByteType()), T.StructField("i16", T.ShortType()),
    T.StructField("i32", T.IntegerType(), False), T.StructField("i64", T.LongType()), T.StructField("f", T.FloatType()),
    T.StructField("d", T.DoubleType()), T.StructField("n", T.DecimalType(10, 2)), T.StructField("s", T.StringType()),
    T.StructField("x", T.BinaryType()), T.StructField("day", T.DateType()), T.StructField("at", T.TimestampType()),
    T.StructField("local", T.TimestampNTZType()), T.StructField("xs", T.ArrayType(T.StringType())),
    T.StructField("m", T.MapType(T.StringType(), T.DoubleType())), T.StructField("o", T.StructType([T.StructField("k", T.LongType())])),
])
one = (True, 1, 2, 3, 4, 1.5, 2.5, decimal.Decimal("3.25"), "é", b"\x01\xff", datetime.date(2024, 2, 29),
       datetime.datetime(2024, 1, 2, 3, 4, 5, 678), datetime.datetime(2024, 1, 2, 3, 4, 5), ["a", None], {"k": 1.0}, (7,))
batch("all types", lambda: spark.createDataFrame([one, tuple([None] * 3 + [0] + [None] * 12)], everything))
text("all types shown", lambda: spark.createDataFrame([one], everything)._show_string(20, False))
printed("all types as tree", lambda: spark.createDataFrame([one], everything).printSchema())
text("schema as json", lambda: spark.createDataFrame([one], everything).schema.json())
batch("inferred", lambda: spark.createDataFrame([(1, "a", 1.5, [1], {"k": 2}, datetime.date(2024, 1, 1), None)], ["i", "s", "d", "xs", "m", "day", "n"]))
batch("rows", lambda: spark.createDataFrame([Row(a=1, b=Row(c="x")), Row(a=2, b=None)]))
batch("dictionaries", lambda: spark.createDataFrame([{"a": 1, "b": "x"}, {"a": 2}]))
batch("single values", lambda: spark.createDataFrame([1, 2], "int"))
batch("no rows", lambda: spark.createDataFrame([], "a INT, b STRING"))
batch("from pandas", lambda: spark.createDataFrame(staff.toPandas()).select("id", "name"))

# Selection
batch("select", lambda: staff.select("*", (F.col("id") * 2).alias("twice"), staff.name, staff["team"], F.lit(None).alias("none")))
batch("select expr", lambda: staff.selectExpr("id AS i", "upper(name)", "pay * 1.1 AS more", "CASE WHEN pay > 80 THEN 'hi' ELSE 'lo' END"))
batch("with columns", lambda: staff.withColumns({"a": F.col("id") + 1, "b": F.length("name")}).withColumnRenamed("a", "z").withColumnsRenamed({"b": "y", "none": "q"}))
batch("drop", lambda: staff.drop("pay", "nothing").drop(F.col("team")))
batch("to df", lambda: staff.toDF("a", "b", "c", "d"))
batch("col regex", lambda: staff.select(staff.colRegex("`(id|n.*)`")))
batch("aliased", lambda: staff.alias("s").select("s.id", F.col("s.name")).where("s.id > 2"))
batch("conditions", lambda: staff.where((F.col("id") > 1) & ~(F.col("team") == "ops") | F.col("name").isNull()))
batch("column methods", lambda: staff.select(
    F.col("name").startswith("A"), F.col("name").contains("o"), F.col("name").like("%b"), F.col("name").rlike("^B"), F.col("name").substr(1, 2),
    F.col("id").between(1, 2), F.col("id").isin(1, 3), F.col("pay").isNull(), F.col("pay").cast("int"), F.col("pay").eqNullSafe(None),
    F.col("id").cast(T.StringType()), -F.col("id"), F.col("id") % 2, F.col("id") ** 2, 1 / F.col("id"), F.col("id").bitwiseAND(1),
    F.col("name").endswith("b"), F.col("name").ilike("a%"), F.col("pay").isNotNull(), F.col("pay").isNaN()))
batch("nested columns", lambda: nested.select("s.p", F.col("s").getField("q"), F.size("xs"), F.col("m")["a"], F.col("m").getItem("b"), F.col("s").withField("r", F.lit(1)), F.col("s").dropFields("q")))
batch("when", lambda: staff.select(F.when(F.col("id") == 1, "one").when(F.col("id") == 2, "two").otherwise("many").alias("w"), F.when(F.col("id") > 3, 1)))

# Order, limits, duplicates
batch("order by", lambda: staff.orderBy(F.col("pay").desc(), "id").select("id", "pay"), ordered=True)
batch("order by nulls", lambda: staff.sort(F.asc_nulls_last("team"), F.desc_nulls_first("name"), "id").select("id"), ordered=True)
batch("order by flags", lambda: staff.orderBy(["team", "id"], ascending=[False, True]).select("id"), ordered=True)
batch("sort within", lambda: staff.repartition(1).sortWithinPartitions("id").select("id"), ordered=True)
batch("limit", lambda: staff.orderBy("id").limit(2).select("id"), ordered=True)
batch("offset", lambda: staff.orderBy("id").offset(3).select("id"), ordered=True)
value("tail", lambda: [row.id for row in staff.orderBy("id").tail(2)])
value("head first take", lambda: [staff.orderBy("id").head().id, staff.orderBy("id").first().name, [r.id for r in staff.orderBy("id").take(2)], [r.id for r in staff.orderBy("id").head(1)]])
value("count and more", lambda: [staff.count(), staff.isEmpty(), staff.where("false").isEmpty(), staff.columns, staff.dtypes, staff.isStreaming])
batch("distinct", lambda: staff.distinct())
batch("drop duplicates", lambda: staff.dropDuplicates(["team"]).select("team"))
batch("drop duplicates of all", lambda: staff.drop_duplicates())

# Nulls
batch("fill value", lambda: staff.fillna(0))
batch("fill text", lambda: staff.na.fill("none", subset=["team"]))
batch("fill each", lambda: staff.fillna({"pay": 1.5, "name": "?"}))
batch("drop any", lambda: staff.dropna())
batch("drop all", lambda: staff.select("name", "team").na.drop("all"))
batch("drop thresh", lambda: staff.dropna(thresh=3))
batch("replace", lambda: staff.replace("Ann", "Anna"))
batch("replace several", lambda: staff.na.replace(["eng", "ops"], ["E", "O"], "team"))
batch("replace numbers", lambda: staff.replace({70.25: 71.0}))

# Groups
batch("group count", lambda: staff.groupBy("team").count())
batch("group methods", lambda: staff.groupBy("team").sum("pay", "id"))
batch("group avg", lambda: staff.groupBy("team").avg())
batch("group max min", lambda: staff.groupBy("team").max("id").join(staff.groupBy("team").min("id"), "team"))
batch("group agg dict", lambda: staff.groupBy("team").agg({"pay": "avg", "id": "max", "*": "count"}))
batch("group agg columns", lambda: staff.groupBy("team", (F.col("id") % 2).alias("odd")).agg(
    F.first("name", ignorenulls=True), F.last("id"), F.sort_array(F.collect_list("id")), F.sort_array(F.collect_set("pay")), F.countDistinct("name"),
    F.sum_distinct("pay"), F.mean("pay"), F.count_if(F.col("id") > 1), F.max_by("name", "id"), F.any_value("team")))
batch("statistics", lambda: staff.agg(
    F.round(F.stddev("pay"), 6), F.round(F.stddev_pop("pay"), 6), F.round(F.variance("pay"), 6), F.round(F.var_pop("pay"), 6), F.round(F.skewness("pay"), 6),
    F.round(F.kurtosis("pay"), 6), F.round(F.corr("id", "pay"), 6), F.approx_count_distinct("team"), F.percentile_approx("pay", 0.5), F.median("pay"), F.mode("team")))
batch("rollup", lambda: staff.rollup("team", "name").agg(F.count("*"), F.grouping("name"), F.grouping_id()))
batch("cube", lambda: staff.cube("team", "id").count())
batch("pivot", lambda: staff.groupBy("team").pivot("id", [1, 3]).sum("pay"))
batch("pivot found", lambda: staff.where("team IS NOT NULL").groupBy("team").pivot("id").agg(F.count("*").alias("n"), F.max("pay").alias("m")))
batch("having", lambda: staff.groupBy("team").agg(F.sum("id").alias("t")).filter("t > 3"))
batch("global", lambda: staff.agg(F.max("id"), F.min("name"), F.sum("pay"), F.count(F.lit(1))))

# Joins and sets
for how in ("inner", "left", "outer", "leftsemi", "leftanti", "right_outer"):
    batch(f"join {how}", lambda how=how: staff.join(teams, "team", how))
batch("join on several", lambda: staff.join(teams, [staff.team == teams.team, staff.id > 1]))
batch("join aliased", lambda: staff.alias("a").join(staff.alias("b"), F.col("a.team") == F.col("b.team")).select("a.id", F.col("b.id").alias("other")))
batch("join and drop", lambda: staff.join(teams, staff.team == teams.team).drop(teams.team))
batch("broadcast", lambda: staff.join(F.broadcast(teams), "team").hint("merge").select("id", "city"))
batch("cross", lambda: staff.crossJoin(teams).count() and staff.select("id").crossJoin(teams.select("city")))
batch("union", lambda: staff.select("id").union(spark.range(2)))
batch("union by name", lambda: teams.unionByName(teams.select("city", "team")).unionByName(teams.select("team"), allowMissingColumns=True))
batch("intersect all", lambda: staff.intersectAll(staff))
batch("subtract", lambda: staff.select("team").subtract(teams.select("team")))
batch("except all", lambda: staff.select("team").exceptAll(teams.select("team")))

# Reshaping
batch("explode", lambda: nested.select("id", F.explode("xs"), "m"))
batch("explode map", lambda: nested.select("id", F.explode_outer("m")))
batch("pos explode", lambda: nested.select(F.posexplode_outer("xs")))
batch("inline", lambda: nested.select(F.inline(F.array(F.col("s")))).where("p IS NOT NULL"))
batch("unpivot", lambda: staff.unpivot(["id"], [F.col("name"), F.col("team")], "what", "value"))
batch("melt", lambda: staff.select("id", "pay").melt("id", None, "k", "v"))
batch("transpose", lambda: teams.transpose("team"))
batch("transform", lambda: staff.transform(lambda df: df.where("id = 1")))
batch("higher order", lambda: nested.select(F.transform("xs", lambda x: x + 1), F.filter("xs", lambda x: x > 1), F.aggregate("xs", F.lit(0), lambda a, x: a + x), F.exists("xs", lambda x: x == 2), F.zip_with("xs", "xs", lambda a, b: a * b), F.map_filter("m", lambda k, v: v > 0), F.transform_values("m", lambda k, v: v + 1)))
batch("json both ways", lambda: nested.select(F.to_json("s"), F.from_json(F.lit('{"p": 1}'), "p INT, q STRING"), F.get_json_object(F.lit('{"a": [1]}'), "$.a[0]"), F.schema_of_json(F.lit('{"a": 1}'))))
batch("windows", lambda: staff.select(
    "id", F.row_number().over(Window.partitionBy("team").orderBy("id")), F.lag("id", 1).over(Window.orderBy("id")),
    F.sum("id").over(Window.partitionBy("team").orderBy("id").rowsBetween(Window.unboundedPreceding, Window.currentRow)),
    F.max("pay").over(Window.partitionBy("team")), F.rank().over(Window.orderBy(F.desc("pay")))))
batch("range window", lambda: staff.select("id", F.sum("id").over(Window.orderBy("id").rangeBetween(-1, 0))))
batch("time window", lambda: spark.createDataFrame([(datetime.datetime(2024, 1, 1, 0, 7), 1), (datetime.datetime(2024, 1, 1, 0, 12), 2)], "t TIMESTAMP, v INT").groupBy(F.window("t", "10 minutes", "5 minutes")).sum("v"))
batch("session window", lambda: spark.createDataFrame([(datetime.datetime(2024, 1, 1, 0, 0), 1), (datetime.datetime(2024, 1, 1, 0, 4), 2), (datetime.datetime(2024, 1, 1, 0, 20), 3)], "t TIMESTAMP, v INT").groupBy(F.session_window("t", "5 minutes")).sum("v"))

# Statistics and samples
batch("describe", lambda: staff.describe(), ordered=True)
batch("describe some", lambda: staff.describe("id", "name"), ordered=True)
batch("summary", lambda: staff.select("id", "pay").summary(), ordered=True)
batch("summary some", lambda: staff.summary("count", "min", "50%"), ordered=True)
batch("crosstab", lambda: staff.crosstab("team", "id"))
batch("frequent items", lambda: staff.freqItems(["id"], 0.9))
value("quantiles", lambda: staff.approxQuantile("id", [0.25, 0.5], 0.0))
value("correlation", lambda: [round(staff.na.drop().stat.corr("id", "pay"), 6), round(staff.stat.cov("id", "id"), 6)])
value("sample counts", lambda: [spark.range(100).sample(0.0, seed=1).count(), spark.range(100).sample(1.0, seed=1).count()])
batch("sample", lambda: spark.range(20, numPartitions=1).sample(False, 0.5, 42))
value("split", lambda: sum(part.count() for part in spark.range(100).randomSplit([0.3, 0.7], seed=7)))
batch("random seeded", lambda: spark.range(3, numPartitions=1).select(F.rand(42), F.randn(42)))

# Shown
text("show", lambda: staff._show_string())
text("show cut", lambda: staff._show_string(2, 2))
text("show vertical", lambda: staff._show_string(1, 20, True))
text("show full", lambda: nested._show_string(20, False))
text("show none", lambda: staff.where("false")._show_string())
printed("print schema", lambda: nested.printSchema())
printed("print schema level", lambda: nested.printSchema(1))
value("repr", lambda: [repr(staff), str(staff.schema), staff.schema.simpleString(), str(F.col("a") + 1)])
value("pandas", lambda: [staff.toPandas().to_dict("list")["id"], [str(t) for t in staff.toPandas().dtypes], staff.toPandas().shape])
value("arrow", lambda: [staff.toArrow().num_rows, staff.toArrow().schema.names])
value("iterated", lambda: [row.id for row in staff.orderBy("id").toLocalIterator()])
value("json rows", lambda: sorted(staff.select(F.to_json(F.struct("*"))).toPandas().iloc[:, 0].tolist()))
value("collected rows", lambda: [row.asDict(True) for row in nested.orderBy("id").collect()])
value("same semantics", lambda: [staff.sameSemantics(staff), staff.select("id").sameSemantics(staff)])
value("storage", lambda: [staff.cache().count(), staff.persist().is_cached if hasattr(staff, "is_cached") else True, staff.unpersist().count()])
value("checkpoint", lambda: staff.localCheckpoint().count())
batch("observed", lambda: staff.observe("metrics", F.count(F.lit(1)).alias("n")).select("id"))
batch("repartitioned", lambda: staff.repartition(3, "team").coalesce(1).select("id"))
batch("to schema", lambda: staff.select("id", "name").to(T.StructType([T.StructField("name", T.StringType()), T.StructField("id", T.LongType())])))
batch("metadata", lambda: staff.withMetadata("id", {"unit": "1"}).select("id"))
batch("sql on frame", lambda: spark.sql("SELECT id FROM {df} WHERE id > {least}", df=staff, least=2))
staff.createOrReplaceTempView("staff_view")
value("catalog", lambda: [spark.catalog.tableExists("staff_view"), spark.catalog.currentDatabase(), [t.name for t in spark.catalog.listTables() if t.name == "staff_view"], [c.name for c in spark.catalog.listColumns("staff_view")], spark.catalog.dropTempView("staff_view"), spark.catalog.tableExists("staff_view")])
value("conf", lambda: [spark.conf.get("spark.sql.session.timeZone"), spark.conf.get("my.own", "none"), spark.conf.isModifiable("spark.sql.shuffle.partitions"), spark.version])

# Errors
for label, make in {
    "unknown column": lambda: staff.select("nmae"),
    "unknown attribute": lambda: staff.select(F.col("name.first")),
    "column of another": lambda: staff.select(teams.city),
    "ambiguous": lambda: staff.join(teams, staff.team == teams.team).select("team"),
    "ambiguous self": lambda: staff.join(staff, staff.id == staff.id),
    "missing using": lambda: staff.join(teams, "id"),
    "cast": lambda: staff.select(F.col("name").cast("int")).where("name = 1"),
    "bad type text": lambda: staff.select(F.col("id").cast("integerr")),
    "group column": lambda: staff.groupBy("team").agg(F.col("id")),
    "sum of text": lambda: staff.groupBy("team").sum("name"),
    "union": lambda: staff.union(teams),
    "union by name": lambda: staff.unionByName(teams),
    "filter type": lambda: staff.where(F.col("id")),
    "arithmetic type": lambda: staff.select(F.col("id") + F.array(F.lit(1))),
    "plus text": lambda: staff.select(F.col("name") + 1),
    "no such table": lambda: spark.table("nowhere"),
    "no such path": lambda: spark.read.json("/does/not/exist"),
    "no such format": lambda: spark.read.format("carrier-pigeon").load("/tmp"),
    "empty schema field": lambda: nested.select("s.zzz"),
    "explode int": lambda: staff.select(F.explode("id")),
    "two explodes": lambda: nested.select(F.explode("xs"), F.explode("xs")),
    "window without order": lambda: staff.select(F.row_number().over(Window.partitionBy("team"))),
    "duplicate with columns": lambda: staff.toDF("a"),
    "division": lambda: staff.select(F.lit(1) / F.lit(0)),
    "array index": lambda: staff.select(F.array(F.lit(1))[F.col("id") + 5]),
}.items():
    batch(f"error: {label}", make)
deep = spark.sql("SELECT named_struct('a', 1, 'b', named_struct('c', 2, 'd', named_struct('e', 3, 'f', 4))) AS s, named_struct('b', CAST(NULL AS STRUCT<c: INT, d: INT>)) AS u")
for path in ("b.c", "b.d.e", "a", "b.d", "b.x.y", "b.d.e.z"):
    batch(f"drop field {path}", lambda path=path: deep.select(F.col("s").dropFields(path)))
for path in ("b.c", "b.d.e", "b.new", "b.d.new", "x.y", "a.z"):
    batch(f"with field {path}", lambda path=path: deep.select(F.col("s").withField(path, F.lit("q"))))
batch("field of a struct that is null", lambda: deep.select(F.col("u").withField("b.c", F.lit(1)), F.col("u").dropFields("b.c")))
batch("drop all fields", lambda: deep.select(F.col("u").dropFields("b.c", "b.d").alias("u")))
value("setting with a default of none", lambda: [spark.conf.get("spark.sql.sources.partitionOverwriteMode"), spark.conf.get("spark.sql.sources.partitionOverwriteMode", None)])
value("setting with a default of another type", lambda: spark.conf.get("spark.sql.ansi.enabled", "x"))
value("setting to none", lambda: spark.conf.set("foo", None))
value("number of reducers", lambda: [list(spark.sql(text).first()) for text in ("SET mapred.reduce.tasks=3", "SET mapred.reduce.tasks", "SET spark.sql.shuffle.partitions=2")])
value("error: number of reducers", lambda: spark.sql("SET mapred.reduce.tasks=-1"))
value("error: number of reducers as text", lambda: spark.sql("SET mapred.reduce.tasks=x"))
for text in ("SELECT * FROM non-existing-table", "SELECT 1 AS a-b-c", "SELECT * FROM a-b.c-d-e"):
    try:
        spark.sql(text)
    except PySparkException as error:
        value(f"error: {text}", lambda error=error: [error.getCondition(), error.getMessageParameters()])
pair = spark.createDataFrame([(1, 2)], "a INT, b INT")
for label, ids, values in (("no values", "a", []), ("all columns as ids", ["a", "b"], None), ("no ids", [], None), ("nothing", [], [])):
    batch(f"unpivot {label}", lambda ids=ids, values=values: pair.unpivot(ids, values, "v", "w"))
