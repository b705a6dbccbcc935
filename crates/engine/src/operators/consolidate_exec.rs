//! Sums the weights of equal rows of a batch, so that what was added and taken back within the batch is never seen.
//!
//! The rows of all partitions meet in one table: equal rows may come anywhere. What is left leaves in the order in
//! which it first came. A row whose weights sum up below zero takes back a row of an earlier batch. In update mode the
//! sink is told so: a key that has another row now is set, and one that has none is deleted. A reader that takes rows
//! that stay cannot be told, and the batch fails by name.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use millstream_core::{DELETE, Error, MemoryLedger, Reservation, UPSERT};

use super::unary::{BatchInput, Operator};
use crate::error::to_datafusion;

/// What becomes of the sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consolidated {
    /// Rows that stay, each as often as its weight says. A weight below zero is an error.
    Rows,
    /// The row that is left of each key, or the row that the key had; places are those of the input.
    Updates {
        key: Vec<usize>,
        /// Each row says which of the two it is. Without it every key keeps a row.
        tells_deletes: bool,
    },
}

/// Consolidates the changes of a batch.
#[derive(Debug)]
pub(crate) struct Consolidation {
    /// The place of the weights in the input.
    pub(crate) weight: usize,
    /// The places of the columns that the reader sees.
    pub(crate) shown: Vec<usize>,
    pub(crate) gives: Consolidated,
    /// The columns of the output: those that are shown, and for updates what has become of the key.
    pub(crate) schema: SchemaRef,
    /// Who takes the rows, for errors.
    pub(crate) reader: String,
    /// Where the rows of a batch are counted.
    pub(crate) memory: MemoryLedger,
}

impl Operator for Consolidation {
    const NAME: &'static str = "ConsolidateExec";
    const KEEPS_ORDER: bool = false;
    const NEEDS_ONE_PARTITION: bool = true;
    type Batch = ();

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gives = match &self.gives {
            Consolidated::Rows => "append-only",
            Consolidated::Updates { .. } => "updates",
        };
        write!(f, "changes to {gives}, for {}", self.reader)
    }

    fn properties(&self, _input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&self.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
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
        let (operator, rows, batch_rows) = (Arc::clone(self), input.rows(partition)?, input.batch_rows());
        let sums = async move {
            let sums = operator.sum(rows).await?;
            let left = operator.left(sums).map_err(to_datafusion)?;
            Ok::<_, DataFusionError>(stream::iter(left.into_batches(operator, batch_rows)))
        };
        Ok(stream::once(sums).try_flatten())
    }
}

/// The weights of the rows of a batch.
struct Sums {
    converter: RowConverter,
    /// Rows in the order in which they came first, as comparable bytes, with their weights.
    rows: Vec<(Arc<[u8]>, i64)>,
    places: HashMap<Arc<[u8]>, usize>,
    reservation: Reservation,
}

/// What is left of the rows of a batch; held until the last batch of rows is out.
struct Left {
    sums: Sums,
    /// The next row, and how often it was given already.
    next: (usize, i64),
}

impl Consolidation {
    fn new_sums(&self, values: &[ArrayRef]) -> millstream_core::Result<Sums> {
        let fields = values.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        Ok(Sums {
            converter: RowConverter::new(fields)?,
            rows: vec![],
            places: HashMap::new(),
            reservation: self.memory.reservation(format!("the changes that are consolidated for {}", self.reader)),
        })
    }

    async fn sum(&self, mut input: SendableRecordBatchStream) -> Result<Option<Sums>> {
        let mut sums = None;
        while let Some(rows) = input.next().await {
            let mut values = rows?.columns().to_vec();
            let weights = values.remove(self.weight);
            let sums = match &mut sums {
                Some(sums) => sums,
                none => none.insert(self.new_sums(&values).map_err(to_datafusion)?),
            };
            sums.add(&values, weights.as_primitive()).map_err(to_datafusion)?;
        }
        Ok(sums)
    }

    /// Leaves out what sums up to nothing, and refuses what the reader cannot be told.
    fn left(&self, sums: Option<Sums>) -> millstream_core::Result<Left> {
        let mut sums = match sums {
            Some(sums) => sums,
            None => self.new_sums(&[])?,
        };
        sums.places = HashMap::new();
        sums.rows.retain(|(_, weight)| *weight != 0);
        match &self.gives {
            Consolidated::Rows if sums.rows.iter().any(|(_, weight)| *weight < 0) => return Err(self.cannot_be_told()),
            Consolidated::Updates { key, tells_deletes } => {
                sums.leave_out_old_rows(&self.places_without_weight(key))?;
                if !tells_deletes && sums.rows.iter().any(|(_, weight)| *weight < 0) {
                    return Err(Error::internal("a key has gone from a result whose keys stay"));
                }
            }
            Consolidated::Rows => {}
        }
        Ok(Left { sums, next: (0, 0) })
    }

