"""What the comparison of random expressions (dev/conformance/differential) found and no expression alone shows: rows that must not be computed, keys that
are equal, aggregates in groups and windows."""
from case import batch, spark

spark.sql("""SELECT * FROM VALUES (1, 0, 1, 'x', 1.5D), (6, 2, 1, 'y', 0.0D), (7, 2, 0, NULL, -0.0D), (8, 4, 2, 'z', DOUBLE('NaN')),
 (NULL, 1, 1, 'w', DOUBLE('NaN')) AS t(a, b, c, s, d)""").createOrReplaceTempView("numbers")
spark.sql("""SELECT id, make_dt_interval(CAST(id AS INT)) AS days, make_ym_interval(0, CAST(id AS INT)) AS months,
 named_struct('x', nullif(id, 2), 'y', CAST(id AS STRING)) AS p, array(nullif(id, 3), id) AS xs, id % 2 AS g FROM range(1, 6)""").createOrReplaceTempView("spans")


def ask(label, text, ordered=False):
    batch(label, lambda: spark.sql(text), ordered=ordered)


ask("a row that is filtered out is not computed", "SELECT b, a DIV (b * c) AS q FROM numbers WHERE b <> 0 AND c <> 0")
ask("nor is one that another condition takes out", "SELECT b, 10 / (b - 2) AS q, c FROM numbers WHERE b <> 2")
ask("nor in a view", "SELECT b, q FROM (SELECT b, CAST(s AS INT) AS q, a, c FROM numbers WHERE s IS NULL) WHERE b > 0")
ask("nor under an aggregate", "SELECT b, sum(a DIV c) AS q FROM numbers WHERE c > 0 GROUP BY b")
ask("a row that is computed fails", "SELECT b, a DIV c AS q FROM numbers WHERE b > 0")
ask("zeroes and NaN in one partition", "SELECT a, count(*) OVER (PARTITION BY d) AS n FROM numbers")
ask("zeroes and NaN are peers", "SELECT a, rank() OVER (ORDER BY d) AS n, sum(b) OVER (ORDER BY d) AS s FROM numbers")
ask("zeroes and NaN in one group", "SELECT d, count(*) AS n FROM numbers GROUP BY d")
ask("sums of intervals", "SELECT g, sum(days) AS d, string(sum(months)) AS m, avg(days) AS ad, string(avg(months)) AS am FROM spans GROUP BY g")
ask("sums of intervals over rows", "SELECT id, sum(days) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS d FROM spans")
ask("extremes of nested values", "SELECT min(p) AS a, max(p) AS b, min(xs) AS c, max(xs) AS d FROM spans")
ask("the last of equal keys", "SELECT max_by(id, g) AS a, min_by(id, g) AS b FROM (SELECT * FROM spans ORDER BY id)")
ask("beside nested keys", "SELECT max_by(id, p) AS a, min_by(id, xs) AS b, max_by(p, id) AS c FROM spans")
ask("beside nothing", "SELECT max_by(id, CAST(NULL AS INT)) AS a, min_by(CAST(NULL AS STRING), id) AS b FROM spans")
ask("statistics of what is not a number", "SELECT corr(a, d) AS a, covar_pop(a, d) AS b, regr_slope(a, d) AS c, stddev(d) AS e FROM numbers")
ask("statistics of different values", "SELECT stddev_pop(DISTINCT b) AS a, corr(DISTINCT b, c) AS b, var_samp(DISTINCT b) AS c FROM numbers")
ask("fields of intervals", "SELECT extract(DAY FROM days) AS d, extract(HOUR FROM days / 5) AS h, extract(SECOND FROM days / 7) AS s, extract(MONTH FROM -months) AS m FROM spans")
ask("sums of floating numbers over rows", """SELECT a, sum(d) OVER (ORDER BY b, c, a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s,
 avg(d) OVER (ORDER BY b, c, a ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS f FROM numbers""")
ask("lists over rows", "SELECT id, collect_list(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS xs, first(p) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS p FROM spans")
ask("neighbours with defaults", "SELECT id, lag(id, 2, id * 10) OVER (ORDER BY id) AS a, lead(p.x, 1, id) OVER (PARTITION BY g ORDER BY id) AS b FROM spans")
ask("least and greatest over rows", "SELECT a, min(d) OVER (ORDER BY b, c, a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s, max(s) OVER (ORDER BY b, c, a) AS m FROM numbers")
ask("means of pairs", "SELECT regr_avgy(a, d) AS y, regr_avgx(d, 1 / nullif(b, 0)) AS x FROM numbers WHERE isnan(d) OR d > 1")
ask("rows in the order of arrays", "SELECT id, row_number() OVER (ORDER BY xs) AS a, row_number() OVER (ORDER BY p DESC) AS b FROM spans")
