"""SQL as people type it: joins, subqueries, grouping, windows, set operations, nested values, zones, decimals, errors."""
from case import batch, spark
from pyspark.sql import functions as F

spark.sql("""SELECT * FROM VALUES (1, 'Ann', 'eng', 100.50BD, DATE'2024-01-15'), (2, 'Bob', 'eng', 80.25BD, DATE'2024-02-29'),
 (3, 'Cy', 'ops', NULL, DATE'2023-12-31'), (4, 'Di', NULL, 70.00BD, NULL), (5, 'Ed', 'ops', 70.00BD, DATE'2024-01-15')
 AS t(id, name, team, pay, since)""").createOrReplaceTempView("staff")
spark.sql("SELECT * FROM VALUES (1, 2), (1, 3), (2, 5), (9, 1), (NULL, 7) AS t(person, amount)").createOrReplaceTempView("sales")
spark.sql("SELECT * FROM VALUES ('eng', 'Berlin'), ('ops', 'Seoul'), ('hr', 'Lima') AS t(team, city)").createOrReplaceTempView("teams")
spark.sql("""SELECT 1 AS id, array(1, 2, 3) AS xs, map('a', 1, 'b', 2) AS m, named_struct('p', 1, 'q', named_struct('r', 'deep')) AS s,
 array(named_struct('k', 'x', 'v', 1), named_struct('k', 'y', 'v', 2)) AS rows
 UNION ALL SELECT 2, NULL, map(), NULL, array()""").createOrReplaceTempView("nested")


def ask(label, text, ordered=False):
    batch(label, lambda: spark.sql(text), ordered=ordered)


for how in ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"):
    ask(f"{how} on", f"SELECT * FROM staff {how} sales ON staff.id = sales.person")
