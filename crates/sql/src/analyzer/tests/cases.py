"""The plans whose answers are recorded; run by record.py, which says what `case`, `sql`, `spark`, `F` and `Window` are."""

people = spark.createDataFrame(
    [(1, "ann", 2.5, True), (2, "bob", None, False), (3, None, 4.0, None), (4, "bob", 1.0, True)],
    "id int, name string, score double, ok boolean",
)
orders = spark.createDataFrame([(1, 10), (1, 20), (2, 30), (9, 40)], "id int, amount bigint")
nested = people.where("name is not null").select(
    "id", F.struct("name", "score").alias("st"), F.array("id", F.lit(7)).alias("arr"), F.create_map("name", "id").alias("m"))
times = sql("select col1 as id, cast(col2 as timestamp) as ts from values (1, '2026-01-01 00:00:01'), "
            "(1, '2026-01-01 00:04:59.999'), (2, '2026-01-01 00:05:00'), (3, null) as t")

# --- projections ------------------------------------------------------------------------------------------------------
for name, build in {
    "columns in the user's letter case": lambda: people.select("ID", "Name"),
    "star": lambda: people.select("*"),
    "star of alias": lambda: people.alias("p").select("p.*"),
    "star of struct": lambda: nested.select("st.*"),
    "nested field": lambda: nested.select("st.name", F.col("st")["score"], F.col("st.score") + 1),
    "element and map value": lambda: nested.select(F.col("arr")[1], F.col("m")["bob"]),
    "duplicate names": lambda: people.select("id", "id"),
    "pick one of duplicate names": lambda: people.select("id", "id").select("id"),
    "with column replaced in place": lambda: people.withColumn("NAME", F.upper("name")),
    "with column added": lambda: people.withColumn("x", F.col("id") * 2),
    "with columns renamed": lambda: people.withColumnsRenamed({"id": "key", "zz": "yy"}),
    "drop": lambda: people.drop("ok", "zz"),
    "drop by column": lambda: people.drop(people.ok),
    "to df": lambda: people.toDF("a", "b", "c", "d"),
    "regex": lambda: people.select(people.colRegex("`.*d`")),
    "range": lambda: spark.range(2, 9, 3),
    "range downwards": lambda: spark.range(5, 0, -2),
    "literals": lambda: spark.range(1).select(F.lit(1), F.lit("x"), F.lit(1.5), F.lit(None), F.lit(True)),
    "alias with dots": lambda: people.select(F.col("id").alias("a.b")).select("`a.b`"),
    "select expr": lambda: people.selectExpr("id + 1", "CAST(id AS STRING)", "id AS x", "name is null"),
    "case when": lambda: people.select(F.when(F.col("id") == 1, "one").when(F.col("id") == 2, "two").otherwise("many")),
    "column of another dataframe": lambda: people.select(orders.amount),
    "unknown column": lambda: people.select("idd"),
    "unknown qualified column": lambda: people.alias("t").select("t.idd"),
    "unknown field": lambda: nested.select("st.zz"),
    "field of a number": lambda: people.select("id.x"),
    "qualifiers are not shown": lambda: people.alias("p").select(F.col("P.ID") + 1, F.abs("p.Id")),
    "unknown column of a join": lambda: people.alias("x").join(orders.alias("y"), F.col("x.id") == F.col("y.id")).select("zz"),
    "unknown qualified column of a join": lambda: people.alias("x").join(
        orders.alias("y"), F.col("x.id") == F.col("y.id")).select("x.zz"),
    "unknown function": lambda: people.select(F.expr("nofun(id)")),
    "wrong number of names": lambda: people.toDF("a"),
    "local relation without rows": lambda: spark.createDataFrame([], "a int, b string"),
}.items():
    case("project", name, build)

# --- filters, sorts, limits -------------------------------------------------------------------------------------------
for name, build in {
    "where text": lambda: people.where("id > 1 and name = 'bob'"),
    "where null is not true": lambda: people.where(F.col("name") != "ann"),
    "filter on a column that was left out": lambda: people.select("id").filter("name = 'bob'"),
    "filter that is no boolean": lambda: people.filter("id + 1"),
    "filter with aggregate": lambda: people.filter(F.sum("id") > 1),
    "ordered: sort ascending nulls first": lambda: people.sort("name", F.col("id").desc()),
    "ordered: sort descending nulls last": lambda: people.sort(F.desc("name"), "id"),
    "ordered: sort by a column that was left out": lambda: people.select("id").orderBy(F.desc("score")),
    "ordered: sort by df column": lambda: people.select("id").orderBy(people.score.desc()),
    "ordered: limit after sort": lambda: people.orderBy("id").limit(2),
    "ordered: the first rows of many": lambda: spark.range(100000).filter("id % 7 = 3").select((F.col("id") + 1).alias("x")).limit(3),
    "ordered: offset": lambda: people.orderBy("id").offset(2),
    "negative limit": lambda: people.limit(-1),
}.items():
    case("filter_sort", name, build)

