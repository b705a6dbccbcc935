//! Expressions: the messages are those that PySpark's client sends for the same column, or, where a DataFrame cannot
//! say it, what Spark's parser makes of the text by its grammar.

use super::render;
use crate::parser::parse_expression;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let parsed = parse_expression(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(render::expression(&parsed), *expected, "{text}");
    }
}

#[test]
fn numbers_have_the_type_of_their_suffix_and_size() {
    check(&[
        ("1", "1"),
        ("2147483648", "2147483648L"),
        ("-2147483648", "-2147483648"),
        ("1L", "1L"),
        ("2S", "2S"),
        ("3Y", "3Y"),
        ("-128Y", "-128Y"),
        ("1.5D", "1.5D"),
        ("1.5F", "1.5F"),
        ("1e3", "1000D"),
        (".5", "0.5(1,1)"),
        ("1.50", "1.50(3,2)"),
        ("1.5BD", "1.5(2,1)"),
        ("1e3BD", "1000(4,0)"),
        ("0.00", "0.00(2,2)"),
        ("9223372036854775808", "9223372036854775808(19,0)"),
        ("- 7", "-7"),
        ("-a", "-(a)"),
        ("1a", "1a"),
    ]);
}

#[test]
fn strings_are_decoded_by_sparks_escapes() {
    check(&[
        ("'it''s'", r#""it's""#),
        (r#""it's""#, r#""it's""#),
        (r"'a\nb'", r#""a\nb""#),
        (r"'a\u0041\101'", r#""aAA""#),
        (r"'100\%'", r#""100\\%""#),
        (r"r'\d+'", r#""\\d+""#),
        ("'a' 'b'", r#""ab""#),
        ("X'0f'", "[15]"),
        ("x'ABC'", "[10, 188]"),
    ]);
}

#[test]
fn typed_literals_hold_days_and_microseconds() {
    // Days and microseconds by `date -u -d … +%s`.
    check(&[
        ("DATE'2024-01-31'", "day 19753"),
        ("date '2024-2'", "day 19754"),
        ("DATE '1969-12-31'", "day -1"),
        ("TIMESTAMP '2024-01-31T12:00:00Z'", "instant 1706702400000000"),
        ("TIMESTAMP '2024-01-31 12:00:00.5+02:00'", "instant 1706695200500000"),
        ("TIMESTAMP '2024-01-31 12:00'", "local 2024-01-31 12:00"),
        ("TIMESTAMP_NTZ '2024-01-31 12:00'", "clock 1706702400000000"),
        ("DATE 'today'", "DATE today"),
        ("timestamp' Tomorrow CET '", "TIMESTAMP  Tomorrow CET "),
        ("NULL", "null"),
        ("True", "true"),
    ]);
}

#[test]
fn intervals_keep_the_fields_they_name() {
    check(&[
        ("INTERVAL 5 MINUTES", "interval minute 300000000"),
        ("INTERVAL '5' MINUTE", "interval minute 300000000"),
        ("interval '5 minutes'", "interval minute 300000000"),
        ("INTERVAL '1' DAY '2' HOUR", "interval day to hour 93600000000"),
        ("INTERVAL -1 WEEK", "interval day -604800000000"),
        ("INTERVAL 1.5 SECONDS", "interval second 1500000"),
        ("INTERVAL '1 02:03:04.5' DAY TO SECOND", "interval day to second 93784500000"),
        ("INTERVAL '-1 02:03' DAY TO MINUTE", "interval day to minute -93780000000"),
        ("INTERVAL '1:30' MINUTE TO SECOND", "interval minute to second 90000000"),
        ("INTERVAL 1 YEAR 2 MONTHS", "interval year to month 14"),
        ("INTERVAL '-1-2' YEAR TO MONTH", "interval year to month -14"),
        ("interval", "interval"),
    ]);
}

#[test]
fn operators_bind_as_in_spark() {
    check(&[
        ("a + b * c - d / e % f", "-(+(a, *(b, c)), %(/(d, e), f))"),
        ("10 DIV 3 + 1", "+(div(10, 3), 1)"),
        ("a | b & c ^ d", "|(a, ^(&(b, c), d))"),
        ("1 << 2 + 3", "<<(1, +(2, 3))"),
        ("a >>> 1", ">>>(a, 1)"),
        ("- a * ~b", "*(-(a), ~(b))"),
        ("1 - -1", "-(1, -1)"),
        ("'a' || 'b' || 'c'", r#"concat(concat("a", "b"), "c")"#),
        ("a = b", "==(a, b)"),
        ("a == b", "==(a, b)"),
        ("a <=> b", "<=>(a, b)"),
        ("a != b", "not(==(a, b))"),
        ("a <> b", "not(==(a, b))"),
        ("a !> b", "<=(a, b)"),
        ("a !< b", ">=(a, b)"),
        ("a < b = c >= d", ">=(==(<(a, b), c), d)"),
        ("NOT a = b AND c OR d", "or(and(not(==(a, b)), c), d)"),
        ("!a OR NOT NOT b", "or(not(a), not(not(b)))"),
        ("a AND b AND c AND d AND e", "and(and(and(a, b), c), and(d, e))"),
    ]);
}

#[test]
fn predicates() {
    check(&[
        ("a BETWEEN 1 AND 2 AND b", "and(between(a, 1, 2), b)"),
        ("a NOT BETWEEN 1 AND 2", "not(between(a, 1, 2))"),
        ("a IN (1, 2)", "in(a, 1, 2)"),
        ("a NOT IN (1)", "not(in(a, 1))"),
        ("a LIKE 'x%'", r#"like(a, "x%")"#),
        ("a NOT LIKE 'x' ESCAPE '!'", r#"not(like(a, "x", "!"))"#),
        ("a ILIKE 'x'", r#"ilike(a, "x")"#),
        ("a RLIKE 'x'", r#"rlike(a, "x")"#),
        ("a REGEXP 'x'", r#"rlike(a, "x")"#),
        ("a LIKE ANY ('x', 'y')", r#"likeany(a, "x", "y")"#),
        ("a NOT ILIKE ALL ('X', 'y')", r#"notlikeall(lower(a), "x", "y")"#),
        ("a LIKE ANY ('x', b)", r#"or(like(a, "x"), like(a, b))"#),
        ("a NOT LIKE ALL ('x', b)", r#"and(not(like(a, "x")), not(like(a, b)))"#),
        ("a NOT LIKE ANY ('x', b)", r#"or(not(like(a, "x")), not(like(a, b)))"#),
        ("a IS NULL", "isnull(a)"),
        ("a = 1 IS NOT NULL", "isnotnull(==(a, 1))"),
        ("a IS TRUE", "<=>(a, true)"),
        ("a IS NOT FALSE", "not(<=>(a, false))"),
        ("a IS DISTINCT FROM b", "not(<=>(a, b))"),
        ("a IS NOT DISTINCT FROM b", "<=>(a, b)"),
    ]);
}

#[test]
fn names_in_any_case_with_backticks_and_fields() {
    check(&[
        ("data.user_id", "data.user_id"),
        ("`a b`.c", "`a b`.c"),
        ("`a``b`", "`a``b`"),
        ("`plain`", "plain"),
        ("timestamp", "timestamp"),
        ("select", "select"),
        ("*", "*"),
        ("data.*", "data.*"),
        ("* EXCEPT (a, b.c)", "* except [a, b.c]"),
        ("a[0].b['k']", r#"a[0]["b"]["k"]"#),
        ("f(x).y", r#"f(x)["y"]"#),
        ("a.b[c[0]]", "a.b[c[0]]"),
        ("IDENTIFIER('a.b')", "a.b"),
    ]);
}

#[test]
fn names_given_to_expressions() {
    check(&[
        ("a AS b", "a as b"),
        ("CAST(value AS STRING)", "cast(value: string)"),
        ("CAST(ip AS STRING) AS key", "cast(ip: string) as key"),
        ("to_json(struct(*)) AS value", "to_json(struct(*)) as value"),
        ("a `x y`", "a as x y"),
        ("posexplode(a) AS (p, x)", "posexplode(a) as p+x"),
        ("count(distinct device_id)", "count(distinct device_id)"),
        ("1 FROM", "1 as FROM"),
    ]);
}

#[test]
fn casts_and_cases() {
    check(&[
        ("TRY_CAST(a AS INT)", "try_cast(a: int)"),
        ("a::decimal(10,2)::string", "cast(cast(a: decimal(10,2)): string)"),
        ("CAST(a AS MAP<STRING, ARRAY<INT>>)", "cast(a: map<string,array<int>>)"),
        ("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END", "when(a, 1, b, 2, 3)"),
        ("CASE a WHEN 1 THEN 'x' END", r#"when(==(a, 1), "x")"#),
        ("CASE WHEN distinct_devices > 1 THEN 1 ELSE 0 END", "when(>(distinct_devices, 1), 1, 0)"),
    ]);
}

#[test]
fn calls() {
    check(&[
        ("count(*)", "count(*)"),
        ("Count(ALL a)", "Count(a)"),
        ("sum(DISTINCT a) FILTER (WHERE b > 1)", "sum(distinct a) where >(b, 1)"),
        ("first(a) IGNORE NULLS", "first(a) ignoring nulls"),
        ("first(a IGNORE NULLS)", "first(a) ignoring nulls"),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC)", "percentile_cont(0.5(1,1)) within [a desc last]"),
        ("mask(a, upperChar => 'X')", r#"mask(a, upperChar => "X")"#),
        ("struct(a, 1 AS b)", "struct(a, 1 as b)"),
        ("(a, 1)", "struct(a, 1)"),
        ("current_timestamp", "current_timestamp()"),
        ("current_date()", "current_date()"),
        ("EXTRACT(YEAR FROM ts)", r#"extract("YEAR", ts)"#),
        ("SUBSTRING(s FROM 2 FOR 3)", "substring(s, 2, 3)"),
        ("TRIM(s)", "TRIM(s)"),
        ("TRIM(LEADING 'x' FROM s)", r#"ltrim("x", s)"#),
        ("trim(both from s)", "trim(s)"),
        ("POSITION('a' IN s)", r#"locate("a", s)"#),
        ("position('a', s)", r#"position("a", s)"#),
        ("position('a' IN (s))", r#"locate("a", s)"#),
        ("substring(substring(s, 1) FROM 2)", "substring(substring(s, 1), 2)"),
        ("trim(leading)", "trim(leading)"),
        ("substring((SELECT s), 1)", "substring(scalar#-1(), 1) with [#-1:project[s]()]"),
        ("overlay(s PLACING 'x' FROM 2)", r#"overlay(s, "x", 2)"#),
        ("dateadd(HOUR, 1, ts)", r#"timestampadd("HOUR", 1, ts)"#),
        ("date_add(d, 1)", "date_add(d, 1)"),
        ("window(ts, '5 minutes').start", r#"window(ts, "5 minutes")["start"]"#),
    ]);
}

#[test]
fn a_lambdas_parameters_hide_columns() {
    check(&[
        ("transform(a, x -> x + y)", "transform(a, (x) -> +($x, y))"),
        ("exists(a, X -> x.f > 1)", r#"exists(a, (X) -> >($X["f"], 1))"#),
        ("aggregate(a, 0, (acc, x) -> acc + x)", "aggregate(a, 0, (acc, x) -> +($acc, $x))"),
        ("f(a, x -> g(b, y -> x + y), x)", "f(a, (x) -> g(b, (y) -> +($x, $y)), x)"),
    ]);
}

#[test]
fn windows() {
    check(&[
        ("row_number() OVER (PARTITION BY a ORDER BY b)", "row_number() over [a; b asc first]"),
        ("sum(a) OVER ()", "sum(a) over [; ]"),
        (
            "sum(a) OVER (ORDER BY b DESC NULLS FIRST ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
            "sum(a) over [; b desc first; rows negative(2) to current]",
        ),
        (
            "sum(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND UNBOUNDED FOLLOWING)",
            "sum(a) over [; ts asc first; range negative(interval day 86400000000) to unbounded]",
        ),
        ("sum(a) OVER (ROWS 1 PRECEDING)", "sum(a) over [; ; rows negative(1) to current]"),
        ("count(1) FILTER (WHERE a) OVER (ORDER BY b)", "count(1) where a over [; b asc first]"),
    ]);
}

#[test]
fn subqueries_bring_their_plans() {
    check(&[
        ("a IN (SELECT b FROM t)", "in#-1(a) with [#-1:project[b](t)]"),
        ("(a, b) IN (SELECT 1, 2)", "in#-1(a, b) with [#-1:project[1, 2]()]"),
        ("EXISTS (SELECT 1)", "exists#-1() with [#-1:project[1]()]"),
        ("((SELECT 1) + 1)", "+(scalar#-1(), 1) with [#-1:project[1]()]"),
    ]);
}

#[test]
fn comments_are_space() {
    check(&[("a /* b /* c */ */ + 1 -- d", "+(a, 1)")]);
}

#[test]
fn a_thousand_conditions_stay_shallow() {
    let text = (0..1000).map(|n| format!("a = {n}")).collect::<Vec<_>>().join(" OR ");
    let rendered = render::expression(&parse_expression(&text).expect("a long condition parses"));
    let depth = rendered.chars().scan(0_usize, |depth, ch| {
        match ch {
            '(' => *depth += 1,
            ')' => *depth -= 1,
            _ => {}
        }
        Some(*depth)
    });
    // ⌈log2 1000⌉ levels of OR, and one of the comparison.
    assert_eq!(depth.max(), Some(11));
}
