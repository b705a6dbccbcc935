# Statements that Apache Spark refuses, or that fail as they run. A line that begins with `~` is asked without ANSI mode.

# aggregate
SELECT sum(s) AS r FROM t
SELECT sum(CASE WHEN i = 1 THEN 9223372036854775807L ELSE 1L END) AS r FROM t
SELECT sum(b) AS r FROM t
SELECT max(map(1, 2)) AS r FROM t
SELECT bool_and(i) AS r FROM t
SELECT percentile(i, 1.5) AS r FROM t
SELECT bit_or(d) AS r FROM t

# cast
SELECT CAST('12.5' AS INT) AS r
SELECT CAST('a' AS INT) AS r
SELECT CAST('' AS INT) AS r
SELECT CAST('-' AS INT) AS r
SELECT CAST('.' AS INT) AS r
SELECT CAST('.5' AS INT) AS r
SELECT CAST('2147483648' AS INT) AS r
SELECT CAST('1e3' AS INT) AS r
SELECT CAST('300' AS TINYINT) AS r
SELECT CAST('9223372036854775808' AS BIGINT) AS r
SELECT CAST('1.5x' AS DOUBLE) AS r
SELECT CAST('1234' AS DECIMAL(3,0)) AS r
SELECT CAST('x' AS DECIMAL(3,0)) AS r
SELECT CAST('x' AS BOOLEAN) AS r
SELECT CAST('' AS BOOLEAN) AS r
SELECT CAST('2024-02-30' AS DATE) AS r
SELECT CAST('2024-01-15x' AS DATE) AS r
SELECT CAST('x' AS DATE) AS r
SELECT CAST('2024-01-15 25:00:00' AS TIMESTAMP) AS r
SELECT CAST('x' AS TIMESTAMP) AS r
SELECT CAST(300 AS TINYINT) AS r
SELECT CAST(-129 AS TINYINT) AS r
SELECT CAST(70000 AS SMALLINT) AS r
SELECT CAST(3000000000L AS INT) AS r
SELECT CAST(1e20D AS INT) AS r
SELECT CAST(1e20D AS BIGINT) AS r
SELECT CAST(DOUBLE('NaN') AS INT) AS r
SELECT CAST(300.5D AS TINYINT) AS r
SELECT CAST(1e10F AS INT) AS r
SELECT CAST(12345 AS DECIMAL(4,1)) AS r
SELECT CAST(12345.6 AS DECIMAL(3,1)) AS r
SELECT CAST(1e30D AS DECIMAL(20,2)) AS r
SELECT CAST(99999999999.5 AS INT) AS r
SELECT CAST(true AS TIMESTAMP) AS r
SELECT CAST(TIMESTAMP'2050-01-15 10:20:30' AS INT) AS r
SELECT CAST(TIMESTAMP'2024-01-15 10:20:30' AS SMALLINT) AS r
SELECT CAST(DOUBLE('NaN') AS TIMESTAMP) AS r
SELECT CAST(DATE'2024-01-15' AS INT) AS r
SELECT CAST(5 AS DATE) AS r
SELECT CAST(5 AS BINARY) AS r
SELECT CAST(array(1) AS INT) AS r
SELECT CAST(array('1', 'x') AS ARRAY<INT>) AS r
SELECT CAST(named_struct('a', '1') AS STRUCT<b: INT, c: INT>) AS r
SELECT TRY_CAST(DATE'2024-01-15' AS INT) AS r

# collection
SELECT array(1, 'a') AS r
SELECT map(NULL, 1) AS r
SELECT map('a', 1, 'a', 2) AS r
SELECT map_from_arrays(array('a'), array(1, 2)) AS r
SELECT array(1, 2)[5] AS r
SELECT array(1, 2)[-1] AS r
SELECT element_at(array(1, 2), 5) AS r
SELECT element_at(array(1, 2), 0) AS r
SELECT element_at(NULL, 1) AS r
SELECT size(1) AS r
SELECT array_contains(NULL, 1) AS r
SELECT array_contains(array(1, 2), NULL) AS r
SELECT array_contains(array('a'), 1) AS r
SELECT flatten(array(1)) AS r
SELECT slice(array(1, 2), 0, 1) AS r
SELECT slice(array(1, 2), 1, -1) AS r
SELECT explode(NULL) AS r
SELECT explode(1) AS r
SELECT array_union(array(1), NULL) AS r
SELECT array_except(array(1), array('a')) AS r
SELECT map_concat(map('a', 1), map('a', 2)) AS r
SELECT map_from_entries(array(1)) AS r
SELECT str_to_map('a:1,a:2') AS r
SELECT aggregate(array(1L), 0, (a, x) -> a + x) AS r
SELECT aggregate(array(1.5), 0, (a, x) -> a + x) AS r
SELECT array_sort(array(3, 1, 2), (a, b) -> 1L) AS r
SELECT array_insert(array(1, 2, 3), 0, 9) AS r
SELECT array_insert(array('a'), 1, 2) AS r
SELECT array_insert(array(1), NULL, 2) AS r

