//! Joins two streams of which one or both take rows back: each side keeps its rows with how often they are there.
//!
//! The batch has the same two halves as that of a join of rows that stay. What it gives are changes: pairs that have
//! come with a weight above zero, pairs that have gone with one below. Rows of an outer side are in the result as long
//! as they meet none, so they are taken back when a match comes, and given again when it goes.

mod pairing;
mod side;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use futures::Stream;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, Result};

use super::output::JoinOutput;
use super::plan::TwoSided;
use super::walk::Walk;
use super::{JoinKind, JoinSide, Running, Side};
use crate::batch_context::BatchContext;
use crate::operators::OperatorContext;
use crate::state::{StateStore, StatefulOperator, UpdateScratch};

pub(crate) use side::ChangesSide;

/// A join of two streams of which one or both take rows back.
#[derive(Debug)]
pub(crate) struct ChangesJoin {
    id: usize,
    kind: JoinKind,
    sides: [ChangesSide; 2],
    /// The result without weights.
    output: JoinOutput,
    /// The result with them, as the last column.
    schema: SchemaRef,
    stores: [Arc<dyn StateStore>; 2],
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
}

impl ChangesJoin {
    /// The operator with this number. `schema` is that of its output with weights.
    pub(crate) fn new(
        id: usize,
        kind: JoinKind,
        sides: [ChangesSide; 2],
        output: JoinOutput,
        schema: SchemaRef,
        context: &OperatorContext,
    ) -> Self {
        let stores = [0, 1].map(|side: usize| Arc::clone(&sides[side].side.rows) as Arc<dyn StateStore>);
        let (clock, shuffle_partitions) = (Arc::clone(&context.clock), context.shuffle_partitions);
        Self { id, kind, sides, output, schema, stores, clock, shuffle_partitions }
    }

    fn nothing(&self) -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(Arc::clone(&self.schema)))
    }

    fn weighted(&self, rows: &RecordBatch, weights: Int64Array) -> Result<RecordBatch> {
        let columns = rows.columns().iter().cloned().chain([Arc::new(weights) as ArrayRef]).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

impl TwoSided for ChangesJoin {
    const NAME: &'static str = "ChangesJoinExec";

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn kind(&self) -> JoinKind {
        self.kind
    }

    fn sides(&self) -> [&JoinSide; 2] {
        self.sides.each_ref().map(|side| &side.side)
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn begin(&self, context: Arc<BatchContext>) -> Result<Running> {
        Running::begin(context, self.sides())
    }

    fn take_rows(&self, side: Side, rows: RecordBatch, running: &Running, scratch: &mut UpdateScratch) -> Result<()> {
        let late_ms = running.context.watermarks(self.id).late_ms;
        self.sides[side as usize].take_rows(rows, late_ms, running.numbers[side as usize], scratch)
    }

    fn rows(
        self: Arc<Self>,
        running: Running,
        shards: Range<usize>,
        batch_rows: usize,
    ) -> impl Stream<Item = datafusion::error::Result<RecordBatch>> + Send + 'static {
        Walk::new(self, running, shards, batch_rows).rows()
    }
}

impl StatefulOperator for ChangesJoin {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        let [left, right] = self.sides().map(|side| side.rows.figures());
        left.and(right).progress("symmetricHashJoin", self.shuffle_partitions)
    }

    fn follows_watermark(&self) -> bool {
        self.sides().into_iter().any(JoinSide::evicts)
    }
}
