"""Columns as `df.column` and `df["*"]` name them, after what may stand between; run by record.py as cases.py is.

Each operation makes a DataFrame of `df` (and `other`); each reference uses columns of these over it. What a reference means depends on the plan ids alone.
"""

df = sql("values (1, 'x', 10), (2, 'y', 20) as t(a, b, c)")
other = sql("values (2, 'p'), (3, 'q') as u(a, d)")
kept = df.where("a > 0")
renamed = df.withColumnRenamed("a", "e")
again = df.withColumn("z", F.col("a") + 1)

operations = {
    "nothing": lambda: df,
    "select": lambda: df.select("a", "b"),
    "select of its own": lambda: df.select(df.a, (df.c + 1).alias("c1")),
    "select without it": lambda: df.select("b"),
    "select under its name": lambda: df.select((df.a + 1).alias("a"), "c"),
    "select of the same name": lambda: df.select(df.a.alias("a"), "c"),
    "select twice": lambda: df.select("a", "a"),
    "column added": lambda: df.withColumn("z", df.a),
    "column replaced": lambda: df.withColumn("a", F.col("a") + 1),
    "column replaced by itself": lambda: df.withColumn("a", df.a),
    "renamed": lambda: df.withColumnRenamed("a", "e"),
    "renamed to the same": lambda: df.withColumnRenamed("a", "a"),
    "others renamed": lambda: df.withColumnRenamed("b", "e"),
    "renamed and back": lambda: df.withColumnRenamed("a", "e").withColumnRenamed("e", "a"),
    "to df": lambda: df.toDF("a", "b", "c"),
    "drop": lambda: df.drop("a"),
    "drop of another": lambda: df.drop("b"),
    "filter": lambda: df.filter(df.a > 1),
    "sort": lambda: df.orderBy(df.c),
    "limit": lambda: df.limit(1),
    "offset": lambda: df.offset(1),
    "alias": lambda: df.alias("v"),
    "distinct": lambda: df.distinct(),
    "drop duplicates": lambda: df.dropDuplicates(["a", "b", "c"]),
    "hint": lambda: df.hint("broadcast"),
    "repartition": lambda: df.repartition(1),
    "repartition by": lambda: df.repartition(1, df.a),
    "na fill": lambda: df.na.fill(0),
    "na drop": lambda: df.na.drop(),
    "na replace": lambda: df.na.replace(7, 8),
    "sample": lambda: df.sample(1.0, 1),
    "unpivot": lambda: df.unpivot("a", ["c"], "k", "v"),
    "explode": lambda: df.select("a", F.explode(F.array("c"))),
    "explode without it": lambda: df.select("b", F.explode(F.array("c"))),
    "group": lambda: df.groupBy("a").count(),
    "group by its own": lambda: df.groupBy(df.a).agg(F.sum(df.c)),
    "group by an expression": lambda: df.groupBy((df.a + 1).alias("a")).count(),
    "group by another": lambda: df.groupBy("b").agg(F.max("a").alias("a")),
    "pivot": lambda: df.groupBy("a").pivot("b", ["x"]).sum("c"),
    "rollup": lambda: df.rollup("a").count(),
    "over": lambda: df.select("a", "b", "c", F.row_number().over(Window.orderBy("a")).alias("n")),
    "union": lambda: df.union(df),
    "union with another": lambda: df.union(renamed),
    "union by name": lambda: df.unionByName(df.select("c", "b", "a")),
    "intersect": lambda: df.intersect(df.select("a", "b", "c")),
    "intersect with another": lambda: df.intersect(sql("values (2, 'y', 20) as t(a, b, c)")),
    "except": lambda: df.exceptAll(sql("values (2, 'y', 20) as t(a, b, c)")),
    "subtract itself": lambda: df.subtract(df),
    "join": lambda: df.join(other, df.a == other.a),
    "join using": lambda: df.join(other, "a"),
    "join using, left": lambda: df.join(other, "a", "left"),
    "join using, right": lambda: df.join(other, "a", "right"),
    "join using, full": lambda: df.join(other, "a", "full"),
    "join using, semi": lambda: df.join(other, "a", "left_semi"),
    "join semi": lambda: df.join(other, df.a == other.a, "left_semi"),
    "cross join": lambda: df.crossJoin(other),
    "joined to it": lambda: other.join(df, "a"),
    "join using and drop": lambda: df.join(other, "a").drop(other.a),
    "join and drop": lambda: df.join(other, df.a == other.a).drop(other.a),
    "join and select": lambda: df.join(other, df.a == other.a).select(df.a, other.d),
    "join and filter": lambda: df.join(other, "a").filter(other.a > 0),
    "join using, alias": lambda: df.join(other, "a").alias("j"),
    "join of its kept rows": lambda: df.join(kept, df.a == kept.a),
    "join of its kept rows using": lambda: df.join(kept, "a"),
    "kept rows with it": lambda: kept.join(df, kept.a == df.a),
    "self join": lambda: df.join(df, df.a == df.a),
    "self join using": lambda: df.join(df, "a"),
    "self cross join": lambda: df.crossJoin(df),
    "self join of aliases": lambda: df.alias("l").join(df.alias("r"), F.col("l.a") == F.col("r.a")),
    "self join after a rename": lambda: df.join(renamed, df.a == renamed.e),
    "rename joined with it": lambda: renamed.join(df, df.a == renamed.e),
    "self join after a column": lambda: df.join(again, df.a == again.z),
    "group joined with it": lambda: df.join(df.groupBy("a").agg(F.max("c").alias("m")), "a"),
    "join twice": lambda: df.join(other, "a").join(kept, "a"),
    "sql": lambda: sql("select a, b, c from values (1, 'x', 10) as t(a, b, c)"),
}

