use millstream_kafka::PartitionDescription;

use super::*;

/// Two partitions, one without a leader.
fn details() -> Details {
    let partition = |partition, leader, isr| PartitionDescription { partition, leader, replicas: vec![1, 2], isr };
    Details {
        topic: TopicDescription {
            name: "payments".into(),
            id: Uuid::from_u128(1),
            internal: false,
            partitions: vec![partition(0, Some(1), vec![1, 2]), partition(10, None, vec![])],
        },
        configs: vec![ConfigEntry {
            name: "cleanup.policy".to_owned(),
            value: Some("compact".to_owned()),
            is_default: false,
        }],
        offsets: vec![[Some(0), Some(1_234_567)], [None, None]],
    }
}

#[test]
fn text_is_in_columns() {
    assert_eq!(
        details().to_text(),
        "payments: 2 partitions, 2 replicas, id AAAAAAAAAAAAAAAAAAAAAQ\n\
         \x20 cleanup.policy=compact\n\
         \x20 PARTITION  LEADER  REPLICAS  ISR  EARLIEST  LATEST\n\
         \x20 0          1       1,2       1,2  0         1234567\n\
         \x20 10         -       1,2       -    -         -\n"
    );
}

#[test]
fn json_is_one_line() {
    assert_eq!(
        details().to_json().to_string(),
        concat!(
            r#"{"topic":"payments","id":"AAAAAAAAAAAAAAAAAAAAAQ","internal":false,"partitions":["#,
            r#"{"partition":0,"leader":1,"replicas":[1,2],"isr":[1,2],"earliest":0,"latest":1234567},"#,
            r#"{"partition":10,"leader":null,"replicas":[1,2],"isr":[],"earliest":null,"latest":null}],"#,
            r#""configs":{"cleanup.policy":"compact"}}"#
        )
    );
}
