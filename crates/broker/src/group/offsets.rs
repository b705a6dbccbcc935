//! The offsets that a group has committed, and those that open transactions will commit.

use std::collections::{BTreeMap, HashMap};

use crate::journal::CommittedOffset;

/// Topic and partition.
pub(crate) type Key = (String, i32);

/// The offsets of a group.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<Key, CommittedOffset>,
    /// How many open transactions will commit this partition.
    pending: HashMap<Key, usize>,
}

impl Offsets {
    pub(crate) fn new(committed: BTreeMap<Key, CommittedOffset>) -> Self {
        Self { committed, pending: HashMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&CommittedOffset> {
        self.committed.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &CommittedOffset)> {
        self.committed.iter()
    }

    pub(crate) fn commit(&mut self, key: Key, committed: CommittedOffset) {
        self.committed.insert(key, committed);
    }

    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        self.committed.remove(key).is_some()
    }

    /// Forgets the offsets of a topic that is no more; gives which.
    pub(crate) fn remove_topic(&mut self, topic: &str) -> Vec<Key> {
        let gone: Vec<Key> = self.committed.keys().filter(|(name, _)| name == topic).cloned().collect();
        for key in &gone {
            self.committed.remove(key);
        }
        gone
    }

    /// The offsets that were committed at this time or before, and that no open transaction is about to change.
    pub(crate) fn committed_until(&self, until_ms: i64) -> Vec<Key> {
        let is_old = |(key, committed): &(&Key, &CommittedOffset)| {
            committed.committed_ms <= until_ms && !self.pending.contains_key(*key)
        };
        self.committed.iter().filter(is_old).map(|(key, _)| key.clone()).collect()
    }

    /// Whether an open transaction may change this one.
    pub(crate) fn is_unstable(&self, key: &Key) -> bool {
        self.pending.contains_key(key)
    }

    pub(crate) fn add_pending(&mut self, key: &Key) {
        *self.pending.entry(key.clone()).or_default() += 1;
    }

    pub(crate) fn end_pending(&mut self, key: &Key) {
        if let Some(count) = self.pending.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(key);
            }
        }
    }
}