# --- aggregates -------------------------------------------------------------------------------------------------------
for name, build in {
    "count per key": lambda: people.groupBy("name").count(),
    "several functions": lambda: people.groupBy("name").agg(F.sum("id"), F.avg("score").alias("mean"), F.max("id") + 1),
    "dict": lambda: people.groupBy("name").agg({"id": "sum", "*": "count"}),
    "all numbers": lambda: people.groupBy("ok").sum(),
    "expression as key": lambda: people.groupBy((F.col("id") % 2).alias("odd")).count(),
    "key inside expression": lambda: people.groupBy("id").agg((F.col("id") + F.sum("score")).alias("x")),
    "no key": lambda: people.agg(F.count("*"), F.sum("id")),
    "no rows": lambda: people.where("id > 99").agg(F.count("*"), F.sum("id")),
    "select with aggregate": lambda: people.select(F.sum("id"), F.lit(1)),
    "count distinct": lambda: people.select(F.countDistinct("name")),
    "ordered: sort by aggregate that is not shown": lambda: people.groupBy("name").count().orderBy(F.sum("id")),
    "column that is not grouped": lambda: people.groupBy("id").agg(F.col("name")),
    "column without group by": lambda: people.select("id", F.sum("id")),
    "aggregate as key": lambda: people.groupBy(F.sum("id")).count(),
    "aggregate in aggregate": lambda: people.select(F.sum(F.sum("id"))),
    "window": lambda: times.groupBy(F.window("ts", "5 minutes"), "id").count(),
    "window fields": lambda: times.groupBy(F.window("ts", "5 minutes")).count().select("window.start", "window.end", "count"),
    "sliding window": lambda: times.groupBy(F.window("ts", "10 minutes", "5 minutes")).count(),
    "window with start": lambda: times.groupBy(F.window("ts", "5 minutes", "5 minutes", "1 minute").alias("w")).count(),
    "window in select": lambda: times.select("id", F.window("ts", "5 minutes")),
    "sql window": lambda: sql(
        "select window.start, window.end, k, count(*) as n from (select k, cast(t as timestamp) as ts from values "
        "('a', '2026-01-01 00:01:00'), ('a', '2026-01-01 00:04:00'), ('b', '2026-01-01 00:06:00') v(k, t)) "
        "group by window(ts, '5 minutes'), k"),
    "ordered: sql window with having and order": lambda: sql(
        "select window, count(*) as n from (select k, cast(t as timestamp) as ts from values "
        "('a', '2026-01-01 00:01:00'), ('a', '2026-01-01 00:04:00'), ('b', '2026-01-01 00:06:00') v(k, t)) "
        "group by window(ts, '5 minutes') having count(*) > 0 order by window.start desc"),
    "two windows": lambda: times.groupBy(F.window("ts", "5 minutes"), F.window("ts", "1 minute")).count(),
    "sql having": lambda: sql("select id, count(*) c from values (1), (1), (2) t(id) group by id having count(*) > 1"),
    "sql having by alias": lambda: sql("select id, count(*) c from values (1), (1), (2) t(id) group by id having c > 1"),
    "sql group by position": lambda: sql("select id % 2, sum(id) from values (1), (2), (3) t(id) group by 1"),
    "sql group by alias": lambda: sql("select id % 2 as k, sum(id) from values (1), (2), (3) t(id) group by k"),
    "ordered: sql order by aggregate": lambda: sql(
        "select k from values ('a', 1), ('b', 5), ('a', 1) t(k, v) group by k order by sum(v) desc"),
    "ordered: sql order by position": lambda: sql("select k, v from values ('a', 1), ('b', 5) t(k, v) order by 2 desc"),
    "grouping sets": lambda: sql(
        "select k, v, count(*), grouping_id() from values ('a', 1), ('b', 1) t(k, v) group by grouping sets ((k, v), (k), ())"),
    "group by all": lambda: sql("select k, k || 'x' as kx, sum(v) from values ('a', 1), ('a', 2), ('b', 5) t(k, v) group by all"),
    "rollup": lambda: people.rollup("name", "ok").agg(F.count("*"), F.grouping("ok"), F.grouping_id()),
    "cube": lambda: people.cube("name", "ok").agg(F.sum("id"), F.grouping_id()),
    "pivot": lambda: people.groupBy("ok").pivot("name", ["ann", "bob"]).sum("id"),
    "pivot with several aggregates": lambda: people.groupBy("ok").pivot("name", ["ann", "bob"]).agg(
        F.count("id").alias("n"), F.max("score")),
    "unpivot": lambda: people.unpivot("id", ["score", "id"], "k", "v"),
    "distinct": lambda: people.select("name").distinct(),
    "drop duplicates of one column": lambda: people.dropDuplicates(["name"]).select("name"),
    "drop duplicates of nothing": lambda: people.dropDuplicates(["zz"]),
}.items():
    case("aggregate", name, build)

