//! Takes the rows of a batch into the state of an aggregation, and gives the groups that the output mode asks for.
//!
//! The batch has two halves. First every input partition is drained by a task of its own; each bucket of rows goes
//! straight into its shard of the shared state. Then, when all are done, each output partition gives the groups of its
//! range of shards, and expires what the watermark says.

mod distinct_values;

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, OutputMode};
use tokio::task::JoinSet;

pub(crate) use distinct_values::{DistinctColumns, DistinctValues, SeenValues};

use self::distinct_values::DistinctRows;
use super::OperatorContext;
use super::late_rows::drop_late_rows;
use super::unary::{BatchInput, Operator};
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{
    Aggregates, Argument, BatchNumber, Entries, KeyedAggregate, KeyedState, SHARDS, ShardGuard, StateStore,
    StatefulOperator, UpdateScratch, group_columns, hash_key, shard_of,
};

/// Which columns of the input are what.
#[derive(Debug, Clone)]
pub(crate) struct AggregateColumns {
    /// The first columns are keys.
    pub(crate) keys: usize,
    pub(crate) functions: Vec<AggregateColumn>,
    /// What is distinct for some of the functions.
    pub(crate) distinct: Vec<DistinctColumns>,
    /// The key that carries event time.
    pub(crate) event_time_key: Option<usize>,
    /// The column that says how often each row is added or taken back. Then the last function counts the rows of a
    /// group and does not show.
    pub(crate) weight: Option<usize>,
    /// The groups that a batch has changed are given as changes: what they were and what they are.
    pub(crate) gives_changes: bool,
}

/// One aggregate and its columns.
#[derive(Debug, Clone)]
pub(crate) struct AggregateColumn {
    pub(crate) function: Arc<dyn KeyedAggregate>,
    pub(crate) arguments: Vec<usize>,
    pub(crate) filter: Option<usize>,
    /// Which of the distinct values of [`AggregateColumns`] it is shown, where it is not all rows.
    pub(crate) distinct: Option<usize>,
}

impl fmt::Display for AggregateColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distinct = |column: &AggregateColumn| if column.distinct.is_some() { "distinct " } else { "" };
        let describe = |column: &AggregateColumn| format!("{}{}", distinct(column), column.function.describe());
        let functions: Vec<_> = self.functions.iter().map(describe).collect();
        write!(f, "keys={}, values=[{}]", self.keys, functions.join(", "))?;
        f.write_str(if self.gives_changes { ", as changes" } else { "" })
    }
}

/// A batch as the stores of the aggregation count it.
#[derive(Debug, Clone)]
pub(crate) struct BatchNumbers {
    groups: BatchNumber,
    distinct: Vec<BatchNumber>,
}

/// The first half of a batch, awaited by every output partition.
type Taken = Shared<BoxFuture<'static, Result<BatchNumbers, Arc<DataFusionError>>>>;

/// A streaming aggregation (Spark: `StateStoreRestoreExec` and `StateStoreSaveExec`).
#[derive(Debug)]
pub(crate) struct StatefulAggregation {
    id: usize,
    columns: AggregateColumns,
    output_mode: OutputMode,
    schema: SchemaRef,
    groups: Arc<KeyedState<Aggregates>>,
    distinct: Vec<DistinctValues>,
    stores: Vec<Arc<dyn StateStore>>,
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
}

