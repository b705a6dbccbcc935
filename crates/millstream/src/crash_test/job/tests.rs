use super::super::rows::DEFAULT_ROW;
use super::*;

fn texts(job: BuiltIn, sent: Sent) -> Vec<String> {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().expect("no null")).expect("text");
    let rows = Rows::new(DEFAULT_ROW, 2).expect("valid");
    job.due(&rows, sent).iter().map(|(key, value)| format!("{}={}", text(key), text(value))).collect()
}

#[test]
fn what_is_due_is_arithmetic() {
    // A hundred rows a second; the last two are of the next day.
    let sent = Sent { under_load: 101, last: 2 };
    assert_eq!(texts(BuiltIn::Counts, sent), ["k0=52", "k1=51"]);
    assert_eq!(texts(BuiltIn::Chained, sent), ["51=1", "52=1"]);
    assert_eq!(texts(BuiltIn::Most, sent), ["k0=52"]);
    assert_eq!(texts(BuiltIn::Top, sent), ["k0=52", "k1=51"]);
    assert_eq!(texts(BuiltIn::Windows, sent), ["k0 00:00:00=50", "k0 00:00:01=1", "k1 00:00:00=50"]);
    let more = Sent { under_load: 203, last: 1 };
    let sessions = ["k0 00:00:00=50", "k0 00:00:02=2", "k1 00:00:00=50", "k1 00:00:02=1"];
    assert_eq!(texts(BuiltIn::Sessions, more), sessions);
    let few = Sent { under_load: 1, last: 1 };
    let rows = [
        r#"k0={"key": "k0", "n": 0, "time": "2026-01-01T00:00:00.000Z"}"#,
        r#"k1={"key": "k1", "n": 1, "time": "2026-01-02T00:00:00.010Z"}"#,
    ];
    assert_eq!(texts(BuiltIn::Pass, few), rows);
    assert_eq!(texts(BuiltIn::Files, few), rows);
    let joined = texts(BuiltIn::Join, Sent { under_load: 702, last: 2 });
    assert_eq!(joined.len(), 702);
    assert_eq!(joined[..3], ["0=700", "1=701", "2=none"]);
    assert_eq!(texts(BuiltIn::Shared, few), [rows[0], rows[1], "count of k0=1", "count of k1=1"]);
}

#[test]
fn arithmetic_refutes_what_was_written_twice() {
    let (rows, sent) = (Rows::new(DEFAULT_ROW, 1).expect("valid"), Sent { under_load: 3, last: 0 });
    let refuted = |job, values: &[&str]| {
        let at = |(offset, value): (usize, &&str)| OutputRow {
            row: (Some(b"k0".to_vec()), Some(value.as_bytes().to_vec())),
            partition: 0,
            offset: offset as i64,
        };
        let seen: Vec<_> = values.iter().enumerate().map(at).collect();
        Job::BuiltIn(job).refute(&rows, sent, &seen).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(refuted(BuiltIn::Counts, &["1", "3"]), [""; 0]);
    let repeated = "different: key k0, value 3 after 3, at offset 1 of partition 0";
    assert_eq!(refuted(BuiltIn::Counts, &["3", "3"]), [repeated]);
    assert_eq!(refuted(BuiltIn::Complete, &["3", "3"]), [""; 0]);
    let twice = "different: key k0, value 4 instead of 3, at offset 0 of partition 0";
    assert_eq!(refuted(BuiltIn::Complete, &["4"]), [twice]);
}