# --- joins and set operations -----------------------------------------------------------------------------------------
for name, build in {
    "inner on expression": lambda: people.join(orders, people.id == orders.id),
    "left": lambda: people.join(orders, people.id == orders.id, "left").select(people.id, "amount"),
    "right": lambda: people.join(orders, people.id == orders.id, "right").select("name", orders.id, "amount"),
    "full": lambda: people.join(orders, people.id == orders.id, "full").select(people.id, orders.id, "amount"),
    "semi": lambda: people.join(orders, people.id == orders.id, "left_semi"),
    "anti": lambda: people.join(orders, people.id == orders.id, "left_anti"),
    "cross": lambda: people.select("id").crossJoin(orders.select("amount")),
    "using": lambda: people.join(orders, "id"),
    "using left": lambda: people.join(orders, ["id"], "left"),
    "using right": lambda: people.join(orders, ["id"], "right"),
    "using full": lambda: people.join(orders, ["id"], "full"),
    "using keeps both sides within reach": lambda: people.join(orders, "id", "left").select("id", orders.amount),
    "not only equality": lambda: people.join(orders, (people.id == orders.id) & (orders.amount > 15)),
    "self join by alias": lambda: people.alias("a").join(people.alias("b"), F.col("a.id") == F.col("b.id")).select("a.id", "b.name"),
    "self join by dataframe": lambda: people.join(people, people.id == people.id),
    "ambiguous column": lambda: people.join(orders, people.id == orders.id).select("id"),
    "using unknown column": lambda: people.join(orders, "zz"),
    "union": lambda: people.select("id", "name").union(people.select("id", "name")),
    "union widens": lambda: people.select("id").union(orders.select("amount")),
    "union of different widths": lambda: people.union(orders),
    "union of incompatible types": lambda: people.select("id").union(people.select(F.array("name"))),
    "union by name": lambda: people.select("id", "name").unionByName(people.select("name", "id")),
    "union by name with missing columns": lambda: people.select("id", "name").unionByName(orders, allowMissingColumns=True),
    "union by name without": lambda: people.select("id", "name").unionByName(orders),
    "intersect": lambda: people.select("id").intersect(orders.select("id")),
    "except": lambda: people.select("id").exceptAll(orders.select("id")),
    "subtract": lambda: people.select("id").subtract(orders.select("id")),
}.items():
    case("join_set", name, build)