# conditional
SELECT CASE WHEN NULL THEN 1 ELSE 2 END AS r
SELECT CASE WHEN 1 THEN 2 END AS r
SELECT nvl('a', 1) AS r
SELECT greatest(1, 'a') AS r
SELECT greatest(1) AS r

# csv
SELECT from_csv('x,y', 'a INT, b STRING', map('mode', 'FAILFAST')) AS r
SELECT from_csv('x,y', 'a INT, b STRING', map('mode', 'DROPMALFORMED')) AS r
SELECT from_csv('1,2', 'a INT, b ARRAY<INT>') AS r
SELECT from_csv(1, 'a INT') AS r
SELECT from_csv('1', 'INT') AS r
SELECT to_csv(1) AS r
SELECT from_csv('1', 'a INT, b STRING', map('mode', 'FAILFAST')) AS r

# date_time
SELECT to_timestamp('x') AS r
SELECT to_timestamp('31-03-2024', 'dd/MM/yyyy') AS r
SELECT to_timestamp('2024-02-30', 'yyyy-MM-dd') AS r
SELECT to_date('x') AS r
SELECT to_date('x', 'yyyy') AS r
SELECT unix_timestamp('x') AS r
SELECT date_format(TIMESTAMP'2024-03-05 00:08:09', 'YYYY') AS r
SELECT timestamp_seconds('1') AS r
SELECT from_utc_timestamp(TIMESTAMP'2024-01-15 10:20:30', 'Nowhere') AS r
SELECT year('x') AS r
SELECT date_part('nope', DATE'2024-03-05') AS r
SELECT date_add(DATE'2024-02-28', 1.5) AS r
SELECT next_day(DATE'2024-03-05', 'xx') AS r
SELECT make_date(2023, 2, 29) AS r
SELECT make_timestamp(2024, 1, 15, 25, 20, 30) AS r
SELECT convert_timezone('Nowhere', 'UTC', TIMESTAMP_NTZ'2021-12-06 00:00:00') AS r
SELECT make_timestamp_ntz(2024, 2, 30, 0, 0, 0) AS r
SELECT make_dt_interval(2147483647, 0, 0, 0) AS r
SELECT make_ym_interval(2147483647, 0) AS r

# hash
SELECT md5(12) AS r

# json
SELECT from_json('{"a":x}', 'a BIGINT', map('mode', 'FAILFAST')) AS r
SELECT from_json('{"a":1}', 'INT') AS r
SELECT from_json(1, 'a INT') AS r
SELECT to_json(1) AS r

# math
SELECT abs(-2147483648) AS r
SELECT abs(-128Y) AS r
SELECT abs(true) AS r
SELECT round(2147483647, -1) AS r
SELECT conv('18446744073709551616', 10, 16) AS r

# operators
SELECT 2147483647 + 1 AS r
SELECT 127Y + 1Y AS r
SELECT 9223372036854775807L + 1L AS r
SELECT CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) + 1 AS r
SELECT '1.5' + 1 AS r
SELECT '1' + '2' AS r
SELECT 'a' + 1 AS r
SELECT true + 1 AS r
SELECT 1 + array(1) AS r
SELECT -2147483648 - 1 AS r
SELECT -(-128Y) AS r
SELECT 2147483647 * 2 AS r
SELECT 9223372036854775807L * 2L AS r
SELECT 1 / 0 AS r
SELECT 1.0 / 0 AS r
SELECT 1D / 0D AS r
SELECT '6' / '4' AS r
SELECT 5 DIV 0 AS r
SELECT 5D DIV 2 AS r
SELECT -9223372036854775808L DIV -1L AS r
SELECT 5 % 0 AS r
SELECT pmod(5, 0) AS r
SELECT 1 = 'x' AS r
SELECT 1 = true AS r
SELECT map(1, 2) = map(1, 2) AS r
SELECT NOT 1 AS r
SELECT 1 AND true AS r
SELECT 5 & 1.5 AS r
SELECT DATE'2024-03-31' + 1.5D AS r
SELECT bit_count('a') AS r
SELECT getbit(11, 32) AS r
SELECT getbit(11L, -1) AS r

