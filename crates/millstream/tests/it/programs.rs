//! The example programs, unedited, on real Kafka and on the embedded broker. Their topics hold what real topics hold:
//! malformed JSON, empty and NULL values, wrong types, missing fields, other key orders. The answers are computed here,
//! from what each value means.

use std::collections::BTreeMap;

use millstream_test_servers::require_or_skip;

use crate::cluster::Cluster;
use crate::program::{Program, available, batches_of, fill, rows_of, sorted};

/// Values that no program may stumble over, and that give none of them a row.
const NOISE: [Option<&str>; 7] = [
    Some("{\"user_id\": 1, \"action\": \"paym"),
    Some("not json"),
    Some(""),
    None,
    Some("[]"),
    Some("null"),
    Some("{}"),
];

/// A value on the topic, and what it means to the program.
type Meaning<'a, T> = (Option<&'a str>, T);

fn values<'a, T>(rows: &[Meaning<'a, T>]) -> Vec<Option<&'a str>> {
    let mut values: Vec<_> = rows.iter().map(|(value, _)| *value).collect();
    for (index, noise) in NOISE.into_iter().enumerate() {
        values.insert((index * 3).min(values.len()), noise);
    }
    values
}

fn counted<'a>(keys: impl Iterator<Item = &'a [&'a str]>) -> Vec<Vec<String>> {
    let mut counts: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for key in keys {
        *counts.entry(key.iter().map(ToString::to_string).collect()).or_default() += 1;
    }
    counts.into_iter().map(|(key, count)| [key, vec![count.to_string()]].concat()).collect()
}

