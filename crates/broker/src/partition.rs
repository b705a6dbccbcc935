//! A partition: its log behind a lock, and the fetches that wait for it to grow.

use std::fs::File;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::batch::EndMarker;
use crate::log::{Appended, Log, ValidBatch};

/// One partition of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) index: i32,
    log: Mutex<Log>,
    waiting: Mutex<Vec<Arc<Notify>>>,
}

impl Partition {
    pub(crate) fn new(index: i32, log: Log) -> Arc<Self> {
        Arc::new(Self { index, log: Mutex::new(log), waiting: Mutex::default() })
    }

    /// The log. Held for moments only, never while something is awaited.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    /// Appends a producer's batch and wakes those who wait.
    pub(crate) fn append(&self, batch: ValidBatch, now_ms: i64) -> Result<Appended, ResponseError> {
        let appended = self.log.lock().append(batch, now_ms)?;
        self.wake();
        Ok(appended)
    }

    /// Ends a producer's transaction and wakes those who wait.
    pub(crate) fn append_marker(&self, marker: &EndMarker) -> Result<Option<Arc<File>>, ResponseError> {
        let flush = self.log.lock().append_marker(marker)?;
        self.wake();
        Ok(flush)
    }

    /// Wakes this fetch when something is appended; once.
    pub(crate) fn wait(&self, fetch: &Arc<Notify>) {
        let mut waiting = self.waiting.lock();
        if !waiting.iter().any(|one| Arc::ptr_eq(one, fetch)) {
            waiting.push(Arc::clone(fetch));
        }
    }

    pub(crate) fn stop_waiting(&self, fetch: &Arc<Notify>) {
        self.waiting.lock().retain(|one| !Arc::ptr_eq(one, fetch));
    }

    /// Wakes all who wait; also when the partition is no more.
    pub(crate) fn wake(&self) {
        for fetch in self.waiting.lock().drain(..) {
            fetch.notify_one();
        }
    }
}

/// Makes what was appended outlive a power cut.
pub(crate) async fn flush(file: Arc<File>) -> Result<(), ResponseError> {
    let flushed = tokio::task::spawn_blocking(move || file.sync_data()).await;
    match flushed {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "records cannot be flushed");
            Err(ResponseError::KafkaStorageError)
        }
        Err(_) => Err(ResponseError::KafkaStorageError),
    }
}