ask("using", "SELECT * FROM staff JOIN teams USING (team)")
ask("left using", "SELECT team, name, city FROM staff LEFT JOIN teams USING (team)")
ask("full using", "SELECT * FROM staff FULL JOIN teams USING (team)")
ask("natural", "SELECT name, city FROM staff NATURAL JOIN teams")
ask("cross", "SELECT count(*) FROM staff CROSS JOIN teams")
ask("comma", "SELECT s.name, t.city FROM staff s, teams t WHERE s.team = t.team")
ask("unequal", "SELECT s.name, x.amount FROM staff s JOIN sales x ON s.id < x.amount AND s.team = 'eng'")
ask("null safe", "SELECT s.name, x.amount FROM staff s JOIN sales x ON s.id <=> x.person")
ask("three tables", "SELECT s.name, t.city, x.amount FROM staff s JOIN teams t ON s.team = t.team JOIN sales x ON x.person = s.id")
ask("self join", "SELECT a.name, b.name FROM staff a JOIN staff b ON a.team = b.team AND a.id < b.id")
ask("lateral join", "SELECT s.name, x.total FROM staff s, LATERAL (SELECT sum(amount) AS total FROM sales WHERE person = s.id) x")
ask("scalar subquery", "SELECT name, (SELECT max(amount) FROM sales) AS most FROM staff")
ask("correlated subquery", "SELECT name, (SELECT sum(amount) FROM sales WHERE person = staff.id) AS total FROM staff")
ask("in subquery", "SELECT name FROM staff WHERE id IN (SELECT person FROM sales)")
ask("not in subquery", "SELECT name FROM staff WHERE id NOT IN (SELECT person FROM sales WHERE person IS NOT NULL)")
ask("not in with null", "SELECT name FROM staff WHERE id NOT IN (SELECT person FROM sales)")
ask("exists", "SELECT name FROM staff s WHERE EXISTS (SELECT 1 FROM sales x WHERE x.person = s.id)")
ask("not exists", "SELECT name FROM staff s WHERE NOT EXISTS (SELECT 1 FROM sales x WHERE x.person = s.id)")
ask("comparison with subquery", "SELECT name FROM staff WHERE pay > (SELECT avg(pay) FROM staff)")
ask("cte twice", "WITH a AS (SELECT team, count(*) AS n FROM staff GROUP BY team), b AS (SELECT * FROM a WHERE n > 1) SELECT * FROM a JOIN b ON a.n = b.n")
ask("cte with columns", "WITH a(x, y) AS (SELECT id, name FROM staff) SELECT x, y FROM a WHERE x < 3")
ask("nested cte", "WITH a AS (WITH b AS (SELECT 1 AS x) SELECT x + 1 AS y FROM b) SELECT * FROM a")
ask("group by expression", "SELECT upper(team) AS t, count(*), sum(pay), avg(pay), min(since), max(since) FROM staff GROUP BY upper(team)")
ask("group by ordinal", "SELECT team, count(*) FROM staff GROUP BY 1 ORDER BY 2 DESC, 1", ordered=True)
ask("group by alias", "SELECT id % 2 AS odd, count(*) FROM staff GROUP BY odd")
ask("group by all", "SELECT team, id % 2, count(*) FROM staff GROUP BY ALL")
ask("rollup", "SELECT team, since, count(*) FROM staff GROUP BY ROLLUP (team, since)")
ask("cube", "SELECT team, id % 2 AS odd, count(*) FROM staff GROUP BY CUBE (team, id % 2)")
ask("grouping sets", "SELECT team, since, count(*), grouping(team), grouping_id() FROM staff GROUP BY GROUPING SETS ((team), (since), ())")
ask("having", "SELECT team FROM staff GROUP BY team HAVING count(*) > 1 AND max(pay) > 75")
ask("filter clause", "SELECT count(*) FILTER (WHERE pay > 75), sum(id) FILTER (WHERE team = 'ops') FROM staff")
ask("distinct aggregates", "SELECT count(DISTINCT team), count(DISTINCT team, pay), sum(DISTINCT pay) FROM staff")
ask("no rows", "SELECT count(*), sum(id), max(name), collect_list(id) FROM staff WHERE false")
ask("statistics", "SELECT round(stddev(id), 6), round(stddev_pop(id), 6), round(variance(id), 6), var_pop(id), round(skewness(amount), 6), round(kurtosis(amount), 6) FROM staff JOIN sales ON id = person")
ask("corr and covar", "SELECT round(corr(id, pay), 6), round(covar_samp(id, pay), 6), round(covar_pop(id, pay), 6) FROM staff")
ask("percentiles", "SELECT percentile(id, 0.5), percentile(id, array(0.25, 0.75)), median(id), percentile_approx(id, 0.5), approx_count_distinct(team) FROM staff")
ask("first last any", "SELECT count_if(id > 2), bool_and(id > 0), bool_or(id > 4), every(id > 1), some(id > 1), any_value(1), max_by(name, id), min_by(name, id) FROM staff")
ask("collected", "SELECT team, sort_array(collect_list(id)), sort_array(collect_set(pay)) FROM staff GROUP BY team")
ask("mode and bits", "SELECT mode(pay), bit_and(id), bit_or(id), bit_xor(id), try_sum(id), try_avg(id), product(id) FROM staff")
ask("regression", "SELECT round(regr_slope(pay, id), 6), round(regr_intercept(pay, id), 6), regr_count(pay, id), round(regr_r2(pay, id), 6) FROM staff")
ask("string and histogram", "SELECT listagg(name, ',') WITHIN GROUP (ORDER BY name), string_agg(name, '') FROM staff WHERE id < 2")
ask("ranks", "SELECT id, rank() OVER (ORDER BY pay DESC), dense_rank() OVER (ORDER BY pay DESC), percent_rank() OVER (ORDER BY id), ntile(2) OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM staff")
ask("neighbours", "SELECT id, lag(id) OVER (ORDER BY id), lead(id, 2, -1) OVER (ORDER BY id), first_value(name) OVER (PARTITION BY team ORDER BY id), last_value(name) OVER (PARTITION BY team ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), nth_value(name, 2) OVER (ORDER BY id) FROM staff")
ask("running sums", "SELECT id, sum(id) OVER (ORDER BY id), sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), avg(pay) OVER (PARTITION BY team), count(*) OVER () FROM staff")
ask("range frame", "SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM staff")
ask("named window", "SELECT id, sum(id) OVER w, count(*) OVER w FROM staff WINDOW w AS (PARTITION BY team ORDER BY id)")
ask("qualified by window", "SELECT * FROM (SELECT name, team, row_number() OVER (PARTITION BY team ORDER BY id DESC) AS n FROM staff) WHERE n = 1")
ask("union distinct", "SELECT team FROM staff UNION SELECT team FROM teams")
ask("intersect all", "SELECT pay FROM staff INTERSECT ALL SELECT pay FROM staff")
ask("except distinct", "SELECT team FROM teams EXCEPT SELECT team FROM staff")
ask("minus", "SELECT id FROM staff MINUS SELECT person FROM sales")
ask("union of types", "SELECT 1 AS x UNION ALL SELECT 2.5 UNION ALL SELECT 3L")
ask("order nulls first", "SELECT id FROM staff ORDER BY pay NULLS FIRST, id DESC", ordered=True)
ask("order desc", "SELECT id FROM staff ORDER BY pay DESC NULLS LAST, id LIMIT 3 OFFSET 1", ordered=True)
ask("distinct", "SELECT DISTINCT team, pay > 75 FROM staff")
ask("pivot", "SELECT * FROM (SELECT team, id % 2 AS odd, pay FROM staff) PIVOT (sum(pay) FOR odd IN (0 AS even, 1 AS odd))")
ask("unpivot", "SELECT * FROM (SELECT id, id * 2 AS a, id * 3 AS b FROM staff) UNPIVOT (v FOR n IN (a, b)) WHERE id < 3")
ask("lateral view", "SELECT id, x FROM nested LATERAL VIEW explode(xs) t AS x")
ask("lateral view outer", "SELECT id, p, x FROM nested LATERAL VIEW OUTER posexplode(xs) t AS p, x")
ask("inline", "SELECT id, k, v FROM nested LATERAL VIEW inline(rows) t AS k, v")
ask("explode map", "SELECT id, explode(m) FROM nested")
ask("stack", "SELECT stack(2, 1, 'a', 2, 'b') AS (n, c)")
ask("table function", "SELECT * FROM explode(array(10, 20)) AS t(x), range(2) r")
ask("fields", "SELECT s.p, s.q.r, s.q, xs[0], m['a'], m['zz'], rows.v FROM nested WHERE id = 1")
ask("whole nested", "SELECT * FROM nested")
ask("struct star", "SELECT s.* FROM nested WHERE id = 1")
ask("higher order", "SELECT transform(xs, x -> x * 2), filter(xs, x -> x > 1), aggregate(xs, 0, (a, x) -> a + x), exists(xs, x -> x = 2), forall(xs, x -> x > 0), transform(xs, (x, i) -> x + i) FROM nested WHERE id = 1")
ask("higher order maps", "SELECT transform_keys(m, (k, v) -> upper(k)), transform_values(m, (k, v) -> v * 10), map_filter(m, (k, v) -> v > 1), zip_with(xs, xs, (a, b) -> a * b), array_sort(xs, (a, b) -> b - a) FROM nested WHERE id = 1")
ask("array functions", "SELECT size(xs), array_contains(xs, 2), sort_array(xs, false), array_max(xs), array_union(xs, array(3, 4)), array_except(xs, array(1)), array_intersect(xs, array(1, 9)), slice(xs, 2, 2), concat(xs, xs), flatten(array(xs, xs)), reverse(xs), array_position(xs, 3), array_distinct(array(1, 1)), arrays_zip(xs, xs), sequence(1, 5, 2), array_join(xs, '-'), array_remove(xs, 2), array_repeat(7, 2) FROM nested WHERE id = 1")
ask("map functions", "SELECT map_keys(m), map_values(m), map_entries(m), map_concat(m, map('c', 3)), map_from_entries(array(struct('k', 1))), element_at(m, 'b'), cardinality(m), str_to_map('a:1,b:2') FROM nested WHERE id = 1")
ask("json out", "SELECT to_json(s), to_json(m), to_json(rows) FROM nested")
ask("json in", "SELECT from_json('{\"a\": 1, \"t\": \"2024-01-02T03:04:05\", \"xs\": [1, 2], \"o\": {\"b\": true}}', 'a INT, t TIMESTAMP, xs ARRAY<INT>, o STRUCT<b: BOOLEAN>')")
ask("json paths", "SELECT get_json_object('{\"a\": {\"b\": [1, 2]}}', '$.a.b[1]'), json_array_length('[1, 2]'), json_object_keys('{\"a\": 1, \"b\": 2}'), schema_of_json('{\"a\": [1.5]}')")
ask("json tuple", "SELECT json_tuple('{\"a\": 1, \"b\": \"x\"}', 'a', 'b')")
ask("csv", "SELECT from_csv('1,x', 'a INT, b STRING'), to_csv(named_struct('a', 1, 'b', 'x'))")
ask("decimals", "SELECT 1.10 + 2.205, 1.10 * 2.205, 10.0 / 3, 7.5 % 2, round(2.345, 2), CAST(12.345 AS DECIMAL(5, 1)), -1.5BD, CAST(1e3 AS DECIMAL(10, 2))")
ask("sum of decimals", "SELECT sum(pay), avg(pay), max(pay) FROM staff")
ask("strings", "SELECT concat('a', 'b', NULL), concat_ws('-', 'a', NULL, 'b'), upper('é'), length('héllo'), substring('hello', -3), trim('  x '), lpad('7', 3, '0'), split('a,b,c', ','), regexp_replace('a1b2', '[0-9]', '#'), regexp_extract('x=12', '(\\\\d+)'), initcap('hello world'), reverse('abc'), instr('hello', 'l'), locate('l', 'hello', 4), translate('abc', 'ab', 'xy'), repeat('ab', 2), format_string('%05d %s', 7, 'x'), 'it''s', \"quoted\"")
ask("like", "SELECT 'abc' LIKE 'a%', 'abc' RLIKE '^a', 'ABC' ILIKE 'a_c', 'a%c' LIKE 'a\\\\%c', 'abc' LIKE ANY ('x%', 'a%')")
ask("nulls", "SELECT coalesce(NULL, 1), nvl(NULL, 'x'), nullif(1, 1), NULL = NULL, NULL <=> NULL, NULL IS NULL, ifnull(NULL, 2), nvl2(NULL, 1, 2), isnull(NULL), NULL AND false, NULL OR true, 1 IN (2, NULL)")
ask("case", "SELECT name, CASE team WHEN 'eng' THEN 1 WHEN 'ops' THEN 2 ELSE 0 END, if(pay > 75, 'high', 'low'), decode(team, 'eng', 'E', '?') FROM staff")
ask("dates", "SELECT date_add(since, 1), datediff(since, DATE'2024-01-01'), add_months(since, 1), last_day(since), date_trunc('month', since), trunc(since, 'year'), year(since), month(since), dayofweek(since), weekofyear(since), date_format(since, 'dd.MM.yyyy'), next_day(since, 'MON') FROM staff WHERE id < 4")
ask("between and ranges", "SELECT name FROM staff WHERE since BETWEEN DATE'2024-01-01' AND '2024-01-31'")
for zone in ("America/New_York", "Asia/Seoul"):
    spark.conf.set("spark.sql.session.timeZone", zone)
    ask(f"clock of {zone}", "SELECT CAST(TIMESTAMP'2024-07-01 12:00:00Z' AS STRING), hour(TIMESTAMP'2024-07-01 12:00:00Z'), to_date(TIMESTAMP'2024-07-01 23:00:00Z'), unix_timestamp('2024-03-10 12:00:00'), from_unixtime(0), date_format(TIMESTAMP'2024-07-01 12:00:00Z', 'yyyy-MM-dd HH:mm z'), to_utc_timestamp('2024-07-01 12:00:00', 'Asia/Seoul'), TIMESTAMP'2024-03-10 00:30:00' + INTERVAL '1' DAY, date_trunc('DAY', TIMESTAMP'2024-07-01 02:00:00Z')")
