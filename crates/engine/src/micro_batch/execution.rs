//! The loop of a query (Spark: `MicroBatchExecution`).
//!
//! A batch is fixed in the log before it runs and done when the log says so. Everything between can be run again: the
//! sources give the same rows for the same range, the operators undo, and the sink drops what it did not finish. So
//! there is one way out of every failure: put the state back and run the batch again, now or after a restart.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use millstream_core::{
    BatchId, BatchStream, Clock, Durable, Error, ErrorKind, LoggedBatch, Offset, OffsetRange, OutputMode, ReadLimit,
    Result, Sink, SinkBatch, SinkProgress, Source, Trigger,
};
use tokio::task::JoinSet;

use super::availability::{self, Available};
use super::batch::MicroBatch;
use super::planted_fault;
use super::progress::{FinishedBatch, Phase, ProgressReporter};
use super::query_log::QueryLog;
use super::restart::NumberedStore;
use super::retry::Patience;
use super::trigger::{Due, TriggerExecutor};
use crate::batch_context::BatchContext;
use crate::checkpoint::{CheckpointWriter, CommitEntry, OffsetsEntry, StoreId};
use crate::plan::IncrementalExecution;
use crate::run::{
    CLEANING, FailPoint, PROCESSING, PlantedFault, QueryControl, StreamingQueryStatus, WAITING_FOR_DATA,
    WAITING_FOR_TRIGGER, is_broken_off, pass,
};

/// How often a sink is refreshed to which nothing is written.
const REFRESH_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// A query that runs.
#[derive(Debug)]
pub(crate) struct MicroBatchExecution {
    pub(super) plan: IncrementalExecution,
    /// The stores of the stateful operators, under their numbers in the log.
    pub(super) stores: Vec<NumberedStore>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) output_mode: OutputMode,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) control: Arc<QueryControl>,
    pub(super) trigger: TriggerExecutor,
    pub(super) progress: ProgressReporter,
    pub(super) log: QueryLog,
    pub(super) fail_point: Option<FailPoint>,
    /// None in a release build.
    pub(super) planted_fault: Option<PlantedFault>,
    /// `spark.sql.streaming.noDataMicroBatches.enabled`
    pub(super) runs_no_data_batches: bool,
    pub(super) writer: CheckpointWriter,
    /// Whether the state of the running batch is in the log already, before the sink has the batch.
    pub(super) is_prepared: bool,
    pub(super) position: Position,
    /// When the sink was last written to or refreshed.
    pub(super) sink_touched: Duration,
}

/// Where a query stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    /// The batch that comes next.
    pub(super) next: BatchId,
    /// The end of what was read, by source.
    pub(super) ends: Vec<Offset>,
    /// The newest batch's time.
    pub(super) timestamp_ms: i64,
    /// The newest batch's watermark.
    pub(super) watermark_ms: i64,
    /// Whether the sources have yet to hear that everything before `ends` is committed.
    pub(super) is_news: bool,
}

/// A batch that the sink has.
pub(super) struct Added {
    pub(super) context: Arc<BatchContext>,
    pub(super) written: SinkProgress,
}

impl MicroBatchExecution {
    /// Runs until the query is stopped, its trigger comes to an end, or a batch fails. `again` are the batches that an
    /// earlier run left unfinished.
    pub(super) async fn run(&mut self, again: Vec<MicroBatch>) -> Result<()> {
        let catches_up = again.iter().any(|batch| !batch.is_muted);
        for batch in again {
            self.progress.start_trigger();
            self.run_batch(&batch).await?;
        }
        match self.trigger.trigger() {
            // As in Spark, the batch that had to be repeated is the one batch.
            Trigger::Once if catches_up => return Ok(()),
            Trigger::AvailableNow => self.prepare_available_now().await?,
            Trigger::Once | Trigger::Default | Trigger::ProcessingTime(_) => {}
        }
        loop {
            if !self.trigger.wait().is_zero() {
                self.flush().await?;
                self.control.set_status(WAITING_FOR_TRIGGER);
            }
            if self.trigger.next().await == Due::Stop {
                return Ok(());
            }
            self.progress.start_trigger();
            match self.construct_next_batch().await? {
                Some(batch) => self.run_batch(&batch).await?,
                None if self.trigger.trigger().stops_by_itself() => return Ok(()),
                None => {
                    self.control.note_idle();
                    self.log_if_due();
                    self.refresh_sink().await?;
                }
            }
            self.trigger.batch_ended();
        }
    }