references = {
    "select a": lambda made: made.select(df.a),
    "select b, expression": lambda made: made.select(F.upper(df.b)),
    "select star": lambda made: made.select(df["*"]),
    "select star of other": lambda made: made.select(other["*"]),
    "select a of other": lambda made: made.select(other.a),
    "select star of itself": lambda made: made.select(made["*"]),
    "filter": lambda made: made.filter(df.a > 1),
    "filter of other": lambda made: made.filter(other.a > 1),
    "sort": lambda made: made.orderBy(df.a.desc()),
    "group": lambda made: made.groupBy(df.a).count(),
    "drop": lambda made: made.drop(df.a),
    "drop of other": lambda made: made.drop(other.a),
    "add": lambda made: made.withColumn("n", df.a + 1),
}

for operation, make in operations.items():
    for reference, use in references.items():
        of_other = "other" in reference
        if of_other and not any(word in operation for word in ("join", "nothing")):
            continue
        case("references", f"{operation}: {reference}", lambda make=make, use=use: use(make()))

# --- references inside expressions, and of other kinds -----------------------------------------------------------------
nested = sql("values (1, named_struct('f', 2, 'g', 'h'), array(3), map('k', 4)) as t(a, s, xs, m)")
copies = sql("values (1, 2) as t(a, a)")
for name, build in {
    "field of a struct": lambda: nested.select(nested.s.f, nested["s.g"], nested.s["f"] + 1),
    "field after a select": lambda: nested.select("s").select(nested.s.f, nested["s.f"]),
    "field after an alias": lambda: nested.select(nested.s.f.alias("f")).select(nested["s.f"]),
    "element": lambda: nested.select(nested.xs[0], nested.m["k"]),
    "lambda": lambda: nested.select(F.transform(nested.xs, lambda x: x + nested.a)),
    "lambda after a join": lambda: nested.join(df, "a").select(F.transform(nested.xs, lambda x: x + nested.a + df.c)),
    "star of a struct": lambda: nested.select(nested["s.*"]),
    "regex": lambda: df.select(df.colRegex("`a|b`")),
    "regex after a join": lambda: df.join(other, df.a == other.a).select(df.colRegex("`a|b`")),
    "regex of the other side": lambda: df.join(other, df.a == other.a).select(other.colRegex("`a|d`")),
    "regex after a using join": lambda: df.join(other, "a").select(other.colRegex("`a|d`")),
    "regex after a select": lambda: df.select("b").select(df.colRegex("`a|b`")),
    "regex of a foreign one": lambda: df.select(other.colRegex("`a`")),
    "name that is there twice": lambda: copies.select(copies.a),
    "name that is not there": lambda: df.select(df["zz"]),
    "name that only the join has": lambda: df.join(other, "a").select(df["d"]),
    "letter case": lambda: df.select(df.A, df["B"]),
    "alias and plan id": lambda: df.alias("v").select(df.a, F.col("v.a"), df["t.a"]),
    "qualified": lambda: df.select(df["t.a"]),
    "join condition of both": lambda: df.join(other, df.a == other.a).select("*"),
    "join condition of one side": lambda: df.join(other, df.a == 1).select("*"),
    "join condition of a foreign one": lambda: df.join(other, df.a == kept.a),
    "join condition of itself": lambda: df.join(kept, df.a == kept.a).select("*"),
    "join condition of derived ones": lambda: kept.join(again, kept.a == again.z).select("*"),
    "join condition by the origin": lambda: kept.join(again, df.a == again.z).select("*"),
    "sort by a column left out": lambda: df.select("b").orderBy(df.a),
    "sort by a column left out twice": lambda: df.select("a", "b").select("b").orderBy(df.a.desc()),
    "sort by a column left out by an alias": lambda: df.select("b").alias("v").orderBy(df.a),
    "sort by a column dropped": lambda: df.drop("a").orderBy(df.a),
    "sort by a renamed column": lambda: df.withColumnRenamed("a", "e").orderBy(df.a),
    "sort by a column replaced": lambda: df.withColumn("a", -F.col("a")).orderBy(df.a),
    "sort over a group": lambda: df.groupBy("a").count().orderBy(df.a.desc()),
    "sort over a group by what is not grouped": lambda: df.groupBy("a").count().orderBy(df.c),
    "sort over a group by an aggregate": lambda: df.groupBy("a").count().orderBy(F.sum(df.c).desc()),
    "filter over a group": lambda: df.groupBy("a").count().filter(df.a > 1),
    "filter over a group by what is not grouped": lambda: df.groupBy("a").count().filter(df.c > 1),
    "filter over a column left out": lambda: df.select("b").filter(df.a > 1),
    "filter over a join, left out": lambda: df.join(other, "a").select("b").filter(other.d == "p"),
    "window": lambda: df.select(F.sum(df.c).over(Window.partitionBy(df.b).orderBy(df.a))),
    "aggregate": lambda: df.filter("a > 0").agg(F.sum(df.a), F.max(df.b)),
    "group of a join": lambda: df.join(other, df.a == other.a).groupBy(other.a).agg(F.sum(df.c)),
    "case when": lambda: df.join(other, "a", "left").select(F.when(other.d.isNull(), df.a).otherwise(-1).alias("w")),
    "several joins": lambda: df.join(other, "a").join(other.alias("o"), df.a == F.col("o.a")).select(df["*"], "o.d"),
    "several joins, star of the twice used": lambda: df.join(other, "a").join(other, "a").select(other["*"]),
    "several joins, column of the twice used": lambda: df.join(other, "a").join(other, "a").select(other.d),
    "star without a column": lambda: df.drop("a").select(df["*"]),
    "star after a replaced column": lambda: df.withColumn("a", F.lit(1)).select(df["*"]),
    "star of a union": lambda: df.union(df).select(df["*"]),
    "two stars": lambda: df.join(other, df.a == other.a).select(df["*"], other["*"]),
    "two stars of a using join": lambda: df.join(other, "a").select(df["*"], other["*"]),
    "two stars of a using join, right": lambda: df.join(other, "a", "right").select(df["*"], other["*"]),
    "two stars of a using join, full": lambda: df.join(other, "a", "full").select(df["*"], other["*"]),
    "count of a star": lambda: df.select(F.count(df["*"])),
    "struct of a star": lambda: df.join(other, "a").select(F.struct(df["*"])),
    "columns of both after drop": lambda: df.join(other, df.a == other.a).drop(df.a).select(other.a, "b"),
    "dropped new column": lambda: df.withColumn("b", F.lit("new")).drop(df["b"]),
    "dropped by a foreign column": lambda: df.drop(other.d),
    "dropped by a column of the same name": lambda: df.drop(other.a),
    "dropped by name after a join": lambda: df.join(other, df.a == other.a).drop("a"),
    "dropped by an expression": lambda: df.drop(df.a + 1),
    "unpivot": lambda: df.join(other, "a").unpivot(df.a, [df.c], "k", "v"),
    "range": lambda: (lambda r: r.withColumn("x", r.id + 1).filter(r.id > 0).select(r.id, "x"))(spark.range(3)),
    "created rows": lambda: (lambda r: r.join(df, "a").select(r["*"]))(spark.createDataFrame([(1, 2)], "a int, n int")),
}.items():
    case("reference_kinds", name, build)

