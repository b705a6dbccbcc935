use super::*;

fn ranges(partitions: &[(&str, i32, Range<i64>)]) -> Ranges {
    let range =
        |(topic, partition, range): &(&str, i32, Range<i64>)| (TopicPartition::new(*topic, *partition), range.clone());
    partitions.iter().map(range).collect()
}

fn compare(column: usize, comparison: Comparison, literal: Literal) -> ScanFilter {
    ScanFilter { column, test: ColumnTest::Compare(comparison, literal) }
}

fn check(filters: &[ScanFilter], expected: &[(&str, i32, Range<i64>)]) {
    let all = ranges(&[("a", 0, 0..100), ("a", 1, 50..60), ("b", 0, 0..10)]);
    assert_eq!(prune(all, filters), ranges(expected), "{filters:?}");
}

#[test]
fn partitions_that_fail_a_filter_are_not_read() {
    let text = |name: &str| Literal::Text(name.to_owned());
    check(&[], &[("a", 0, 0..100), ("a", 1, 50..60), ("b", 0, 0..10)]);
    check(&[compare(TOPIC, Comparison::Equal, text("b"))], &[("b", 0, 0..10)]);
    check(&[compare(PARTITION, Comparison::Greater, Literal::Integer(0))], &[("a", 1, 50..60)]);
    let both = [
        ScanFilter { column: TOPIC, test: ColumnTest::In(vec![text("a"), text("c")]) },
        compare(PARTITION, Comparison::LessOrEqual, Literal::Integer(0)),
    ];
    check(&both, &[("a", 0, 0..100)]);
    check(&[ScanFilter { column: TOPIC, test: ColumnTest::IsNull }], &[]);
}

#[test]
fn offsets_narrow_every_range() {
    let offset = |comparison, offset| compare(OFFSET, comparison, Literal::Integer(offset));
    let between = [offset(Comparison::GreaterOrEqual, 5), offset(Comparison::Less, 55)];
    check(&between, &[("a", 0, 5..55), ("a", 1, 50..55), ("b", 0, 5..10)]);
    check(&[offset(Comparison::Equal, 9)], &[("a", 0, 9..10), ("b", 0, 9..10)]);
    check(&[offset(Comparison::Greater, i64::MAX)], &[]);
    let some = ColumnTest::In(vec![Literal::Integer(58), Literal::Integer(52)]);
    check(&[ScanFilter { column: OFFSET, test: some }], &[("a", 0, 52..59), ("a", 1, 52..59)]);
}

/// The reader may ignore a filter, and must not guess what it means.
#[test]
fn what_is_not_understood_is_read() {
    let all: &[(&str, i32, Range<i64>)] = &[("a", 0, 0..100), ("a", 1, 50..60), ("b", 0, 0..10)];
    check(&[compare(OFFSET, Comparison::Less, Literal::Double(1.0))], all);
    check(&[compare(0, Comparison::Equal, Literal::Binary(vec![1]))], all);
    check(&[ScanFilter { column: OFFSET, test: ColumnTest::IsNotNull }], all);
}

#[test]
fn a_time_is_rounded_up_to_a_whole_millisecond() {
    let first = |comparison, us| first_timestamp_ms(&[compare(TIMESTAMP, comparison, Literal::Timestamp(us))]);
    assert_eq!(first(Comparison::GreaterOrEqual, 5_000), Some(5));
    assert_eq!(first(Comparison::GreaterOrEqual, 5_001), Some(6));
    assert_eq!(first(Comparison::Greater, 5_000), Some(6));
    assert_eq!(first(Comparison::Greater, 4_999), Some(5));
    assert_eq!(first(Comparison::Equal, 5_000), Some(5));
    assert_eq!(first(Comparison::Less, 5_000), None);
    // A negative time is a question of another kind to a broker.
    assert_eq!(first(Comparison::Greater, -5_000), None);
}
