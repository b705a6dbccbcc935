use std::time::Duration;

use millstream_core::{Offset, OffsetRange};
use millstream_kafka::TopicPartition;

use super::{
    PartitionMap, behind_latest, from_offset, is_delayed, offsets_between, parse_partition_map, rate_limit, set_of,
    to_offset,
};

fn map(offsets: &[(&str, i32, i64)]) -> PartitionMap {
    offsets.iter().map(|&(topic, partition, offset)| (TopicPartition::new(topic, partition), offset)).collect()
}

/// The text is what Spark 4.2 wrote for two topics, in order of topic and number.
#[test]
fn the_json_of_spark() {
    let text = r#"{"oracle-1":{"0":5,"1":5,"10":7},"oracle-1x":{"0":0,"1":0}}"#;
    let offsets =
        map(&[("oracle-1x", 1, 0), ("oracle-1", 10, 7), ("oracle-1", 0, 5), ("oracle-1", 1, 5), ("oracle-1x", 0, 0)]);
    assert_eq!(to_offset(&offsets).to_string(), text);
    assert_eq!(from_offset(&Offset::parse(text).expect("JSON")).expect("offsets"), offsets);
    for wrong in ["null", "5", r#"{"t":5}"#, r#"{"t":{"a":5}}"#, r#"{"t":{"0":"5"}}"#, r#"{"t":{"0":5.5}}"#] {
        assert!(parse_partition_map(wrong).is_none(), "{wrong}");
    }
    assert_eq!(set_of(offsets.keys()), "Set(oracle-1-0, oracle-1-1, oracle-1-10, oracle-1x-0, oracle-1x-1)");
}

/// By the formula of Spark's `rateLimit`: limit × share, rounded down but at least one row.
#[test]
fn limits_are_shared_in_proportion() {
    let check = |limit, start: &[(&str, i32, i64)], until: &[(&str, i32, i64)], wanted: &[(&str, i32, i64)]| {
        assert_eq!(rate_limit(limit, &map(start), &map(until)), map(wanted));
    };
    let start = [("t", 0, 0), ("t", 1, 10), ("t", 2, 5)];
    // 900, 90 and 10 rows are there; 100 wanted: 90, 9 and 1.
    check(100, &start, &[("t", 0, 900), ("t", 1, 100), ("t", 2, 15)], &[("t", 0, 90), ("t", 1, 19), ("t", 2, 6)]);
    // The share of the last is below one row, and it gets one all the same.
    check(10, &start, &[("t", 0, 900), ("t", 1, 100), ("t", 2, 15)], &[("t", 0, 9), ("t", 1, 11), ("t", 2, 6)]);
    // Nothing new: the ends as they are, even where they went back.
    check(10, &start, &[("t", 0, 0), ("t", 1, 3), ("t", 2, 5)], &[("t", 0, 0), ("t", 1, 3), ("t", 2, 5)]);
    check(1000, &start, &[("t", 0, 1), ("t", 1, 10), ("t", 2, 5)], &[("t", 0, 1), ("t", 1, 10), ("t", 2, 5)]);
    // Spark 4.2 moves nowhere with a limit of 0 or −1.
    check(0, &start, &[("t", 0, 5), ("t", 1, 15), ("t", 2, 5)], &[("t", 0, 0), ("t", 1, 10), ("t", 2, 5)]);
}

#[test]
fn a_batch_waits_for_rows_or_time() {
    let (start, latest) = (map(&[("t", 0, 10)]), map(&[("t", 0, 14), ("t", 1, 3)]));
    let minutes = |m: u64| Duration::from_secs(m * 60);
    assert!(is_delayed(8, &start, &latest, (minutes(1), minutes(15))));
    assert!(!is_delayed(7, &start, &latest, (minutes(1), minutes(15))));
    assert!(!is_delayed(8, &start, &latest, (minutes(15), minutes(15))));
}

#[test]
fn metrics_are_numbers_as_java_prints_them() {
    let metrics = behind_latest(&map(&[("t", 0, 10), ("t", 1, 5)]), &map(&[("t", 0, 13), ("t", 1, 5), ("t", 2, 9)]));
    let text: Vec<_> = metrics.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(text, ["avgOffsetsBehindLatest=1.5", "maxOffsetsBehindLatest=3", "minOffsetsBehindLatest=0"]);
    assert!(behind_latest(&map(&[]), &map(&[("t", 0, 1)])).is_empty());
}

#[test]
fn a_range_has_as_many_offsets_as_its_partitions_together() {
    let check = |start: &str, end: &str, expected| {
        let (start, end) = (Offset::parse(start).unwrap(), Offset::parse(end).unwrap());
        assert_eq!(offsets_between(&OffsetRange { start, end }), expected);
    };
    check(r#"{"a":{"0":1,"1":5},"b":{"0":0}}"#, r#"{"a":{"0":4,"1":5},"b":{"0":2}}"#, Some(5));
    check(r#"{"a":{"0":1}}"#, r#"{"a":{"0":1,"1":3}}"#, None);
    check(r#"{"a":{"0":1}}"#, r#"{"b":{"0":1}}"#, None);
    check(r#"{"a":{"0":7},"gone":{"0":9}}"#, r#"{"a":{"0":3}}"#, Some(0));
}