# session
SELECT raise_error('x') AS r
SELECT assert_true(false) AS r
SELECT assert_true(NULL) AS r
SELECT assert_true(1 = 2, 'no') AS r
SELECT nope(1) AS r
SELECT abs() AS r
SELECT abs(1, 2) AS r

# string
SELECT upper(array(1)) AS r
SELECT split_part('11.12.13', '.', 0) AS r
SELECT encode('é', 'US-ASCII') AS r
SELECT encode('abc', 'nope') AS r
SELECT elt(3, 'a', 'b') AS r
SELECT url_decode('%zz') AS r
SELECT parse_url('inva lid://url', 'HOST') AS r
SELECT to_binary('xx', 'hex') AS r
SELECT to_binary('a', 'nonsense') AS r

# names
SELECT missing FROM t
SELECT i.x FROM t
SELECT missing
SELECT t.* FROM t AS u
SELECT x.* FROM t
SELECT i FROM t AS a, t AS b
SELECT missing_function(1)
SELECT a.b.missing_function(1)
SELECT * FROM missing
SELECT * FROM a.b
SELECT s.missing FROM (SELECT struct(1 AS a, 2 AS b) AS s)
SELECT s.a FROM (SELECT struct(1 AS a, 2 AS a) AS s)
SELECT i.x FROM (SELECT 1 AS i)
SELECT * FROM t AS a JOIN t AS b USING (missing)
SELECT count(t.*) FROM t

# clauses
SELECT i FROM t WHERE i
SELECT i FROM t WHERE count(*) > 1
SELECT i, count(*) FROM t
SELECT i, d FROM t GROUP BY i
SELECT i FROM t GROUP BY count(*)
SELECT i FROM t GROUP BY 2
SELECT i FROM t ORDER BY 2
SELECT sum(count(*)) FROM t
SELECT i FROM t HAVING i > 1
SELECT i FROM t LIMIT -1
SELECT i FROM t LIMIT 'a'
SELECT i FROM t LIMIT 1 OFFSET -1
SELECT i FROM t WHERE rank() OVER (ORDER BY i) = 1
SELECT rank() OVER (PARTITION BY i) FROM t
SELECT upper(s) OVER (ORDER BY i) FROM t
SELECT sum(i) OVER w FROM t
SELECT i FROM t UNION SELECT i, d FROM t
SELECT array(i) FROM t UNION SELECT i FROM t
SELECT explode(array(1)) + 1
SELECT i AS (a, b) FROM t
SELECT explode(map('a', 1)) AS (a, b, c)
SELECT i FROM t WHERE i IN ()
SELECT (SELECT i, d FROM t) AS r
SELECT (SELECT i FROM t) AS r
SELECT * FROM (SELECT 1, 2) AS x(a)
SELECT * FROM VALUES (1, 2), (3)
SELECT * FROM VALUES (1), (array(2))
SELECT * FROM range(10) TABLESAMPLE (200 PERCENT)
WITH v AS (SELECT * FROM v) SELECT * FROM v
SELECT transform(array(1), (a, b, c) -> a)
SELECT aggregate(array(1), 0, (a, b) -> 'x' || b)
SELECT transform(1, a -> a)
SELECT filter(array(1), a -> 1)
SELECT array_sort(array(2, 1), (a, b) -> NULL)
SELECT array_sort(array(2, 1), (a, b) -> 'x')
SELECT :name