spark.conf.set("spark.sql.session.timeZone", "UTC")
ask("timestamps", "SELECT to_timestamp('2024-01-02 03:04:05'), to_timestamp('02/01/2024', 'dd/MM/yyyy'), timestamp_seconds(1700000000), unix_millis(TIMESTAMP'2024-01-01 00:00:00'), TIMESTAMP'2024-01-01 00:00:00' + INTERVAL 90 MINUTES, timestampdiff(HOUR, TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP'2024-01-02 01:00:00'), extract(MINUTE FROM TIMESTAMP'2024-01-01 00:05:00'), make_date(2024, 2, 29), make_timestamp(2024, 1, 2, 3, 4, 5.5)")
ask("try functions", "SELECT try_cast('x' AS INT), try_divide(1, 0), try_add(2147483647, 1), try_to_timestamp('nonsense'), try_element_at(array(1), 5), try_to_number('x', '9')")
ask("bits and hashes", "SELECT 5 & 3, 5 | 3, 5 ^ 3, ~5, shiftleft(1, 4), hex(255), md5('a'), sha2('a', 256), crc32('a'), hash(1, 'x'), xxhash64('x'), base64('abc'), conv('ff', 16, 10), sha1('a')")
ask("names without alias", "SELECT id + 1, -id, NOT (id = 1), id IS NULL, id IN (1, 2), name LIKE 'A%', CAST(id AS STRING), count(*) OVER (), (id + 1) * 2, id BETWEEN 1 AND 2, array(id), struct(id, name), 1.5, 'x', NULL, TIMESTAMP'2024-01-02 03:04:05', CASE WHEN id = 1 THEN 'a' END FROM staff WHERE id = 1")
ask("values alone", "VALUES (1, 'a'), (2, 'b')")
ask("from first", "FROM staff SELECT name WHERE id = 1")
ask("table sample", "SELECT count(*) FROM staff TABLESAMPLE (100 PERCENT)")
ask("star except", "SELECT * EXCEPT (pay, since) FROM staff")
ask("pipe", "FROM staff |> WHERE id < 3 |> SELECT name")
ask("variables", "SELECT current_user() IS NOT NULL, current_database(), typeof(1.5), typeof(array(1)), version() IS NOT NULL, current_catalog()")
ask("parameters", "SELECT 1 WHERE 'a' = 'a' AND true")
batch("named parameters", lambda: spark.sql("SELECT * FROM staff WHERE id = :id", args={"id": 2}))
batch("positional parameters", lambda: spark.sql("SELECT name FROM staff WHERE id > ? AND team = ?", args=[1, "ops"]))
batch("frame parameters", lambda: spark.sql("SELECT max(id) AS m FROM {t}", t=spark.table("staff")))
for label, text in {
    "unknown column": "SELECT nmae FROM staff",
    "unknown table": "SELECT * FROM nowhere",
    "unknown function": "SELECT frobnicate(1)",
    "unknown field": "SELECT s.zzz FROM nested",
    "ambiguous": "SELECT team FROM staff, teams",
    "not grouped": "SELECT name, count(*) FROM staff GROUP BY team",
    "aggregate in where": "SELECT name FROM staff WHERE count(*) > 1",
    "nested aggregate": "SELECT sum(count(*)) FROM staff",
    "window in where": "SELECT name FROM staff WHERE row_number() OVER (ORDER BY id) = 1",
    "too many columns of subquery": "SELECT (SELECT id, name FROM staff)",
    "too many rows of subquery": "SELECT (SELECT id FROM staff)",
    "condition is no boolean": "SELECT name FROM staff WHERE id",
    "union counts": "SELECT 1 UNION SELECT 1, 2",
    "union types": "SELECT 1 UNION SELECT array(1)",
    "wrong argument count": "SELECT upper('a', 'b')",
    "wrong argument type": "SELECT abs(array(1))",
    "parse": "SELECT FROM WHERE",
    "unclosed": "SELECT (1 + 2",
    "cast": "SELECT CAST('abc' AS INT)",
    "cast date": "SELECT CAST('2024-13-01' AS DATE)",
    "overflow": "SELECT 2147483647 + 1",
    "long overflow": "SELECT 9223372036854775807 * 2",
    "division": "SELECT 1 / 0",
    "decimal overflow": "SELECT CAST(12345 AS DECIMAL(3, 0))",
    "index": "SELECT array(1)[5]",
    "element at": "SELECT element_at(array(1), 5)",
    "timestamp text": "SELECT to_timestamp('nonsense')",
    "duplicate map key": "SELECT map('a', 1, 'a', 2)",
    "order by ordinal": "SELECT id FROM staff ORDER BY 7",
    "group by ordinal": "SELECT id FROM staff GROUP BY 7",
    "limit": "SELECT id FROM staff LIMIT -1",
    "explode nested": "SELECT explode(xs) + 1 FROM nested",
    "two generators": "SELECT explode(xs), explode(m) FROM nested",
    "raised": "SELECT raise_error('mine')",
    "assert": "SELECT assert_true(1 > 2)",
    "bad interval": "SELECT INTERVAL 'x' DAY",
    "bad date literal": "SELECT DATE'2024-02-30'",
    "missing from json schema": "SELECT from_json('{}', 'a INTEGERR')",
}.items():
    ask(f"error: {label}", text)