/// Drains all input partitions into the state.
async fn take_in(
    inputs: Vec<SendableRecordBatchStream>,
    aggregation: Arc<StatefulAggregation>,
    batch: Arc<BatchContext>,
) -> Result<BatchNumbers> {
    let distinct = aggregation.distinct.iter().map(DistinctValues::begin_batch).collect();
    let numbers = BatchNumbers { groups: aggregation.groups.begin_batch(), distinct };
    // One input needs no task of its own.
    if inputs.len() == 1 {
        for input in inputs {
            take_partition(input, Arc::clone(&aggregation), Arc::clone(&batch), numbers.clone()).await?;
        }
        return Ok(numbers);
    }
    let mut tasks = JoinSet::new();
    for input in inputs {
        tasks.spawn(take_partition(input, Arc::clone(&aggregation), Arc::clone(&batch), numbers.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| DataFusionError::External(Box::new(error)))??;
    }
    Ok(numbers)
}

async fn take_partition(
    mut input: SendableRecordBatchStream,
    aggregation: Arc<StatefulAggregation>,
    batch: Arc<BatchContext>,
    numbers: BatchNumbers,
) -> Result<()> {
    let mut scratch = UpdateScratch::default();
    while let Some(rows) = input.next().await {
        let started = aggregation.clock.monotonic();
        aggregation.take_rows(rows?, &batch, &numbers, &mut scratch).map_err(to_datafusion)?;
        aggregation.groups.add_update_time(aggregation.clock.monotonic() - started);
    }
    Ok(())
}

impl StatefulAggregation {
    /// The operator with this number over its groups.
    pub(crate) fn new(
        id: usize,
        columns: AggregateColumns,
        schema: SchemaRef,
        (groups, distinct): (KeyedState<Aggregates>, Vec<DistinctValues>),
        context: &OperatorContext,
    ) -> Self {
        let groups = Arc::new(groups);
        let first = Arc::<KeyedState<Aggregates>>::clone(&groups) as Arc<dyn StateStore>;
        let stores = std::iter::once(first).chain(distinct.iter().map(DistinctValues::store)).collect();
        let (clock, shuffle_partitions) = (Arc::clone(&context.clock), context.shuffle_partitions);
        Self {
            id,
            columns,
            output_mode: context.output_mode,
            schema,
            groups,
            distinct,
            stores,
            clock,
            shuffle_partitions,
        }
    }

    fn take_rows(
        &self,
        mut rows: RecordBatch,
        batch: &BatchContext,
        numbers: &BatchNumbers,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()> {
        // Complete mode keeps everything, so nothing is late in it.
        let is_complete = self.output_mode == OutputMode::Complete;
        if let (false, Some(key), Some(watermark_ms)) =
            (is_complete, self.columns.event_time_key, batch.watermarks(self.id).late_ms)
        {
            let (in_time, late) = drop_late_rows(rows, key, watermark_ms)?;
            self.groups.add_dropped(late);
            rows = in_time;
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if self.columns.weight.is_some() || !self.distinct.is_empty() {
            return self.take_picked(&rows, numbers, scratch);
        }
        let argument =
            |column: &AggregateColumn| argument_of(column, &rows, column.filter.map(|index| rows.column(index)));
        let arguments = self.columns.functions.iter().map(argument).collect::<millstream_core::Result<Vec<_>>>()?;
        let keys = self.groups.layout().codec().encode(&rows.columns()[..self.columns.keys], rows.num_rows())?;
        self.groups.update(numbers.groups, &keys, scratch, |groups, rows| groups.update(&arguments, rows))
    }

    /// Takes rows in that may be taken back, or not all of which every function is shown.
    fn take_picked(
        &self,
        rows: &RecordBatch,
        numbers: &BatchNumbers,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()> {
        let weights: Option<Arc<[i64]>> =
            self.columns.weight.map(|column| rows.column(column).as_primitive::<Int64Type>().values().as_ref().into());
        let distinct = self.distinct.iter().zip(&numbers.distinct);
        let distinct = distinct.map(|(values, number)| values.rows(rows, weights.as_deref(), *number, scratch));
        let distinct = distinct.collect::<millstream_core::Result<Vec<_>>>()?;
        let (mut arguments, mut picked) = (vec![], vec![]);
        for column in &self.columns.functions {
            let filter = column.filter.map(|index| rows.column(index));
            let shown = column.distinct.map(|place| &distinct[place]);
            let filter = if let Some(DistinctRows::Marked(marks)) = shown { Some(marks) } else { filter };
            arguments.push(argument_of(column, rows, filter)?);
            picked.extend(match shown {
                Some(DistinctRows::Weighted(turns)) => Some(Arc::clone(turns)),
                _ => weights.clone(),
            });
        }
        let keys = self.groups.layout().codec().encode(&rows.columns()[..self.columns.keys], rows.num_rows())?;
        self.groups.update(numbers.groups, &keys, scratch, |groups, rows| match weights {
            Some(_) => groups.change(&arguments, &picked, rows),
            None => groups.update(&arguments, rows),
        })
    }

    /// The groups of these shards, in batches of about `batch_rows`.
    fn emit(
        self: Arc<Self>,
        shards: std::ops::Range<usize>,
        batch: Arc<BatchContext>,
        (numbers, batch_rows): (BatchNumbers, usize),
    ) -> impl Stream<Item = Result<RecordBatch>> {
        stream::try_unfold((self, shards, numbers), move |(aggregation, mut shards, numbers)| {
            let batch = Arc::clone(&batch);
            async move {
                let rows = aggregation.emit_some(&mut shards, &batch, (&numbers, batch_rows)).map_err(to_datafusion)?;
                Ok(rows.map(|rows| (rows, (aggregation, shards, numbers))))
            }
        })
    }

    fn emit_some(
        &self,
        shards: &mut std::ops::Range<usize>,
        batch: &BatchContext,
        (numbers, batch_rows): (&BatchNumbers, usize),
    ) -> millstream_core::Result<Option<RecordBatch>> {
        let started = self.clock.monotonic();
        let watermark_us = batch.watermarks(self.id).eviction_us();
        let layout = self.groups.layout();
        let mut result = Emission { groups: Entries::new(layout), old: Entries::new(layout) };
        while result.groups.len() + result.old.len() < batch_rows {
            let Some(shard) = shards.next() else { break };
            self.finish_distinct(numbers, shard, watermark_us)?;
            // Without keys there is one group, also before its first row.
            if self.columns.keys == 0 && shard == shard_of(hash_key(&[])) {
                self.groups.lock(numbers.groups, shard)?.touch(&[])?;
            }
            let due = match self.output_mode {
                OutputMode::Complete if !self.columns.gives_changes => Some(self.groups.lock(numbers.groups, shard)?),
                _ => self.groups.lock_due(numbers.groups, shard, watermark_us)?,
            };
            let Some(mut guard) = due else { continue };
            guard.count_changed();
            self.finish(&mut guard, watermark_us, &mut result)?;
        }
        self.groups.add_removal_time(self.clock.monotonic() - started);
        self.rows_of(&result)
    }
}

/// The groups that a batch gives.
#[derive(Debug)]
struct Emission {
    groups: Entries<Aggregates>,
    /// What they were before, where changes are given.
    old: Entries<Aggregates>,
}

impl StatefulAggregation {
    /// Ends the batch for one shard of the distinct values. In complete mode nothing expires.
    fn finish_distinct(
        &self,
        numbers: &BatchNumbers,
        shard: usize,
        watermark_us: Option<i64>,
    ) -> millstream_core::Result<()> {
        let watermark_us = watermark_us.filter(|_| self.output_mode != OutputMode::Complete);
        let mut distinct = self.distinct.iter().zip(&numbers.distinct);
        distinct.try_for_each(|(values, number)| values.finish(*number, shard, watermark_us))
    }

    /// Ends the batch for one shard: adds the groups that the output mode asks for to the result, and expires others.
    fn finish(
        &self,
        shard: &mut ShardGuard<'_, Aggregates>,
        watermark_us: Option<i64>,
        result: &mut Emission,
    ) -> millstream_core::Result<()> {
        if self.columns.weight.is_some() && self.columns.keys > 0 {
            shard.remove_changed(is_empty)?;
        }
        let Emission { groups: new, old } = result;
        let mut give = |groups: &Entries<Aggregates>, group| new.push_from(groups, group);
        if self.columns.gives_changes {
            shard.for_each_old(|key, values, place| old.push_value(key, values, place))?;
        }
        // In complete mode nothing expires. In update mode what the batch changed is given before it may.
        match self.output_mode {
            OutputMode::Complete if self.columns.gives_changes => return shard.for_each_changed(&mut give),
            OutputMode::Complete => return shard.for_each(give),
            OutputMode::Update => shard.for_each_changed(&mut give)?,
            OutputMode::Append => {}
        }
        let Some(watermark_us) = watermark_us else { return Ok(()) };
        shard.expire(watermark_us)?;
        if self.output_mode == OutputMode::Append { shard.for_each_expired(give) } else { Ok(()) }
    }

    /// The rows of these groups.
    fn rows_of(&self, result: &Emission) -> millstream_core::Result<Option<RecordBatch>> {
        let Emission { groups: new, old } = result;
        if new.is_empty() && old.is_empty() {
            return Ok(None);
        }
        let layout = self.groups.layout();
        let mut columns = group_columns(new, layout)?;
        if self.columns.weight.is_some() {
            // The number of a group's rows does not show.
            columns.pop();
        }
        if self.columns.gives_changes {
            let old_columns = group_columns(old, layout)?;
            let both = columns.iter().zip(&old_columns).map(|(new, old)| concat(&[old, new]));
            columns = both.collect::<std::result::Result<_, _>>()?;
            let weights = std::iter::repeat_n(-1, old.len()).chain(std::iter::repeat_n(1, new.len()));
            columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        }
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }
}

/// A group has lost all of its rows.
fn is_empty(groups: &Aggregates, group: u32) -> millstream_core::Result<bool> {
    match groups.last_count(group)? {
        rows @ 0.. => Ok(rows == 0),
        lacking => Err(millstream_core::Error::internal(format!("a group has lost {} rows too many", -lacking))),
    }
}

impl StatefulOperator for StatefulAggregation {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        self.groups.figures().progress("stateStoreSave", self.shuffle_partitions)
    }

    fn follows_watermark(&self) -> bool {
        self.output_mode != OutputMode::Complete
    }
}

impl Operator for StatefulAggregation {
    const NAME: &'static str = "StatefulAggregateExec";
    const KEEPS_ORDER: bool = false;
    type Batch = Taken;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mode={}, {}", self.output_mode, self.columns)
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&self.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        ))
    }

    /// Starts the first half.
    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Taken> {
        let inputs = (0..input.partitions()).map(|partition| input.rows(partition)).collect::<Result<Vec<_>>>()?;
        let work = take_in(inputs, Arc::clone(self), input.context()?);
        Ok(work.map(|result| result.map_err(Arc::new)).boxed().shared())
    }

    /// The second half.
    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        taken: Taken,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let partitions = input.partitions();
        let shards = partition * SHARDS / partitions..(partition + 1) * SHARDS / partitions;
        let (aggregation, batch, batch_rows) = (Arc::clone(self), input.context()?, input.batch_rows());
        let groups = async move {
            let numbers = taken.await.map_err(DataFusionError::Shared)?;
            Ok::<_, DataFusionError>(aggregation.emit(shards, batch, (numbers, batch_rows)))
        };
        Ok(stream::once(groups).try_flatten())
    }
}

