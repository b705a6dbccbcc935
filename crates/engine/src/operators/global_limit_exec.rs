//! Passes on the first rows of a stream, or those behind them, counted over all its batches, and drops the others.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use millstream_core::Error;
use millstream_core::progress::StateOperatorProgress;

use super::OperatorContext;
use super::unary::{BatchInput, Operator};
use crate::error::to_datafusion;
use crate::state::{
    BatchNumber, KeyCodec, KeyedState, RowCodec, Rows, StateStore, StatefulOperator, StoreLayout, UpdateScratch,
    hash_key, shard_of,
};

/// `limit` and `offset` over a stream (in Spark the first alone: `StreamingGlobalLimitExec`). The state is one number,
/// under a key without columns.
#[derive(Debug)]
pub(crate) struct GlobalLimit {
    limit: RowLimit,
    seen: Arc<KeyedState<Rows>>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
    id: usize,
    stores: [Arc<dyn StateStore>; 1],
}

/// Which rows pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowLimit {
    /// So many rows are dropped first.
    pub(crate) skip: u64,
    /// So many pass then; all where it is none.
    pub(crate) rows: Option<u64>,
}

impl RowLimit {
    /// After so many rows nothing depends on how many there were.
    fn counted(self) -> u64 {
        self.skip.saturating_add(self.rows.unwrap_or(0))
    }

    /// Of so many rows that come after others those that pass.
    fn passing(self, seen: u64, rows: usize) -> Range<usize> {
        let place = |rows_seen: u64| usize::try_from(rows_seen.saturating_sub(seen)).unwrap_or(usize::MAX).min(rows);
        let end = self.rows.map_or(rows, |limit| place(self.skip.saturating_add(limit)));
        place(self.skip).min(end)..end
    }
}

impl fmt::Display for RowLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(rows) => write!(f, "{rows}")?,
            None => f.write_str("all")?,
        }
        if self.skip > 0 { write!(f, " after {}", self.skip) } else { Ok(()) }
    }
}

/// The rows of a batch, which come in one partition.
struct Running {
    input: SendableRecordBatchStream,
    limit: Arc<GlobalLimit>,
    number: BatchNumber,
    /// How many had been counted when the batch began.
    before: u64,
    /// How many are counted by now.
    seen: u64,
}

impl Running {
    /// The next rows that pass; none at the end. Rows are read to their end also when no more will pass: who is below
    /// follows event times.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(rows) = self.input.next().await {
            let rows = rows?;
            let limit = self.limit.limit;
            let passing = limit.passing(self.seen, rows.num_rows());
            self.seen = self.seen.saturating_add(rows.num_rows() as u64).min(limit.counted());
            if !passing.is_empty() {
                return Ok(Some(rows.slice(passing.start, passing.len())));
            }
        }
        if self.seen > self.before {
            self.limit.keep(self.number, self.seen).map_err(to_datafusion)?;
        }
        Ok(None)
    }
}

impl GlobalLimit {
    /// The operator with this number.
    pub(crate) fn try_new(id: usize, limit: RowLimit, context: &OperatorContext) -> millstream_core::Result<Self> {
        let row = RowCodec::try_new(vec![Arc::new(Field::new("rows", DataType::Int64, false))])?;
        let layout = StoreLayout::new(KeyCodec::try_new(vec![])?, row);
        let seen = Arc::new(context.store(("limit", id), "rows", layout, None)?);
        let stores = [Arc::clone(&seen) as Arc<dyn StateStore>];
        Ok(Self { limit, seen, shuffle_partitions: context.shuffle_partitions, id, stores })
    }

    /// How many rows were counted in the batches before.
    fn seen(&self, number: BatchNumber) -> millstream_core::Result<u64> {
        let mut seen = 0;
        self.seen.lock(number, shard_of(hash_key(&[])))?.for_each(|entries, entry| {
            let column = self.seen.layout().values().decode(std::iter::once(entries.values().row(entry)))?;
            seen = column[0].as_primitive::<Int64Type>().value(0);
            Ok(())
        })?;
        u64::try_from(seen).map_err(|_| Error::data("the state of a limit counts less than no rows"))
    }

    /// Keeps how many are counted with this batch.
    fn keep(&self, number: BatchNumber, seen: u64) -> millstream_core::Result<()> {
        let seen = i64::try_from(seen).unwrap_or(i64::MAX);
        let column: ArrayRef = Arc::new(Int64Array::from(vec![seen]));
        let mut row = Vec::new();
        self.seen.layout().values().encode(&[column], 0, &mut row)?;
        let key = self.seen.layout().codec().encode(&[], 1)?;
        self.seen.update(number, &key, &mut UpdateScratch::default(), |values, of| {
            of.entries.iter().for_each(|&entry| values.set(entry, &row, None));
            Ok(())
        })?;
        self.seen.lock(number, shard_of(hash_key(&[])))?.count_changed();
        Ok(())
    }
}

impl StatefulOperator for GlobalLimit {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.seen.figures().progress("globalLimit", self.shuffle_partitions)
    }

    fn follows_watermark(&self) -> bool {
        false
    }
}

impl Operator for GlobalLimit {
    const NAME: &'static str = "GlobalLimitExec";
    const NEEDS_ONE_PARTITION: bool = true;
    type Batch = BatchNumber;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows={}", self.limit)
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<BatchNumber> {
        Ok(self.seen.begin_batch())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        number: BatchNumber,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        // A plan with a smaller limit than before may find more rows counted than it lets pass.
        let before = self.seen(number).map_err(to_datafusion)?.min(self.limit.counted());
        let limit = Arc::clone(self);
        let running = Running { input: input.rows(partition)?, limit, number, before, seen: before };
        Ok(stream::try_unfold(running, |mut running| async move {
            let rows = running.next().await?;
            Ok(rows.map(|rows| (rows, running)))
        }))
    }
}
