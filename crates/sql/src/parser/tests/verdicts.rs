//! Which texts are SQL: verdicts of Apache Spark 4.2 in `spark_verdicts.jsonl`, recorded by `record_verdicts.py`.
//!
//! Where Spark parses a text, so do we, or we say that we do not support it, or we give the error that Spark's analyzer
//! gives. Where Spark's parser refuses a text, so do we, with its message.

use millstream_core::Result;
use serde_json::Value;

use crate::parser::{parse_expression, parse_schema, parse_statement};

/// Texts that Spark parses and then refuses for another reason than ours, or names that we keep for ourselves.
const NOT_PARSED_HERE: [(&str, &str); 4] = [
    ("INTERVAL 1.5 DAYS", "Spark refuses the fraction after parsing"),
    ("INTERVAL 1 NANOSECOND", "Spark refuses the unit after parsing"),
    ("CASE END", "a column called CASE"),
    ("SELECT a FROM t TABLESAMPLE (x ROWS)", "the number of rows is an expression in Spark's grammar"),
];

/// Refused by both, with a token or a wording of Spark's that follows from its generated parser.
const OTHER_WORDS: [&str; 15] = [
    "trim(trailing 'xa')",
    "interval '1' month to year",
    "* except id",
    "CASE WHEN 1 THEN",
    "CAST(id AS DECIMAL(10,2,3))",
    "a[1:2]",
    "id is foo",
    "'x' as \"y\"",
    "SELECT * FROM t left",
    "SET TIME ZONE",
    "SELECT * FROM (SELECT 1",
    "array()[1:2]",
    "INTERVAL 1 DAY 2",
    "INTERVAL 5",
    "a.1",
];

#[test]
fn spark_and_we_agree_on_what_is_sql() {
    let mut disagreements = Vec::new();
    let recorded = include_str!("spark_verdicts.jsonl");
    for line in recorded.lines() {
        let case: Value = serde_json::from_str(line).expect("the file holds JSON lines");
        let text = case["text"].as_str().expect("a case has a text");
        if let Some(problem) = compare(&case, text) {
            disagreements.push(format!("{text}\n    {problem}"));
        }
    }
    assert!(recorded.lines().count() > 600, "the file is whole");
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let recorded = include_str!("spark_verdicts.jsonl");
    let cases: Vec<Value> = recorded.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let case = |text: &str| cases.iter().find(|case| case["text"] == text).unwrap_or_else(|| panic!("no case {text}"));
    for (text, reason) in NOT_PARSED_HERE {
        let case = case(text);
        assert_eq!(case["parses"], true, "{text}");
        assert!(parse(case, text).is_err(), "{text} is parsed: it is no exception any more ({reason})");
    }
    for text in OTHER_WORDS {
        let case = case(text);
        assert_eq!(case["parses"], false, "{text}");
        let (ours, spark) = (parse(case, text).expect_err(text).to_spark_message(), &case["message"]);
        assert_ne!(
            Some(ours.trim()),
            spark.as_str().map(str::trim),
            "{text} has Spark's words: it is no exception any more"
        );
    }
}

fn parse(case: &Value, text: &str) -> Result<()> {
    match case["kind"].as_str().expect("a case has a kind") {
        "expression" => parse_expression(text).map(drop),
        "schema" => parse_schema(text).map(drop),
        _ => parse_statement(text).map(drop),
    }
}

fn compare(case: &Value, text: &str) -> Option<String> {
    let ours = parse(case, text);
    let spark_parses = case["parses"].as_bool().expect("a case has a verdict");
    match (spark_parses, ours) {
        (true, Ok(())) => None,
        (true, Err(error)) => {
            let same_class = error.class().is_some() && error.class() == case["class"].as_str();
            let excused = same_class
                || error.class() == Some("UNSUPPORTED_FEATURE")
                || NOT_PARSED_HERE.iter().any(|(known, _)| *known == text);
            (!excused).then(|| format!("Spark parses it, we do not: {error:?}"))
        }
        (false, Ok(())) => Some("Spark refuses it, we do not".to_owned()),
        (false, Err(error)) => {
            let spark = case["message"].as_str().unwrap_or_default();
            let ours = error.to_spark_message();
            let agreed = ours.trim() == spark.trim()
                || error.class() == Some("UNSUPPORTED_FEATURE")
                || OTHER_WORDS.contains(&text);
            (!agreed).then(|| format!("Spark says {spark:?}\n    we say     {ours:?}"))
        }
    }
}
