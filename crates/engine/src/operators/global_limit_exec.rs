//! Passes on the first rows of a stream, counted over all its batches, and drops the others.

use std::fmt;
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

/// `limit` over a stream (Spark: `StreamingGlobalLimitExec`). Its state is one number under a key without columns.
#[derive(Debug)]
pub(crate) struct GlobalLimit {
    rows: u64,
    passed: Arc<KeyedState<Rows>>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
    id: usize,
    stores: [Arc<dyn StateStore>; 1],
}

/// The rows of a batch, which come in one partition.
struct Running {
    input: SendableRecordBatchStream,
    limit: Arc<GlobalLimit>,
    number: BatchNumber,
    /// How many had passed when the batch began.
    before: u64,
    /// How many have passed by now.
    passed: u64,
}

impl Running {
    /// The next rows that pass; none at the end. Rows are read to their end also when no more will pass: who is below
    /// follows event times.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(rows) = self.input.next().await {
            let rows = rows?;
            let room = usize::try_from(self.limit.rows - self.passed).unwrap_or(usize::MAX);
            let passing = rows.slice(0, room.min(rows.num_rows()));
            self.passed += passing.num_rows() as u64;
            if passing.num_rows() > 0 {
                return Ok(Some(passing));
            }
        }
        if self.passed > self.before {
            self.limit.keep(self.number, self.passed).map_err(to_datafusion)?;
        }
        Ok(None)
    }
}

impl GlobalLimit {
    /// The operator with this number, for the first `rows` rows.
    pub(crate) fn try_new(id: usize, rows: u64, context: &OperatorContext) -> millstream_core::Result<Self> {
        let row = RowCodec::try_new(vec![Arc::new(Field::new("rows", DataType::Int64, false))])?;
        let layout = StoreLayout::new(KeyCodec::try_new(vec![])?, row);
        let passed = Arc::new(context.store(("limit", id), "rows", layout, None)?);
        let stores = [Arc::clone(&passed) as Arc<dyn StateStore>];
        Ok(Self { rows, passed, shuffle_partitions: context.shuffle_partitions, id, stores })
    }

    /// How many rows have passed in the batches before.
    fn passed(&self, number: BatchNumber) -> millstream_core::Result<u64> {
        let mut passed = 0;
        self.passed.lock(number, shard_of(hash_key(&[])))?.for_each(|entries, entry| {
            let column = self.passed.layout().values().decode(std::iter::once(entries.values().row(entry)))?;
            passed = column[0].as_primitive::<Int64Type>().value(0);
            Ok(())
        })?;
        u64::try_from(passed).map_err(|_| Error::data("the state of a limit counts less than no rows"))
    }

    /// Keeps how many have passed with this batch.
    fn keep(&self, number: BatchNumber, passed: u64) -> millstream_core::Result<()> {
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let column: ArrayRef = Arc::new(Int64Array::from(vec![passed]));
        let mut row = Vec::new();
        self.passed.layout().values().encode(&[column], 0, &mut row)?;
        let key = self.passed.layout().codec().encode(&[], 1)?;
        self.passed.update(number, &key, &mut UpdateScratch::default(), |values, of| {
            of.entries.iter().for_each(|&entry| values.set(entry, &row, None));
            Ok(())
        })?;
        self.passed.lock(number, shard_of(hash_key(&[])))?.count_changed();
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
        self.passed.figures().progress("globalLimit", self.shuffle_partitions)
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
        write!(f, "rows={}", self.rows)
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<BatchNumber> {
        Ok(self.passed.begin_batch())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        number: BatchNumber,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        // A plan with a smaller limit than before may find more rows counted than it lets pass.
        let before = self.passed(number).map_err(to_datafusion)?.min(self.rows);
        let limit = Arc::clone(self);
        let running = Running { input: input.rows(partition)?, limit, number, before, passed: before };
        Ok(stream::try_unfold(running, |mut running| async move {
            let rows = running.next().await?;
            Ok(rows.map(|rows| (rows, running)))
        }))
    }
}