# --- generators, missing values, SQL ----------------------------------------------------------------------------------
for name, build in {
    "explode": lambda: nested.select("id", F.explode("arr")),
    "explode with alias": lambda: nested.select(F.explode("arr").alias("one")),
    "explode map": lambda: nested.select(F.explode("m")),
    "posexplode": lambda: nested.select("id", F.posexplode("arr")),
    "explode outer": lambda: sql("select id, explode_outer(a) from values (1, array(1, 2)), (2, slice(array(1), 1, 0)), (3, null) t(id, a)"),
    "explode drops empty": lambda: sql("select id, explode(a) from values (1, array(1, 2)), (2, slice(array(1), 1, 0)), (3, null) t(id, a)"),
    "inline": lambda: nested.select(F.inline(F.array("st"))),
    "nested generator": lambda: nested.select(F.explode("arr") + 1),
    "lateral view": lambda: sql("select id, x from values (1, array(5, 6)) t(id, a) lateral view explode(a) v as x"),
    "ordered: describe": lambda: people.describe(),
    "ordered: describe some": lambda: people.describe("id", "name"),
    "ordered: summary": lambda: people.select("id", "score").summary("count", "mean", "min", "50%", "max"),
    "fill numbers": lambda: people.fillna(0),
    "fill text": lambda: people.fillna("?"),
    "fill by column": lambda: people.fillna({"name": "?", "score": 9.0}),
    "fill unknown column": lambda: people.fillna(0, ["zz"]),
    "drop any": lambda: people.dropna(),
    "drop all": lambda: people.dropna("all"),
    "drop by threshold": lambda: people.dropna(thresh=3),
    "drop by subset": lambda: people.dropna(subset=["name"]),
    "replace": lambda: people.replace({"bob": "rob"}),
    "replace number": lambda: people.replace(1, 100, ["id"]),
    "with": lambda: sql("with t as (select 1 as a), u as (select a + 1 as b from t) select * from t, u"),
    "values": lambda: sql("select * from values (1, 'a'), (2L, 'b')"),
    "subquery alias": lambda: sql("select q.a from (select 1 as a) q"),
    "select without from": lambda: sql("select 1 + 1 as two, 'x' as s"),
    "unknown table": lambda: sql("select * from nope"),
    "star except": lambda: sql("select * except (b) from values (1, 2) t(a, b)"),
    "scalar subquery": lambda: sql("select a, (select max(b) from values (5), (6) u(b)) from values (1), (2) t(a)"),
    "exists": lambda: sql("select a from values (1), (2) t(a) where exists (select 1 from values (2) u(b) where b = a)"),
    "in": lambda: sql("select a from values (1), (2) t(a) where a in (select b from values (2), (3) u(b))"),
    "not in": lambda: sql("select a from values (1), (2) t(a) where a not in (select b from values (2), (3) u(b))"),
    "table function": lambda: sql("select * from explode(array(1, 2))"),
    "natural join": lambda: sql("select * from values (1, 2) t(a, b) natural join values (1, 3) u(a, c)"),
    "struct": lambda: people.select(F.struct("id", F.col("name").alias("n"), F.col("id") + 1)),
    "with field": lambda: nested.select(F.col("st").withField("z", F.lit(1))),
    "drop field": lambda: nested.select(F.col("st").dropFields("name")),
    "ordered: row number": lambda: people.select("id", F.row_number().over(Window.partitionBy("name").orderBy("id")).alias("n")).orderBy("id"),
    "ordered: running sum": lambda: people.select("id", F.sum("id").over(Window.orderBy("id")).alias("s")).orderBy("id"),
    "window without order": lambda: people.select(F.row_number().over(Window.partitionBy("name"))),
}.items():
    case("other", name, build)

# --- names that columns get, and their types --------------------------------------------------------------------------
values = spark.createDataFrame([(1, "x", 2.5, True)], "a int, b string, c double, d boolean").select(
    "*", F.struct("a", "b").alias("st"), F.array("a").alias("arr"), F.create_map("b", "a").alias("m"),
    F.expr("timestamp'2026-01-02 03:04:05'").alias("ts"), F.expr("date'2026-01-02'").alias("dt"),
    F.expr("cast('1.50' as decimal(10,2))").alias("dec"), F.array(F.struct("a", "b")).alias("sa"),
    F.expr("cast('x' as binary)").alias("bin"))
for text_of in """
a+1; a-1L; a*2.5; a/2; a%2; ~a; a=1; a<>1; a<=>1; not d; d and true; d or false; a is null; a is not null; a in (1,2);
a not in (1,2); b like 'x%'; b not like 'x'; b rlike 'x'; b ilike 'X'; a between 1 and 2; case when a=1 then 'x' else 'y' end;
case a when 1 then 2 end; cast(a as string); a::string; cast(a + 1 as string); try_cast(b as int); st.a; st['a']; arr[0]; m['x'];
sa.a; sa[0].a; b||'y'; a&1; a|1; a^1; a div 2; date'2020-01-01'; X'1F'; null; true; 1.5; 1e0; 1.5D;
1S; 'it\\'s'; concat(b,'z'); coalesce(a,1); nvl(a,1); ifnull(a,1); nullif(a,1); if(a=1,2,3); count(*); count(1); count(distinct a);
sum(a); mean(a); avg(a); stddev(a); first(a); last(a); max_by(a,b); approx_count_distinct(a); collect_list(a); sum(distinct a);
sum(a) filter (where a>0); substring(b,1,2); trim(b); upper(b); date_add(dt,1); year(dt); date_trunc('hour',ts); 
unix_timestamp(ts); window(ts,'5 minutes'); struct(a,b); named_struct('x',a); array(a,1); map('k',a); size(arr); explode(arr);
posexplode(arr); explode(m); inline(sa); from_json('{"a":1}','a int'); to_json(st); round(c,1); ceil(c); floor(c); pow(a,2); a*dec;
dec+dec; dec/dec; split(b,' '); length(b); hex(a); md5(b); greatest(a,1); isnull(a); a > '0'; a = 1.5; ts > '2020-01-01';
element_at(arr,1); array_contains(arr,1); date_format(ts,'yyyy'); count_if(d); -1; exists(arr, x->x>0); exists(arr, x -> x > 5); forall(arr, x -> x > 0);
transform(arr, x->x+1); filter(arr, x->x>1); transform(arr, x -> x + a); transform(sa, x -> x.b); filter(arr, x -> x = a); - 1.5; arr[0]+1; 1 > a; coalesce(a, 1L, 2.5);
array(1, 2L, null); case when d then 1 else 2.5 end; b + 1; a + b; st + 1; d + 1; a and d; st > 1; cast(st as int); concat(b, a);
coalesce(b, 1); nvl(null, b); dt = '2026-01-02'; a = '1'; c = '2.5'; d = 'true'; 1/0; cast('x' as int); a.x;
row_number() over (partition by b order by a); sum(a) over (partition by b order by a rows between 1 preceding and current row);
lag(a) over (order by a desc); rank() over (order by a); sum(a) over (); first(a) over (order by a); 1 + 1.0; 1 + 1e0; 1L + 1S;
cast(1 as tinyint) + cast(1 as tinyint); 1.0 / 3; 10 % 3.0; 1 = 1.0; '5' > 10; abs(a); negative(a); lead(a, 2) over (order by a); dense_rank() over (order by a)
""".replace("\n", " ").split(";"):
    expression = text_of.strip()
    case("names", expression, lambda: values.select(F.expr(expression)))

