"""What the analyzer answers, or refuses, where it once did neither as Spark does; run by record.py as cases.py is."""

for query in [
    "select (select b from values (1, 2) t(a, b) where a = 9) x",
    "select a, (select b from values (1, 2) t(a, b) where a = 9) x from values (5) u(a)",
    "select (select 1 where false) + 1, (select 7)",
    "select grouping(a) from values (1) t(a)",
    "select grouping(a) from values (1) t(a) group by a",
    "select a from values (1) t(a) where grouping(a) = 0",
    "select a from values (1) t(a) order by grouping(a)",
    "select a, sum(grouping(a)) from values (1) t(a) group by rollup(a)",
    "select a, count(*) from values (1) t(a) group by rollup(a) having grouping(a) = 1",
    "select a, count(*) from values (1) t(a) group by cube(a) order by grouping(a), a",
    "select filter(array(1, 2), a -> 1)",
    "select filter(array(1, 2), (a, i) -> 'true')",
    "select filter(array(1, 2), a -> null)",
    "select exists(array(1), x -> 'a')",
    "select forall(array(1), x -> 1)",
    "select map_filter(map('a', 1), (k, v) -> 1)",
    "select transform(array(1), 1), transform(array(1), null), filter(array(1), true), exists(array(1), false)",
    "select zip_with(array(1), array(2), 3), aggregate(array(1), 0, 5), transform_keys(map('a', 1), 'b')",
    "select transform(array(1), (x, y, z) -> 1)",
    "select array(a), count(*) from values (0.0d), (-0.0d) t(a) group by array(a)",
    "select distinct struct(a) s from values (0.0d), (-0.0d) t(a)",
    "select count(distinct array(a)), count(distinct struct(a)) from values (0.0d), (-0.0d) t(a)",
    "select struct(a) s from values (0.0d) t(a) union select struct(a) from values (-0.0d) t(a)",
    "select * from values (map('a', 1)) t(m) join values (map('a', 1)) u(m) using (m)",
    "select * from values (struct(map('a', 1))) t(m) join values (struct(map('a', 1))) u(m) using (m)",
    "select * from values (1) t(m) join values (array(1)) u(m) using (m)",
    "select * from values (map('a', 1)) t(m) join values (map('a', 1)) u(n) on m = n",
    "select window(a, '5 minutes') window from values (timestamp'2024-01-01') t(a)",
    "select count(*) window from range(3) window",
    "select a left from values (1) t(a)",
    "select 1 cross",
    "select a, sum(a) over w as s from values (1), (2) t(a) window w as (order by a)",
    "select identifier('i' || 'd') from range(2)",
    "select identifier('t.a'), identifier('a') + 1, identifier('abs')(-1) from values (1) t(a)",
    "select * from (select * from range(5)) tablesample (100 percent)",
]:
    case("refused", query, lambda query=query: sql(query))

typed = spark.createDataFrame([(1, "a", 2.5)], "a int not null, b string, c double")
for name, build in {
    "to: NOT NULL": lambda: typed.to(T.StructType([T.StructField("b", T.StringType(), False)])),
    "to: inside of a struct": lambda: typed.select(F.struct("b").alias("s")).to(
        T.StructType([T.StructField("s", T.StructType([T.StructField("b", T.StringType(), False)]), False)])),
    "to: a string as a number": lambda: typed.to(T.StructType([T.StructField("b", T.IntegerType())])),
    "to: a double as a float": lambda: typed.to(T.StructType([T.StructField("c", T.FloatType())])),
    "to: wider, and as text": lambda: typed.to(T.StructType([T.StructField("A", T.LongType()), T.StructField("c", T.StringType())])),
    "to: an int as a decimal": lambda: typed.to(T.StructType([T.StructField("a", T.DecimalType(9, 0))])),
    "to: an int as a wide decimal": lambda: typed.to(T.StructType([T.StructField("a", T.DecimalType(12, 2))])),
    "to: a column that is not there": lambda: typed.to(T.StructType([T.StructField("zz", T.LongType())])),
    "to: a column that must be there": lambda: typed.to(T.StructType([T.StructField("zz", T.LongType(), False)])),
    "sample: less than nothing": lambda: typed.sample(-1.0, 1),
    "sample: more than all": lambda: typed.sample(1.5, 1),
    "sample: with replacement, less than nothing": lambda: typed.sample(True, -1.0, 1),
    "sample: all": lambda: typed.sample(1.0, 1),
}.items():
    case("refused", name, build)