    fn cannot_be_told(&self) -> Error {
        Error::unsupported(format!(
            "{} takes rows that stay, but a batch takes back a row that an earlier batch has given",
            self.reader
        ))
    }

    /// Places among the columns without weights.
    fn places_without_weight(&self, places: &[usize]) -> Vec<usize> {
        places.iter().map(|&place| place - usize::from(place > self.weight)).collect()
    }
}

impl Sums {
    fn add(&mut self, values: &[ArrayRef], weights: &Int64Array) -> millstream_core::Result<()> {
        if weights.null_count() > 0 {
            return Err(Error::internal("a change has no weight"));
        }
        let rows = self.converter.convert_columns(values)?;
        let bytes = |row: usize| if values.is_empty() { Arc::from([]) } else { Arc::from(rows.row(row).as_ref()) };
        for (row, &weight) in weights.values().iter().enumerate() {
            let key: Arc<[u8]> = bytes(row);
            let place = match self.places.get(&key) {
                Some(&place) => place,
                None => {
                    // The row, and its entries in the list and in the table.
                    self.reservation.grow(key.len() + 64)?;
                    self.rows.push((Arc::clone(&key), 0));
                    self.places.insert(key, self.rows.len() - 1);
                    self.rows.len() - 1
                }
            };
            let sum = &mut self.rows[place].1;
            *sum = sum.checked_add(weight).ok_or_else(|| Error::invalid("the weights of a row overflow"))?;
        }
        Ok(())
    }

    /// Leaves out the rows of which others have taken the place.
    fn leave_out_old_rows(&mut self, key: &[usize]) -> millstream_core::Result<()> {
        if self.rows.iter().all(|(_, weight)| *weight > 0) {
            return Ok(());
        }
        let columns = self.columns(self.rows.iter().map(|(row, _)| &**row))?;
        // Without a key there is one row.
        let keys: Vec<Box<[u8]>> = if key.is_empty() {
            vec![Box::default(); self.rows.len()]
        } else {
            let columns: Vec<ArrayRef> = key.iter().map(|&column| Arc::clone(&columns[column])).collect();
            let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            RowConverter::new(fields)?.convert_columns(&columns)?.iter().map(|row| row.as_ref().into()).collect()
        };
        let set: HashSet<&[u8]> =
            keys.iter().zip(&self.rows).filter(|(_, (_, weight))| *weight > 0).map(|(key, _)| &**key).collect();
        let mut keys = keys.iter();
        self.rows.retain(|(_, weight)| {
            let is_set = keys.next().is_some_and(|key| set.contains(&**key));
            *weight > 0 || !is_set
        });
        // Where the user gives two rows one name, that of the row which is there wins.
        self.rows.sort_by_key(|(_, weight)| *weight > 0);
        Ok(())
    }

    fn columns<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> millstream_core::Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let parsed: Vec<_> = rows.map(|row| parser.parse(row)).collect();
        Ok(self.converter.convert_rows(parsed)?)
    }
}

impl Left {
    fn into_batches(
        mut self,
        operator: Arc<Consolidation>,
        batch_rows: usize,
    ) -> impl Iterator<Item = Result<RecordBatch>> {
        std::iter::from_fn(move || self.next_batch(&operator, batch_rows).map_err(to_datafusion).transpose())
    }

    /// Not more rows than `batch_rows`, whatever their weights are.
    fn next_batch(
        &mut self,
        operator: &Consolidation,
        batch_rows: usize,
    ) -> millstream_core::Result<Option<RecordBatch>> {
        let (mut rows, mut operations) = (vec![], vec![]);
        while rows.len() < batch_rows
            && let Some((row, weight)) = self.sums.rows.get(self.next.0)
        {
            rows.push(&**row);
            operations.push(if *weight > 0 { UPSERT } else { DELETE });
            self.next = match self.next {
                (place, given) if given + 1 < weight.abs() => (place, given + 1),
                (place, _) => (place + 1, 0),
            };
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let count = rows.len();
        let all = self.sums.columns(rows.into_iter())?;
        let shown = operator.places_without_weight(&operator.shown);
        let mut columns: Vec<ArrayRef> = shown.into_iter().map(|column| Arc::clone(&all[column])).collect();
        if matches!(operator.gives, Consolidated::Updates { tells_deletes: true, .. }) {
            columns.push(Arc::new(StringArray::from(operations)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&operator.schema), columns, &options)?))
    }
}
