"""What programs over events do to a stream beside plain aggregates: JSON, joins with tables, SQL, keys of every type."""
from case import batch, rates, spark, stream
from pyspark.sql import functions as F

users = spark.createDataFrame([(0, "Ann"), (1, "Bob"), (1, "Bea"), (7, None)], "id BIGINT, name STRING")


def events(rows=4):
    """Events with a time of their own, a minute apart, and a payload as JSON, some of it broken."""
    payload = F.when(F.col("value") % 5 == 3, F.lit('{"user": ')).otherwise(
        F.concat(F.lit('{"user": {"id": '), F.col("value") % 3, F.lit(', "tags": ["t'), F.col("value"), F.lit('", null]}, "amount": '),
                 F.col("value") * 10 + 0.25, F.lit("}")))
    return rates(rows).select(
        F.col("value"), F.timestamp_seconds(F.col("value") * 60).alias("ts"), (F.col("value") % 3).alias("user"), payload.alias("json"))


def view(name, rows=4):
    events(rows).withWatermark("ts", "1 minute").createOrReplaceTempView(name)


schema = "user STRUCT<id: BIGINT, tags: ARRAY<STRING>>, amount DECIMAL(10, 2)"
parsed = lambda rows=4: events(rows).select("value", "ts", F.from_json("json", schema).alias("e"))

# Without state
stream("json in", lambda: parsed().select("value", "e.user.id", "e.amount", F.col("e.user.tags")[0].alias("tag"), F.col("e").isNull().alias("bad")), "append", 2)
stream("json through", lambda: parsed().where("e.amount > 20").select(F.to_json(F.struct("value", "ts", "e.amount")).alias("out")), "append", 2)
stream("json path", lambda: events().select(F.get_json_object("json", "$.user.tags[0]").alias("tag"), F.json_tuple("json", "amount").alias("amount")), "append", 2)
stream("exploded tags", lambda: parsed().select("value", F.explode_outer("e.user.tags").alias("tag")), "append", 2)
stream("columns", lambda: events().withColumn("double", F.col("value") * 2).withColumnRenamed("user", "who").drop("json").withColumn("day", F.to_date("ts")), "append", 2)
stream("filled", lambda: events().select(F.when(F.col("value") > 2, F.col("value")).alias("v"), "user").na.fill(-1).where("v < 6"), "append", 2)
stream("dropped nulls", lambda: parsed().select("value", "e.amount").na.drop(), "append", 2)
stream("conditions", lambda: events().where("(value % 2 = 0 OR user = 1) AND ts < TIMESTAMP'1970-01-01 00:05:00'").select("value"), "append", 2)
stream("times", lambda: events().selectExpr("date_format(ts, 'HH:mm') AS hm", "hour(ts) AS h", "unix_timestamp(ts) AS u", "ts + INTERVAL 90 SECONDS AS later", "date_trunc('HOUR', ts) AS hour"), "append", 2)
stream("texts", lambda: events().selectExpr("upper(concat('k-', user)) AS k", "lpad(value, 3, '0') AS p", "sha2(CAST(value AS STRING), 256) AS h", "split(json, ',')[0] AS first"), "append", 2)
stream("now", lambda: events().selectExpr("current_timestamp() > ts AS later", "current_timestamp() = now() AS same", "current_date() IS NOT NULL AS day"), "append", 2)
stream("higher order", lambda: parsed().selectExpr("transform(e.user.tags, t -> concat(t, '!')) AS tags", "size(filter(e.user.tags, t -> t IS NOT NULL)) AS n"), "append", 2)
stream("repartitioned", lambda: events().repartition(3, "user").select("value"), "append", 2)
stream("selected in sql", lambda: view("e_sql") or spark.sql("SELECT value, CASE user WHEN 0 THEN 'zero' ELSE 'more' END AS u FROM e_sql WHERE value BETWEEN 2 AND 5"), "append", 2)

