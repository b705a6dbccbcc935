//! How long the entries of a store live.
//!
//! Mostly a key says when its entry ends: then entries lie in panes by that time, and expire with them. Or the value
//! says it, and all entries are in one pane. Then nothing is taken out when the watermark moves: a [`Line`] is moved,
//! and what ends below it counts as gone. What is gone makes room when it is more than what is there.

use super::key_codec::{EventTimePlace, KeyCodec};
use super::pane::Pane;
use super::spilled::Shape;
use super::values::Values;

/// The pane of entries that never expire, or not by their key.
pub const FOREVER: i64 = i64::MAX;

/// How long an entry lives.
#[derive(Debug, Clone, Copy)]
pub enum Lifetime {
    /// The key says when it ends.
    InKey(KeyLifetime),
    /// The value says so: [`Values::end_us`]. This is also a timer: what the watermark reaches is handed to the
    /// operator as expired.
    InValue,
}

/// When keys end that have it in them.
#[derive(Debug, Clone, Copy)]
pub struct KeyLifetime {
    /// Where a key says when it ends.
    pub end: EventTimePlace,
    /// Panes reach up to multiples of so many microseconds.
    pub pane_us: i64,
}

impl Lifetime {
    /// The pane of a key: the event time (µs) up to which it reaches.
    #[inline]
    pub(super) fn pane_of(self, key: &[u8]) -> i64 {
        match self {
            Self::InKey(lifetime) => lifetime.pane_of(key),
            Self::InValue => FOREVER,
        }
    }

    /// The event time (µs) at which a key ends, as far as it is the key that says so.
    pub(super) fn end_us(self, key: &[u8]) -> i64 {
        match self {
            Self::InKey(lifetime) => KeyCodec::event_time_us(key, lifetime.end).unwrap_or(FOREVER),
            Self::InValue => FOREVER,
        }
    }
}

impl KeyLifetime {
    #[inline]
    fn pane_of(self, key: &[u8]) -> i64 {
        let Some(end_us) = KeyCodec::event_time_us(key, self.end) else { return FOREVER };
        // The common case, windows, without a division.
        if self.pane_us == 1 {
            return end_us;
        }
        let over = end_us.rem_euclid(self.pane_us);
        if over == 0 { end_us } else { end_us.saturating_add(self.pane_us - over) }
    }
}

/// By when entries are gone whose values say when they end. To undo a move is to put the line back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Entries that end by then (µs) are gone, if the batch did not change them.
    gone_us: i64,
    /// No entry that is there ends before.
    first_end_us: i64,
    /// Both, as they were before the batch moved the line.
    before: Option<(i64, i64)>,
}

impl Default for Line {
    fn default() -> Self {
        Self { gone_us: i64::MIN, first_end_us: FOREVER, before: None }
    }
}

impl Line {
    /// Entries that end by then (µs) are gone.
    pub(super) fn gone_us(&self) -> i64 {
        self.gone_us
    }

    /// The event time (µs) before which no entry ends by its value; none where values do not say it.
    pub(super) fn first_end_us<V: Values>(&self, shape: Shape<'_, V>) -> Option<i64> {
        shape.ends_by_value().then_some(self.first_end_us)
    }

    /// Takes note of an entry that ends then (µs).
    pub(super) fn add(&mut self, end_us: i64) {
        self.first_end_us = self.first_end_us.min(end_us);
    }

    /// Takes note of when these entries of a pane end, where their values say it.
    #[inline]
    pub(super) fn add_all<V: Values>(&mut self, shape: Shape<'_, V>, pane: &Pane<V>, entries: &[u32]) {
        if shape.ends_by_value() {
            let ends = entries.iter().filter_map(|&entry| pane.entries().values().end_us(entry));
            ends.for_each(|end_us| self.add(end_us));
        }
    }

    /// Moves the line; what is there ends no earlier than `first_end_us`.
    pub(super) fn move_to(&mut self, gone_us: i64, first_end_us: i64) {
        self.before.get_or_insert((self.gone_us, self.first_end_us));
        (self.gone_us, self.first_end_us) = (gone_us, first_end_us);
    }

    /// What was gone before the running batch moved the line, if it did.
    pub(super) fn gone_before_us(&self) -> Option<i64> {
        self.before.map(|(gone_us, _)| gone_us)
    }

    /// Whether the running batch moved it.
    pub(super) fn is_moved(&self) -> bool {
        self.before.is_some()
    }

    /// Ends the batch: what it did stays.
    pub(super) fn commit(&mut self) {
        self.before = None;
    }

    /// Puts back what the batch did.
    pub(super) fn undo(&mut self) {
        if let Some(before) = self.before.take() {
            (self.gone_us, self.first_end_us) = before;
        }
    }
}
