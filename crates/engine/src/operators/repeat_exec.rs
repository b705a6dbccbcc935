//! Gives each row as often as one of its columns says, without that column.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_arrays;
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use millstream_core::Error;

use super::unary::{BatchInput, Operator};
use crate::error::to_datafusion;

/// Gives each row as often as a column of it says.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// The column that says how often each row is given.
    pub(crate) copies: usize,
    /// The columns of the output.
    pub(crate) schema: SchemaRef,
}

/// How many rows come out of one Arrow batch at once.
const ROWS_MAX: usize = 8192;

impl Repeat {
    /// The numbers of the rows, each as often as it is given.
    fn numbers(&self, rows: &RecordBatch) -> millstream_core::Result<Vec<(u32, u64)>> {
        let copies = rows.column(self.copies).as_primitive_opt::<Int64Type>();
        let copies = copies.ok_or_else(|| Error::internal("rows are repeated by something else than a number"))?;
        let turns = (0_u32..).zip(copies).filter_map(|(row, copies)| Some((row, u64::try_from(copies?).ok()?)));
        Ok(turns.filter(|(_, copies)| *copies > 0).collect())
    }

    /// The rows with these numbers, without the column of copies.
    fn taken(&self, rows: &RecordBatch, numbers: Vec<u32>) -> millstream_core::Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        columns.remove(self.copies);
        let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
        let columns = take_arrays(&columns, &UInt32Array::from(numbers), None)?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// What is left to be given of an Arrow batch.
struct Left {
    repeat: Arc<Repeat>,
    rows: RecordBatch,
    /// Rows with the number of their copies, the next one last.
    turns: Vec<(u32, u64)>,
}

impl Left {
    fn next(&mut self) -> millstream_core::Result<Option<RecordBatch>> {
        let mut numbers = Vec::new();
        while numbers.len() < ROWS_MAX
            && let Some((row, copies)) = self.turns.pop()
        {
            let room = (ROWS_MAX - numbers.len()) as u64;
            let now = copies.min(room);
            numbers.extend((0..now).map(|_| row));
            if copies > now {
                self.turns.push((row, copies - now));
            }
        }
        if numbers.is_empty() { Ok(None) } else { self.repeat.taken(&self.rows, numbers).map(Some) }
    }
}

impl Operator for Repeat {
    const NAME: &'static str = "RepeatExec";
    const KEEPS_ORDER: bool = false;
    type Batch = ();

    fn describe(&self, input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copies={}", input.field(self.copies).name())
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&self.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            input.boundedness(),
        ))
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<()> {
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        (): (),
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let repeat = Arc::clone(self);
        let repeated = move |rows: RecordBatch| {
            let mut turns = repeat.numbers(&rows).map_err(to_datafusion)?;
            turns.reverse();
            let left = Left { repeat: Arc::clone(&repeat), rows, turns };
            Ok(stream::try_unfold(left, |mut left| async move {
                let rows = left.next().map_err(to_datafusion)?;
                Ok(rows.map(|rows| (rows, left)))
            }))
        };
        Ok(input.rows(partition)?.map(move |rows| rows.and_then(&repeated)).try_flatten())
    }
}
