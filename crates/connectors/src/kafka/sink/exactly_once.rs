//! `delivery.guarantee=exactly-once`: every batch is a transaction, and the transaction itself says which batch it is.
//!
//! ```text
//! the engine's log has batch N, durably ─┐
//! marker N+1 ─► records ─────────────────┴─► commit ─► the engine's log has N as done
//! └──────────────── one transaction ──────────────┘
//! ```
//!
//! The log is forced to the disk while marker and records are on their way. Nothing of them shows before the commit,
//! and that waits for the log.
//!
//! No client can take up a transaction that a process before it has left. So nothing is concluded from what this
//! process remembers: whoever starts first takes all transactional ids of the query, which ends whatever was open and
//! fences an older instance, and then reads the [`marker`]. The same is done after any failure, also when the answer to
//! a commit was lost. There are a few ids, taken in turn: the brokers are still writing one transaction's end while the
//! next begins.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{join_all, try_join_all};
use millstream_core::{
    BatchId, BatchStream, Clock, Error, ErrorKind, ExactlyOnce, GroupOffsets, LoggedBatch, MemoryLedger, QueryId,
    Result, RunId, Sink, SinkBatch, SinkConfig, SinkProgress, SinkStart, SinkSteps,
};
use millstream_kafka::{Client, OffsetToCommit, Producer, TopicPartition};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::marker::{self, Marker};
use super::options::{ExactlyOnceOptions, SinkOptions};
use super::writer::RowWriter;
use super::{BUFFER, description};
use crate::drain::drain;
use crate::kafka::errors::kafka_write_error;
use crate::kafka::group_offsets::{system_of, to_commit};
use crate::kafka::lane::LedgerBudget;

/// Transactional ids of a query. Fewer in a later version would leave some of an older instance unfenced.
const TRANSACTIONAL_IDS: u64 = 4;

/// `transaction.max.timeout.ms` of brokers that say nothing else.
const TRANSACTION_TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// How long an abort may take that only spares readers the wait for `transaction.timeout.ms`.
const ABORT_PATIENCE: Duration = Duration::from_secs(1);

/// The sink of one query, exactly once.
#[derive(Debug)]
pub(super) struct ExactlyOnceSink {
    options: SinkOptions,
    exactly_once: ExactlyOnceOptions,
    rows: RowWriter,
    memory: MemoryLedger,
    clock: Arc<dyn Clock>,
    /// Asks at the start, before anything is taken over.
    client: Client,
    run: OnceLock<Run>,
    session: Mutex<Option<Session>>,
    /// After this the brokers end a transaction by themselves.
    transaction_timeout: Mutex<Duration>,
}

/// For whom it writes.
#[derive(Debug)]
struct Run {
    query: QueryId,
    id: RunId,
    /// The query's group, and its transactional ids without their numbers. A query has one sink, whose number is 0.
    name: String,
    steps: Arc<dyn SinkSteps>,
}

/// Producers that hold all ids of the query, and what is known for sure since they do.
#[derive(Debug, Clone)]
struct Session {
    producers: Arc<[Arc<Producer>]>,
    /// Batches in the output.
    batches: u64,
    /// What the newest of them depended on, if the log knows.
    hash: Option<u64>,
}

impl Session {
    /// The producer whose turn it is.
    fn producer(&self) -> &Arc<Producer> {
        &self.producers[(self.batches % TRANSACTIONAL_IDS) as usize]
    }

    /// The producer that will be the last to have its turn. For what comes between two batches: the next batch need not
    /// wait until the brokers have written the end of that.
    fn resting_producer(&self) -> &Arc<Producer> {
        &self.producers[((self.batches + TRANSACTIONAL_IDS - 1) % TRANSACTIONAL_IDS) as usize]
    }
}

impl ExactlyOnceSink {
    pub(super) fn new(
        (options, exactly_once): (SinkOptions, ExactlyOnceOptions),
        rows: RowWriter,
        config: &SinkConfig,
    ) -> Self {
        let (memory, clock) = (config.memory.clone(), Arc::clone(&config.clock));
        let (run, session) = (OnceLock::new(), Mutex::default());
        let transaction_timeout = Mutex::new(options.producer.transaction_timeout);
        let client = Client::new(options.client.clone());
        Self { options, exactly_once, rows, memory, clock, client, run, session, transaction_timeout }
    }

    /// A producer for each transactional id. None has it yet.
    fn producers(&self, client: &Client, run: &Run) -> Arc<[Arc<Producer>]> {
        let producer = |number| {
            let mut config = self.options.producer.clone();
            config.transactional_id = Some(format!("{}-{number}", run.name));
            config.transaction_timeout = *self.transaction_timeout.lock();
            Arc::new(client.producer(config, Arc::new(LedgerBudget::new(&self.memory, BUFFER))))
        };
        (0..TRANSACTIONAL_IDS).map(producer).collect()
    }

