//! One execution, from its plan to its last response, whoever listens.
//!
//! An operation runs by itself; readers come and go. A reader that was cut off comes back with the id of the last
//! response it saw and goes on from there, so a broken connection loses nothing. One reader at a time: a new one
//! disconnects the one before.
//!
//! ```text
//! running ──► completed ─┐
//!    │  ├───► failed ────┼──► released (by the client), abandoned (by the sweep)
//!    └──────► cancelled ─┘
//! ```

mod buffer;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use millstream_core::{Error, Reservation, Result, spark_error};
use parking_lot::Mutex;
use spark_connect_proto::execute_plan_response::{ObservedMetrics, ResponseType, ResultComplete};
use spark_connect_proto::{DataType, ExecutePlanResponse};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use self::buffer::ResponseBuffer;
use super::queries::StartedBy;
use crate::error::handle::operation_canceled;
use crate::to_proto::pieces::Pieces;

/// After this time a reader of a reattachable operation is sent away to come back (Spark:
/// `spark.connect.execute.reattachable.senderMaxStreamDuration`), so that no proxy cuts an idle stream.
pub(crate) const STREAM_DURATION_MAX: Duration = Duration::from_secs(120);

/// Responses on their way to a client.
pub(crate) type ResponseStream = BoxStream<'static, Result<ExecutePlanResponse, Status>>;

