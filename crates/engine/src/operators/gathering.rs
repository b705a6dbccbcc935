//! The two halves of a batch for operators that give nothing before all its rows are in.
//!
//! First every input partition is drained by a task of its own; each bucket of rows goes straight into its shard of the
//! shared state. Then, when all are done, each output partition ends the batch for its range of shards and gives what
//! comes of it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use millstream_core::Clock;
use tokio::task::JoinSet;

use super::unary::BatchInput;
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{Entries, KeyedState, SHARDS, UpdateScratch, Values};

/// An operator over one store that takes all rows of a batch in before it gives any.
pub(super) trait Gathering: fmt::Debug + Send + Sync + 'static {
    /// The kind of values that the store keeps.
    type Values: Values;

    /// A batch as the stores of the operator count it.
    type Number: Clone + Send + Sync + 'static;

    /// The store that takes the rows in.
    fn state(&self) -> &KeyedState<Self::Values>;

    /// The watermark (µs) by which the batch ends state.
    fn eviction_us(&self, batch: &BatchContext) -> Option<i64>;

    /// The clock by which work is timed.
    fn clock(&self) -> &dyn Clock;

    /// The columns of the output.
    fn schema(&self) -> &SchemaRef;

    /// Begins a batch in all stores of the operator.
    fn begin_batch(&self) -> Self::Number;

    /// Takes rows into the store. Called by several tasks at once.
    fn take_rows(
        &self,
        rows: RecordBatch,
        batch: &BatchContext,
        number: &Self::Number,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()>;

    /// Ends the batch for a shard, by the watermark (µs), and adds what it gives. It is asked for each of 256 shards,
    /// also where a batch has one row.
    fn finish_shard(
        &self,
        shard: usize,
        watermark_us: Option<i64>,
        number: &Self::Number,
        given: &mut Given<Self::Values>,
    ) -> millstream_core::Result<()>;

    /// The columns of these entries as they are in the output, without weights.
    fn columns(&self, entries: &Entries<Self::Values>) -> millstream_core::Result<Vec<ArrayRef>>;

    /// Entries are given as changes: what they were and what they are.
    fn gives_changes(&self) -> bool;
}

/// Some of the entries that a batch gives.
#[derive(Debug)]
pub(super) struct Given<V> {
    pub(super) new: Entries<V>,
    /// What they were before the batch, where changes are given.
    pub(super) old: Entries<V>,
}

/// The first half of a batch, awaited by every output partition. Its value is the batch's number in the state.
pub(super) type Taken<N> = Shared<BoxFuture<'static, Result<N, Arc<DataFusionError>>>>;

/// The columns and partitions of what is given.
pub(super) fn properties(schema: &SchemaRef, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
        EmissionType::Final,
        Boundedness::Bounded,
    ))
}

/// Starts the first half.
pub(super) fn first_half<G: Gathering>(gathering: &Arc<G>, input: &BatchInput<'_>) -> Result<Taken<G::Number>> {
    let inputs = (0..input.partitions()).map(|partition| input.rows(partition)).collect::<Result<Vec<_>>>()?;
    let work = take_in(inputs, Arc::clone(gathering), input.context()?);
    Ok(work.map(|result| result.map_err(Arc::new)).boxed().shared())
}

/// The second half, of one partition.
pub(super) fn second_half<G: Gathering>(
    gathering: &Arc<G>,
    partition: usize,
    input: &BatchInput<'_>,
    taken: Taken<G::Number>,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
    let partitions = input.partitions();
    let shards = partition * SHARDS / partitions..(partition + 1) * SHARDS / partitions;
    let (gathering, batch, batch_rows) = (Arc::clone(gathering), input.context()?, input.batch_rows());
    let rows = async move {
        let number = taken.await.map_err(DataFusionError::Shared)?;
        let emission = Emission { gathering, shards, batch, number, batch_rows };
        Ok::<_, DataFusionError>(stream::try_unfold(emission, |mut emission| async move {
            let rows = emission.next().map_err(to_datafusion)?;
            Ok(rows.map(|rows| (rows, emission)))
        }))
    };
    Ok(stream::once(rows).try_flatten())
}

/// Drains all input partitions into the state.
async fn take_in<G: Gathering>(
    inputs: Vec<SendableRecordBatchStream>,
    gathering: Arc<G>,
    batch: Arc<BatchContext>,
) -> Result<G::Number> {
    let number = gathering.begin_batch();
    // One input needs no task of its own.
    if inputs.len() == 1 {
        for input in inputs {
            take_partition(input, Arc::clone(&gathering), Arc::clone(&batch), number.clone()).await?;
        }
        return Ok(number);
    }
    let mut tasks = JoinSet::new();
    for input in inputs {
        tasks.spawn(take_partition(input, Arc::clone(&gathering), Arc::clone(&batch), number.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| DataFusionError::External(Box::new(error)))??;
    }
    Ok(number)
}

async fn take_partition<G: Gathering>(
    mut input: SendableRecordBatchStream,
    gathering: Arc<G>,
    batch: Arc<BatchContext>,
    number: G::Number,
) -> Result<()> {
    let mut scratch = UpdateScratch::default();
    while let Some(rows) = input.next().await {
        let started = gathering.clock().monotonic();
        gathering.take_rows(rows?, &batch, &number, &mut scratch).map_err(to_datafusion)?;
        gathering.state().add_update_time(gathering.clock().monotonic() - started);
    }
    Ok(())
}

/// What a partition has to give still.
struct Emission<G: Gathering> {
    gathering: Arc<G>,
    /// The shards that have not given theirs.
    shards: Range<usize>,
    batch: Arc<BatchContext>,
    number: G::Number,
    /// The number of rows that one Arrow batch should have.
    batch_rows: usize,
}

impl<G: Gathering> Emission<G> {
    /// The next rows, about `batch_rows`; none at the end.
    fn next(&mut self) -> millstream_core::Result<Option<RecordBatch>> {
        let gathering = &*self.gathering;
        let started = gathering.clock().monotonic();
        let (layout, watermark_us) = (gathering.state().layout(), gathering.eviction_us(&self.batch));
        let mut given = Given { new: Entries::new(layout), old: Entries::new(layout) };
        while given.new.len() + given.old.len() < self.batch_rows {
            let Some(shard) = self.shards.next() else { break };
            gathering.finish_shard(shard, watermark_us, &self.number, &mut given)?;
        }
        gathering.state().add_removal_time(gathering.clock().monotonic() - started);
        if given.new.is_empty() && given.old.is_empty() {
            return Ok(None);
        }
        let mut columns = gathering.columns(&given.new)?;
        if gathering.gives_changes() {
            let old = gathering.columns(&given.old)?;
            let both = columns.iter().zip(&old).map(|(new, old)| concat(&[old, new]));
            columns = both.collect::<std::result::Result<_, _>>()?;
            let weights = std::iter::repeat_n(-1, given.old.len()).chain(std::iter::repeat_n(1, given.new.len()));
            columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        }
        Ok(Some(RecordBatch::try_new(Arc::clone(gathering.schema()), columns)?))
    }
}
