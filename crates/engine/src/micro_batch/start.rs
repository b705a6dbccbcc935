//! From a query's spec to its running loop.
//!
//! What can be refused at once is refused by [`StartingQuery::try_new`], while the caller waits. What may take time or
//! depends on the outside (where the sources begin, what the sink holds, state) happens in the query's own task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use millstream_core::{BatchId, Clock, Error, ErrorKind, Offset, Options, Result, RunId, SinkStart};
use tokio_util::sync::CancellationToken;

use super::batch::MicroBatch;
use super::execution::{MicroBatchExecution, Position};
use super::planted_fault;
use super::progress::ProgressReporter;
use super::query_log::QueryLog;
use super::restart::{self, NumberedStore, Operators};
use super::trigger::TriggerExecutor;
use crate::checkpoint::{Checkpoint, CommitEntry, History, QueryStart, Retention};
use crate::plan::IncrementalExecution;
use crate::run::{
    EventRings, Platform, QueryControl, QueryEnvironment, QuerySpec, Resources, STOP_GRACE, SinkFailPoint,
    is_broken_off,
};
use crate::work::Work;

/// The setting of ours that says after how many bytes of state deltas all state is saved.
const SNAPSHOT_BYTES: &str = "millstream.checkpoint.snapshotBytes";

/// The setting of ours that says how long a segment of the log becomes.
const SEGMENT_BYTES: &str = "millstream.checkpoint.segmentBytes";

/// A query whose plan is accepted and whose checkpoint is held.
#[derive(Debug)]
pub(crate) struct StartingQuery {
    spec: QuerySpec,
    plan: IncrementalExecution,
    checkpoint: Checkpoint,
    control: Arc<QueryControl>,
    conf: StreamingConf,
    platform: Platform,
}

/// The streaming settings of the session, typed.
#[derive(Debug, Clone, Copy)]
struct StreamingConf {
    no_data_batches: bool,
    retention: Retention,
    progress_updates: usize,
    stop_timeout: Duration,
}

impl StreamingConf {
    fn of(spec: &QuerySpec) -> Result<Self> {
        let conf: Options = spec.conf.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let progress_updates = conf.get_u64("spark.sql.streaming.numRecentProgressUpdates")?.unwrap_or(100);
        Ok(Self {
            no_data_batches: conf.get_bool("spark.sql.streaming.noDataMicroBatches.enabled")?.unwrap_or(true),
            retention: Retention {
                batches: conf.get_positive("spark.sql.streaming.minBatchesToRetain")?.unwrap_or(100),
                snapshot_bytes: conf.get_positive(SNAPSHOT_BYTES)?.unwrap_or(4 << 20),
                segment_bytes: conf.get_positive(SEGMENT_BYTES)?.unwrap_or(16 << 20),
            },
            progress_updates: usize::try_from(progress_updates).unwrap_or(usize::MAX),
            stop_timeout: conf.get_duration("spark.sql.streaming.stopTimeout")?.unwrap_or(Duration::ZERO),
        })
    }
}

impl StartingQuery {
    /// Takes hold of the checkpoint and plans the query.
    pub(crate) async fn try_new(
        mut spec: QuerySpec,
        platform: Platform,
        resources: &Resources,
        run_id: RunId,
        events: EventRings,
    ) -> Result<Self> {
        let conf = StreamingConf::of(&spec)?;
        let checkpoint = Checkpoint::open(&platform, spec.checkpoint.as_deref(), spec.sync).await?;
        spec.conf.extend(checkpoint.conf(&spec.conf));
        let planned = async {
            let Resources { memory, cores } = resources.clone();
            let (scratch, clock) = (checkpoint.scratch()?, Arc::clone(&platform.clock));
            let source_logs = Some(checkpoint.source_logs(&spec.conf, spec.sync)?);
            let (id, work) = (checkpoint.id(), Work::uninterrupted(memory.clone()));
            let random = Arc::clone(&platform.random);
            let environment = QueryEnvironment { id, run_id, memory, scratch, clock, random, work, cores, source_logs };
            let plan = Box::pin(IncrementalExecution::try_new(&spec, &environment)).await?;
            checkpoint.claim(spec.sync).await?;
            Ok((plan, environment))
        };
        let (plan, environment) = match planned.await {
            Ok(planned) => planned,
            Err(error) => {
                checkpoint.abandon().await?;
                return Err(error);
            }
        };
        let explained = (plan.explain(false), plan.explain(true));
        let control = QueryControl::new(
            (checkpoint.id(), run_id, spec.name.clone()),
            environment.clock,
            explained,
            environment.work,
            events,
        )
        .with_limits(conf.stop_timeout, conf.progress_updates);
        Ok(Self { spec, plan, checkpoint, control: Arc::new(control), conf, platform })
    }

    /// What its handle shares with it.
    pub(crate) fn control(&self) -> &Arc<QueryControl> {
        &self.control
    }

    /// Runs the query to its end, however it ends, and then lets go of its checkpoint. A panic below fails this query
    /// and no other.
    pub(crate) async fn run_to_end(self) -> Result<()> {
        let lock = self.checkpoint.lock();
        let result = Box::pin(self.run()).await;
        if !result.as_ref().is_err_and(is_broken_off) {
            lock.release().await;
        }
        result
    }

    async fn run(self) -> Result<()> {
        let control = Arc::clone(&self.control);
        let begun = tokio::select! {
            biased;
            () = control.stop.cancelled() => return Ok(()),
            begun = caught(Box::pin(self.begin())) => begun,
        };
        let (mut execution, again) = begun?;
        let result = tokio::select! {
            biased;
            result = caught(Box::pin(execution.run(again))) => result,
            () = grace_over(&control.stop, &*control.clock) => {
                tracing::warn!(query = %control.id, "the running batch was given up to stop the query in time");
                Ok(())
            }
        };
        let result = match result {
            // A kernel was told that its batch is given up, and says so.
            Err(error) if error.kind() == ErrorKind::Cancelled && control.stop.is_cancelled() => Ok(()),
            result => result,
        };
        execution.finish(result).await
    }

