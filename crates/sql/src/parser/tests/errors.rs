//! Errors, word for word as Apache Spark 4.2 prints them (less the line break it begins with), and what we refuse
//! alone.

use millstream_core::error::{ErrorKind, SparkException};

use crate::parser::{parse_expression, parse_statement};

#[track_caller]
fn check(text: &str, expected: &str) {
    let error = parse_statement(text).expect_err(text);
    assert_eq!(error.to_spark_message(), expected, "{text}");
    assert_eq!(error.exception(), SparkException::Parse, "{text}");
}

#[test]
fn the_offending_token_and_its_place() {
    check(
        "SELECT a b c FROM t",
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'c'. SQLSTATE: 42601 (line 1, pos 11)\n\n\
         == SQL ==\nSELECT a b c FROM t\n-----------^^^\n",
    );
    check(
        "SELECT 1 +",
        "[PARSE_SYNTAX_ERROR] Syntax error at or near end of input. SQLSTATE: 42601 (line 1, pos 10)\n\n\
         == SQL ==\nSELECT 1 +\n----------^^^\n",
    );
    check(
        "SELECT * FROM t t2 t3",
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 't3': extra input 't3'. SQLSTATE: 42601 (line 1, pos 19)\n\n\
         == SQL ==\nSELECT * FROM t t2 t3\n-------------------^^^\n",
    );
    check(
        "",
        "[PARSE_EMPTY_STATEMENT] Syntax error, unexpected empty statement. SQLSTATE: 42617 (line 1, pos 0)\n\n\
         == SQL ==\n\n^^^\n",
    );
}

#[test]
fn what_was_understood_and_refused_is_underlined() {
    check(
        "SELECT CAST(a AS FOO)",
        "[UNSUPPORTED_DATATYPE] Unsupported data type \"FOO\". SQLSTATE: 0A000\n\
         == SQL (line 1, position 18) ==\nSELECT CAST(a AS FOO)\n                 ^^^\n",
    );
    check(
        "SELECT 300Y",
        "[INVALID_NUMERIC_LITERAL_RANGE] Numeric literal 300 is outside the valid range for tinyint with minimum value \
         of -128 and maximum value of 127. Please adjust the value accordingly. SQLSTATE: 22003\n\
         == SQL (line 1, position 8) ==\nSELECT 300Y\n       ^^^^\n",
    );
}

#[test]
fn what_spark_has_and_we_have_not_is_unsupported() {
    for text in [
        "INSERT INTO t REPLACE WHERE k = 1 SELECT 1",
        "ALTER TABLE t TOUCH",
        "SELECT a FROM t |> WHERE a",
        "CREATE TABLE t (a INT) USING csv CLUSTERED BY (a) INTO 2 BUCKETS",
    ] {
        let error = parse_statement(text).expect_err(text);
        assert_eq!((error.kind(), error.class()), (ErrorKind::Unsupported, Some("UNSUPPORTED_FEATURE")), "{text}");
    }
}

#[test]
fn nesting_and_chains_without_end_are_refused() {
    on_a_large_stack(|| {
        for piece in ["(", "- ", "f(", "a[", "(SELECT ", "x -> ", "CASE ", "NOT ", "a + ", "CAST(", "a AND ", "a OR "] {
            let error = parse_expression(&piece.repeat(10_000)).expect_err("too deep");
            assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"), "{piece}");
        }
        for piece in [" UNION SELECT 1", " JOIN t", ", t", " LATERAL VIEW f(a) b"] {
            let error = parse_statement(&format!("SELECT 1 FROM t{}", piece.repeat(10_000))).expect_err("too long");
            assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"), "{piece}");
        }
        let calls = format!("{}s{}", "substring(".repeat(300), ", 1)".repeat(300));
        parse_expression(&calls).expect("calls in calls are read once");
        let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
        parse_expression(&deep).expect("three hundred levels are read");
        parse_expression(&"a + ".repeat(2000)).expect_err("an operand is missing");
        // Chains in chains: none is long.
        let sums = format!("{}1{}", "(".repeat(100), "+ 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1)".repeat(100));
        parse_expression(&sums).expect("a thousand operators");
        let sums = format!("{}1{}", "(".repeat(300), "+ 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1)".repeat(300));
        let error = parse_expression(&sums).expect_err("a tree of three thousand levels");
        assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"));
    });
}

#[test]
fn what_begins_like_a_query_is_read_once() {
    on_a_large_stack(|| {
        for (before, behind) in [("((SELECT * FROM ", ") JOIN t)"), ("((SELECT ", ") + 1)"), ("(((SELECT a, ", ")))")] {
            let text = format!("SELECT * FROM {}1{}", before.repeat(100), behind.repeat(100));
            drop(parse_statement(&text));
        }
        let select = "SELECT sum(a) OVER w FROM (";
        let text = format!("{}SELECT 1{}", select.repeat(100), ") WINDOW w AS (ORDER BY a)".repeat(100));
        parse_statement(&text).expect("each WINDOW clause is read twice");
    });
}

fn on_a_large_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(crate::nesting::STACK_BYTES).spawn(test);
    thread.expect("a thread").join().expect("no assertion fails");
}
