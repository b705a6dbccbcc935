//! Queries: text beside the plan. The plans without extensions have been run by Spark Connect with the text's own
//! answers.

use super::render;
use crate::parser::{Statement, parse_statement};

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        match parse_statement(text).unwrap_or_else(|error| panic!("{text}: {error:?}")) {
            Statement::Query(plan) => assert_eq!(render::relation(&plan), *expected, "{text}"),
            Statement::Command(command) => panic!("{text}: {command:?}"),
        }
    }
}

#[test]
fn select_lists() {
    check(&[
        ("SELECT 1", "project[1]()"),
        ("SELECT a, b AS c FROM t;", "project[a, b as c](t)"),
        ("SELECT DISTINCT a FROM t", "distinct(project[a](t))"),
        ("SELECT count(*) FROM t WHERE a > 1", "project[count(*)](filter[>(a, 1)](t))"),
        ("SELECT 1 WHERE true", "project[1](filter[true](project[]()))"),
        ("FROM t SELECT a WHERE b", "project[a](filter[b](t))"),
        ("TABLE t", "t"),
        ("SELECT * FROM cat.db.`my-table`", "project[*](cat.db.`my-table`)"),
        ("SELECT a FROM t WHERE", "project[a](WHERE:t)"),
        ("SELECT /*+ BROADCAST(u), COALESCE(3) */ a FROM t", "hint BROADCAST[u](hint COALESCE[3](project[a](t)))"),
    ]);
}

#[test]
fn grouping() {
    check(&[
        ("SELECT a, sum(b) FROM t GROUP BY a", "groupby[a: a, sum(b)](t)"),
        ("SELECT sum(b) FROM t GROUP BY a HAVING max(b) > 1", "filter[>(max(b), 1)](groupby[a: sum(b)](t))"),
        ("SELECT sum(b) FROM t HAVING sum(b) > 1", "filter[>(sum(b), 1)](groupby[: sum(b)](t))"),
        ("SELECT a, count(1) FROM t GROUP BY 1", "groupby[#1: a, count(1)](t)"),
        ("SELECT a, count(1) FROM t GROUP BY ALL", "groupby[ALL: a, count(1)](t)"),
        ("SELECT a FROM t GROUP BY CUBE(a, b)", "cube[a, b: a](t)"),
        ("SELECT a FROM t GROUP BY a, b WITH ROLLUP", "rollup[a, b: a](t)"),
        ("SELECT a FROM t GROUP BY GROUPING SETS ((a, b), a, ())", "groupingsets[a, b (a, b)(a)(): a](t)"),
        ("SELECT a FROM t GROUP BY a, ROLLUP(b, c)", "groupingsets[a, b, c (a, b, c)(a, b)(a): a](t)"),
        ("SELECT a FROM t GROUP BY CUBE((a, b), c)", "groupingsets[a, b, c (a, b, c)(a, b)(c)(): a](t)"),
    ]);
}

#[test]
fn order_and_limits() {
    check(&[
        ("SELECT a FROM t ORDER BY a DESC, 2 NULLS LAST", "sort[a desc last, #2 asc last](project[a](t))"),
        ("SELECT a FROM t ORDER BY ALL", "sort[ALL asc first](project[a](t))"),
        ("SELECT a FROM t LIMIT 5 OFFSET 2", "limit[5](offset[2](project[a](t)))"),
        ("SELECT a FROM t LIMIT ALL", "project[a](t)"),
        ("SELECT a FROM t DISTRIBUTE BY a SORT BY b", "sort within[b asc first](distribute[a](project[a](t)))"),
        ("SELECT a FROM t CLUSTER BY a", "sort within[a asc first](distribute[a](project[a](t)))"),
    ]);
}

#[test]
fn joins() {
    check(&[
        ("SELECT * FROM t, u", "project[*](inner[](t, u))"),
        ("SELECT * FROM t x JOIN u ON x.a = u.a", "project[*](inner[==(x.a, u.a)](x:t, u))"),
        ("SELECT * FROM t LEFT JOIN u USING (a, b)", "project[*](leftouter[a, b](t, u))"),
        ("SELECT * FROM t FULL OUTER JOIN u ON true", "project[*](fullouter[true](t, u))"),
        ("SELECT * FROM t RIGHT JOIN u ON true", "project[*](rightouter[true](t, u))"),
        ("SELECT * FROM t LEFT SEMI JOIN u ON true", "project[*](leftsemi[true](t, u))"),
        ("SELECT * FROM t ANTI JOIN u ON true", "project[*](leftanti[true](t, u))"),
        ("SELECT * FROM t CROSS JOIN u", "project[*](cross[](t, u))"),
        ("SELECT * FROM t NATURAL LEFT JOIN u", "project[*](natural leftouter(t, u))"),
        ("SELECT * FROM t JOIN u ON p JOIN v ON q", "project[*](inner[q](inner[p](t, u), v))"),
        ("SELECT * FROM (t JOIN u ON p) AS j", "project[*](j:inner[p](t, u))"),
    ]);
}