    /// Recovers, and names the checkpoint where that fails: whoever is told to take another wants to know which it was.
    async fn begin(self) -> Result<(MicroBatchExecution, Vec<MicroBatch>)> {
        let folder = self.spec.checkpoint.as_ref().map(|path| path.display().to_string());
        let begun = self.recover_and_begin().await;
        begun.map_err(|error| match folder {
            Some(folder) if error.hint().is_some_and(|hint| hint.contains("checkpoint") && !hint.contains(&folder)) => {
                let hint = format!("{}; this one is '{folder}'", error.hint().unwrap_or_default());
                error.with_hint(hint)
            }
            _ => error,
        })
    }

    async fn recover_and_begin(self) -> Result<(MicroBatchExecution, Vec<MicroBatch>)> {
        let Self { spec, plan, checkpoint, control, conf, platform } = self;
        let Operators { entries: operators, stores } = restart::check_operators(&checkpoint, &plan)?;
        let initial = restart::initial_offsets(&checkpoint, plan.sources()).await?;
        let start = QueryStart {
            source_files: plan.sources().iter().zip(&initial).map(|(source, at)| source.initial_file(at)).collect(),
            initial: initial.clone(),
            conf: checkpoint.conf(&spec.conf),
            operators,
            retention: conf.retention,
        };
        let (mut writer, mut history) = checkpoint.begin(start, spec.sync, &platform).await?;
        let Platform { clock, fail_point, .. } = platform;
        let planted_fault = platform.planted_fault.filter(|_| cfg!(debug_assertions));
        let sink = planted_fault::sink(planted_fault, Arc::clone(&spec.sink));
        let start = SinkStart {
            query: Some((control.id, control.run_id)),
            logged: history.offsets.iter().map(|(&batch, entry)| (batch, entry.hash())).collect(),
            newest_commit: history.newest_commit(),
            steps: Arc::new(SinkFailPoint(fail_point.clone())),
        };
        let newest_in_sink = sink.open(start).await?;
        let (position, again, settled) = match recover(&mut history, &plan, &stores, newest_in_sink, initial).await {
            Ok(recovered) => recovered,
            Err(error) => {
                sink.close().await?;
                return Err(error);
            }
        };
        if let Some(commit) = settled {
            writer.add_commit(vec![], commit);
        }
        planted_fault::recovered(planted_fault, &history, &stores).await?;
        let (pace, mode) = (sink.pace(), spec.output_mode);
        let log = QueryLog::start(&control, &spec, &plan, clock.monotonic());
        let execution = MicroBatchExecution {
            trigger: TriggerExecutor::new(spec.trigger, Arc::clone(&clock), control.stop.clone(), (pace, mode)),
            progress: ProgressReporter::new(Arc::clone(&clock), (control.id, control.run_id, control.name.clone())),
            log,
            plan,
            stores,
            sink,
            output_mode: mode,
            sink_touched: clock.monotonic(),
            clock,
            control,
            fail_point,
            planted_fault,
            runs_no_data_batches: conf.no_data_batches,
            writer,
            is_prepared: false,
            position,
        };
        Ok((execution, again))
    }
}

/// Restores the state, and says where the query stands, which batches come first, and which commit the log lacks.
async fn recover(
    history: &mut History,
    plan: &IncrementalExecution,
    stores: &[NumberedStore],
    newest_in_sink: Option<BatchId>,
    initial: Vec<Offset>,
) -> Result<(Position, Vec<MicroBatch>, Option<CommitEntry>)> {
    let again = restart::restore(history, stores, plan.is_state_repeatable(), newest_in_sink).await?;
    let settled = if again.settles_prepared { history.settle_prepared() } else { None };
    let first = if again.muted.is_empty() { again.real.start } else { again.muted.start };
    let mut position =
        Position { next: BatchId(first), ends: initial, timestamp_ms: 0, watermark_ms: 0, is_news: false };
    if let Some(before) = position.next.previous().and_then(|batch| history.offsets.get(&batch)) {
        position.ends = before.sources.iter().map(|range| range.end.clone()).collect();
        position.timestamp_ms = before.timestamp_ms;
        position.watermark_ms = before.watermark_ms;
    } else if first > 0 {
        return Err(Error::data(format!("the checkpoint lacks the offsets of batch {}", first - 1)));
    }
    for (source, end) in plan.sources().iter().zip(&position.ends) {
        source.check_offset(end)?;
    }
    if let Some(commit) = position.next.previous().and_then(|batch| history.commits.get(&batch)) {
        plan.watermark().restore(commit.next_watermark_ms);
    } else if let Some(entry) = history.offsets.get(&position.next) {
        plan.watermark().restore(entry.watermark_ms);
    }
    let batches = again.muted.clone().chain(again.real.clone()).map(BatchId).map(|batch| {
        let entry = Arc::clone(&history.offsets[&batch]);
        MicroBatch::again(entry, history.commits.contains_key(&batch), again.muted.contains(&batch.0))
    });
    Ok((position, batches.collect(), settled))
}

/// A panic as an error.
async fn caught<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(step).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Error::internal(format!("the query panicked: {text}")))
    })
}

/// Resolves when a query that was told to stop has had its time.
async fn grace_over(stop: &CancellationToken, clock: &dyn Clock) {
    stop.cancelled().await;
    clock.sleep(STOP_GRACE).await;
}