# With a table
stream("join inner", lambda: events().join(users, F.col("user") == users.id).select("value", "name"), "append", 2)
stream("join left", lambda: events().join(users, F.col("user") == users.id, "left").select("value", "name"), "append", 2)
stream("join semi", lambda: events().join(users, F.col("user") == users.id, "left_semi").select("value"), "append", 2)
stream("join anti", lambda: events().join(users, F.col("user") == users.id, "left_anti").select("value"), "append", 2)
stream("join using", lambda: events().withColumnRenamed("user", "id").join(users, "id").select("id", "value", "name"), "append", 2)
stream("join table first", lambda: users.join(events(), F.col("user") == users.id).select("value", "name"), "append", 2)
stream("join right table", lambda: users.join(events(), F.col("user") == users.id, "right").select("value", "name"), "append", 2)
stream("join broadcast", lambda: events().join(F.broadcast(users), F.expr("user = id AND value > id")).select("value", "name"), "append", 2)
stream("join outer refused", lambda: events().join(users, F.col("user") == users.id, "full"), "append", 1)
stream("join then count", lambda: events().join(users, F.col("user") == users.id).groupBy("name").count(), "update", 2)
stream("subquery", lambda: view("e_sub") or users.createOrReplaceTempView("users_sub") or spark.sql("SELECT value FROM e_sub WHERE user IN (SELECT id FROM users_sub)"), "append", 2)

# Keys of every type
keys = {
    "text": F.concat(F.lit("k"), F.col("user")), "double": F.when(F.col("user") == 0, F.lit(-0.0)).when(F.col("user") == 1, F.lit(float("nan"))).otherwise(0.0),
    "decimal": (F.col("user") / 2).cast("decimal(5, 1)"), "boolean": F.col("user") == 1, "date": F.to_date("ts"), "minute": F.date_trunc("HOUR", "ts"),
    "binary": F.col("user").cast("string").cast("binary"), "struct": F.struct("user", (F.col("value") % 2).alias("odd")), "array": F.array("user", F.lit(None).cast("bigint")),
    "int": F.col("user").cast("int"), "byte": F.col("user").cast("tinyint"), "float": F.col("user").cast("float"), "null": F.lit(None).cast("string"),
}
for name, key in keys.items():
    stream(f"key {name}", lambda key=key: events().groupBy(key.alias("k")).agg(F.count("*").alias("n"), F.sum("value").alias("s")), "update", 2)
stream("keys two", lambda: events(6).groupBy("user", (F.col("value") % 2).alias("odd")).agg(F.max("ts").alias("last")), "update", 2)

# Values of every type
stream("least and greatest", lambda: events().groupBy("user").agg(
    F.min("ts").alias("t"), F.max(F.to_date("ts")).alias("d"), F.min(F.concat(F.lit("x"), "value")).alias("s"), F.max(F.col("value") > 4).alias("b"),
    F.max((F.col("value") / 4).cast("decimal(8, 2)")).alias("c"), F.max(F.when(F.col("value") > 2, F.col("value") / 3)).alias("f"), F.min(F.col("value").cast("smallint")).alias("i")), "update", 2)
stream("sums", lambda: events().groupBy("user").agg(
    F.sum(F.col("value").cast("int")).alias("i"), F.sum((F.col("value") / 4).cast("decimal(8, 2)")).alias("c"), F.sum(F.col("value") / 8).alias("f"),
    F.avg(F.col("value").cast("int")).alias("a"), F.sum(F.lit(None).cast("int")).alias("n"), F.avg(F.when(F.col("value") > 100, 1)).alias("e")), "update", 2)
stream("counts", lambda: parsed().groupBy().agg(F.count("*").alias("n"), F.count("e.amount").alias("good"), F.count_if(F.col("value") > 2).alias("big"), F.count(F.lit(None)).alias("none")), "update", 2)
stream("count filtered", lambda: view("e_filter") or spark.sql("SELECT user, count(*) FILTER (WHERE value > 3) AS n, sum(value) FILTER (WHERE value % 2 = 0) AS s FROM e_filter GROUP BY user"), "update", 2)
stream("expressions over aggregates", lambda: events().groupBy("user").agg((F.sum("value") / F.count("*")).alias("mean"), F.concat(F.lit("n="), F.count("*")).alias("t")), "update", 2)
stream("nothing comes", lambda: events().where("value < 0").groupBy().count(), "update", 2)
stream("nothing comes by key", lambda: events().where("value < 0").groupBy("user").count(), "complete", 2)
stream("sum overflows", lambda: events().groupBy().agg(F.sum(F.col("value") + 9223372036854775000).alias("s")), "update", 1)
stream("every and any", lambda: events().groupBy("user").agg(F.bool_and(F.col("value") < 5).alias("all"), F.bool_or(F.col("value") > 4).alias("one")), "update", 2)
for name in ("first", "last", "collect_list", "collect_set", "stddev", "variance", "approx_count_distinct", "any_value", "median", "skewness", "product"):
    stream(f"function {name}", lambda name=name: events(6).groupBy("user").agg(F.call_function(name, F.col("value")).alias("v")), "update", 2)