# --- settings of the session ------------------------------------------------------------------------------------------
for expression in ["a + '1'", "b + 1", "a / 0", "cast('x' as int)", "a = 'x'", "coalesce(a, 'x')", "concat(a, b)", "a > '0'",
                   "cast(3000000000 as int)", "2147483647 + a", "arr[5]", "m['y']", "element_at(arr, 1)", "b = 1", "d = a",
                   "case when a = 1 then 'x' else 2 end", "array(1, 'x')", "if(b, 1, 2)", "dt = '2026-01-02'"]:
    case("settings", "ansi off: " + expression, lambda: values.select(F.expr(expression)), ansi="false")
    case("settings", "ansi on: " + expression, lambda: values.select(F.expr(expression)))
for expression in ["cast(ts as string)", "cast('2026-07-01 12:00:00' as timestamp)", "hour(ts)",
                   "cast(dt as timestamp)", "cast(ts as date)", "window(ts, '1 day')", "date_trunc('day', ts)", "ts = '2026-01-02'",
                   "date_format(ts, 'yyyy-MM-dd HH:mm')", "to_json(struct(ts))", "cast(ts as long)"]:
    case("settings", "New York: " + expression, lambda: values.select(F.expr(expression)), zone="America/New_York")

# --- streams: what they are, without running them ---------------------------------------------------------------------
rate = spark.readStream.format("rate").load()
for name, build in {
    "columns": lambda: rate,
    "collect a stream": lambda: rate,
    "window with watermark": lambda: rate.withWatermark("timestamp", "10 seconds").groupBy(F.window("timestamp", "5 minutes")).count(),
    "watermark on an unknown column": lambda: rate.withWatermark("zz", "10 seconds"),
    "watermark on a number": lambda: rate.withWatermark("value", "10 seconds"),
    "watermark with bad delay": lambda: rate.withWatermark("timestamp", "10 foo"),
    "watermark with negative delay": lambda: rate.withWatermark("timestamp", "-10 seconds"),
    "union with itself": lambda: rate.union(rate),
    "join with a table": lambda: rate.join(people, rate.value == people.id, "left"),
    "subquery over a stream": lambda: rate.select((rate.agg(F.max("value"))).scalar()),
    "pivot without values": lambda: rate.groupBy("timestamp").pivot("value").count(),
    "current timestamp": lambda: rate.select(F.current_timestamp().alias("now"), "value"),
    "explode": lambda: rate.select(F.explode(F.array("value", "value"))),
    "distinct": lambda: rate.distinct(),
}.items():
    case("stream", name, build)

# --- sessions, rows as columns, columns as rows, and figures of a whole table -----------------------------------------
visits = spark.createDataFrame(
    [(datetime.datetime(2024, 1, 1, 0, minute), key, minute) for minute, key in [(0, "a"), (5, "a"), (5, "b"), (11, "a"), (2, "a")]] + [(None, "a", 0)],
    "ts timestamp, k string, n int")