#[test]
fn payment_monitor_counts_per_user_and_window() {
    require_or_skip!(available());
    const NOON: &str = "{2026-01-01 12:00:00, 2026-01-01 12:05:00}";
    const LATER: &str = "{2026-01-01 12:05:00, 2026-01-01 12:10:00}";
    let rows: [Meaning<'_, Option<[&str; 2]>>; 10] = [
        (
            Some(r#"{"user_id": 1, "action": "payment", "amount": 9.5, "timestamp": "2026-01-01T12:00:00Z"}"#),
            Some([NOON, "1"]),
        ),
        (Some(r#"{"user_id": 1, "action": "login", "amount": 9.5, "timestamp": "2026-01-01T12:00:00Z"}"#), None),
        // Another order, blanks, an extra field, an escape.
        (
            Some(
                r#"{ "timestamp" : "2026-01-01T14:04:59.999+02:00" , "x": [1, {"y": null}], "action":"pay\u006dent","user_id":1 }"#,
            ),
            Some([NOON, "1"]),
        ),
        (Some(r#"{"user_id": 1, "action": "payment", "timestamp": "2026-01-01T12:05:00Z"}"#), Some([LATER, "1"])),
        (
            Some(r#"{"user_id": 2, "action": "payment", "amount": "much", "timestamp": "2026-01-01T12:01:00Z"}"#),
            Some([NOON, "2"]),
        ),
        // A user that is no number is NULL, which is a key like any other.
        (Some(r#"{"user_id": "two", "action": "payment", "timestamp": "2026-01-01T12:01:00Z"}"#), Some([NOON, "NULL"])),
        (Some(r#"{"action": "payment", "timestamp": "2026-01-01T12:02:00Z"}"#), Some([NOON, "NULL"])),
        // A row without a time is in no window.
        (Some(r#"{"user_id": 3, "action": "payment", "timestamp": "yesterday"}"#), None),
        (Some(r#"{"user_id": 3, "action": "payment"}"#), None),
        (Some(r#"{"USER_ID": 4, "action": "payment", "timestamp": "2026-01-01T12:02:00Z"}"#), Some([NOON, "NULL"])),
    ];
    for cluster in Cluster::all() {
        fill(cluster, "user_events", &values(&rows));
        let wanted = sorted(counted(rows.iter().filter_map(|(_, key)| key.as_ref().map(<[&str; 2]>::as_slice))));
        // The same in Python and in SQL.
        for program in ["payment_monitor.py", "payment_monitor.sql"] {
            let output = Program::example(program).on(cluster).output();
            let last = batches_of(&output).pop().expect("a batch was printed");
            assert_eq!(sorted(last), wanted, "{program}: {output}");
        }
    }
}

#[test]
fn page_views_are_ordered_by_their_count() {
    require_or_skip!(available());
    let rows: [Meaning<'_, Option<&str>>; 8] = [
        (Some(r#"{"timestamp": "1", "userid": "u", "page": "/a", "action": "view"}"#), Some("/a")),
        (Some(r#"{"timestamp": 2, "userid": 7, "page": "/b", "action": "view"}"#), Some("/b")),
        (Some(r#"{"action": "view", "page": "/b"}"#), Some("/b")),
        (Some(r#"{"action": "click", "page": "/b"}"#), None),
        (Some(r#"{"action": "view", "page": "/c"}"#), Some("/c")),
        (Some(r#"{"action": "view", "page": "/c"}"#), Some("/c")),
        (Some(r#"{"action": "view", "page": "/c", "userid": null}"#), Some("/c")),
        (Some(r#"{"action": "VIEW", "page": "/c"}"#), None),
    ];
    for cluster in Cluster::all() {
        fill(cluster, "clickstream", &values(&rows));
        let output = Program::example("page_views.py").on(cluster).output();
        let last = batches_of(&output).pop().expect("a batch was printed");
        assert_eq!(last, [["/a", "1"], ["/b", "2"], ["/c", "3"]], "{output}");
    }
}

#[test]
fn averages_leave_out_what_is_no_number() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let readings = [
            Some(r#"{"timestamp": "t1", "value": 1}"#),
            Some(r#"{"timestamp": "t1", "value": 2}"#),
            Some(r#"{"timestamp": "t1", "value": "3"}"#),
            Some(r#"{"value": -4, "timestamp": "t2"}"#),
            Some(r#"{"timestamp": "t3", "value": null}"#),
        ];
        fill(cluster, "realtime_data", &readings);
        let output = Program::example("average_per_timestamp.py").on(cluster).output();
        let last = batches_of(&output).pop().expect("a batch was printed");
        assert_eq!(sorted(last), [["t1", "1.5"], ["t2", "-4.0"], ["t3", "NULL"]], "{output}");
    }
}

#[test]
fn sensor_readings_in_range_go_on_after_a_restart() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let checkpoints = tempfile::tempdir().expect("temporary folder");
        let reading = |device: &str, temperature: &str, humidity: &str| {
            format!(
                r#"{{"device_id": "{device}", "temperature": {temperature}, "humidity": {humidity}, "timestamp": "2026-01-01T00:00:00Z"}}"#
            )
        };
        let first = [
            reading("a", "20.5", "50"),
            reading("hot", "100.1", "50"),
            reading("b", "-40", "100"),
            reading("dry", "1", "-1"),
        ];
        let mut values: Vec<_> = first.iter().map(|text| Some(text.as_str())).collect();
        values.extend(NOISE);
        fill(cluster, "iot_telemetry", &values);
        let program = Program::example("sensor_readings.py")
            .on(cluster)
            .set("CHECKPOINTS", checkpoints.path().to_str().expect("text"));
        let devices = |output: &str| -> Vec<(String, String)> {
            let rows = batches_of(output).into_iter().flatten();
            rows.map(|row| (row[1].clone(), row[7].clone())).collect()
        };
        let output = program.output();
        assert_eq!(devices(&output), [("a".into(), "0".into()), ("b".into(), "2".into())], "{output}");
        cluster.tool(&format!("text iot_telemetry 0 {}", reading("c", "0", "0")));
        let output = program.output();
        assert_eq!(devices(&output), [("c".into(), "11".into())], "{output}");
    }
}

#[test]
fn word_count_counts_a_text_file() {
    require_or_skip!(available());
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("words.txt");
    std::fs::write(&file, "b a b\n\nc  b\na\n").expect("the folder can be written to");
    let output = Program::example("word_count.py").argument(file.to_str().expect("text")).output();
    // Two blanks in a row, and an empty line, hold an empty word each, as Java's split has it.
    assert_eq!(rows_of(&output), [["b", "3"], ["", "2"], ["a", "2"], ["c", "1"]], "{output}");
}