# HAVING and ORDER BY over one aggregation, keys and aliases of one name, sets that are there twice
for label, text in {
    "order by an aggregate": "SELECT person, sum(amount) FROM sales GROUP BY person HAVING sum(amount) > 4 ORDER BY sum(amount), max(amount)",
    "order by another aggregate": "SELECT person, sum(amount) AS s FROM sales GROUP BY person HAVING s > 4 ORDER BY max(amount) DESC",
    "limit below order by": "SELECT count(*), max(s) < 100 FROM (SELECT sum(amount) AS s FROM sales GROUP BY person LIMIT 2)",
    "key before alias": "SELECT sum(amount) AS person FROM sales GROUP BY person HAVING person > 1",
    "key that is shown under another name": "SELECT person AS amount, sum(amount) AS person FROM sales GROUP BY person HAVING person > 1",
    "alias of no key": "SELECT person, sum(amount) AS amount FROM sales GROUP BY person HAVING amount > 4",
    "alias before key in order by": "SELECT -sum(amount) AS person FROM sales GROUP BY person ORDER BY person",
    "key and aggregate": "SELECT max(amount) + 1 AS amount FROM sales GROUP BY amount HAVING amount > 2 AND max(amount) < 7 ORDER BY amount DESC",
    "under distinct": "SELECT DISTINCT count(*) AS n FROM sales GROUP BY person HAVING max(amount) > 1 ORDER BY n",
    "of nothing but true": "SELECT 1 FROM sales HAVING true",
    "of nothing but an aggregate": "SELECT 'x' AS x FROM sales HAVING max(amount) > 100",
    "grouping": "SELECT person, count(*) FROM sales GROUP BY person WITH ROLLUP HAVING grouping(person) = 1",
}.items():
    ask(f"having {label}", text, ordered="ORDER BY" in text)