for name, build in {
    "session by key": lambda: visits.groupBy(F.session_window("ts", "5 minutes"), "k").agg(F.count("*"), F.sum("n")),
    "session of all": lambda: visits.groupBy(F.session_window("ts", "150 seconds").alias("w")).count(),
    "session of months": lambda: visits.groupBy(F.session_window("ts", "1 month").alias("w")).count(),
    "session alone": lambda: visits.select(F.session_window("ts", "5 minutes").alias("w"), "n"),
    "session without length": lambda: visits.groupBy(F.session_window("ts", "0 seconds").alias("w")).count(),
    "session with a gap a row": lambda: visits.groupBy(F.session_window("ts", F.expr("n || ' minutes'")), "k").agg(F.count("*"), F.sum("n")),
    "session with gaps that are none": lambda: visits.groupBy(F.session_window("ts", F.expr("IF(n = 5, 'soon', '3 minutes')")), "k").count(),
    "session of a column": lambda: visits.select(F.session_window("ts", "5 minutes").alias("w"), "k", "n").groupBy("w", "k").agg(F.sum("n").alias("s")),
    "session of a column of sessions": lambda: visits.groupBy(F.session_window("ts", "5 minutes"), "k").count().groupBy("session_window").count(),
    "session with a gap that is a number": lambda: visits.groupBy(F.session_window("ts", F.col("n"))).count(),
    "pivot in sql": lambda: sql("select * from values ('a', 1, 2), ('b', 2, 3), ('a', 2, 4) t(k, m, v) pivot (sum(v) as s, count(*) as n for m in (1, 2 as two))"),
    "pivot of two columns": lambda: sql("select * from values ('a', 1, 2), ('b', 2, 3) t(k, m, v) pivot (max(v) for (k, m) in (('a', 1) as a1, ('b', 2)))"),
    "unpivot in sql": lambda: sql("select * from values (1, 2, 3), (4, null, null) t(a, b, c) unpivot (v for n in (b, c as cee))"),
    "unpivot with nulls": lambda: sql("select * from values (1, 2, 3), (4, null, null) t(a, b, c) unpivot include nulls ((v, w) for n in ((b, c)))"),
    "window function in where": lambda: sql("select 1 where row_number() over (order by 1) = 1"),
    "frame of numbers": lambda: people.select("id", F.sum("id").over(Window.orderBy("id").rangeBetween(-1, 0))),
}.items():
    case("sessions", name, build)

# --- the order of rows where it shows ---------------------------------------------------------------------------------
shelf = "values ('x', 3), ('x', 1), ('y', 2), ('y', 0), ('x', 2) t(k, a)"
for name, query in {
    "list of a sorted subquery": f"select collect_list(a) from (select * from {shelf} order by a)",
    "list of a subquery sorted downwards": f"select collect_list(a), first(a), last(a) from (select * from {shelf} order by a desc)",
    "groups of a sorted subquery": f"select k, first(a), last(a), any_value(a), array_agg(a) from (select * from {shelf} order by a) group by k",
    "texts of a sorted subquery": f"select listagg(k || a, ',') from (select * from {shelf} order by k desc, a)",
    "list of the first rows": f"select collect_list(a) from (select * from {shelf} order by a limit 3)",
    "list of a filtered sort": f"select collect_list(a) from (select k, a + 1 as a from (select * from {shelf} order by a) where a > 0)",
    "list of a list": f"select collect_list(s) from (select k, sum(a) s from (select * from {shelf} order by a) group by k order by s desc)",
    "list of a union": f"select collect_list(a), last(a) from (select a from {shelf} union all select 9 union all select a from {shelf})",
    "places in a sorted subquery": f"select a, row_number() over (order by 1) n from (select * from {shelf} order by a)",
    "ordered: rows as they are written": f"select * from {shelf}",
    "ordered: the first rows as they are written": f"select a, k from {shelf} limit 2",
    "ordered: rows of a union": f"select a from {shelf} union all select 7 union all values (5), (6)",
    "ordered: the first rows of a union": f"select a from {shelf} union all select 7 union all values (5), (6) limit 7",
    "values of several types": "select * from values (1, 'a', null), (2.5, 'b', date'2020-01-01'), (null, 'c', null) t(a, b, c)",
    "values that are computed": "select * from values (1 + 1, upper('a'), array(1, null)), (abs(-2), 'b', null) t(a, b, c)",
    "values that fail": "select * from values (1 / 0) t(a)",
}.items():
    case("order", name, lambda query=query: sql(query))
case("order", "duplicates of sorted rows", lambda: sql(f"select * from {shelf}").orderBy("a").dropDuplicates(["k"]))
case("order", "first of sorted rows", lambda: sql(f"select * from {shelf}").orderBy(F.desc("a")).groupBy("k").agg(F.first("a")))
case("order", "ordered: figures of a table", lambda: sql(f"select * from {shelf}").describe())