    /// Closes the sink and lets go of the checkpoint. A loop that broke off at a fail point leaves everything as it is.
    pub(super) async fn finish(self, result: Result<()>) -> Result<()> {
        if result.as_ref().is_err_and(is_broken_off) {
            self.writer.abandon().await;
            return result;
        }
        let (sources, position) = (self.plan.sources(), &self.position);
        let closed = self.sink.close().await;
        let written = self.writer.close(result.is_err()).await;
        if result.is_ok() && written.is_ok() && closed.is_ok() {
            self.log.end(self.clock.monotonic());
        }
        if position.is_news && written.is_ok() {
            tell_sources(sources, &position.ends, &*self.sink).await;
        }
        result.and(written).and(closed)
    }

    async fn prepare_available_now(&self) -> Result<()> {
        for source in self.plan.sources() {
            self.control.set_status(StreamingQueryStatus::getting_offsets(&source.description()));
            source.prepare_available_now().await?;
        }
        Ok(())
    }

    /// The next batch, if there is one: something new in a source, or state that the watermark has made final.
    async fn construct_next_batch(&mut self) -> Result<Option<MicroBatch>> {
        let request = self.control.catch_up.pending();
        // As in Spark, a query's first batch runs even if there is nothing to read: its sink sees the empty result.
        let is_first = self.position.next == BatchId(0);
        let available = self.look(request.is_some() || is_first).await?;
        if !availability::has_data(&available) && !is_first && !self.is_no_data_batch_due() {
            if let Some(request) = request {
                self.flush().await?;
                self.control.catch_up.answer(request);
            }
            return Ok(None);
        }
        let position = &self.position;
        let at_start = |start: &Offset| OffsetRange { start: start.clone(), end: start.clone() };
        let mut sources: Vec<OffsetRange> = position.ends.iter().map(at_start).collect();
        let mut latest = position.ends.clone();
        for (index, found) in available.into_iter().enumerate() {
            if let Some(found) = found {
                sources[index].end = found.end;
                latest[index] = found.latest;
            }
        }
        let entry = OffsetsEntry {
            batch: position.next,
            // A clock that was set back must not turn back a query.
            timestamp_ms: self.clock.now_ms().max(position.timestamp_ms),
            watermark_ms: self.plan.watermark().current_ms(),
            late_watermark_ms: position.watermark_ms,
            sources,
            pins: self.plan.pin()?,
        };
        Ok(Some(MicroBatch { entry: Arc::new(entry), latest, is_logged: false, is_committed: false, is_muted: false }))
    }

    /// Whether the watermark has moved since the newest batch, so that some operator has something to give or to
    /// forget.
    fn is_no_data_batch_due(&self) -> bool {
        let watermark_ms = self.plan.watermark().current_ms();
        self.runs_no_data_batches
            && self.trigger.trigger() != Trigger::Once
            && watermark_ms > self.position.watermark_ms
            && self.plan.needs_no_data_batch(watermark_ms)
    }

    /// What the sources have. The default trigger takes what is at hand and else waits; all others ask.
    async fn look(&mut self, must_ask: bool) -> Result<Available> {
        let since = self.progress.now();
        if self.trigger.trigger() == Trigger::Default && !must_ask {
            let available = match availability::at_hand(self.plan.sources(), &self.position.ends) {
                // Waiting for data asks again, with patience.
                Err(error) if error.kind() == ErrorKind::Unavailable => vec![None; self.plan.sources().len()],
                available => available?,
            };
            if !availability::has_data(&available) && !self.is_no_data_batch_due() {
                return self.wait_for_data().await;
            }
            self.progress.add(Phase::LatestOffset, since);
            return Ok(available);
        }
        let limit = if self.trigger.trigger() == Trigger::Once { ReadLimit::AllAvailable } else { ReadLimit::Options };
        if let Some(source) = self.plan.sources().first() {
            self.control.set_status(StreamingQueryStatus::getting_offsets(&source.description()));
        }
        let mut patience = Patience::new(&self.clock);
        let available = loop {
            match availability::ask(self.plan.sources(), &self.position.ends, limit).await {
                Ok(available) => break available,
                Err(error) => patience.after(error).await?,
            }
        };
        self.progress.add(Phase::LatestOffset, since);
        Ok(available)
    }

