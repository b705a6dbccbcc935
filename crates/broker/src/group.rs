//! A consumer group of the classic protocol: who is in it, which generation it is in, and what its members were
//! assigned.
//!
//! The state machine is Kafka's: Empty → PreparingRebalance (members join) → CompletingRebalance (the leader assigns) →
//! Stable. It awaits nothing itself: an answer that has to wait is a channel, and [`Group::tick`] is told the time.
//! The assignment is the leader's business; what members send is bytes here.

mod coordinator;
mod membership;
mod offsets;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use coordinator::Groups;
pub(crate) use offsets::Offsets;

/// Where a group is in its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    /// Kafka's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    /// Set for a static member.
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    /// Name and subscription, the best first.
    protocols: Vec<(String, Bytes)>,
    pub(crate) assignment: Bytes,
    /// When it is taken for dead, unless it waits for an answer.
    deadline: Instant,
    joining: Option<oneshot::Sender<JoinAnswer>>,
    syncing: Option<oneshot::Sender<SyncAnswer>>,
}

impl Member {
    fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|(name, _)| name == protocol).map(|(_, data)| data.clone()).unwrap_or_default()
    }
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) state: State,
    pub(crate) generation: i32,
    /// "consumer" or "connect"; empty before the first member.
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    leader: String,
    pub(crate) members: BTreeMap<String, Member>,
    /// Members who were given an id and have not come back with it yet.
    pending: HashMap<String, Instant>,
    /// When a rebalance goes on without those who are missing.
    rebalance_deadline: Option<Instant>,
    /// A first rebalance does not end before.
    not_before: Option<Instant>,
    initial_delay: Duration,
    pub(crate) offsets: Offsets,
    /// When it was first seen without members, since it had some.
    pub(crate) empty_since_ms: Option<i64>,
}

/// What a member sends to join.
#[derive(Debug)]
pub(crate) struct JoinRequest {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Whether the client comes back with the id that it is given.
    pub(crate) returns_with_id: bool,
}

/// The answer to a join.
#[derive(Debug, Default)]
pub(crate) struct JoinAnswer {
    pub(crate) error: i16,
    pub(crate) generation: i32,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member_id: String,
    /// For the leader only: id, instance id and subscription of each member.
    pub(crate) members: Vec<(String, Option<String>, Bytes)>,
}

/// The answer to a sync.
#[derive(Debug, Default)]
pub(crate) struct SyncAnswer {
    pub(crate) error: i16,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) assignment: Bytes,
}

#[cfg(test)]
mod tests;