# --- what only looks like an answer, and names of columns -------------------------------------------------------------
pairs = "values (1, 1), (null, 2), (3, 3) t(a, b)"
for name, query in {
    "nth value without nulls by an argument": f"select nth_value(a, 2, true) over (order by b) from {pairs}",
    "nth value with nulls by an argument": f"select nth_value(a, 2, false) over (order by b) from {pairs}",
    "nth value without nulls": f"select nth_value(a, 2) ignore nulls over (order by b) from {pairs}",
    "place without window": "select row_number() from range(3)",
    "place without window in a sum": "select 1 + rank() from range(3)",
    "neighbour without window": "select lag(id) from range(3)",
    "neighbour of a neighbour": "select lead(id, 2) from range(3)",
    "nth value without window": "select nth_value(id, 1) from range(3)",
    "text as a condition": "select 1 where 'true'",
    "text column as a condition": "select * from values ('true') t(a) where a",
    "fields of lambda variables": "select zip_with(array(1, 2), array(3, 4), (x, y) -> struct(y, x)) r",
    "fields of a lambda variable and more": "select transform(array(1), x -> struct(x, 1)) r",
    "fields with names": "select struct(1 a, 2 as b, 3)",
    "grouping without sets": "select grouping(id) from range(2)",
    "grouping of groups": "select grouping_id(id) from range(2) group by id",
    "aggregate in a filter": "select sum(id) filter (where sum(id) > 1) from range(2)",
    "arguments by name": "select round(scale => 1, expr => 2.55)",
    "rows by name": "select explode(collection => array(1, 2))",
    "rows by a wrong name": "select explode(foo => array(1, 2))",
    "lambda by name": "select transform(argument => array(1), x -> x)",
    "aggregate by name": "select sum(distinct a => 1)",
}.items():
    case("answers", name, lambda query=query: sql(query))
for name, query in {
    "mathematics": "select acos(1), asinh(0), atan2(0, 0), cbrt(27), cos(0), cot(1), degrees(1), e(), exp(0), hypot(3, 4), log10(1), log2(1), log1p(0), pi(), radians(1), sec(0), sinh(0), sqrt(4), tanh(0), pow(1, 2), ln(1), log(2, 8)",
    "letter case of calls": "select UPPER('a'), Abs(-1), COUNT(*), Sum(1), COALESCE(1, 2), Nvl(1, 2), TRIM(' a '), CHAR_LENGTH('a'), MOD(2, 1)",
    "symbols": "select 2 << 1, 4 >> 1, 4 >>> 1, shiftleft(2, 1), shiftright(4, 1), shiftrightunsigned(4, 1), ~0, + 1, positive(1), +id, -id from range(1)",
    "casts by a type's name": "select int('5'), string(5), double('1'), date('2020-01-01'), boolean('true'), decimal('5'), int('5') + 1",
    "trims": "select trim('SL' from 'SS'), trim(both 'SL' from 'SS'), trim(leading 'SL' from 'SS'), trim(trailing 'SL' from 'SS'), trim(' a '), trim('S', 'SS'), btrim('SS', 'S')",
    "defaults": "select lpad('a', 3), rpad('a', 3), lpad('a', 3, 'x'), overlay('abc', 'x', 2), overlay('abc', 'x', 2, 1), locate('a', 'b'), position('a', 'b'), position('a' in 'b'), substr('abc', 2)",
    "roundings": "select ceil(1.5), ceil(1.5, 0), ceiling(1.5), floor(1.5), floor(1.5, 0)",
    "other names": "select array_agg(1), dateadd(date'2020-01-01', 1), random(1), rlike('a', 'a'), regexp('a', 'a'), regexp_like('a', 'a'), 'a' rlike 'a'",
}.items():
    case("answers", "names: " + name, lambda query=query: sql(query))

for name, query in {
    "distinct zeros": "select count(distinct a), count(distinct a, b), sum(distinct a) from values (0.0d, 1), (-0.0d, 1) t(a, b)",
    "distinct rows with maps": "select distinct m from values (map('a', 1)) t(m)",
    "union of maps": "select m from values (map('a', 1)) t(m) union select m from values (map('a', 1)) t(m)",
    "except of maps in structs": "select struct(m) s from values (map('a', 1)) t(m) except select struct(m) from values (map('a', 1)) t(m)",
    "union all of maps": "select m from values (map('a', 1)) t(m) union all select m from values (map('a', 1)) t(m)",
    "sort by a map": "select * from values (map('a', 1)) t(m) order by m desc",
    "window by a map": "select row_number() over (partition by m order by 1) from values (map('a', 1)) t(m)",
    "unpivot of texts and numbers": "select * from values (1, 'a', 2) t(a, b, c) unpivot (v for n in (a, b, c))",
    "unpivot of numbers": "select * from values (1, 2.5, 3L) t(a, b, c) unpivot (v for n in (a, b, c))",
    "numbers of rows": "select monotonically_increasing_id() id, monotonically_increasing_id() + 1 other from values (7) t(a)",
}.items():
    case("answers", name, lambda query=query: sql(query))

