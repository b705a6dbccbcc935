//! All groups of the broker, by id.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::offsets::Key;
use super::{Group, Offsets};
use crate::journal::{CommittedOffset, Entry, Journal, Snapshot};

/// A group behind its lock, which is held for moments only.
pub(crate) type GroupHandle = Arc<Mutex<Group>>;

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    groups: Mutex<BTreeMap<String, GroupHandle>>,
    journal: Arc<Journal>,
    initial_delay: Duration,
}

impl Groups {
    pub(crate) fn new(journal: Arc<Journal>, initial_delay: Duration) -> Self {
        Self { groups: Mutex::default(), journal, initial_delay }
    }

    /// Takes the offsets that were committed before. Members join again by themselves.
    pub(crate) fn restore(&self, snapshot: &Snapshot) {
        let mut groups = self.groups.lock();
        for (id, offsets) in &snapshot.offsets {
            let mut group = Group::new(self.initial_delay);
            group.protocol_type = "consumer".to_owned();
            group.offsets = Offsets::new(offsets.clone());
            groups.insert(id.clone(), Arc::new(Mutex::new(group)));
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<GroupHandle> {
        self.groups.lock().get(id).cloned()
    }

    /// The group; a new one if there was none.
    pub(crate) fn get_or_create(&self, id: &str) -> GroupHandle {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(id) {
            return Arc::clone(group);
        }
        let group = Arc::new(Mutex::new(Group::new(self.initial_delay)));
        groups.insert(id.to_owned(), Arc::clone(&group));
        group
    }

    /// All groups, by id.
    pub(crate) fn all(&self) -> Vec<(String, GroupHandle)> {
        self.groups.lock().iter().map(|(id, group)| (id.clone(), Arc::clone(group))).collect()
    }

    /// Writes offsets down, then makes them the group's.
    pub(crate) fn commit(
        &self,
        id: &str,
        group: &mut Group,
        offsets: Vec<(Key, CommittedOffset)>,
    ) -> Result<(), ResponseError> {
        let entry = |((topic, partition), committed): &(Key, CommittedOffset)| Entry::Offset {
            group: id.to_owned(),
            topic: topic.clone(),
            partition: *partition,
            committed: committed.clone(),
        };
        let written = self.journal.append(offsets.iter().map(entry).collect());
        // Clients look for another coordinator and try again.
        written.map_err(|_| ResponseError::CoordinatorNotAvailable)?;
        for (key, committed) in offsets {
            group.offsets.commit(key, committed);
        }
        Ok(())
    }

    /// Forgets one offset.
    pub(crate) fn delete_offset(&self, id: &str, group: &mut Group, key: &Key) -> Result<(), ResponseError> {
        if group.offsets.get(key).is_some() {
            let (topic, partition) = key.clone();
            self.journal.append(vec![Entry::OffsetDeleted { group: id.to_owned(), topic, partition }])?;
            group.offsets.remove(key);
        }
        Ok(())
    }

    /// Forgets a group without members.
    pub(crate) fn delete(&self, id: &str) -> Result<(), ResponseError> {
        let mut groups = self.groups.lock();
        let group = groups.get(id).ok_or(ResponseError::GroupIdNotFound)?;
        if !group.lock().members.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        self.journal.append(vec![Entry::GroupDeleted { group: id.to_owned() }])?;
        groups.remove(id);
        Ok(())
    }

    /// Forgets the offsets of a topic that was deleted.
    pub(crate) fn forget_topic(&self, topic: &str) {
        for (id, group) in self.all() {
            let gone = group.lock().offsets.remove_topic(topic);
            let entry = |(topic, partition)| Entry::OffsetDeleted { group: id.clone(), topic, partition };
            let entries: Vec<Entry> = gone.into_iter().map(entry).collect();
            if !entries.is_empty() && self.journal.append(entries).is_err() {
                tracing::warn!(group = id, topic, "offsets of a deleted topic may come back after a restart");
            }
        }
    }

    /// Forgets the offsets of groups without members for so long, as Kafka does. A group goes with its last offset.
    pub(crate) fn expire_offsets(&self, now_ms: i64, retention_ms: i64) {
        for (id, group) in self.all() {
            let mut group = group.lock();
            if !group.members.is_empty() {
                group.empty_since_ms = None;
                continue;
            }
            // Nobody knows after a restart when the last member left.
            let since = *group.empty_since_ms.get_or_insert(now_ms);
            // The offsets of who commits without being a member count from their commit.
            let is_over = group.protocol_type.is_empty() || since <= now_ms.saturating_sub(retention_ms);
            if !is_over {
                continue;
            }
            for key in group.offsets.committed_until(now_ms.saturating_sub(retention_ms)) {
                if self.delete_offset(&id, &mut group, &key).is_err() {
                    tracing::warn!(group = id, "offsets that have expired cannot be removed");
                    break;
                }
            }
        }
    }

    /// Lets time pass in all groups.
    pub(crate) fn tick(&self, now: Instant) {
        for (_, group) in self.all() {
            group.lock().tick(now);
        }
        self.groups.lock().retain(|_, group| Arc::strong_count(group) > 1 || !group.lock().is_forgettable());
    }
}
