use serde_json::json;
use uuid::Uuid;

use super::*;

fn examples() -> Vec<Entry> {
    vec![
        Entry::Start(StartEntry {
            version: FORMAT_VERSION,
            query: QueryId(Uuid::from_u128(7)),
            after: Some(BatchId(4)),
            taken_over: true,
            initial: vec![json!({"t": {"0": 12}})],
            conf: BTreeMap::from([("spark.sql.shuffle.partitions".into(), "200".into())]),
            operators: vec!["stateStoreSave".into()],
        }),
        Entry::Offsets(Arc::new(OffsetsEntry {
            batch: BatchId(5),
            timestamp_ms: 1_795_258_649_192,
            watermark_ms: 9_999,
            late_watermark_ms: -1,
            sources: vec![OffsetRange {
                start: Offset::new(json!({"t": {"0": 12}})),
                end: Offset::new(json!({"t": {"0": 13}})),
            }],
        })),
        Entry::State(StateEntry { batch: BatchId(5), operator: 1, delta: vec![0, 255, 3] }),
        Entry::Commit(CommitEntry { batch: BatchId(5), next_watermark_ms: i64::MIN }),
        Entry::Snapshot(SnapshotEntry { batch: BatchId(5), operators: 2, parts: 7, bytes: 1 << 40 }),
    ]
}

#[test]
fn entries_come_back_as_they_went() {
    let mut bytes = Vec::new();
    for entry in examples() {
        entry.encode(&mut bytes);
    }
    let mut rest = bytes.as_slice();
    for entry in examples() {
        assert_eq!(Entry::decode(&mut rest).unwrap(), entry);
    }
    assert!(rest.is_empty());
}

#[test]
fn a_cut_entry_is_refused() {
    for entry in examples() {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert!(Entry::decode(&mut &bytes[..cut]).is_err(), "{entry:?} cut at {cut}");
        }
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    let mut bytes = vec![9];
    bytes.extend_from_slice(&0_u64.to_le_bytes());
    assert_eq!(Entry::decode(&mut bytes.as_slice()).unwrap_err().message(), "there is no entry of kind 9");
}