for name, query in {
    "equal maps in another order": "select count(*) from values (map('a', 1, 'b', 2)), (map('b', 2, 'a', 1)), (map('a', 1)), (null) t(m) group by m",
    "equal maps shown": "select m, count(*) from values (map('b', 2, 'a', 1)), (map('a', 1, 'b', 2)) t(m) group by m",
    "an alias used behind it": "select id + 1 as x, x + 1 as y, y * 2 as z from range(2)",
    "an alias without AS": "select id + 1 x, x + 1 y from range(2)",
    "a column before an alias": "select id + 1 as id, id as same from range(2)",
    "an alias of an aggregate": "select sum(id) as s, s + 1 as t from range(3)",
    "an alias without a name of its own": "select id as x, x + 1 from range(2)",
    "a field of an alias": "select struct(id as f) as s, s.f from range(2)",
    "an alias of an aggregate by key": "select id, sum(id) as s, s + id as t from range(3) group by id",
    "an alias in a sorted aggregate": "select id as k, count(*) as n, n + k as m from range(3) group by id order by m desc",
    "an alias not given yet": "select y, id as y from range(2)",
}.items():
    case("answers", name, lambda query=query: sql(query))

for name, query in {
    "filtered": "select * from {l} l, lateral (select v from {r} where k = a) order by a, v",
    "outer": "select * from {l} left join lateral (select v from {r} where k = a) on true order by a, v",
    "outer with a condition": "select * from {l} left join lateral (select v, 7 as c, v + b as d from {r} where k = a) s on s.v < 200 order by a, v",
    "aggregated": "select * from {l}, lateral (select count(*) as n, sum(v) as s, count(v) as c from {r} where k = a) order by a, b",
    "grouped": "select * from {l}, lateral (select k, sum(v) as s from {r} where k >= a group by k) order by a, b, k",
    "limited": "select * from {l}, lateral (select v from {r} where k <= a order by v desc limit 1) order by a, b",
    "limited with an offset": "select * from {l}, lateral (select v from {r} where k = a order by v limit 1 offset 1) order by a, b",
    "distinct": "select * from {l}, lateral (select distinct k from {r} where k <= a) order by a, b, k",
    "without a table": "select * from {l}, lateral (select a + b as c), lateral (select c * 2 as d) order by a, b",
    "nested": "select * from {l}, lateral (select * from {r}, lateral (select k + v as z) where k = a) order by a, b, v",
    "over a join": "select * from {l}, lateral (select x.v, y.v as w from {r} x join {r} y on x.k = y.k and y.v > b where x.k = a) order by a, b, v, w",
    "having": "select * from {l}, lateral (select count(*) n from {r} where k = a having count(*) > 1) order by a, b",
    "numbered": "select * from {l} t, lateral (select v, row_number() over (order by v) as n from {r} where k = t.a) order by a, b, n",
}.items():
    left = "(select * from values (1, 10), (2, 20), (2, 20), (3, null), (null, 5) as l(a, b))"
    right = "(select * from values (1, 100), (1, 101), (2, 200), (2, null), (null, 7) as r(k, v))"
    case("answers", f"a lateral join {name}", lambda query=query.format(l=left, r=right): sql(query))


def nearest(**how):
    left = sql("select * from values (1, 10), (2, 20), (3, null) as l(a, b)")
    right = sql("select * from values (100, 8), (101, 13), (102, 40), (103, null) as r(k, v)")
    return left.nearestByJoin(right, F.abs(left.b - right.v), **how).orderBy("a", "v")


case("answers", "a nearest-by join", lambda: nearest(numResults=1, mode="exact", direction="distance"))
case("answers", "an outer nearest-by join", lambda: nearest(numResults=2, mode="exact", direction="similarity", joinType="leftouter"))
case("answers", "sampleBy", lambda: spark.range(0, 30, 1, 1).withColumn("k", F.col("id") % 3).sampleBy("k", {0: 0.3, 1: 0.6}, seed=5))
case("answers", "zipWithIndex", lambda: spark.range(0, 5, 1, 1).zipWithIndex())
case("answers", "count(expr('*'))", lambda: spark.range(3).select(F.count(F.expr("*"))))