using = df.join(other, "a")
ids = spark.range(3)
for name, build in {
    "drop of an ambiguous name": lambda: df.join(other, df.a == other.a).drop(F.col("a")),
    "drop of a qualified name": lambda: df.alias("x").join(df.alias("y"), F.col("x.a") == F.col("y.a")).drop(F.col("x.a")),
    "hidden key after a select": lambda: using.select(df.b.alias("q")).select(other.a),
    "hidden key after a column": lambda: using.withColumn("n", F.lit(1)).select(other.a, "n"),
    "hidden key after a group": lambda: using.groupBy(df.b).count().select(other.a),
    "hidden key after a union": lambda: using.union(using).select(other.a),
    "hidden key after an intersection": lambda: using.intersect(using.limit(1)).select(other.a),
    "hidden key after a window": lambda: using.withColumn("n", F.expr("row_number() over (order by a)")).select(other.a),
    "hidden key after a generator": lambda: using.select("a", F.explode(F.array("a"))).select(other.a),
    "hidden key after a join": lambda: using.join(ids, F.col("id") == df.a).select(other.a),
    "hidden key in a condition": lambda: using.join(ids, ids.id == other.a),
    "hidden key after a semi join": lambda: using.join(ids, ids.id == df.a, "left_semi").select(other.a),
    "hidden key of the right side of a semi join": lambda: ids.join(using, ids.id == df.a, "left_semi").select(other.a),
    "hidden key as a group": lambda: using.groupBy(other.a).count(),
    "hidden key in an aggregate": lambda: using.groupBy(df.b).agg(F.max(other.a)),
    "hidden key in a sort": lambda: using.orderBy(other.a),
    "group by a name of the same": lambda: df.groupBy(df.a.alias("a")).count().select(df.a),
}.items():
    case("reference_kinds", name, build)

