//! Takes the rows of a batch into the state of an aggregation, and gives the groups that the output mode asks for.

mod distinct_values;

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::Stream;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Clock, OutputMode};

pub(crate) use distinct_values::{DistinctColumns, DistinctValues, SeenValues};

use self::distinct_values::DistinctRows;
use super::OperatorContext;
use super::gathering::{self, Gathering, Given, Taken};
use super::late_rows::{LateGroups, drop_late_rows};
use super::unary::{BatchInput, Operator};
use crate::batch_context::BatchContext;
use crate::state::{
    Aggregates, Argument, BatchNumber, Entries, KeyedAggregate, KeyedState, ShardGuard, StateStore, StatefulOperator,
    UpdateScratch, group_columns, hash_key, shard_of,
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

impl AggregateColumns {
    /// The arguments of each function in these rows.
    pub(super) fn arguments(&self, rows: &RecordBatch) -> millstream_core::Result<Vec<Argument>> {
        let argument =
            |column: &AggregateColumn| argument_of(column, rows, column.filter.map(|index| rows.column(index)));
        self.functions.iter().map(argument).collect()
    }
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

/// A streaming aggregation (Spark: `StateStoreRestoreExec` and `StateStoreSaveExec`).
#[derive(Debug)]
pub(crate) struct StatefulAggregation {
    id: usize,
    columns: AggregateColumns,
    output_mode: OutputMode,
    schema: SchemaRef,
    groups: Arc<KeyedState<Aggregates>>,
    distinct: Vec<DistinctValues>,
    late: LateGroups,
    stores: Vec<Arc<dyn StateStore>>,
    clock: Arc<dyn Clock>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    shuffle_partitions: i64,
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
            late: LateGroups::default(),
            stores,
            clock,
            shuffle_partitions,
        }
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
        given: &mut Given<Aggregates>,
    ) -> millstream_core::Result<()> {
        if self.columns.weight.is_some() && self.columns.keys > 0 {
            shard.remove_changed(is_empty)?;
        }
        let Given { new, old } = given;
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
}

/// A group has lost all of its rows.
fn is_empty(groups: &Aggregates, group: u32) -> millstream_core::Result<bool> {
    match groups.last_count(group)? {
        rows @ 0.. => Ok(rows == 0),
        lacking => Err(millstream_core::Error::internal(format!("a group has lost {} rows too many", -lacking))),
    }
}

impl Gathering for StatefulAggregation {
    type Values = Aggregates;
    type Number = BatchNumbers;

    fn state(&self) -> &KeyedState<Aggregates> {
        &self.groups
    }

    fn eviction_us(&self, batch: &BatchContext) -> Option<i64> {
        batch.watermarks(self.id).eviction_us()
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn begin_batch(&self) -> BatchNumbers {
        self.late.begin_batch();
        let distinct = self.distinct.iter().map(DistinctValues::begin_batch).collect();
        BatchNumbers { groups: self.groups.begin_batch(), distinct }
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
            if let Some(late) = late {
                let columns = &late.columns()[..self.columns.keys];
                let keys = self.groups.layout().codec().encode(columns, late.num_rows())?;
                self.groups.add_dropped(self.late.count(&keys));
            }
            rows = in_time;
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if self.columns.weight.is_some() || !self.distinct.is_empty() {
            return self.take_picked(&rows, numbers, scratch);
        }
        let arguments = self.columns.arguments(&rows)?;
        let keys = self.groups.layout().codec().encode(&rows.columns()[..self.columns.keys], rows.num_rows())?;
        self.groups.update(numbers.groups, &keys, scratch, |groups, rows| groups.update(&arguments, rows))
    }

    #[inline]
    fn finish_shard(
        &self,
        shard: usize,
        watermark_us: Option<i64>,
        numbers: &BatchNumbers,
        given: &mut Given<Aggregates>,
    ) -> millstream_core::Result<()> {
        if !self.distinct.is_empty() {
            self.finish_distinct(numbers, shard, watermark_us)?;
        }
        // Without keys there is one group, also before its first row.
        if self.columns.keys == 0 && shard == shard_of(hash_key(&[])) {
            self.groups.lock(numbers.groups, shard)?.touch(&[])?;
        }
        let due = match self.output_mode {
            OutputMode::Complete if !self.columns.gives_changes => Some(self.groups.lock(numbers.groups, shard)?),
            _ => self.groups.lock_due(numbers.groups, shard, watermark_us)?,
        };
        let Some(mut guard) = due else { return Ok(()) };
        guard.count_changed();
        self.finish(&mut guard, watermark_us, given)
    }

    fn columns(&self, groups: &Entries<Aggregates>) -> millstream_core::Result<Vec<ArrayRef>> {
        let mut columns = group_columns(groups, self.groups.layout())?;
        if self.columns.weight.is_some() {
            // The number of a group's rows does not show.
            columns.pop();
        }
        Ok(columns)
    }

    fn gives_changes(&self) -> bool {
        self.columns.gives_changes
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
    type Batch = Taken<BatchNumbers>;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mode={}, {}", self.output_mode, self.columns)
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        gathering::properties(&self.schema, input)
    }

    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Taken<BatchNumbers>> {
        gathering::first_half(self, input)
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        taken: Taken<BatchNumbers>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        gathering::second_half(self, partition, input, taken)
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
