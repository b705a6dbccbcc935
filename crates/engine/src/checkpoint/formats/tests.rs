//! A log of a format that is not today's: read where a reader of it is known, refused by name else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use millstream_core::{BatchId, ErrorKind, Offset, OffsetRange, QueryId};
use serde_json::json;

use super::*;
use crate::checkpoint::entry::{CommitEntry, OffsetsEntry, OperatorEntry, StartEntry, StateEntry, StoreEntry, StoreId};
use crate::checkpoint::files::Files;
use crate::checkpoint::frame;
use crate::checkpoint::history::History;
use crate::run::LocalDisk;

/// An older format, as a build would read it that has left it behind: its commits were two numbers of eight bytes, and
/// its operators names alone.
const OLDER: Format = Format { version: 1001, read: read_older };
const NEWEST: Format = Format { version: 1002, read: Entry::read };

fn read_older(kind: u8, body: &[u8]) -> Result<Entry> {
    match kind {
        KIND_START => {
            let mut head: serde_json::Value = entry::json(body)?;
            for operator in head["operators"].as_array_mut().into_iter().flatten() {
                *operator = json!({ "kind": "stateStoreSave", "name": operator, "meaning": "", "stores": [] });
            }
            Entry::read(kind, head.to_string().as_bytes())
        }
        4 => {
            let (batch, watermark) = body.split_at(8);
            let batch = BatchId(u64::from_le_bytes(batch.try_into().unwrap()));
            let next_watermark_ms = i64::from_le_bytes(watermark.try_into().unwrap());
            Ok(Entry::Commit(CommitEntry { batch, next_watermark_ms, prepared: false }))
        }
        other => Entry::read(other, body),
    }
}

fn start(version: u32, after: Option<BatchId>) -> StartEntry {
    let stores = vec![StoreEntry {
        name: "default".into(),
        keys: vec!["Int64".into()],
        values: vec!["count".into()],
        format: 1,
    }];
    let (kind, name) = ("stateStoreSave".to_owned(), "aggregate by [k] over [rate]".to_owned());
    StartEntry {
        version,
        query: QueryId(uuid::Uuid::nil()),
        after,
        taken_over: false,
        initial: vec![json!(0)],
        conf: BTreeMap::new(),
        operators: vec![OperatorEntry { kind, name, meaning: "7".into(), stores }],
    }
}

fn offsets(batch: u64) -> Entry {
    let sources = vec![OffsetRange { start: Offset::new(json!(batch)), end: Offset::new(json!(batch + 1)) }];
    let (batch, pins) = (BatchId(batch), BTreeMap::new());
    let (timestamp_ms, watermark_ms, late_watermark_ms) = (0, 0, 0);
    Entry::Offsets(Arc::new(OffsetsEntry { batch, timestamp_ms, watermark_ms, late_watermark_ms, sources, pins }))
}

fn state(batch: u64) -> Entry {
    let store = StoreId { operator: 0, store: 0 };
    Entry::State(StateEntry { batch: BatchId(batch), store, delta: vec![batch as u8; 3] })
}

fn commit(batch: u64) -> CommitEntry {
    CommitEntry { batch: BatchId(batch), next_watermark_ms: 10 * batch as i64, prepared: false }
}

fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u64).to_le_bytes(), body].concat()
}

fn encoded(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    bytes
}

/// A segment of one frame.
fn write_segment(folder: &Path, number: u64, payload: &[u8]) {
    let mut file = Vec::new();
    frame::encode(0, payload, &mut file);
    fs::write(folder.join(format!("log-{number:010}")), file).unwrap();
}

/// Batch 0 in the older format.
fn write_older_segment(folder: &Path) {
    let head = json!({
        "version": OLDER.version, "query": uuid::Uuid::nil(), "after": null, "initial": [0], "conf": {},
        "operators": ["aggregate by [k] over [rate]"],
    });
    let mut payload = raw(KIND_START, head.to_string().as_bytes());
    payload.extend(encoded(&[offsets(0), state(0)]));
    payload.extend(raw(4, &[0_u64.to_le_bytes(), 0_i64.to_le_bytes()].concat()));
    write_segment(folder, 0, &payload);
}

async fn read(folder: &Path, formats: Formats) -> Result<History> {
    History::read_in(&Files::new(Arc::new(LocalDisk)), folder, formats).await
}

#[tokio::test]
async fn a_newer_format_reads_the_older_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    write_older_segment(folder.path());
    let formats = Formats(&[OLDER, NEWEST]);
    let history = read(folder.path(), formats).await.unwrap();
    assert_eq!(history.start.unwrap().operators[0].name, start(0, None).operators[0].name);
    // The next run writes the newest format behind it.
    let head = Entry::Start(start(NEWEST.version, Some(BatchId(0))));
    write_segment(folder.path(), 1, &encoded(&[head, offsets(1), state(1), Entry::Commit(commit(1))]));
    let history = read(folder.path(), formats).await.unwrap();
    assert_eq!(history.start.as_ref(), Some(&start(NEWEST.version, Some(BatchId(0)))));
    assert_eq!(history.commits.into_values().collect::<Vec<_>>(), [commit(0), commit(1)]);
    assert_eq!(history.offsets.len(), 2);
    let mut deltas = History { origin: history.origin, ..History::default() }.delta_reader();
    for (place, batch) in history.deltas.iter().zip(0..) {
        assert_eq!(deltas.read(place).await.unwrap(), [batch; 3]);
    }
    assert_eq!(history.deltas.len(), 2);
}

#[tokio::test]
async fn a_format_without_a_reader_is_refused_by_name_with_the_mend() {
    for (formats, read_versions, mend) in [
        (Formats(&[NEWEST]), "format 1001, and this build reads format 1002", "start the query with a new checkpoint"),
        (FORMATS, "format 1001, and this build reads format 2", "with the build that wrote it, or with a newer one"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_older_segment(folder.path());
        let error = read(folder.path(), formats).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.message().contains("log-0000000000"), "{error:?}");
        assert!(error.message().contains(read_versions), "{error:?}");
        assert!(error.hint().unwrap().contains(mend), "{error:?}");
        assert!(!error.message().contains("damaged"), "{error:?}");
    }
}

/// The head of a log of format 1, as builds before this format wrote it.
#[tokio::test]
async fn format_1_is_refused_by_name_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let head = json!({
        "version": 1, "query": uuid::Uuid::nil(), "after": null, "initial": [0], "conf": {},
        "operators": ["stateStoreSave aggregate v1 keys (Int64) values (count)"],
    });
    write_segment(folder.path(), 0, &raw(KIND_START, head.to_string().as_bytes()));
    let error = read(folder.path(), FORMATS).await.unwrap_err();
    assert!(error.message().contains("format 1, and this build reads format 2"), "{error:?}");
    assert!(error.hint().unwrap().contains("start the query with a new checkpoint location"), "{error:?}");
}

#[tokio::test]
async fn a_file_without_a_head_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_segment(folder.path(), 0, &encoded(&[offsets(0)]));
    let error = read(folder.path(), FORMATS).await.unwrap_err();
    assert!(error.message().contains("an entry comes before the head"), "{error:?}");
}