/// Who and what an operation is; fixed at its start.
#[derive(Debug, Clone)]
pub(crate) struct OperationInfo {
    pub(crate) session_id: String,
    pub(crate) server_side_session_id: String,
    pub(crate) operation_id: String,
    pub(crate) tags: Vec<String>,
    /// Whether responses are kept for a reader that comes back.
    pub(crate) reattachable: bool,
    /// How long one reader is served before it has to come back.
    pub(crate) stream_duration_max: Duration,
    /// How its batches may be cut for its client.
    pub(crate) pieces: Pieces,
    /// A hash of the plan: the same request sent twice is a retry, another plan under the same id is a mistake.
    pub(crate) plan_hash: u64,
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationState {
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Operation {
    info: OperationInfo,
    shared: Mutex<Shared>,
    changed: Notify,
    cancel: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    buffer: ResponseBuffer,
    memory: Reservation,
    outcome: Option<Outcome>,
    /// The number of the newest reader.
    reader: u64,
    /// When the last reader left; `None` while one is there.
    detached_at: Option<Instant>,
    /// Since when a response waits to be read.
    unread_since: Option<Instant>,
}

#[derive(Debug, Clone)]
enum Outcome {
    Completed,
    Failed(Status),
    Cancelled(Status),
}

impl Operation {
    /// An operation that runs and has no reader yet.
    pub(crate) fn new(info: OperationInfo, memory: Reservation) -> Self {
        Self {
            info,
            shared: Mutex::new(Shared {
                buffer: ResponseBuffer::new(),
                memory,
                outcome: None,
                reader: 0,
                detached_at: Some(Instant::now()),
                unread_since: None,
            }),
            changed: Notify::new(),
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn info(&self) -> &OperationInfo {
        &self.info
    }

    /// Resolves when the operation is to end early.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + '_ {
        self.cancel.cancelled()
    }

    /// Ends the operation early; a reader gets `status`. Says whether it still ran.
    pub(crate) fn cancel(&self, status: impl FnOnce(&Error) -> Status) -> bool {
        let closed = self.close_with(|| Outcome::Cancelled(status(&operation_canceled())));
        self.cancel.cancel();
        closed
    }

    /// Ends the operation as its work ended.
    pub(crate) fn close(&self, result: Result<(), Status>) {
        let _ = self.close_with(|| match result {
            Ok(()) => Outcome::Completed,
            Err(status) => Outcome::Failed(status),
        });
    }

    fn close_with(&self, outcome: impl FnOnce() -> Outcome) -> bool {
        let mut shared = self.shared.lock();
        if shared.outcome.is_some() {
            return false;
        }
        let outcome = outcome();
        if self.info.reattachable && matches!(outcome, Outcome::Completed) {
            let complete = self.response(Some(ResponseType::ResultComplete(ResultComplete::default())), None);
            shared.buffer.push(complete);
        }
        shared.outcome = Some(outcome);
        drop(shared);
        self.changed.notify_waiters();
        true
    }

    pub(crate) fn state(&self) -> OperationState {
        match &self.shared.lock().outcome {
            None => OperationState::Running,
            Some(Outcome::Completed) => OperationState::Succeeded,
            Some(Outcome::Failed(_)) => OperationState::Failed,
            Some(Outcome::Cancelled(_)) => OperationState::Cancelled,
        }
    }

    /// How long nobody has been reading.
    pub(crate) fn detached_for(&self) -> Option<Duration> {
        self.shared.lock().detached_at.map(|since| since.elapsed())
    }

    /// How long a reader that is there has let a response wait.
    pub(crate) fn unread_for(&self) -> Option<Duration> {
        self.shared.lock().unread_since.map(|since| since.elapsed())
    }

    /// Ends the operation and drops what was not read; a reader gets `status` next.
    pub(crate) fn give_up(&self, status: Status) {
        let mut shared = self.shared.lock();
        shared.outcome = Some(Outcome::Failed(status));
        shared.buffer.clear();
        shared.settle_memory();
        drop(shared);
        self.cancel.cancel();
        self.changed.notify_waiters();
    }

    /// Forgets the responses up to and including this one.
    pub(crate) fn release_until(&self, response_id: &str) {
        let mut shared = self.shared.lock();
        if let Some(index) = shared.buffer.index_of(response_id) {
            shared.buffer.release_until(index);
            shared.settle_memory();
            drop(shared);
            self.changed.notify_waiters();
        }
    }

    /// Reads on after the response with this id, or from the start. A reader before this one is disconnected.
    pub(crate) fn attach(self: &Arc<Self>, last_response_id: Option<&str>) -> Result<ResponseStream> {
        let mut shared = self.shared.lock();
        let cursor = match last_response_id {
            None => 0,
            Some(id) => shared
                .buffer
                .index_of(id)
                .map(|index| index + 1)
                .ok_or_else(|| spark_error!("INVALID_CURSOR.POSITION_NOT_FOUND", responseId = id))?,
        };
        if cursor < shared.buffer.first_index() {
            return Err(spark_error!(
                "INVALID_CURSOR.POSITION_NOT_AVAILABLE",
                responseId = last_response_id.unwrap_or("(first)"),
                index = cursor,
            ));
        }
        shared.reader += 1;
        shared.detached_at = None;
        shared.note_reading();
        let reader = Reader {
            operation: Arc::clone(self),
            number: shared.reader,
            cursor,
            until: self.info.reattachable.then(|| Instant::now() + self.info.stream_duration_max),
            ended: false,
        };
        drop(shared);
        self.changed.notify_waiters();
        let stream = futures::stream::unfold(reader, |mut reader| async move {
            let item = reader.next().await?;
            Some((item, reader))
        });
        Ok(Box::pin(stream))
    }

    fn response(&self, response_type: Option<ResponseType>, schema: Option<DataType>) -> ExecutePlanResponse {
        ExecutePlanResponse {
            session_id: self.info.session_id.clone(),
            server_side_session_id: self.info.server_side_session_id.clone(),
            operation_id: self.info.operation_id.clone(),
            response_type,
            schema,
            ..ExecutePlanResponse::default()
        }
    }

    async fn push(&self, response: ExecutePlanResponse) -> Result<()> {
        let mut response = Some(response);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut shared = self.shared.lock();
                if shared.outcome.is_some() {
                    return Err(operation_canceled());
                }
                if shared.buffer.has_room()
                    && let Some(response) = response.take()
                {
                    shared.buffer.push(response);
                    shared.unread_since.get_or_insert_with(Instant::now);
                    shared.reserve_memory()?;
                    drop(shared);
                    self.changed.notify_waiters();
                    return Ok(());
                }
            }
            changed.await;
        }
    }
}

impl Shared {
    fn reserve_memory(&mut self) -> Result<()> {
        let bytes = self.buffer.bytes();
        self.memory.resize(bytes)
    }

