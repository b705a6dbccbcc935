//! What links and chores tell the sender.

use kafka_protocol::messages::ProduceResponse;

use super::batch::Identity;
use crate::error::{Error, Place, Result};
use crate::metadata::Topic;

/// Events that wait for the sender. It never waits for those who tell it, so a full channel only holds them back.
pub(super) const EVENTS_MAX: usize = 64;

/// The link that an event comes from: its broker, and its number among all links of the producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkName {
    pub(super) node: i32,
    pub(super) number: u64,
}

/// An event for the sender.
#[derive(Debug)]
pub(super) enum Event {
    /// A broker answered, or will not answer because nobody asked it to.
    Answered {
        link: LinkName,
        request: u64,
        answer: Option<(ProduceResponse, Place)>,
    },
    LinkLost {
        link: LinkName,
        error: Error,
    },
    Metadata(Result<Vec<Topic>>),
    Identity(Result<Identity>),
    /// These partitions are part of the transaction now, or cannot be.
    Added {
        partitions: Vec<(usize, usize)>,
        result: Result<()>,
    },
}