/// The argument columns of a function, with the rows that it is shown where that is not all.
fn argument_of(
    column: &AggregateColumn,
    rows: &RecordBatch,
    filter: Option<&ArrayRef>,
) -> millstream_core::Result<Argument> {
    let arguments: Vec<ArrayRef> = column.arguments.iter().map(|&index| Arc::clone(rows.column(index))).collect();
    Argument::try_new(&*column.function, &arguments, filter)
}

/// The output's columns: keys by their input type, results by their function.
pub(crate) fn output_schema(
    declared: &Schema,
    columns: &AggregateColumns,
    input: &Schema,
) -> millstream_core::Result<SchemaRef> {
    let types = input.fields()[..columns.keys].iter().map(|field| field.data_type());
    let shown = columns.functions.len() - usize::from(columns.weight.is_some());
    let results = columns.functions[..shown].iter().map(|column| column.function.output());
    let weight = columns.gives_changes.then_some(&DataType::Int64);
    let types: Vec<_> = types.chain(results).chain(weight).collect();
    for (field, found) in declared.fields().iter().zip(&types) {
        if field.data_type() != *found {
            let message = format!("column {} has type {found}, but was planned as {}", field.name(), field.data_type());
            return Err(millstream_core::Error::internal(message));
        }
    }
    Ok(Arc::new(declared.clone()))
}