#[test]
fn what_from_can_name() {
    check(&[
        ("SELECT * FROM (SELECT a FROM t) AS s(x)", "project[*](s:rename[x](project[a](t)))"),
        (
            "SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v(x, y)",
            r#"project[*](v:rename[x, y](values[(1, "a"), (2, "b")]))"#,
        ),
        ("VALUES 1, 2", "values[(1), (2)]"),
        ("SELECT * FROM range(5)", "project[*](range[0 5 1])"),
        ("SELECT * FROM range(1, 9, 2) r", "project[*](r:range[1 9 2])"),
        ("SELECT * FROM range(1 + 1)", "project[*](range(+(1, 1)))"),
        ("SELECT * FROM explode(array(1)) AS e(x)", "project[*](e:rename[x](explode(array(1))))"),
        ("SELECT * FROM STREAM t", "project[*](stream t)"),
        ("SELECT * FROM STREAM(db.t) s", "project[*](s:stream db.t)"),
        ("SELECT * FROM t TABLESAMPLE (10 PERCENT) REPEATABLE (7)", "project[*](sample[0.1 seed Some(7)](t))"),
        ("SELECT * FROM t TABLESAMPLE (5 ROWS)", "project[*](limit[5](t))"),
        (
            "SELECT * FROM STREAM t WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS w",
            "project[*](w:watermark[ts 10 seconds](stream t))",
        ),
        (
            "SELECT * FROM t WATERMARK to_timestamp(x) AS ts DELAY OF INTERVAL 1 MINUTE",
            "project[*](watermark[ts 1 minute](project[to_timestamp(x) as ts, *](t)))",
        ),
    ]);
}

#[test]
fn lateral_views_are_lateral_joins() {
    check(&[
        (
            "SELECT * FROM t LATERAL VIEW explode(a) e AS x WHERE x > 1",
            "project[*](filter[>(x, 1)](lateral inner[](t, e:rename[x](explode(a)))))",
        ),
        (
            "SELECT * FROM t LATERAL VIEW OUTER posexplode(a) e AS p, x",
            "project[*](lateral leftouter[](t, e:rename[p, x](posexplode(a))))",
        ),
        ("SELECT * FROM t, LATERAL explode(a) AS e(x)", "project[*](lateral inner[](t, e:rename[x](explode(a))))"),
        ("SELECT * FROM t LEFT JOIN LATERAL (SELECT t.a) ON p", "project[*](lateral leftouter[p](t, project[t.a]()))"),
    ]);
}

#[test]
fn set_operations() {
    check(&[
        ("SELECT 1 UNION ALL SELECT 2", "union all(project[1](), project[2]())"),
        ("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", "union(project[1](), intersect(project[2](), project[3]()))"),
        ("SELECT 1 EXCEPT SELECT 2 MINUS SELECT 3", "except(except(project[1](), project[2]()), project[3]())"),
        (
            "(SELECT 1 LIMIT 1) UNION ALL SELECT 2 ORDER BY 1",
            "sort[#1 asc first](union all(limit[1](project[1]()), project[2]()))",
        ),
    ]);
}

#[test]
fn common_tables_have_no_plan_id_and_subqueries_have_one() {
    check(&[
        (
            "WITH x(p) AS (SELECT 1), y AS (SELECT p FROM x) SELECT * FROM y",
            "project[*](y) with [x:rename[p](project[1]()), y:project[p](x)]",
        ),
        (
            "SELECT a FROM t WHERE a IN (SELECT a FROM u) AND EXISTS (SELECT 1 FROM u WHERE u.a > (SELECT 2))",
            "project[a](filter[and(in#-1(a), exists#-3())](t)) with [#-1:project[a](u), \
             #-3:project[1](filter[>(u.a, scalar#-2())](u)) with [#-2:project[2]()]]",
        ),
    ]);
}

#[test]
fn a_window_clause_is_put_in_its_places() {
    check(&[(
        "SELECT sum(a) OVER w, max(a) OVER (w), (SELECT 1) FROM t WINDOW w AS (PARTITION BY b)",
        "project[sum(a) over [b; ], max(a) over [b; ], scalar#-1()](t) with [#-1:project[1]()]",
    )]);
}

#[test]
fn pivots() {
    check(&[
        (
            "SELECT * FROM t PIVOT (sum(b) AS s FOR a IN (1 AS one, 2))",
            "project[*](pivot[sum(b) as s for a in 1 as one, 2](t))",
        ),
        (
            "SELECT * FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a AS x, b)) AS p",
            "project[*](p:unpivot[v for n in a as x, b with nulls](t))",
        ),
    ]);
}