    /// Takes all ids, which settles what is open, and then reads the marker, which now stays as it is.
    async fn take_over(&self, run: &Run) -> Result<(Arc<[Arc<Producer>]>, Option<Marker>)> {
        let client = Client::new(self.options.client.clone());
        let producers = self.producers(&client, run);
        // Only a partition that exists can have an offset.
        producers[0].topic(&self.exactly_once.marker_topic).await.map_err(kafka_write_error)?;
        try_join_all(producers.iter().map(|producer| producer.init_transactions())).await.map_err(kafka_write_error)?;
        let marker = self.read_marker(&client, run, true).await?;
        Ok((producers, marker))
    }

    async fn read_marker(&self, client: &Client, run: &Run, stable: bool) -> Result<Option<Marker>> {
        let (of, waited) = (self.marker_of(), self.options.producer.block_max);
        let read = timeout(waited, client.committed_offset(&run.name, &of, stable)).await;
        let read = read.map_err(|_| match client.unreachable() {
            Some(error) => kafka_write_error(error),
            None => Error::unavailable(format!("group '{}' cannot be read: no answer within {waited:?}", run.name)),
        })?;
        read.map_err(kafka_write_error)?.as_ref().map(Marker::read).transpose()
    }

    fn marker_of(&self) -> TopicPartition {
        TopicPartition::new(self.exactly_once.marker_topic.as_str(), 0)
    }

    /// Puts the marker into the open transaction: so many batches, the newest with this hash.
    async fn mark(&self, producer: &Producer, batches: u64, hash: Option<u64>) -> Result<()> {
        let run = self.run()?;
        let offset = i64::try_from(batches).map_err(|_| Error::internal("a batch number is too large"))?;
        let marker = OffsetToCommit { of: self.marker_of(), offset, metadata: Marker::metadata(run.id, hash) };
        producer.send_offsets(&run.name, &[marker]).await.map_err(kafka_write_error)
    }

    /// Writes the marker anew, in a transaction of its own.
    async fn mark_again(&self, session: &Session) -> Result<()> {
        let producer = session.resting_producer();
        producer.begin_transaction().map_err(kafka_write_error)?;
        self.mark(producer, session.batches, session.hash).await?;
        producer.commit_transaction().await.map_err(kafka_write_error)
    }

    fn run(&self) -> Result<&Run> {
        self.run.get().ok_or_else(|| Error::internal("a batch for a sink that was not opened"))
    }

    /// The session for this batch; none if the batch turns out to be in the output already.
    async fn session_for(&self, id: BatchId, logged: &LoggedBatch) -> Result<Option<Session>> {
        let kept = self.session.lock().clone();
        let session = match kept {
            Some(session) => session,
            None => {
                let run = self.run()?;
                let (producers, marker) = self.take_over(run).await?;
                let marker = marker.filter(|marker| marker.run == run.id.to_string());
                let Some(marker) = marker else { return Err(taken_over(run, id, "the marker is not of this run")) };
                let session = Session { producers, batches: marker.batches, hash: marker.hash };
                *self.session.lock() = Some(session.clone());
                if marker.batches == id.0 + 1 && marker.hash == Some(logged.hash) {
                    tracing::info!(batch = %id, "the batch is in the output, although its commit went unanswered");
                    return Ok(None);
                }
                session
            }
        };
        if session.batches == id.0 {
            return Ok(Some(session));
        }
        Err(Error::internal(format!("batch {id} is to be written, but the output holds {} batches", session.batches)))
    }

    /// Opens the batch's transaction and puts the marker into it, and the source's offsets.
    async fn begin(&self, producer: &Producer, (id, logged): (BatchId, &LoggedBatch)) -> Result<()> {
        producer.begin_transaction().map_err(kafka_write_error)?;
        self.mark(producer, id.0 + 1, Some(logged.hash)).await?;
        for group in logged.group_offsets.iter().filter(|group| self.tells(group)) {
            producer.send_offsets(&group.group, &to_commit(&group.offsets)).await.map_err(kafka_write_error)?;
        }
        self.run()?.steps.pass("after_marker")
    }

    async fn write_transaction(
        &self,
        producer: &Arc<Producer>,
        (id, logged): (BatchId, &LoggedBatch),
        rows: Vec<BatchStream>,
    ) -> Result<u64> {
        self.begin(producer, (id, logged)).await?;
        let steps = &self.run()?.steps;
        let written = self.rows.write_all(producer, rows).await?;
        steps.pass("after_produce")?;
        logged.durable.wait().await?;
        producer.commit_transaction().await.map_err(kafka_write_error)?;
        steps.pass("after_end_transaction")?;
        Ok(written)
    }

