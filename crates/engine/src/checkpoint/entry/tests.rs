use serde_json::json;
use uuid::Uuid;

use super::*;

fn examples() -> Vec<Entry> {
    vec![
        Entry::Start(StartEntry {
            version: 2,
            query: QueryId(Uuid::from_u128(7)),
            after: Some(BatchId(4)),
            taken_over: true,
            initial: vec![json!({"t": {"0": 12}})],
            conf: BTreeMap::from([("spark.sql.shuffle.partitions".into(), "200".into())]),
            operators: vec![OperatorEntry {
                kind: "stateStoreSave".into(),
                name: "aggregate by [k] over [kafka]".into(),
                meaning: "0123456789abcdef".into(),
                stores: vec![StoreEntry {
                    name: "default".into(),
                    keys: vec!["Int64".into()],
                    values: vec!["count".into(), "sum(Int64)".into()],
                    format: 1,
                }],
            }],
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
            pins: BTreeMap::from([
                ("rules".into(), json!({"version": 3, "hash": "7f"})),
                ("seed".into(), json!(u64::MAX)),
            ]),
        })),
        Entry::State(StateEntry {
            batch: BatchId(5),
            store: StoreId { operator: 1, store: 258 },
            delta: vec![0, 255, 3],
        }),
        Entry::Commit(CommitEntry { batch: BatchId(5), next_watermark_ms: i64::MIN, prepared: false }),
        Entry::Prepared(CommitEntry { batch: BatchId(6), next_watermark_ms: 7, prepared: false }),
        Entry::Commit(CommitEntry { batch: BatchId(6), next_watermark_ms: 7, prepared: true }),
        Entry::Snapshot(SnapshotEntry { version: 2, batch: BatchId(5), stores: 2, parts: 7, bytes: 1 << 40 }),
    ]
}

/// The first entry of these bytes, as this build writes it.
fn decode(bytes: &mut &[u8]) -> Result<Entry> {
    let (kind, body) = split(bytes)?;
    Entry::read(kind, body)
}

#[test]
fn entries_come_back_as_they_went() {
    let mut bytes = Vec::new();
    for entry in examples() {
        entry.encode(&mut bytes);
    }
    let mut rest = bytes.as_slice();
    for entry in examples() {
        assert_eq!(decode(&mut rest).unwrap(), entry);
    }
    assert!(rest.is_empty());
}

#[test]
fn a_cut_entry_is_refused() {
    for entry in examples() {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert!(decode(&mut &bytes[..cut]).is_err(), "{entry:?} cut at {cut}");
        }
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    let mut bytes = vec![9];
    bytes.extend_from_slice(&0_u64.to_le_bytes());
    assert_eq!(decode(&mut bytes.as_slice()).unwrap_err().message(), "there is no entry of kind 9");
}

/// What a batch costs in the log beside its offsets and its deltas.
#[test]
fn a_commit_and_the_head_of_a_delta_stay_small() {
    let length = |entry: Entry| {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        bytes.len()
    };
    let commit = CommitEntry { batch: BatchId(1_000_000), next_watermark_ms: 1_795_258_649_192, prepared: false };
    assert!(length(Entry::Commit(commit)) < 64);
    let store = StoreId { operator: 0, store: 0 };
    assert_eq!(length(Entry::State(StateEntry { batch: BatchId(1), store, delta: vec![] })), 25);
}