    /// Rests until there is data, the query is to stop, or somebody wants to know whether there is more.
    async fn wait_for_data(&mut self) -> Result<Available> {
        self.flush().await?;
        self.control.set_status(WAITING_FOR_DATA);
        let nothing = vec![None; self.plan.sources().len()];
        let mut patience = Patience::new(&self.clock);
        let available = loop {
            let found = tokio::select! {
                biased;
                () = self.control.stop.cancelled() => return Ok(nothing),
                () = self.control.catch_up.asked() => return Ok(nothing),
                () = self.clock.sleep(self.may_rest()) => {
                    if self.log_if_due() {
                        continue;
                    }
                    return Ok(nothing);
                }
                () = self.control.idle() => {
                    self.control.note_idle();
                    continue;
                }
                found = availability::ready(self.plan.sources(), &self.position.ends) => found,
            };
            match found {
                Ok(available) => break available,
                Err(error) => patience.after(error).await?,
            }
        };
        // It is data that fires the default trigger.
        self.trigger.fire();
        self.progress.start_trigger();
        Ok(available)
    }

    /// Takes the steps of a batch in their order, or in that of a planted fault.
    async fn run_batch(&mut self, batch: &MicroBatch) -> Result<()> {
        self.control.set_status(if batch.has_data() { PROCESSING } else { CLEANING });
        match self.planted_fault {
            None => self.run_steps(batch).await,
            Some(fault) => planted_fault::run_steps(self, fault, batch).await,
        }
    }

    /// A batch from its place in the log to its progress.
    pub(super) async fn run_steps(&mut self, batch: &MicroBatch) -> Result<()> {
        self.pass("after_latest_offset")?;
        let durable = self.write_offsets(batch).await?;
        self.pass("after_wal_commit")?;
        let added = self.add_batch(batch, &durable).await?;
        self.pass("after_add_batch")?;
        self.end_batch(batch, &durable, added).await
    }

    /// What follows once the sink has the batch.
    pub(super) async fn end_batch(&mut self, batch: &MicroBatch, durable: &Durable, added: Added) -> Result<()> {
        durable.wait().await?;
        self.tell_sources().await;
        self.commit(batch, &added.context)?;
        self.pass("after_commit_offsets")?;
        self.report(batch, added)?;
        self.pass("after_report")?;
        self.save_snapshot(batch.id()).await
    }

    /// From here on the batch is what it is, whatever happens to the process; and, once what is given says so, to the
    /// machine. Only an exactly-once sink knows how to keep everything invisible until then; for all others that is
    /// awaited here.
    pub(super) async fn write_offsets(&mut self, batch: &MicroBatch) -> Result<Durable> {
        if batch.is_logged {
            return Ok(Durable::now());
        }
        let since = self.progress.now();
        let durable = self.writer.write_offsets(Arc::clone(&batch.entry)).await?;
        if self.sink.exactly_once().is_some() {
            let durable = durable.clone();
            tokio::spawn(async move { durable.wait().await });
        } else {
            durable.wait().await?;
            self.tell_sources().await;
        }
        self.progress.add(Phase::WalCommit, since);
        Ok(durable)
    }

    /// Runs the batch into the sink. A failure leaves nothing of it; what an outside system caused is tried again.
    pub(super) async fn add_batch(&mut self, batch: &MicroBatch, durable: &Durable) -> Result<Added> {
        let mut patience = Patience::new(&self.clock);
        loop {
            match self.try_batch(batch, durable).await {
                Ok(added) => return Ok(added),
                // What is prepared cannot be undone: the sink may hold it, and only a start can find out.
                Err(error) if is_broken_off(&error) || self.is_prepared => return Err(error),
                Err(error) => {
                    self.stores.iter().for_each(|store| store.store.undo());
                    patience.after(error).await?;
                }
            }
        }
    }

    async fn try_batch(&mut self, batch: &MicroBatch, durable: &Durable) -> Result<Added> {
        let (context, rows) = self.execute(batch)?;
        self.pass("after_query_planning")?;
        let written = self.write_rows(batch, durable, &context, rows).await?;
        Ok(Added { context, written })
    }

