//! The comparison sees each kind of difference: it could not fail otherwise.

use super::kinds;

const ANSWER: [&str; 8] = [
    "schema: struct<n:bigint>",
    "batch: 0",
    "read: Feed[trace] 0..1, 3 rows",
    "row: 1",
    "row: 2",
    "state: stateStoreSave total 2, updated 2, removed 0, late 0",
    "batch: 1",
    "row: 3",
];

fn differing(ours: &[&str]) -> Vec<String> {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    kinds(&lines(ours), &lines(&ANSWER)).into_iter().collect()
}

/// The answer with another line in the place of one.
fn with(index: usize, line: &'static str) -> Vec<&'static str> {
    let mut lines = ANSWER.to_vec();
    lines[index] = line;
    lines
}

#[test]
fn equal_answers_differ_in_nothing() {
    assert!(differing(&ANSWER).is_empty());
}

#[test]
fn a_line_that_differs_is_named_by_its_kind() {
    assert_eq!(differing(&with(3, "row: 0")), ["row"]);
    assert_eq!(differing(&with(7, "row: 4")), ["row"]);
    assert_eq!(differing(&with(0, "schema: struct<n:int>")), ["schema"]);
    assert_eq!(differing(&with(2, "read: Feed[trace] 0..1, 2 rows")), ["read"]);
    assert_eq!(differing(&with(4, "watermark: 1970-01-01T00:00:00.000Z")), ["row", "watermark"]);
}

#[test]
fn a_batch_that_is_missing_or_too_much_is_a_difference() {
    assert_eq!(differing(&ANSWER[..6]), ["batch"]);
    assert_eq!(differing(&[&ANSWER[..], &["batch: 2"]].concat()), ["batch"]);
}

#[test]
fn an_error_is_the_one_difference_worth_naming() {
    assert_eq!(differing(&["refused: UNSUPPORTED_FEATURE", "sqlstate: 0A000"]), ["refused"]);
    assert_eq!(differing(&[&ANSWER[..3], &["failed: DIVIDE_BY_ZERO"]].concat()), ["failed"]);
    assert_eq!(differing(&[&ANSWER[..], &["hung: waiting"]].concat()), ["hung"]);
}
