!1 + 2
!2147483647 + 1
!127Y + 1Y
!9223372036854775807L + 1L
1 + NULL
1S + 1
1 + 1L
1L + 1.5D
1.5F + 1
1.5F + 1.5D
1.5 + 2.25
1 + 2.25
1L + 2.25
CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) + 1
~CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) + 1
!'1' + 1
!'1.5' + 1
'1.5' + 1.5D
'1' + '2'
!'a' + 1
true + 1
1 + array(1)
0.1D + 0.2D
1 - 3
!-2147483648 - 1
1.5 - 2.25
-NULL
-(1.5)
!-(-128Y)
-(-1)
-(0.0D)
2 * 3
!2147483647 * 2
!9223372036854775807L * 2L
1.5 * 2.25
CAST(1.5 AS DECIMAL(38,10)) * CAST(1.5 AS DECIMAL(38,10))
1e308D * 10
5 / 2
!1 / 0
!1.0 / 0
!1D / 0D
1.0 / 3
10 / 3.0
CAST(1 AS DECIMAL(20,5)) / CAST(3 AS DECIMAL(20,5))
NULL / 1
'6' / '4'
6L / 4
!5 DIV 0
5 DIV 2
-5 DIV 2
5.5 DIV 2
5L DIV 2
5D DIV 2
!-9223372036854775808L DIV -1L
5 % 3
-5 % 3
5 % -3
!5 % 0
5.5 % 2
5.5D % 2
-5.5D % 2
!pmod(-5, 3)
pmod(5, -3)
!pmod(5, 0)
pmod(-5.5D, 3)
pmod(-7, 3.5)
mod(7, 4)
try_add(1, 2)
try_add(2147483647, 1)
try_subtract(-2147483648, 1)
try_multiply(2147483647, 2)
try_divide(1, 0)
try_divide(6, 4)
negative(5)
positive(5)
1 = 1
1 = 2
1 = NULL
NULL = NULL
1 = 1L
1 = 1.0
!1 = '1'
!1 = 'x'
!1 = true
'a' = 'a'
'a' = 'A'
DOUBLE('NaN') = DOUBLE('NaN')
0.0D = -0.0D
FLOAT('NaN') = FLOAT('NaN')
array(1, 2) = array(1, 2)
array(1, 2) = array(1, 3)
named_struct('a', 1) = named_struct('a', 1)
map(1, 2) = map(1, 2)
DATE'2024-01-01' = '2024-01-01'
DATE'2024-01-01' = TIMESTAMP'2024-01-01 00:00:00'
TIMESTAMP'2024-01-01 00:00:00' = '2024-01-01'
1 <=> NULL
NULL <=> NULL
1 <=> 1
DOUBLE('NaN') <=> DOUBLE('NaN')
equal_null(1, 1)
1 != 2
1 <> 1
1 != NULL
1 < 2
2 < 1
NULL < 1
DOUBLE('NaN') > DOUBLE('Infinity')
DOUBLE('NaN') < 1D
-0.0D < 0.0D
'a' < 'b'
'a' < 'B'
'10' < '9'
!'10' < 9
true < false
DATE'2024-01-01' < DATE'2024-01-02'
1 <= 1
2 >= 3
1.5 >= 1
X'01' < X'02'
2 BETWEEN 1 AND 3
2 BETWEEN 3 AND 1
NULL BETWEEN 1 AND 2
2 NOT BETWEEN 1 AND 3
'b' BETWEEN 'a' AND 'c'
2 BETWEEN 1.5 AND 3L
1 IN (1, 2)
3 IN (1, 2)
3 IN (1, NULL)
1 IN (1, NULL)
NULL IN (1, 2)
!1 IN ('1', '2')
1.0D IN (1, 2)
DOUBLE('NaN') IN (DOUBLE('NaN'))
'a' IN ('a', 'b')
3 NOT IN (1, 2)
true AND false
true AND NULL
false AND NULL
NULL AND NULL
true OR NULL
false OR NULL
true OR false
NOT true
NOT NULL
!NOT 1
!true
1 AND true
false AND 1/0 > 1
true OR 1/0 > 1
isnull(NULL)
isnull(1)
NULL IS NULL
1 IS NOT NULL
isnotnull(NULL)
true IS TRUE
NULL IS TRUE
NULL IS NOT FALSE
5 & 3
5 | 3
5 ^ 3
~5
~(5Y)
5 & 3L
5 & NULL
5 & 1.5
shiftleft(1, 3)
shiftright(-8, 1)
shiftrightunsigned(-8, 1)
shiftleft(1L, 40)
'abc' LIKE 'a%'
'abc' LIKE 'a_c'
'abc' LIKE 'A%'
'a%c' LIKE 'a\\%c'
'abc' LIKE NULL
'a.c' LIKE 'a.c'
'abc' LIKE 'b'
'a\nb' LIKE 'a%b'
'a_c' LIKE 'a|_c' ESCAPE '|'
'abc' NOT LIKE 'a%'
'ABC' ILIKE 'a%'
'ABC' ILIKE 'b'
'abc' RLIKE 'b'
'abc' RLIKE '^b'
'abc' RLIKE '\\d'
'a1c' RLIKE '\\d'
'abc' RLIKE NULL
regexp_like('Steven', 'Ste(v|ph)en')
'a' || 'b'
'a' || NULL
1 || 'b'
TIMESTAMP'2024-03-31 12:00:00' - INTERVAL 5 MINUTES
TIMESTAMP'2024-03-31 12:00:00' + INTERVAL 1 DAY
TIMESTAMP'2024-03-30 02:30:00' + INTERVAL 24 HOURS
TIMESTAMP'2024-01-31 12:00:00' + INTERVAL 1 MONTH
INTERVAL 5 MINUTES + TIMESTAMP'2024-03-31 12:00:00'
DATE'2024-03-31' + 1
DATE'2024-03-31' - 1
1 + DATE'2024-03-31'
DATE'2024-03-31' + INTERVAL 1 MONTH
DATE'2024-03-31' + INTERVAL 1 DAY
DATE'2024-03-31' + INTERVAL 1 HOUR
DATE'2024-03-31' - NULL
DATE'2024-03-31' + 1.5D
try_mod(7, 3)
try_mod(7, 0)
try_mod(5.5, 2)
bit_count(5)
bit_count(-1)
bit_count(-1L)
bit_count(true)
bit_count('a')
bit_get(11, 0)
getbit(11, 2)
getbit(11, 32)
getbit(11L, -1)
'abc' NOT LIKE ANY ('x%', 'a%')
'abc' NOT LIKE ALL ('x%', 'a%')
'abc' LIKE ANY (NULL, 'x')
'abc' LIKE ALL ('%c', 'a%')
'abc' NOT LIKE ALL (NULL, 'x')
'abc' NOT ILIKE ANY ('X%', 'A%')
# a cast constant is no literal
cast(1.5 as decimal(4,2)) + cast(1 as int)
cast(1 as int) - cast(1.5 as decimal(4,2))
cast(1.5 as decimal(4,2)) * cast(2 as bigint)
cast(1.5 as decimal(4,2)) / cast(3 as smallint)
cast(1.5 as decimal(4,2)) % cast(7 as tinyint)
cast(1.5 as decimal(4,2)) + 1
cast(1.5 as decimal(4,2)) + 1L
# Comparisons of nested values: neither strings nor decimals are cast inside of them, names of fields do not count.
named_struct('a', 1) = named_struct('b', 1)
named_struct('a', 1) = named_struct('A', 1L)
named_struct('a', 1) = named_struct('b', 1L)
named_struct('a', 1) < named_struct('b', 2)
array(named_struct('a', 1)) = array(named_struct('b', 1))
!struct(1) = struct('a')
!struct(1) = struct('1')
struct(1, 'a') = struct(1)
struct(1) = struct(2L)
struct(1) = struct(NULL)
struct(1) = NULL
struct(1) = struct(1.0)
struct(CAST(1 AS DECIMAL(20, 1))) = struct(1)
array(1) = array('a')
array(1) = array(1L)
array(1) = array(1.0)
array(1) = array(CAST(1 AS DECIMAL(20, 1)))
array(CAST(1 AS DECIMAL(5, 1))) = array(CAST(1 AS DECIMAL(6, 1)))
array(date'2020-01-01') = array(timestamp'2020-01-01')
array(1) BETWEEN array(0L) AND array('2')
array(1) <=> array(1L)
array(1) <=> array('1')
array(1f) = array(1)
array(true) = array(1)
array(x'41') = array('A')
array(0.0D) = array(-0.0D)
struct(CAST('NaN' AS DOUBLE)) = struct(CAST('NaN' AS DOUBLE))
struct(map('a', 1)) = struct(map('a', 1))
struct(1) IN (struct('a'))
struct(1) IN (struct(2L), struct(1))
array(1) = struct(1)
array(1) = 1
# Intervals that are divided by zero or leave their range.
try_divide(interval '1' day, 0)
try_divide(interval '1' month, 0)
try_divide(interval '3' day, 2)
try_divide(interval '1' day, 0.0D)
try_divide(interval '1' day, NULL)
try_multiply(interval '106751991' day, 2)
try_add(interval '106751991' day, interval '106751991' day)
try_subtract(interval '-106751991' day, interval '106751991' day)
interval '1' day / 0
CAST(NULL AS INTERVAL DAY TO SECOND) / 0
interval '1' day * NULL
interval '1' day / '2'
interval '1' day + interval '1' month
interval '106751991' day + interval '106751991' day
CAST(NULL AS INT) ^ CAST(NULL AS INT)
exists(array(1, NULL), x -> (x ^ x) IS NULL)
exists(array(1, NULL), x -> (x | (x & 3)) IS NULL)
!99999999999999999999BD div 7S
50000000.00BD * CAST(-9999999999999999999999999999.999999999BD AS DECIMAL(38, 9))
exists(array(array(1, NULL)), x -> array(1) < x)
exists(array(named_struct('x', 1, 'y', 'a'), NULL), p -> named_struct('x', -9, 'y', CAST(NULL AS STRING)) = p)
!'a' = INTERVAL '1' MONTH
!'a' <=> INTERVAL '1' DAY
!INTERVAL '1' DAY BETWEEN '1' AND '2'
!'a' IN (INTERVAL '1' DAY)
pmod(-7.5D, 2.5D)
pmod(-1.5D, 5e-324D)
pmod(-7.5F, 2.5F)