on_key = "values (1, 2) t(a, b) join values (1, 3) u(a, c) using (a)"
for query in [
    f"select t.a, u.a, a from {on_key}",
    f"select u.* from {on_key}",
    "select u.*, t.* from values (1, 2) t(a, b) right join values (1, 3) u(a, c) using (a)",
    "select u.*, t.* from values (1, 2) t(a, b) full join values (3, 4) u(c, a) using (a)",
    f"select u.a from (select * from {on_key}) u",
    f"select * from {on_key} where u.a = 1 order by u.a",
    f"select b from {on_key} group by u.a, b",
    f"select t.a, u.a, v.a from {on_key} join values (1, 3) v(a, d) using (a)",
    "select * from values (1, 2) t(a, b) natural full join values (1, 3) u(a, c) where u.a = 1 or t.a is null",
]:
    case("reference_kinds", query, lambda query=query: sql(query))

for name, build in {
    "replaced": lambda: df.withColumn("a", F.lit("new")).select(df.a),
    "replaced by select": lambda: df.select(df.a.cast("string").alias("a")).select(df.a),
    "replaced by an aggregate": lambda: df.groupBy().agg(F.sum("c").alias("c")).select(df.c),
    "renamed": lambda: df.withColumnRenamed("a", "e").select(df.a),
    "dropped": lambda: df.drop("a").select(df.a),
    "foreign": lambda: df.select(other.a),
    "self join": lambda: df.alias("x").join(df.alias("y"), F.col("x.a") == F.col("y.a")).select(df.a),
    "union": lambda: df.union(df).select(df.a),
}.items():
    case("reference_kinds", "lenient: " + name, build, lenient="true")

stream = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 5).load()
table = spark.createDataFrame([(1, "x")], "a int, b string")
later = stream.withWatermark("timestamp", "1 minute")
for name, build in {
    "stream: select": lambda: stream.filter(stream.value > 1).select(stream.value),
    "stream: watermark": lambda: later.select(stream.value, stream.timestamp),
    "stream: replaced": lambda: stream.withColumn("value", F.lit(1)).select(stream.value),
    "stream: join with a table": lambda: stream.join(table, stream.value == table.a).select(stream["*"], table.b),
    "stream: join using": lambda: stream.withColumnRenamed("value", "a").join(table, "a").select(table["*"], stream.timestamp),
    "stream: union": lambda: stream.union(stream).select(stream.value),
    "stream: group": lambda: stream.groupBy(stream.value).count().select(stream.value),
    "stream: group by a window": lambda: later.groupBy(F.window(later.timestamp, "1 minute")).agg(F.sum(stream.value)),
    "stream: deduplicated": lambda: later.dropDuplicates(["value"]).select(stream.value),
}.items():
    case("reference_kinds", name, build)
