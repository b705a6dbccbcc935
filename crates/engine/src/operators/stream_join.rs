//! Joins two streams: each side keeps its rows, so that rows of the other side find them in later batches.
//!
//! The batch has two halves. First both inputs are drained into their stores. Then, when all rows are in, each output
//! partition walks its range of shards: the new rows of either side meet all rows of the other side that have their
//! key, each pair once (`pairing.rs`). At last a shard lets go of what the watermark says can meet nothing any more,
//! and gives those rows of an outer side that have met nothing.
//!
//! Rows of one key lie in one shard of both stores, so nothing has to be exchanged between tasks.

mod changes;
mod kind;
mod output;
mod pairing;
mod pairs;
mod plan;
mod side;
mod walk;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use futures::Stream;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{BatchId, Clock};

pub(crate) use changes::{ChangesJoin, ChangesSide};
pub(crate) use kind::{JoinKind, Side};
pub(crate) use output::{JoinOutput, PairFilter};
pub(crate) use plan::{StreamJoinExec, TwoSided};
pub(crate) use side::{Eviction, JoinKeys, JoinSide, row_layout};

use self::walk::Walk;
use super::OperatorContext;
use crate::batch_context::BatchContext;
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
pub(crate) struct Running {
    context: Arc<BatchContext>,
    /// The numbers of the batch in the stores.
    numbers: [BatchNumber; 2],
}

impl Running {
    /// Begins a batch in the stores of both sides.
    fn begin(context: Arc<BatchContext>, sides: [&JoinSide; 2]) -> millstream_core::Result<Self> {
        sides.into_iter().try_for_each(JoinSide::begin)?;
        Ok(Self { context, numbers: sides.map(|side| side.rows.begin_batch()) })
    }

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
}

impl TwoSided for StreamJoin {
    const NAME: &'static str = "StreamJoinExec";

    fn schema(&self) -> &SchemaRef {
        &self.output.schema
    }

    fn kind(&self) -> JoinKind {
        self.kind
    }

    fn sides(&self) -> [&JoinSide; 2] {
        self.sides.each_ref()
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn begin(&self, context: Arc<BatchContext>) -> millstream_core::Result<Running> {
        let Kept { new, passed_by, left, ended_at_once } = &self.kept;
        for count in [new, passed_by, left, ended_at_once] {
            count.store(0, Ordering::Relaxed);
        }
        Running::begin(context, self.sides())
    }

    fn take_rows(
        &self,
        side: Side,
        rows: RecordBatch,
        running: &Running,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()> {
        let late_ms = running.context.watermarks(self.id).late_ms;
        let batch = (running.id(), running.numbers[side as usize]);
        let new = self.side(side).take_rows(rows, late_ms, batch, scratch)?;
        self.kept.new.fetch_add(new, Ordering::Relaxed);
        Ok(())
    }

    fn rows(
        self: Arc<Self>,
        running: Running,
        shards: Range<usize>,
        batch_rows: usize,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
        Walk::new(self, running, shards, batch_rows).rows()
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