stream("function max_by", lambda: events().groupBy("user").agg(F.max_by("value", "ts").alias("v"), F.min_by("value", "ts").alias("w")), "update", 2)
stream("function corr", lambda: events().groupBy().agg(F.corr("value", "user").alias("v"), F.covar_pop("value", "user").alias("w")), "update", 2)
stream("function percentile_approx", lambda: events().groupBy().agg(F.percentile_approx("value", 0.5).alias("v")), "update", 2)

# Windows
timed = lambda rows=4: events(rows).withWatermark("ts", "2 minutes")
stream("window named", lambda: timed().groupBy(F.window("ts", "5 minutes").alias("w"), "user").count().select("w.start", "w.end", "user", "count"), "append", 5)
stream("window with offset", lambda: timed().groupBy(F.window("ts", "5 minutes", "5 minutes", "2 minutes")).agg(F.sum("value").alias("s")), "append", 5)
stream("window of a day", lambda: timed().groupBy(F.window("ts", "1 day")).count(), "update", 3)
stream("window time", lambda: timed().groupBy(F.window("ts", "5 minutes")).count().select(F.window_time("window").alias("t"), "count"), "append", 5)
stream("window in sql", lambda: view("e_window") or spark.sql("SELECT window.start AS s, user, avg(value) AS a FROM e_window GROUP BY window(ts, '5 minutes'), user HAVING count(*) > 1"), "append", 5)
stream("window ordered", lambda: timed().groupBy(F.window("ts", "5 minutes"), "user").count().orderBy(F.desc("window"), "user").limit(3), "complete", 3)
stream("window of text", lambda: timed().groupBy(F.window(F.col("ts").cast("string"), "5 minutes")).count(), "update", 3)
stream("window of windows", lambda: timed().groupBy(F.window("ts", "2 minutes")).count().groupBy(F.window(F.window_time("window"), "6 minutes")).agg(F.sum("count").alias("n")), "append", 6)
stream("late rows", lambda: events().selectExpr("CASE WHEN value % 7 = 6 THEN TIMESTAMP'1970-01-01 00:00:00' ELSE ts END AS ts", "value").withWatermark("ts", "1 minute").groupBy(F.window("ts", "3 minutes")).count(), "append", 6)
stream("sessions", lambda: timed().where("value % 6 < 4").groupBy(F.session_window("ts", "90 seconds"), "user").count(), "append", 5)
stream("union then window", lambda: timed(2).select("ts", "value").union(timed(2).select("ts", F.col("value") + 100)).groupBy(F.window("ts", "5 minutes")).agg(F.sum("value").alias("s")), "append", 6)
stream("rolled up", lambda: events().rollup("user").count(), "complete", 2)

# Of two streams
stream("join of streams", lambda: events().select("user", "value").join(events().select(F.col("user").alias("u"), F.col("value").alias("v")), F.expr("user = u AND v = value + 1")), "append", 2)
stream("limited", lambda: events().limit(3).select("value"), "append", 2)

# What a stream is asked as if it were a table
for name, ask in {
    "collected": lambda: events(), "counted": lambda: spark.createDataFrame([(events().count(),)], "n BIGINT"), "described": lambda: events().describe(),
    "sorted": lambda: events().orderBy("value"), "shown": lambda: spark.createDataFrame([(events()._show_string(),)], "t STRING"),
}.items():
    batch(f"as a table: {name}", ask)
