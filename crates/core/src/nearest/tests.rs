//! Slips, and the names that are found or not found for them.

use super::{nearest, slips};

const NAMES: [&str; 8] = [
    "trigger",
    "outputMode",
    "checkpointLocation",
    "kafka.bootstrap.servers",
    "startingOffsets",
    "startingTimestamp",
    "topic",
    "subscribe",
];

#[test]
fn slips_are_counted() {
    for (left, right, expected) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 1)] {
        assert_eq!(slips(left, right), expected, "{left} {right}");
        assert_eq!(slips(right, left), expected, "{right} {left}");
    }
}

#[test]
fn a_slip_finds_its_name() {
    for (word, expected) in [
        ("triger", "trigger"),
        ("tirgger", "trigger"),
        ("TRIGERS", "trigger"),
        ("output_mode", "outputMode"),
        ("mode", "outputMode"),
        ("checkpoint", "checkpointLocation"),
        ("bootstrap.servers", "kafka.bootstrap.servers"),
        ("kafka.bootstrap.server", "kafka.bootstrap.servers"),
        ("startingOffset", "startingOffsets"),
        ("topics", "topic"),
        ("subscribes", "subscribe"),
    ] {
        assert_eq!(nearest(word, NAMES), Some(expected), "{word}");
    }
}

#[test]
fn of_two_that_are_as_near_the_longer_is_meant() {
    for names in [["cot", "count"], ["count", "cot"]] {
        assert_eq!(nearest("cout", names), Some("count"));
    }
}

#[test]
fn a_slip_is_nearer_than_a_part_and_a_short_name_than_a_long_one() {
    let names = ["startingOffsetsByTimestamp", "startingOffsets", "startingOffsetsByTimestampStrategy"];
    assert_eq!(nearest("startingOffset", names), Some("startingOffsets"));
    assert_eq!(nearest("starting", names), Some("startingOffsets"));
}

#[test]
fn what_is_far_from_all_names_finds_none() {
    for word in ["", "x", "path", "maxFilesPerTrigger", "header", "to"] {
        assert_eq!(nearest(word, NAMES), None, "{word}");
    }
}