    /// The rows of the batch, which nobody has pulled yet.
    pub(super) fn execute(&mut self, batch: &MicroBatch) -> Result<(Arc<BatchContext>, Vec<BatchStream>)> {
        let since = self.progress.now();
        let context = self.plan.new_batch(batch.inputs());
        self.progress.add(Phase::GetBatch, since);
        let since = self.progress.now();
        let rows = self.plan.execute(&context)?;
        self.progress.add(Phase::QueryPlanning, since);
        Ok((context, rows))
    }

    /// Lets the sink pull the rows, or nobody if the batch is run for its state alone.
    pub(super) async fn write_rows(
        &mut self,
        batch: &MicroBatch,
        durable: &Durable,
        context: &BatchContext,
        rows: Vec<BatchStream>,
    ) -> Result<SinkProgress> {
        let since = self.progress.now();
        let written = if batch.is_muted {
            drain(rows).await?
        } else if self.stores.is_empty() || self.plan.is_state_repeatable() {
            self.write(batch, durable, rows).await?
        } else {
            self.write_prepared(batch, durable, context, rows).await?
        };
        self.sink_touched = self.clock.monotonic();
        self.progress.add(Phase::AddBatch, since);
        Ok(written)
    }

    /// Lets the sink pull the rows.
    pub(super) fn write(
        &self,
        batch: &MicroBatch,
        durable: &Durable,
        rows: Vec<BatchStream>,
    ) -> impl Future<Output = Result<SinkProgress>> + Send + use<> {
        let (kind, schema, upsert_key) = (self.output_mode.into(), self.plan.schema(), self.plan.upsert_key());
        let rows = SinkBatch { id: batch.id(), kind, upsert_key, schema, rows };
        let (sink, logged) = (Arc::clone(&self.sink), self.logged(batch, durable));
        async move { sink.write(rows, logged).await }
    }

    /// What the log says of the batch, for a sink that asks.
    fn logged(&self, batch: &MicroBatch, durable: &Durable) -> LoggedBatch {
        if self.sink.exactly_once().is_none() {
            return LoggedBatch::none();
        }
        let ends = self.plan.sources().iter().zip(&batch.entry.sources);
        let group_offsets = ends.filter_map(|(source, range)| source.group_offsets(&range.end)).collect();
        LoggedBatch { hash: batch.entry.hash(), group_offsets, durable: durable.clone() }
    }

    /// The batch is done. That becomes durable with the next batch's offsets, or before the query rests.
    fn commit(&mut self, batch: &MicroBatch, context: &BatchContext) -> Result<()> {
        let since = self.progress.now();
        let prepared = std::mem::take(&mut self.is_prepared);
        let deltas = if prepared { vec![] } else { self.commit_state()? };
        self.pass("after_state_commit")?;
        let next_watermark_ms = self.plan.watermark().advance(context);
        if !batch.is_committed {
            self.writer.add_commit(deltas, CommitEntry { batch: batch.id(), next_watermark_ms, prepared });
        }
        self.position = Position {
            next: batch.id().next(),
            ends: batch.ends(),
            timestamp_ms: batch.entry.timestamp_ms,
            watermark_ms: batch.entry.watermark_ms,
            is_news: true,
        };
        self.progress.add(Phase::CommitOffsets, since);
        Ok(())
    }

    /// Ends the batch for the stores: what it did to each of them.
    pub(super) fn commit_state(&self) -> Result<Vec<(StoreId, Vec<u8>)>> {
        let commit = |NumberedStore { id, store }: &NumberedStore| {
            let mut delta = Vec::new();
            store.commit(&mut delta).map(|()| (*id, delta))
        };
        self.stores.iter().map(commit).collect()
    }

    fn report(&mut self, batch: &MicroBatch, added: Added) -> Result<()> {
        if batch.is_muted {
            return Ok(());
        }
        let (sources, sink) = (self.plan.sources(), &*self.sink);
        let state_operators = self.plan.state_progress();
        let Added { context, written } = added;
        let observed_metrics = self.plan.observed_metrics()?;
        let context = &context;
        let finished = FinishedBatch { batch, context, sources, sink, written, state_operators, observed_metrics };
        let progress = self.progress.finish(finished);
        let (rows, took) = (progress.num_input_rows(), progress.took);
        tracing::debug!(query = %self.control.id, batch = %batch.id(), rows, ?took, "batch committed");
        self.log.add(&progress, self.progress.now());
        self.log.warn_of_future(&progress, batch.entry.timestamp_ms, self.plan.watermark().current_ms());
        self.control.add_progress(progress);
        Ok(())
    }