    /// A reader has taken something, or has come.
    fn note_reading(&mut self) {
        self.unread_since = self.buffer.has_unsent().then(Instant::now);
    }

    /// Gives bytes back; never asks for more.
    fn settle_memory(&mut self) {
        let held = self.memory.bytes();
        self.memory.shrink(held.saturating_sub(self.buffer.bytes()));
    }
}

/// The side of an operation that its work writes to.
#[derive(Debug, Clone)]
pub(crate) struct ResponseSender(Arc<Operation>);

impl ResponseSender {
    pub(crate) fn new(operation: Arc<Operation>) -> Self {
        Self(operation)
    }

    /// The operation, as what starts a query.
    pub(crate) fn started_by(&self) -> StartedBy {
        let info = self.0.info();
        StartedBy { operation_id: info.operation_id.clone(), tags: info.tags.clone() }
    }

    /// How batches may be cut.
    pub(crate) fn pieces(&self) -> Pieces {
        self.0.info().pieces
    }

    /// Adds a response; waits while the client is too far behind.
    pub(crate) async fn send(&self, response: ResponseType) -> Result<()> {
        self.0.push(self.0.response(Some(response), None)).await
    }

    /// Adds what was observed of the rows before.
    pub(crate) async fn send_observed(&self, observed_metrics: Vec<ObservedMetrics>) -> Result<()> {
        self.0.push(ExecutePlanResponse { observed_metrics, ..self.0.response(None, None) }).await
    }

    /// Adds the schema of the rows that follow.
    pub(crate) async fn send_schema(&self, schema: DataType) -> Result<()> {
        self.0.push(self.0.response(None, Some(schema))).await
    }
}

/// One reader's place in the responses.
struct Reader {
    operation: Arc<Operation>,
    number: u64,
    cursor: u64,
    until: Option<Instant>,
    ended: bool,
}

enum Step {
    Give(Box<Result<ExecutePlanResponse, Status>>),
    End,
    Wait,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<ExecutePlanResponse, Status>> {
        if self.ended {
            return None;
        }
        loop {
            let operation = Arc::clone(&self.operation);
            let changed = operation.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.step() {
                Step::Give(item) => {
                    self.ended = item.is_err();
                    return Some(*item);
                }
                Step::End => {
                    self.ended = true;
                    return None;
                }
                Step::Wait => {}
            }
            let in_time = match self.until {
                Some(until) => tokio::time::timeout_at(until, changed).await.is_ok(),
                None => {
                    changed.await;
                    true
                }
            };
            if !in_time {
                self.ended = true;
                return None;
            }
        }
    }

    fn step(&mut self) -> Step {
        let mut shared = self.operation.shared.lock();
        if shared.reader != self.number {
            let error = spark_error!("INVALID_CURSOR.DISCONNECTED");
            return Step::Give(Box::new(Err(crate::error::status(&error, None))));
        }
        if let Some(response) = shared.buffer.take(self.cursor) {
            self.cursor += 1;
            shared.note_reading();
            shared.settle_memory();
            drop(shared);
            self.operation.changed.notify_waiters();
            return Step::Give(Box::new(Ok(response)));
        }
        match &shared.outcome {
            None => Step::Wait,
            Some(Outcome::Completed) => Step::End,
            Some(Outcome::Failed(status) | Outcome::Cancelled(status)) => Step::Give(Box::new(Err(status.clone()))),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut shared = self.operation.shared.lock();
        if shared.reader == self.number {
            shared.detached_at = Some(Instant::now());
        }
        drop(shared);
        // Nobody can come back to an operation that is not reattachable.
        if !self.operation.info.reattachable {
            let _ = self.operation.cancel(|error| crate::error::status(error, None));
        }
    }
}

#[cfg(test)]
mod tests;