for label, text in {
    "of a key and its cube": "SELECT team, id % 2, count(*) FROM staff GROUP BY team, CUBE(team, id % 2)",
    "of a cube and a rollup": "SELECT team, id % 2 AS odd, count(*), grouping_id() FROM staff GROUP BY CUBE(team, odd), ROLLUP(team)",
    "with a set three times": "SELECT team, count(*) FROM staff GROUP BY GROUPING SETS ((team), (team), (team, team))",
    "of nothing, twice": "SELECT count(*), grouping_id() FROM staff GROUP BY GROUPING SETS ((), ())",
    "of nothing over no rows": "SELECT count(*), max(id), grouping_id() FROM staff WHERE id > 99 GROUP BY GROUPING SETS (())",
    "of nothing twice over no rows": "SELECT count(*) FROM staff WHERE id > 99 GROUP BY GROUPING SETS ((), ())",
    "of a rollup over no rows": "SELECT count(*) FROM staff WHERE id > 99 GROUP BY ROLLUP(team)",
    "of one key twice": "SELECT team, count(*), grouping_id() FROM staff GROUP BY ROLLUP(team, team)",
    "of a cube of one key twice": "SELECT team, count(*), grouping_id() FROM staff GROUP BY CUBE(team, team)",
    "in the order of the keys": "SELECT team, pay, count(*), grouping_id(team, pay) FROM staff GROUP BY team, pay GROUPING SETS ((pay, team), team, pay)",
}.items():
    ask(f"grouping sets {label}", text)