# parsing
SELEC 1
SELECT 1 +
SELECT (1
SELECT 1 /* open
SELECT DATE 'x'
SELECT TIMESTAMP 'x'
SELECT FOO 'x'
SELECT 300Y
SELECT a-b.c FROM t
SELECT * FROM a-b
SELECT CAST(1 AS decimal(50, 2))
SELECT CAST(1 AS foo)
SELECT CAST(1 AS array)
SELECT CAST(1 AS map)
SELECT CAST(1 AS struct)
SELECT 123456789012345678901234567890123456789012
SELECT INTERVAL 'x' DAY
SELECT INTERVAL '1 foo'
SELECT INTERVAL 'a' YEAR TO MONTH
SELECT INTERVAL x DAY
SELECT INTERVAL 'a' DAY TO SECOND
SELECT INTERVAL '1' HOUR TO MINUTE
SELECT INTERVAL '1' MONTH TO YEAR
SELECT INTERVAL 1 YEAR 2 DAYS
SELECT s LIKE 'a' ESCAPE 'xx' FROM t
SELECT s LIKE 'a!' ESCAPE '!' FROM t
SELECT 'aa' LIKE 'a!b' ESCAPE '!'

# windows of time
SELECT window(i, '1 minute') FROM t
SELECT window(current_timestamp(), 'x') AS r
SELECT window(current_timestamp(), '1 month') AS r
SELECT window(current_timestamp(), '-1 minute') AS r
SELECT window(current_timestamp(), '1 minute', '2 minutes') AS r
SELECT window(current_timestamp(), '1 minute', '1 minute', '5 minutes') AS r
SELECT window(current_timestamp(), s) FROM t
SELECT session_window(current_timestamp(), 1) AS r
SELECT count(*) FROM t GROUP BY window(current_timestamp(), '1 minute'), window(current_timestamp(), '2 minutes')
SELECT window_time(i) FROM t

# values
SELECT dateadd('foo', 1, DATE'2020-01-01')
SELECT dateadd(foo, 1, DATE'2020-01-01')
SELECT extract(foo FROM DATE'2020-01-01')
SELECT from_utc_timestamp(TIMESTAMP'2020-01-01', 'Mars')
SELECT to_timestamp('2020', 'yyyy-qq')
SELECT to_date('x', 'yyyy')
SELECT date_format(DATE'2020-01-01', 'b')
SELECT next_day(DATE'2020-01-01', 'foo')
SELECT parse_url('a b', 'HOST')
SELECT url_decode('%zz')
SELECT to_binary('zz', 'hex')
SELECT to_binary('a', 'foo')
SELECT unbase64('a')
SELECT encode('a', 'foo')
SELECT encode('ä', 'US-ASCII')
SELECT decode(x'ff', 'US-ASCII')
SELECT regexp_extract('a', '(a)', 2)
SELECT regexp_replace('a', '(', 'b')
SELECT 'a' RLIKE '('
SELECT split_part('a', 'b', 0)
SELECT elt(3, 'a')
SELECT raise_error('mine')
SELECT assert_true(false, 'mine')
SELECT from_json('{}', 1)
SELECT from_json('{}', 'a INT', map('mode', 1))
SELECT from_json('{}', 'a INT', 1)
SELECT from_json('{"a":"x"}', 'a INT', map('mode', 'FAILFAST'))
SELECT from_json('[{"a":1}]', 'a INT', map('mode', 'FAILFAST'))
SELECT from_json('{}', 'a INT', map('mode', 'DROPMALFORMED'))
SELECT from_json('{}', 'a INT, _corrupt_record INT')
SELECT from_json('{}', '{"type":"foo"}')
SELECT from_json('{}', '{"type')
SELECT from_csv('1', 1)
SELECT from_csv('1', 'INT')
SELECT from_csv('1', 'a ARRAY<INT>')
SELECT from_csv('x', 'a INT', map('mode', 'FAILFAST'))
SELECT from_csv('x', 'a INT', map('mode', 'DROPMALFORMED'))
SELECT schema_of_json(NULL)
SELECT schema_of_json(s) FROM t
SELECT percentile(i, 2) FROM t
SELECT percentile(i, d) FROM t
SELECT approx_count_distinct(i, 0.9) FROM t
SELECT approx_count_distinct(i, d) FROM t
SELECT collect_set(map('a', 1)) FROM t
SELECT sum(s) FROM t
SELECT sum(true) FROM t
SELECT max(map('a', 1)) FROM t
SELECT first(i, d) FROM t
SELECT count_if(i) FROM t
SELECT bool_and(i) FROM t
SELECT bit_or(d) FROM t
SELECT listagg(DISTINCT s, ',') WITHIN GROUP (ORDER BY i) FROM t
SELECT map('a')
SELECT map(map('a', 1), 1)
SELECT named_struct('a')
SELECT named_struct(i, 1) FROM t
SELECT map_from_arrays(array('a'), array(1, 2))
SELECT map_from_arrays(1, array(1))
SELECT map_contains_key(map('a', 1), 1)
SELECT element_at(map('a', 1), DATE'2020-01-01')
SELECT element_at(array(1), 0)
SELECT slice(array(1), 0, 1)
SELECT array_contains(array(1), 'a')
SELECT array_contains(array(1), NULL)
SELECT array_union(array(1), array('a'))
SELECT array_repeat('a', 'x')
SELECT sequence(1, 2, 0)
SELECT sequence('a', 'b')
SELECT flatten(array(1))
SELECT arrays_zip(1)
SELECT explode(1)
SELECT inline(array(1))
SELECT stack(0, 1)
SELECT stack(1)
SELECT 1 = array(1)
SELECT map('a', 1) = map('a', 1)
SELECT map('a', 1) < map('a', 1)
SELECT NOT 1
SELECT 1 AND true
SELECT ~d FROM t
SELECT bit_count('a')
SELECT getbit(1, 40)
SELECT -'a'
SELECT 1 + array(1)
SELECT true + true
SELECT 127Y + 1Y
SELECT 9223372036854775807 + 1
SELECT -(-9223372036854775808)
SELECT abs(-128Y)
SELECT CAST('x' AS int)
SELECT CAST('x' AS boolean)
SELECT CAST('x' AS date)
SELECT CAST(300 AS tinyint)
SELECT CAST(1 AS array<int>)
SELECT CAST(1 AS date)
SELECT CAST(DATE'2020-01-01' AS int)
SELECT CAST(array(1) AS int)
SELECT CAST(123.45 AS decimal(3, 2))
SELECT round(1.5, i) FROM t
SELECT if(1, 2, 3)
SELECT CASE WHEN 1 THEN 2 END
SELECT coalesce()
SELECT coalesce(1, array(1))
SELECT nullif(1)
SELECT substring('a')
SELECT upper('a', 'b')
SELECT make_date(2020, 13, 1)
SELECT make_timestamp(2020, 1, 1, 25, 0, 0)
SELECT DATE'2020-01-01' + 1.5
SELECT date_add(DATE'2020-01-01', 'x')
SELECT date_add(DATE'2020-01-01', 1.5)
SELECT timestamp_seconds('a')
SELECT timestamp_millis(1.5)
SELECT INTERVAL '100000000' YEAR * 1000
SELECT to_json(1)
SELECT to_json(array(1), 'x')
SELECT s RLIKE '(' FROM t
SELECT regexp(s, '(') FROM t
SELECT rlike(s, '(') FROM t
SELECT regexp_like(s, 'it''s\\d(') FROM t
SELECT REGEXP_LIKE(s, '(') FROM t
SELECT regexp_count(s, '(') FROM t
SELECT regexp_substr(s, '(') FROM t
SELECT regexp_instr(s, '(') FROM t
SELECT regexp_extract(s, '(', 0) FROM t
SELECT regexp_extract_all(s, '(', 0) FROM t
SELECT regexp_replace(s, '(', 'x') FROM t
SELECT split(s, '(') FROM t
SELECT str_to_map(s, '(', ':') FROM t
SELECT str_to_map(s, ',', 'a**') FROM t
SELECT regexp_extract('a', 'a', -1)
SELECT regexp_extract_all('a', '(a)', 2)
SELECT regexp_replace('abcb', '(b)', '$2', 3)
SELECT regexp_replace(s, 'a', '$x') FROM t
SELECT regexp_replace(s, 'a', 'x\\') FROM t
SELECT regexp_replace('abc', 'b', 'x', 0)
SELECT regexp_replace(s, 'b', 'x', -2147483648) FROM t
SELECT regexp_replace(s, 'b', 'x', i) FROM t
SELECT s LIKE 'a\\b' FROM t
SELECT s LIKE 'it''s\\' FROM t
SELECT s ILIKE 'A\\B' FROM t
