//! The sessions of a key: when each ends, and the values of an aggregation over its rows.
//!
//! A session lies in the bucket of its key under its start as a sub-key, so that a bucket has the sessions of a key in
//! the order of time. The end is a part of the value, because it moves when rows come.

use arrow::array::{ArrayRef, TimestampMicrosecondArray};
use millstream_core::Result;

use super::aggregates::{Aggregates, AggregatesLayout};
use super::{Ends, Values};
use crate::state::aggregates::Argument;
use crate::state::codec::Reader;
use crate::state::entries::{Entries, StoreLayout};
use crate::state::key_codec::KeyCodec;
use crate::state::shard::Assignment;

/// Bytes of a sub-key: a start.
const SUB_KEY_BYTES: usize = 8;

/// Sessions 0, 1, 2 …: their ends, and a column for each aggregate function.
#[derive(Debug)]
pub struct Sessions {
    ends: Ends,
    aggregates: Aggregates,
}

impl Sessions {
    /// The layout of a store of sessions by these keys.
    pub fn layout(codec: KeyCodec, functions: AggregatesLayout) -> StoreLayout<Self> {
        StoreLayout::with_sub_keys(codec, SUB_KEY_BYTES, functions)
    }

    /// A start (µs) as a sub-key: bytes that compare as the times do.
    pub fn sub_key(start_us: i64) -> [u8; SUB_KEY_BYTES] {
        // With the sign bit turned over, times before 1970 come first.
        (start_us as u64 ^ 1 << 63).to_be_bytes()
    }

    /// The start (µs) that a sub-key stands for.
    pub fn start_us(sub_key: &[u8]) -> i64 {
        let mut bytes = [0; SUB_KEY_BYTES];
        bytes.copy_from_slice(sub_key);
        (u64::from_be_bytes(bytes) ^ 1 << 63) as i64
    }

    /// When a session ends (µs).
    pub fn session_end_us(&self, session: u32) -> i64 {
        self.ends.get(session)
    }

    /// Says when a session ends (µs).
    pub fn set_end(&mut self, session: u32, end_us: i64) {
        self.ends.set(session, end_us);
    }

    /// Takes rows into their sessions, with the arguments of each function.
    pub fn update(&mut self, arguments: &[Argument], rows: Assignment<'_>) -> Result<()> {
        self.aggregates.update(arguments, rows)
    }

    /// Adds what went into a session of another's.
    pub fn merge(&mut self, session: u32, other: &Self, other_session: u32) -> Result<()> {
        self.aggregates.merge(session, &other.aggregates, other_session)
    }
}

impl Values for Sessions {
    type Layout = AggregatesLayout;

    fn new(layout: &AggregatesLayout) -> Self {
        Self { ends: Ends::new(&()), aggregates: Aggregates::new(layout) }
    }

    fn push_empty(&mut self) {
        self.ends.push_empty();
        self.aggregates.push_empty();
    }

    fn push_from(&mut self, other: &Self, entry: u32) {
        self.ends.push_from(&other.ends, entry);
        self.aggregates.push_from(&other.aggregates, entry);
    }

    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32) {
        self.ends.copy_from(entry, &other.ends, other_entry);
        self.aggregates.copy_from(entry, &other.aggregates, other_entry);
    }

    fn truncate(&mut self, entries: usize) {
        self.ends.truncate(entries);
        self.aggregates.truncate(entries);
    }

    fn bytes(&self) -> usize {
        self.ends.bytes() + self.aggregates.bytes()
    }

    fn write(&self, entry: u32, out: &mut Vec<u8>) {
        self.ends.write(entry, out);
        self.aggregates.write(entry, out);
    }

    fn push_read(&mut self, layout: &AggregatesLayout, reader: &mut Reader<'_>) -> Result<()> {
        self.ends.push_read(&(), reader)?;
        self.aggregates.push_read(layout, reader)
    }

    fn describe(layout: &AggregatesLayout) -> Vec<String> {
        let functions = layout.iter().map(|function| function.describe());
        Ends::describe(&()).into_iter().chain(functions).collect()
    }

    #[inline]
    fn end_us(&self, entry: u32) -> Option<i64> {
        self.ends.end_us(entry)
    }

    fn written_end_us(_layout: &AggregatesLayout, reader: &mut Reader<'_>) -> Result<i64> {
        Ends::written_end_us(&(), reader)
    }
}

/// Sessions as columns.
pub(crate) struct SessionColumns {
    pub(crate) keys: Vec<ArrayRef>,
    pub(crate) starts: TimestampMicrosecondArray,
    pub(crate) ends: TimestampMicrosecondArray,
    /// A column for each aggregate function.
    pub(crate) results: Vec<ArrayRef>,
}

/// The columns of all these sessions.
pub(crate) fn session_columns(sessions: &Entries<Sessions>, layout: &StoreLayout<Sessions>) -> Result<SessionColumns> {
    let numbers: Vec<u32> = (0..sessions.len() as u32).collect();
    let stored = || numbers.iter().map(|&session| layout.split(sessions.key(session)));
    let keys: Vec<&[u8]> = stored().map(|(key, _)| key).collect();
    let values = sessions.values();
    Ok(SessionColumns {
        keys: layout.codec().decode(&keys)?,
        starts: stored().map(|(_, sub_key)| Sessions::start_us(sub_key)).collect::<Vec<_>>().into(),
        ends: numbers.iter().map(|&session| values.session_end_us(session)).collect::<Vec<_>>().into(),
        results: values.aggregates.results(layout.values(), &numbers)?,
    })
}