batch("rollup of one column twice", lambda: spark.table("staff").rollup("team", "team").agg(F.count("*"), F.grouping_id()))
batch("cube of one column twice", lambda: spark.table("staff").cube("team", "team").count())
by_team = lambda: spark.table("staff").groupBy("team").agg(F.sum("id").alias("s"))
batch("filter between an aggregation and its sort", lambda: by_team().filter(F.sum("id") > 3).orderBy(F.max("id")), ordered=True)
batch("limit between an aggregation and its sort", lambda: by_team().limit(1).orderBy(F.max("id")))
batch("sort between an aggregation and its filter", lambda: by_team().orderBy("s").filter(F.max("id") > 3))
batch("deduplication between an aggregation and its sort", lambda: by_team().dropDuplicates(["s"]).orderBy(F.max("id")))
# Sessions, and rows as columns
visits = "(VALUES (TIMESTAMP'2024-01-01 00:00:00', 'a', 1), (TIMESTAMP'2024-01-01 00:05:00', 'a', 2), (TIMESTAMP'2024-01-01 00:05:00', 'b', 3), (TIMESTAMP'2024-01-01 00:10:00.000001', 'a', 4), (TIMESTAMP'2024-01-01 00:02:00', 'a', 5), (CAST(NULL AS TIMESTAMP), 'a', 6)) AS v(ts, k, n)"
for label, text in {
    "by key": "SELECT session_window, k, count(*), sum(n) FROM {v} GROUP BY session_window(ts, '5 minutes'), k",
    "of all": "SELECT session_window(ts, '150 seconds') AS w, collect_set(k) FROM {v} GROUP BY 1",
    "alone": "SELECT session_window(ts, '5 minutes'), ts FROM {v} WHERE k = 'b'",
    "parts": "SELECT session_window.start AS s, session_window.end AS e, max(n) FROM {v} GROUP BY session_window(ts, '5 minutes') HAVING count(*) > 1",
    "of months": "SELECT session_window(ts, '1 month') AS w, count(*) FROM {v} GROUP BY 1",
    "without length": "SELECT session_window(ts, '0 seconds') AS w, count(*) FROM {v} GROUP BY 1",
    "of nonsense": "SELECT session_window(ts, 'soon') AS w, count(*) FROM {v} GROUP BY 1",
    "of an interval": "SELECT session_window(ts, INTERVAL 5 MINUTES) AS w, count(*) FROM {v} GROUP BY 1",
    "of a number": "SELECT session_window(n, '5 minutes') AS w, count(*) FROM {v} GROUP BY 1",
    "two": "SELECT session_window(ts, '5 minutes'), window(ts, '5 minutes') FROM {v}",
    "distinct": "SELECT session_window(ts, '5 minutes') AS w, count(DISTINCT k) FROM {v} GROUP BY 1",
    "joined": "SELECT s.w, s.c, v.n FROM (SELECT session_window(ts, '5 minutes') AS w, count(*) AS c FROM {v} GROUP BY 1) s JOIN {v} ON v.ts >= s.w.start AND v.ts < s.w.end",
}.items():
    ask(f"session {label}", text.replace("{v}", visits))
