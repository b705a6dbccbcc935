//! Where a producer stands with its transactions, and what it may do there.

use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// The producer has no transactional id.
    Unused,
    Uninitialized,
    Ready,
    Open,
    /// Being aborted: nothing more is sent.
    Aborting,
}

/// Where the producer stands with its transactions.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) status: Status,
    /// Whether the coordinator knows of the open transaction.
    pub(super) started: bool,
    /// Why it can only be aborted.
    pub(super) error: Option<Error>,
    /// The cluster's `transaction.version`.
    pub(super) version: i16,
}

impl Transaction {
    pub(super) fn new(is_used: bool) -> Self {
        let status = if is_used { Status::Uninitialized } else { Status::Unused };
        Self { status, started: false, error: None, version: 0 }
    }

    pub(super) fn is_used(&self) -> bool {
        self.status != Status::Unused
    }

    pub(super) fn is_ending(&self) -> bool {
        self.status == Status::Aborting
    }

    pub(super) fn can_send(&self) -> bool {
        matches!(self.status, Status::Unused | Status::Open)
    }

    /// Whether the coordinator must be told of a partition before a batch goes there.
    pub(super) fn needs_partitions(&self) -> bool {
        self.is_used() && self.version < 2
    }

    /// Lets the transaction end in an abort.
    pub(super) fn fail(&mut self, error: &Error) {
        if self.status == Status::Open {
            self.error.get_or_insert(error.clone());
        }
    }

    pub(super) fn check_append(&self) -> Result<()> {
        if self.status == Status::Unused { Ok(()) } else { self.check("take the record", Status::Open) }
    }

    pub(super) fn check(&self, attempt: &'static str, wanted: Status) -> Result<()> {
        let reason = match (&self.error, self.status) {
            (None, status) if status == wanted => return Ok(()),
            (Some(error), _) => format!("the transaction has failed and must be aborted: {error}"),
            (None, Status::Unused) => "it has no transactional.id".to_owned(),
            (None, Status::Uninitialized) => "init_transactions has not been called".to_owned(),
            (None, Status::Ready) => "no transaction is open".to_owned(),
            (None, Status::Open) => "a transaction is open".to_owned(),
            (None, Status::Aborting) => "the transaction is being aborted".to_owned(),
        };
        Err(Error::ProducerState { attempt, reason })
    }
}