    /// Now and then the whole state is saved, or at least the log begins anew, so that its beginning can go.
    async fn save_snapshot(&mut self, batch: BatchId) -> Result<()> {
        if self.writer.settle_snapshot().await? {
            self.pass("after_snapshot")?;
        }
        if self.writer.is_snapshot_due() {
            let mut snapshot = self.writer.begin_snapshot(batch, self.stores.len());
            for NumberedStore { id, store } in &self.stores {
                let mut next = Some(0);
                while let Some(part) = next {
                    let state = store.snapshot(part)?;
                    snapshot.add(*id, state.bytes).await?;
                    next = state.next;
                }
            }
            self.writer.save_snapshot(snapshot).await?;
            self.pass("after_new_segment")?;
        } else if self.writer.roll_if_full(batch).await? {
            self.pass("after_new_segment")?;
        }
        Ok(())
    }

    /// How long there is nothing to do if no data comes: until a line of the log is due, or the sink is refreshed.
    fn may_rest(&self) -> Duration {
        let refresh = REFRESH_EVERY.saturating_sub(self.sink_idle());
        self.log.until_line(self.clock.monotonic()).map_or(refresh, |line| line.min(refresh))
    }

    /// Writes the line about the last batches if it is due; says whether it was.
    fn log_if_due(&mut self) -> bool {
        let now = self.clock.monotonic();
        let is_due = self.log.until_line(now).is_some_and(|left| left.is_zero());
        let newest = self.control.progress.lock().back().cloned();
        if let Some(newest) = newest.filter(|_| is_due) {
            self.log.say_how_it_goes(&newest, now);
        }
        is_due
    }

    fn sink_idle(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.sink_touched)
    }

    /// Lets the sink renew what its target would forget, if nothing was written for long. A target that cannot be
    /// reached now is tried again the next day.
    async fn refresh_sink(&mut self) -> Result<()> {
        if self.sink_idle() < REFRESH_EVERY {
            return Ok(());
        }
        self.sink_touched = self.clock.monotonic();
        let Some(sink) = self.sink.exactly_once() else { return Ok(()) };
        match sink.refresh().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(query = %self.control.id, %error, "cannot refresh the sink");
                Ok(())
            }
            refreshed => refreshed,
        }
    }

    /// Makes the newest commit durable.
    async fn flush(&mut self) -> Result<()> {
        if !self.writer.has_pending() {
            return Ok(());
        }
        self.writer.flush().await?;
        self.tell_sources().await;
        self.pass("after_flush")
    }

    async fn tell_sources(&mut self) {
        if std::mem::take(&mut self.position.is_news) {
            tell_sources(self.plan.sources(), &self.position.ends, &*self.sink).await;
        }
    }

    pub(super) fn pass(&self, name: &'static str) -> Result<()> {
        pass(self.fail_point.as_ref(), name)
    }
}

/// Tells the sources what is committed, but for those whose group the sink has told. A source that cannot take note of
/// it loses nothing.
async fn tell_sources(sources: &[Arc<dyn Source>], ends: &[Offset], sink: &dyn Sink) {
    for (source, end) in sources.iter().zip(ends) {
        if is_told_by(sink, &**source, end) {
            continue;
        }
        if let Err(error) = source.commit(end).await {
            tracing::warn!(source = %source.description(), %error, "cannot tell the source what is committed");
        }
    }
}

/// Says whether the sink tells the source's consumer group itself.
fn is_told_by(sink: &dyn Sink, source: &dyn Source, end: &Offset) -> bool {
    let Some(sink) = sink.exactly_once() else { return false };
    source.group_offsets(end).is_some_and(|group| sink.tells(&group))
}

/// Runs a batch for its state alone.
async fn drain(rows: Vec<BatchStream>) -> Result<SinkProgress> {
    let mut draining = JoinSet::new();
    for stream in rows {
        draining.spawn(stream.try_for_each(|_| async { Ok(()) }));
    }
    while let Some(drained) = draining.join_next().await {
        drained.unwrap_or_else(|error| Err(Error::internal("a task of the batch ended early").with_source(error)))?;
    }
    Ok(SinkProgress::default())
}
