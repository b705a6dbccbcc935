//! Joins two streams: each side keeps its rows, so that rows of the other side find them in later batches.
//!
//! The batch has two halves. First both inputs are drained into their stores. Then, when all rows are in, each output
//! partition walks its range of shards: the new rows of either side meet all rows of the other side that have their
//! key, each pair once (`pairing.rs`). At last a shard lets go of what the watermark says can meet nothing any more,
//! and gives those rows of an outer side that have met nothing.
//!
//! Rows of one key lie in one shard of both stores, so nothing has to be exchanged between tasks.

mod kind;
mod output;
mod pairing;
mod pairs;
mod plan;
mod side;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{BatchId, Clock};
use tokio::task::JoinSet;

pub(crate) use kind::{JoinKind, Side};
pub(crate) use output::{JoinOutput, PairFilter};
pub(crate) use plan::StreamJoinExec;
pub(crate) use side::{Eviction, JoinKeys, JoinSide, row_layout};

use super::OperatorContext;
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{BatchNumber, StateStore, StatefulOperator, UpdateScratch};

/// A join of two streams (Spark: `StreamingSymmetricHashJoinExec`).
#[derive(Debug)]
pub(crate) struct StreamJoin {
    id: usize,
    kind: JoinKind,
    sides: [JoinSide; 2],
    output: JoinOutput,
    stores: [Arc<dyn StateStore>; 2],
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
    kept: Kept,
}

/// What a batch put into the stores, as Spark counts it.
#[derive(Debug, Default)]
struct Kept {
    /// Rows that came in time and may meet others.
    new: AtomicUsize,
    /// Those of them that Spark does not put into its state: their pairs are complete when they come.
    passed_by: AtomicUsize,
    /// Rows of earlier batches that left for good when they met another.
    left: AtomicUsize,
    /// New rows of the right side that end in the batch in which they come.
    ended_at_once: AtomicUsize,
}

/// A batch that is under way.
#[derive(Debug, Clone)]
pub(super) struct Running {
    context: Arc<BatchContext>,
    /// The numbers of the batch in the stores.
    numbers: [BatchNumber; 2],
}

impl Running {
    fn id(&self) -> BatchId {
        self.context.id
    }

    fn watermark_us(&self, operator: usize) -> Option<i64> {
        self.context.watermarks(operator).eviction_us()
    }
}

impl StreamJoin {
    /// The operator with this number.
    pub(crate) fn new(
        id: usize,
        kind: JoinKind,
        sides: [JoinSide; 2],
        output: JoinOutput,
        context: &OperatorContext,
    ) -> Self {
        let stores = [0, 1].map(|side: usize| Arc::clone(&sides[side].rows) as Arc<dyn StateStore>);
        let (clock, shuffle_partitions) = (Arc::clone(&context.clock), context.shuffle_partitions);
        Self { id, kind, sides, output, stores, clock, shuffle_partitions, kept: Kept::default() }
    }

    fn side(&self, side: Side) -> &JoinSide {
        &self.sides[side as usize]
    }

    fn begin(&self, context: Arc<BatchContext>) -> millstream_core::Result<Running> {
        self.sides.iter().try_for_each(JoinSide::begin)?;
        let Kept { new, passed_by, left, ended_at_once } = &self.kept;
        for count in [new, passed_by, left, ended_at_once] {
            count.store(0, Ordering::Relaxed);
        }
        Ok(Running { context, numbers: [0, 1].map(|side: usize| self.sides[side].rows.begin_batch()) })
    }

    /// Drains all partitions of both inputs into the stores.
    async fn take_in(self: Arc<Self>, inputs: Vec<(Side, SendableRecordBatchStream)>, running: Running) -> Result<()> {
        let mut tasks = JoinSet::new();
        for (side, input) in inputs {
            tasks.spawn(Arc::clone(&self).take_partition(side, input, running.clone()));
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|error| DataFusionError::External(Box::new(error)))??;
        }
        Ok(())
    }

    async fn take_partition(
        self: Arc<Self>,
        side: Side,
        mut input: SendableRecordBatchStream,
        running: Running,
    ) -> Result<()> {
        let (this, mut scratch) = (self.side(side), UpdateScratch::default());
        let late_ms = running.context.watermarks(self.id).late_ms;
        while let Some(rows) = input.next().await {
            let started = self.clock.monotonic();
            let batch = (running.id(), running.numbers[side as usize]);
            let new = this.take_rows(rows?, late_ms, batch, &mut scratch).map_err(to_datafusion)?;
            self.kept.new.fetch_add(new, Ordering::Relaxed);
            this.rows.add_update_time(self.clock.monotonic() - started);
        }
        Ok(())
    }
}

impl StatefulOperator for StreamJoin {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    /// As in Spark, rows of an outer side are not counted when they go: they leave as a part of the result.
    fn progress(&self) -> StateOperatorProgress {
        let [left, right] = [0, 1].map(|side: usize| self.sides[side].rows.figures());
        let mut progress = left.and(right).progress("symmetricHashJoin", self.shuffle_partitions);
        let count = |count: &AtomicUsize| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        progress.num_rows_updated = count(&self.kept.new) - count(&self.kept.passed_by);
        let removed = [(Side::Left, left.removed), (Side::Right, right.removed - count(&self.kept.ended_at_once))];
        let removed = removed.into_iter().filter(|(side, _)| !self.kind.is_outer(*side));
        progress.num_rows_removed = removed.map(|(_, removed)| removed).sum::<i64>() + count(&self.kept.left);
        progress
    }

    fn follows_watermark(&self) -> bool {
        self.sides.iter().any(JoinSide::evicts)
    }
}
