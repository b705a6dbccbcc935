//! What the log of a query says, entry by entry, and the bytes of each.
//!
//! `kind (1 byte) · length (8 bytes, little endian) · body`
//!
//! | kind | entry | body |
//! | --- | --- | --- |
//! | 1 | the head of a segment | JSON |
//! | 2 | a batch begins | JSON |
//! | 3 | what a batch did to one store | batch (8) · operator (4) · store (4), little endian · the store's own bytes |
//! | 4 | a batch is done | JSON |
//! | 5 | the head of a snapshot | JSON |
//! | 6 | a batch's state is whole, and the sink is about to hold the batch | JSON of its commit |
//!
//! JSON has room: a field that is new is left out where it says nothing. A kind, a field or a body that is not known is
//! an error with its place, never a default. Heads carry the version of the format ([`formats`](super::formats)).

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::{BatchId, Error, Offset, OffsetRange, QueryId, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) const KIND_START: u8 = 1;
const KIND_OFFSETS: u8 = 2;
const KIND_STATE: u8 = 3;
const KIND_COMMIT: u8 = 4;
pub(crate) const KIND_SNAPSHOT: u8 = 5;
const KIND_PREPARED: u8 = 6;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// The head of a segment.
    Start(StartEntry),
    /// A batch is about to run.
    Offsets(Arc<OffsetsEntry>),
    /// What a batch did to one store.
    State(StateEntry),
    /// A batch is done.
    Commit(CommitEntry),
    /// The state entries before it are whole. Whether the batch is done is for the sink to say, until a commit follows.
    Prepared(CommitEntry),
    /// The head of a snapshot; never in the log.
    Snapshot(SnapshotEntry),
}

/// What is true of all batches that follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StartEntry {
    pub(crate) version: u32,
    pub(crate) query: QueryId,
    /// The newest batch with an offsets entry before this segment.
    pub(crate) after: Option<BatchId>,
    /// Whether Apache Spark ran the query before this segment, so that what stands before it is past.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) taken_over: bool,
    /// Where the query began, by source.
    pub(crate) initial: Vec<Value>,
    /// Settings that stay as they were when the query first started.
    pub(crate) conf: BTreeMap<String, String>,
    /// The stateful operators. The place of each is its number in state entries, for as long as the checkpoint lives.
    pub(crate) operators: Vec<OperatorEntry>,
}

/// A stateful operator, known by what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OperatorEntry {
    /// Spark's name for operators of its kind.
    pub(crate) kind: String,
    /// What it does, with which keys, over which sources.
    pub(crate) name: String,
    /// Tells it from operators of the same name: a hash of it and of all below it.
    pub(crate) meaning: String,
    /// Its stores; the place of each is its number.
    pub(crate) stores: Vec<StoreEntry>,
}

/// What the entries of a store look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StoreEntry {
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
    pub(crate) values: Vec<String>,
    /// The version of the format of its deltas and snapshots.
    pub(crate) format: u8,
}

/// The number of a store: of its operator in the query, and its own in the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoreId {
    pub(crate) operator: u32,
    pub(crate) store: u32,
}

/// All that a batch depends on; a replay reads it from here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OffsetsEntry {
    pub(crate) batch: BatchId,
    pub(crate) timestamp_ms: i64,
    /// The watermark in force: what is final.
    pub(crate) watermark_ms: i64,
    /// The watermark of the batch before: what is late.
    pub(crate) late_watermark_ms: i64,
    /// By source; a source with nothing new has equal ends.
    pub(crate) sources: Vec<OffsetRange>,
    /// What else the batch depends on, by the name of the part that asked for it.
    pub(crate) pins: BTreeMap<String, Value>,
}

impl OffsetsEntry {
    /// Tells it from an entry of the same number in another copy of the log. Sinks keep it for as long as they keep
    /// rows, so it is XXH3 as its specification has it, over the entry's JSON.
    pub(crate) fn hash(&self) -> u64 {
        let mut body = Vec::new();
        put_json(&mut body, &OffsetsJson::from(self));
        xxhash_rust::xxh3::xxh3_64(&body)
    }
}

/// A state delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateEntry {
    pub(crate) batch: BatchId,
    pub(crate) store: StoreId,
    pub(crate) delta: Vec<u8>,
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CommitEntry {
    pub(crate) batch: BatchId,
    pub(crate) next_watermark_ms: i64,
    /// Whether its state entries stand before a prepared entry, and not before this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) prepared: bool,
}

