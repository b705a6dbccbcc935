//! The operations of one session, by id.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, MemoryLedger, Result, spark_error};
use parking_lot::Mutex;
use tonic::Status;

use super::operation::{Operation, OperationInfo, OperationState};

/// How long an operation may be without a reader (Spark: `spark.connect.execute.manager.detachedTimeout`).
const DETACHED_MAX: Duration = Duration::from_secs(300);
/// The patience while memory is short, so that who does not read takes nothing from others.
pub(crate) const WHEN_TIGHT: Patience = Patience { gone: Duration::from_secs(10), slow: Duration::from_secs(60) };
/// Abandoned operations that are remembered, so that their clients do not run them a second time.
const ABANDONED_KEPT: usize = 1000;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Operations {
    memory: MemoryLedger,
    by_id: Mutex<HashMap<String, Arc<Operation>>>,
    abandoned: Mutex<VecDeque<String>>,
}

/// How long a result may lie unread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// By a client that has gone away, and may come back.
    pub(crate) gone: Duration,
    /// By a client that is there.
    pub(crate) slow: Duration,
}

/// Whether [`Operations::start`] made an operation or found the one of an earlier, equal request.
#[derive(Debug)]
pub(crate) enum Started {
    New(Arc<Operation>),
    Known(Arc<Operation>),
}

/// Which operations to interrupt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interrupted<'a> {
    All,
    Tag(&'a str),
    Operation(&'a str),
}

impl Operations {
    pub(crate) fn new(memory: MemoryLedger) -> Self {
        Self { memory, by_id: Mutex::default(), abandoned: Mutex::default() }
    }

    /// A new operation, or the running one when a client sends its request again.
    pub(crate) fn start(&self, info: OperationInfo) -> Result<Started> {
        let id = info.operation_id.clone();
        if self.was_abandoned(&id) {
            return Err(spark_error!("INVALID_HANDLE.OPERATION_ABANDONED", handle = id));
        }
        let mut by_id = self.by_id.lock();
        if let Some(known) = by_id.get(&id) {
            if known.info().plan_hash != info.plan_hash || !known.info().reattachable {
                return Err(spark_error!("INVALID_HANDLE.OPERATION_ALREADY_EXISTS", handle = id));
            }
            return Ok(Started::Known(Arc::clone(known)));
        }
        let memory = self.memory.reservation(format!("the result of operation {id}"));
        let operation = Arc::new(Operation::new(info, memory));
        by_id.insert(id, Arc::clone(&operation));
        Ok(Started::New(operation))
    }

    /// An operation that can be read again.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Operation>> {
        if let Some(operation) = self.by_id.lock().get(id) {
            return Ok(Arc::clone(operation));
        }
        Err(if self.was_abandoned(id) {
            spark_error!("INVALID_HANDLE.OPERATION_ABANDONED", handle = id)
        } else {
            spark_error!("INVALID_HANDLE.OPERATION_NOT_FOUND", handle = id)
        })
    }

    /// Operations by id, or all.
    pub(crate) fn list(&self, ids: &[String]) -> Vec<(String, Option<OperationState>)> {
        let by_id = self.by_id.lock();
        if ids.is_empty() {
            return by_id.iter().map(|(id, operation)| (id.clone(), Some(operation.state()))).collect();
        }
        ids.iter().map(|id| (id.clone(), by_id.get(id).map(|operation| operation.state()))).collect()
    }

    /// Forgets an operation and ends it if it still runs. Says whether there was one.
    pub(crate) fn release(&self, id: &str) -> bool {
        let removed = self.by_id.lock().remove(id);
        if let Some(operation) = &removed {
            let _ = operation.cancel(|error| crate::error::status(error, None));
        }
        removed.is_some()
    }

    /// Interrupts what runs and says which. The operations stay until their clients have seen the error.
    pub(crate) fn interrupt(&self, which: Interrupted<'_>, status: impl Fn(Error) -> Status) -> Vec<String> {
        let chosen: Vec<_> = self
            .by_id
            .lock()
            .values()
            .filter(|operation| match which {
                Interrupted::All => true,
                Interrupted::Tag(tag) => operation.info().tags.iter().any(|known| known == tag),
                Interrupted::Operation(id) => operation.info().operation_id == id,
            })
            .cloned()
            .collect();
        chosen
            .into_iter()
            .filter(|operation| operation.cancel(|error| status(error.duplicate())))
            .map(|operation| operation.info().operation_id.clone())
            .collect()
    }

    /// Ends and forgets all operations.
    pub(crate) fn release_all(&self) {
        let ids: HashSet<_> = self.by_id.lock().keys().cloned().collect();
        for id in ids {
            self.release(&id);
        }
    }

    /// Drops the operations that nobody has been reading for too long.
    pub(crate) fn sweep(&self) {
        let lost: Vec<_> = {
            let by_id = self.by_id.lock();
            let lost = by_id
                .iter()
                .filter(|(_, operation)| operation.detached_for().is_some_and(|detached| detached >= DETACHED_MAX));
            lost.map(|(id, _)| id.clone()).collect()
        };
        for id in lost {
            tracing::info!(operation = %id, "abandoned by its client");
            self.release(&id);
            self.remember_abandoned(id);
        }
    }

    /// The operation that has waited longest for a client that went away or does not read, and for how long.
    pub(crate) fn longest_unread(&self, patience: Patience) -> Option<(Duration, Arc<Operation>)> {
        let waits = |operation: &Arc<Operation>| {
            let detached = operation.detached_for().filter(|time| *time >= patience.gone);
            detached.or_else(|| operation.unread_for().filter(|time| *time >= patience.slow))
        };
        let by_id = self.by_id.lock();
        let waiting = by_id.values().filter_map(|operation| Some((waits(operation)?, Arc::clone(operation))));
        waiting.max_by_key(|(time, _)| *time)
    }

    /// Ends an operation whose client does not read, because others need the memory.
    pub(crate) fn give_up(&self, operation: &Operation) {
        let id = operation.info().operation_id.clone();
        tracing::warn!(operation = %id, "given up: its client does not read, and memory is short");
        let error = spark_error!(
            "UNABLE_TO_ACQUIRE_MEMORY":
            "the result was not read for too long while others needed the memory that it holds"
        );
        operation.give_up(crate::error::status(&error, None));
        self.by_id.lock().remove(&id);
        self.remember_abandoned(id);
    }

    fn remember_abandoned(&self, id: String) {
        let mut abandoned = self.abandoned.lock();
        while abandoned.len() >= ABANDONED_KEPT {
            abandoned.pop_front();
        }
        abandoned.push_back(id);
    }

    pub(crate) fn any_running(&self) -> bool {
        self.by_id.lock().values().any(|operation| operation.state() == OperationState::Running)
    }

    fn was_abandoned(&self, id: &str) -> bool {
        self.abandoned.lock().iter().any(|known| known == id)
    }
}

#[cfg(test)]
mod tests;