    /// Ends what is open, so that readers need not wait until it times out, and forgets all that was known.
    async fn give_up(&self) {
        let Some(session) = self.session.lock().take() else { return };
        let abort = |producer: &Arc<Producer>| {
            let producer = Arc::clone(producer);
            async move { timeout(ABORT_PATIENCE, producer.abort_transaction()).await }
        };
        // Most have nothing open, and what cannot be aborted now is by the next start.
        join_all(session.producers.iter().map(abort)).await;
    }

    /// Says what a failure means for the query.
    fn explain(&self, error: Error, id: BatchId, took: Duration) -> Error {
        let Some(run) = self.run.get().filter(|_| error.kind() == ErrorKind::Conflict) else { return error };
        let mut patience = self.transaction_timeout.lock();
        if took < *patience {
            return taken_over(run, id, error.message());
        }
        let what = format!(
            "batch {id} took {took:.1?}, longer than 'kafka.transaction.timeout.ms' = {}, so the brokers have ended its \
             transaction",
            patience.as_millis()
        );
        if !self.exactly_once.lengthens_timeout || *patience >= TRANSACTION_TIMEOUT_MAX {
            return Error::invalid(format!("{what}: {}", error.message())).with_hint(
                "make batches smaller with 'maxOffsetsPerTrigger', or raise 'kafka.transaction.timeout.ms', at the most to \
                 'transaction.max.timeout.ms' of the brokers",
            );
        }
        // A short one spares readers the wait after a crash, and most batches take milliseconds. This one needs more.
        *patience = (*patience * 4).min(TRANSACTION_TIMEOUT_MAX);
        Error::unavailable(format!("{what}; the next try has {} ms", patience.as_millis()))
    }
}

#[async_trait]
impl Sink for ExactlyOnceSink {
    fn description(&self) -> String {
        description(self)
    }

    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        Some(self)
    }

    async fn open(&self, start: SinkStart) -> Result<Option<BatchId>> {
        let Some((query, id)) = start.query else {
            return Err(Error::unsupported(
                "'delivery.guarantee' = 'exactly-once' is for streaming queries, which have a log of their batches",
            ));
        };
        let name = format!("millstream-{query}-0");
        let run = Run { query, id, name, steps: Arc::clone(&start.steps) };
        let run = self.run.get_or_init(|| run);
        let recovery = self.exactly_once.recovery;
        // An old copy of the checkpoint is refused before it fences the instance that has the newest.
        if let Some(marker) = self.read_marker(&self.client, run, false).await? {
            marker::refuse_older_checkpoint(&marker, &start)?;
        }
        let (producers, marker) = self.take_over(run).await?;
        let batches = marker::batches_in_output(marker.as_ref(), &start, recovery)?;
        let newest = batches.checked_sub(1).map(BatchId);
        let hash = newest.and_then(|newest| start.logged.get(&newest).copied());
        let session = Session { producers, batches, hash };
        // Written anew, so that it is there from the first start on, does not expire, and says who has taken over.
        self.mark_again(&session).await?;
        *self.session.lock() = Some(session);
        Ok(newest)
    }

    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress> {
        let id = batch.id;
        let Some(session) = self.session_for(id, &logged).await? else {
            let rows_written = drain(batch.rows).await?;
            return Ok(SinkProgress { rows_written, ..SinkProgress::default() });
        };
        let producer = session.producer();
        let since = self.clock.monotonic();
        match self.write_transaction(producer, (id, &logged), batch.rows).await {
            Ok(rows_written) => {
                *self.session.lock() = Some(Session { batches: id.0 + 1, hash: Some(logged.hash), ..session });
                Ok(SinkProgress { rows_written, ..SinkProgress::default() })
            }
            // The query ends here, and whatever there is to tidy up is tidied up by `close`.
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            Err(error) => {
                let took = self.clock.monotonic().saturating_sub(since);
                self.give_up().await;
                Err(self.explain(error, id, took))
            }
        }
    }

    async fn close(&self) -> Result<()> {
        self.give_up().await;
        Ok(())
    }
}

#[async_trait]
impl ExactlyOnce for ExactlyOnceSink {
    fn tells(&self, group: &GroupOffsets) -> bool {
        group.system == system_of(&self.options.client)
    }

    /// Kafka forgets the offsets of a group that commits nothing for `offsets.retention.minutes`, a week unless set,
    /// and a missing marker always means loss.
    async fn refresh(&self) -> Result<()> {
        let Some(session) = self.session.lock().clone() else { return Ok(()) };
        let Err(error) = self.mark_again(&session).await else { return Ok(()) };
        self.give_up().await;
        Err(self.explain(error, BatchId(session.batches), Duration::ZERO))
    }
}

fn taken_over(run: &Run, id: BatchId, why: &str) -> Error {
    Error::conflict(format!(
        "another instance of query {} has taken over its output, so batch {id} cannot be written: {why}",
        run.query
    ))
    .with_hint(
        "only one instance of a query may write; let this one rest, or start it again to take over from the other",
    )
}

#[cfg(test)]
mod tests;
