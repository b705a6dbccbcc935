//! Which folders a filter leaves out.

use std::collections::BTreeSet;

use chrono_tz::UTC;

use super::*;

/// Which of these values a test lets through; NULL is `-`.
fn passing(values: &[&str], data_type: DataType, test: ColumnTest) -> BTreeSet<String> {
    let mut filter = PartitionFilter::new(0, data_type, UTC, test);
    let file = |value: &str| FoundFile {
        path: "f".into(),
        size: 1,
        modified_ms: 0,
        partition: vec![Some(value.to_owned()).filter(|value| value != "-")],
    };
    values.iter().filter(|value| filter.may_pass(&file(value))).map(|value| (*value).to_owned()).collect()
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn folders_without_a_wanted_value_are_left_out() {
    let numbers = ["1", "9", "10", "-"];
    let compare = |comparison| ColumnTest::Compare(comparison, Literal::Integer(9));
    let numbered = |test| passing(&numbers, DataType::Int32, test);
    assert_eq!(numbered(compare(Comparison::Equal)), set(&["9"]));
    assert_eq!(numbered(compare(Comparison::Less)), set(&["1"]));
    assert_eq!(numbered(compare(Comparison::GreaterOrEqual)), set(&["9", "10"]));
    assert_eq!(numbered(ColumnTest::In(vec![Literal::Integer(1), Literal::Integer(10)])), set(&["1", "10"]));
    assert_eq!(numbered(ColumnTest::IsNull), set(&["-"]));
    assert_eq!(numbered(ColumnTest::IsNotNull), set(&["1", "9", "10"]));
    let texts = ["a", "b", "é"];
    let greater = ColumnTest::Compare(Comparison::Greater, Literal::Text("a".into()));
    assert_eq!(passing(&texts, DataType::Utf8, greater), set(&["b", "é"]));
    let dates = ["2020-01-01", "2020-01-02"];
    let second = ColumnTest::Compare(Comparison::Equal, Literal::Date(18_263));
    assert_eq!(passing(&dates, DataType::Date32, second), set(&["2020-01-02"]));
}

#[test]
fn what_nothing_compares_is_read() {
    let test = ColumnTest::Compare(Comparison::Equal, Literal::Text("1".into()));
    assert_eq!(passing(&["1", "2", "x"], DataType::Int32, test), set(&["1", "2", "x"]));
}