/// What a snapshot consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SnapshotEntry {
    pub(crate) version: u32,
    pub(crate) batch: BatchId,
    /// The number of stores of the query.
    pub(crate) stores: usize,
    pub(crate) parts: usize,
    /// The bytes that all stores hold.
    pub(crate) bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OffsetsJson<N: Ord, V> {
    batch: BatchId,
    timestamp_ms: i64,
    watermark_ms: i64,
    late_watermark_ms: i64,
    sources: Vec<(V, V)>,
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pins: BTreeMap<N, V>,
}

impl Entry {
    /// Appends the entry's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Start(start) => put(out, KIND_START, |out| put_json(out, start)),
            Self::Offsets(offsets) => put(out, KIND_OFFSETS, |out| put_json(out, &OffsetsJson::from(&**offsets))),
            Self::State(state) => put(out, KIND_STATE, |out| {
                out.extend_from_slice(&state.batch.0.to_le_bytes());
                out.extend_from_slice(&state.store.operator.to_le_bytes());
                out.extend_from_slice(&state.store.store.to_le_bytes());
                out.extend_from_slice(&state.delta);
            }),
            Self::Commit(commit) => put(out, KIND_COMMIT, |out| put_json(out, commit)),
            Self::Prepared(commit) => put(out, KIND_PREPARED, |out| put_json(out, commit)),
            Self::Snapshot(snapshot) => put(out, KIND_SNAPSHOT, |out| put_json(out, snapshot)),
        }
    }

    /// An entry from its body, in the format that this build writes.
    pub(crate) fn read(kind: u8, mut body: &[u8]) -> Result<Self> {
        match kind {
            KIND_START => json(body).map(Self::Start),
            KIND_OFFSETS => {
                json::<OffsetsJson<String, Value>>(body).map(|offsets| Self::Offsets(Arc::new(offsets.into())))
            }
            KIND_STATE => {
                let batch = BatchId(u64::from_le_bytes(take(&mut body)?));
                let operator = u32::from_le_bytes(take(&mut body)?);
                let store = StoreId { operator, store: u32::from_le_bytes(take(&mut body)?) };
                Ok(Self::State(StateEntry { batch, store, delta: body.to_vec() }))
            }
            KIND_COMMIT => json(body).map(Self::Commit),
            KIND_PREPARED => json(body).map(Self::Prepared),
            KIND_SNAPSHOT => json(body).map(Self::Snapshot),
            other => Err(malformed(&format!("there is no entry of kind {other}"))),
        }
    }
}

/// Takes the first entry off `bytes`: its kind and its body.
pub(crate) fn split<'a>(bytes: &mut &'a [u8]) -> Result<(u8, &'a [u8])> {
    let [kind] = take(bytes)?;
    let length = usize::try_from(u64::from_le_bytes(take(bytes)?)).ok().filter(|&length| length <= bytes.len());
    let Some(length) = length else { return Err(malformed("an entry is longer than its frame")) };
    let (body, rest) = bytes.split_at(length);
    *bytes = rest;
    Ok((kind, body))
}

impl<'a> From<&'a OffsetsEntry> for OffsetsJson<&'a str, &'a Value> {
    fn from(entry: &'a OffsetsEntry) -> Self {
        let pair = |range: &'a OffsetRange| (range.start.json(), range.end.json());
        Self {
            batch: entry.batch,
            timestamp_ms: entry.timestamp_ms,
            watermark_ms: entry.watermark_ms,
            late_watermark_ms: entry.late_watermark_ms,
            sources: entry.sources.iter().map(pair).collect(),
            pins: entry.pins.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        }
    }
}

impl From<OffsetsJson<String, Value>> for OffsetsEntry {
    fn from(json: OffsetsJson<String, Value>) -> Self {
        let range = |(start, end)| OffsetRange { start: Offset::new(start), end: Offset::new(end) };
        Self {
            batch: json.batch,
            timestamp_ms: json.timestamp_ms,
            watermark_ms: json.watermark_ms,
            late_watermark_ms: json.late_watermark_ms,
            sources: json.sources.into_iter().map(range).collect(),
            pins: json.pins,
        }
    }
}

fn put(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let length_at = out.len();
    out.extend_from_slice(&[0; 8]);
    body(out);
    let length = (out.len() - length_at - 8) as u64;
    out[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
}

fn put_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("entries hold only text, numbers and JSON values");
}

/// The JSON of a body.
pub(crate) fn json<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| malformed("an entry is not the JSON it should be").with_source(error))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let Some((head, rest)) = bytes.split_first_chunk::<N>() else {
        return Err(malformed("an entry ends before its last field"));
    };
    *bytes = rest;
    Ok(*head)
}

fn malformed(what: &str) -> Error {
    Error::data(what)
}

#[cfg(test)]
mod tests;
