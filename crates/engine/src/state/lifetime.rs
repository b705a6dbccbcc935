//! How long the groups of an operator live.
//!
//! Mostly a key says when its group ends: then groups lie in panes by that time, and expire with them. Or the group's value
//! says it, and keys are all in one pane. Then nothing is taken out when the watermark moves: a [`Line`] is moved, and
//! what ends below it counts as gone. What is gone makes room when it is more than what is there.

use super::key_codec::{EventTimePlace, KeyCodec};
use super::spilled::Shape;

/// The pane of groups that never expire, or not by their key.
pub(super) const FOREVER: i64 = i64::MAX;

/// How long state lives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lifetime {
    /// The key says when it ends.
    InKey(KeyLifetime),
    /// The first value of the group says so, in microseconds.
    InValue,
}

/// When keys end that have it in them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyLifetime {
    /// Where a key says when it ends.
    pub(crate) end: EventTimePlace,
    /// Panes reach up to multiples of so many microseconds.
    pub(crate) pane_us: i64,
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

/// By when groups are gone whose values say when they end. To undo a move is to put the line back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Groups that end by then (µs) are gone, if they are older than the batch.
    gone_us: i64,
    /// No group that is there ends before.
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
    /// Groups that end by then (µs) are gone.
    pub(super) fn gone_us(&self) -> i64 {
        self.gone_us
    }

    /// The event time (µs) before which no group ends by its value; none where values do not say it.
    pub(super) fn first_end_us(&self, shape: Shape<'_>) -> Option<i64> {
        shape.ends_by_value().then_some(self.first_end_us)
    }

    /// Takes note of a group that ends then (µs).
    pub(super) fn add(&mut self, end_us: i64) {
        self.first_end_us = self.first_end_us.min(end_us);
    }

    /// Moves the line; what is there ends no earlier than `first_end_us`.
    pub(super) fn move_to(&mut self, gone_us: i64, first_end_us: i64) {
        self.before.get_or_insert((self.gone_us, self.first_end_us));
        (self.gone_us, self.first_end_us) = (gone_us, first_end_us);
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