ask("pivot several", "SELECT * FROM (SELECT team, id % 2 AS odd, pay FROM staff) PIVOT (sum(pay) AS s, count(*) AS n FOR odd IN (0, 1 AS one))")
ask("pivot of two columns", "SELECT * FROM (SELECT id % 2 AS odd, team, pay FROM staff) PIVOT (max(pay) FOR (odd, team) IN ((0, 'eng') AS even_eng, (1, 'ops')))")
ask("pivot alone", "SELECT * FROM (SELECT team, pay FROM staff) PIVOT (count(*) FOR team IN ('eng', 'ops', 'none'))")
ask("pivot dates", "SELECT * FROM VALUES (1, 2, DATE'2024-01-01') AS t(a, b, d) PIVOT (sum(b) FOR d IN (DATE'2024-01-01', NULL))")
ask("unpivot several", "SELECT * FROM VALUES (1, 2, 3, 4), (5, NULL, NULL, 6) AS t(a, b, c, d) UNPIVOT ((x, y) FOR n IN ((b, c), (d, a) AS da))")
ask("unpivot nulls", "SELECT * FROM VALUES (1, 2, 3, 4), (5, NULL, NULL, 6) AS t(a, b, c, d) UNPIVOT INCLUDE NULLS (x FOR n IN (b AS bee, c))")
ask("unpivot no nulls", "SELECT * FROM VALUES (1, 2, 3, 4), (5, NULL, NULL, 6) AS t(a, b, c, d) UNPIVOT (x FOR n IN (b, c)) AS u")
ask("intervals shown", "SELECT INTERVAL '1 2' DAY TO HOUR, INTERVAL '-1 2:3' DAY TO MINUTE, INTERVAL '3:04' HOUR TO MINUTE, INTERVAL '100:04:5.6' HOUR TO SECOND, INTERVAL '5.25' SECOND, INTERVAL '-0.5' SECOND, INTERVAL '3:04' MINUTE TO SECOND")
ask("frames shown", "SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), sum(id) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND CURRENT ROW), sum(id) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING), sum(id) OVER (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING) FROM staff")
ask("not like any", "SELECT name, name NOT LIKE ANY ('A%', '%d'), name NOT LIKE ALL ('A%', '%d'), name ILIKE ANY ('a%', name) FROM staff")
ask("structs of equal names", "SELECT arrays_zip(xs, xs, xs), named_struct('a', 1, 'b', 2, 'a', 3), map('k', named_struct('x', 1, 'x', 2)), 1 AS d, 2 AS d FROM nested")
ask("many distinct", "SELECT approx_count_distinct(id), approx_count_distinct(id % 300), approx_count_distinct(CAST(id AS STRING)), approx_count_distinct(id / 7), approx_count_distinct(id, 0.02) FROM range(100000)")
ask("csv kept", "SELECT from_csv('x,2,3', 'a INT, b INT, _corrupt_record STRING', map('columnNameOfCorruptRecord', '_corrupt_record')), to_csv(struct(id, name, team)) FROM staff")
