//! What a join gives: columns of both sides for pairs, and of one side for rows that have met nothing.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array,
};
use arrow::compute::{filter, prep_null_mask_filter, take};
use arrow::datatypes::{Schema, SchemaRef, UInt32Type};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use millstream_core::Result;

use super::kind::Side;
use super::pairs::Pairs;
use crate::error::from_datafusion;
use crate::state::RowCodec;

/// The columns of the result.
#[derive(Debug)]
pub(crate) struct JoinOutput {
    pub(super) schema: SchemaRef,
    /// Each is asked for the pairs that those before it accept.
    pub(super) filters: Vec<PairFilter>,
    /// The columns of each side.
    pub(super) inputs: [SchemaRef; 2],
}

/// A part of the condition that looks at both sides.
#[derive(Debug)]
pub(crate) struct PairFilter {
    condition: Arc<dyn PhysicalExpr>,
    /// The columns that it reads: side and place.
    columns: Vec<(Side, usize)>,
    schema: SchemaRef,
}

impl PairFilter {
    /// The filter of a condition over the columns of the left and then of the right side.
    pub(crate) fn try_new(condition: Arc<dyn PhysicalExpr>, inputs: &[SchemaRef; 2]) -> Result<Self> {
        let left = inputs[0].fields().len();
        let mut read: Vec<usize> = collect_columns(&condition).iter().map(|column| column.index()).collect();
        read.sort_unstable();
        let place = |&column: &usize| match column.checked_sub(left) {
            None => (Side::Left, column),
            Some(column) => (Side::Right, column),
        };
        let columns: Vec<_> = read.iter().map(place).collect();
        let fields = columns.iter().map(|&(side, column)| Arc::clone(&inputs[side as usize].fields()[column]));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        // By place and not by name: both sides may have a column of one name.
        let condition = at_places(condition, &read)?;
        Ok(Self { condition, columns, schema })
    }

    /// Which of the pairs at these places it accepts.
    fn accepts(&self, places: &[UInt32Array; 2], columns: &[Vec<ArrayRef>; 2]) -> Result<BooleanArray> {
        let read =
            |&(side, column): &(Side, usize)| Ok(take(&columns[side as usize][column], &places[side as usize], None)?);
        let read = self.columns.iter().map(read).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(places[0].len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), read, &options)?;
        let accepted = self.condition.evaluate(&rows).and_then(|value| value.into_array(rows.num_rows()));
        Ok(holding(&accepted.map_err(from_datafusion)?))
    }
}

fn all_places(pairs: &Pairs) -> [UInt32Array; 2] {
    [0, 1].map(|side: usize| UInt32Array::from(pairs.places(side).to_vec()))
}

fn filtered(places: &UInt32Array, wanted: &BooleanArray) -> Result<UInt32Array> {
    Ok(filter(places, wanted)?.as_primitive::<UInt32Type>().clone())
}

/// Where a condition holds; it does not where it is NULL.
pub(super) fn holding(condition: &ArrayRef) -> BooleanArray {
    let condition = condition.as_boolean();
    if condition.null_count() > 0 { prep_null_mask_filter(condition) } else { condition.clone() }
}

/// The condition over the columns at these places alone.
fn at_places(condition: Arc<dyn PhysicalExpr>, places: &[usize]) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = condition.transform(|expr| {
        let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
        let place = places.binary_search(&column.index()).unwrap_or_default();
        Ok(Transformed::yes(Arc::new(Column::new(column.name(), place)) as Arc<dyn PhysicalExpr>))
    });
    moved.data().map_err(from_datafusion)
}

impl JoinOutput {
    /// The columns of a result of this schema over inputs of these.
    pub(crate) fn new(schema: SchemaRef, inputs: [SchemaRef; 2], filters: Vec<PairFilter>) -> Self {
        Self { schema, filters, inputs }
    }

    /// The pairs that the condition accepts, as places of the rows of both sides.
    pub(super) fn accepted(&self, pairs: &Pairs, columns: &[Vec<ArrayRef>; 2]) -> Result<[UInt32Array; 2]> {
        let mut accepted = all_places(pairs);
        for condition in &self.filters {
            let accepts = condition.accepts(&accepted, columns)?;
            accepted = [filtered(&accepted[0], &accepts)?, filtered(&accepted[1], &accepts)?];
        }
        Ok(accepted)
    }

    /// The numbers of the pairs that the condition accepts.
    pub(super) fn accepted_pairs(&self, pairs: &Pairs, columns: &[Vec<ArrayRef>; 2]) -> Result<UInt32Array> {
        let mut numbers = UInt32Array::from_iter_values(0..pairs.len() as u32);
        let mut accepted = all_places(pairs);
        for condition in &self.filters {
            let accepts = condition.accepts(&accepted, columns)?;
            accepted = [filtered(&accepted[0], &accepts)?, filtered(&accepted[1], &accepts)?];
            numbers = filtered(&numbers, &accepts)?;
        }
        Ok(numbers)
    }

    /// The rows of pairs.
    pub(super) fn of_pairs(&self, columns: &[Vec<ArrayRef>; 2], places: &[UInt32Array; 2]) -> Result<RecordBatch> {
        let of_side = |side: usize| columns[side].iter().map(move |column| Ok(take(column, &places[side], None)?));
        let columns = of_side(0).chain(of_side(1)).collect::<Result<Vec<_>>>()?;
        self.batch(columns, places[0].len())
    }

    /// Rows of the left side alone, as a semi join gives them.
    pub(super) fn of_left(&self, columns: &[ArrayRef], places: &UInt32Array) -> Result<RecordBatch> {
        let columns = columns.iter().map(|column| Ok(take(column, places, None)?)).collect::<Result<Vec<_>>>()?;
        self.batch(columns, places.len())
    }

    /// Rows of one side with NULL in what is shown of the other.
    pub(super) fn of_lone(&self, side: Side, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let shows_other = self.schema.fields().len() > columns.len();
        let other = self.inputs[side.other() as usize].fields().iter().filter(|_| shows_other);
        let nulls = other.map(|field| new_null_array(field.data_type(), rows));
        let columns = match side {
            Side::Left => columns.into_iter().chain(nulls).collect(),
            Side::Right => nulls.chain(columns).collect(),
        };
        self.batch(columns, rows)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// The columns of rows of each side.
pub(super) fn decoded(pairs: &Pairs, codecs: [&RowCodec; 2]) -> Result<[Vec<ArrayRef>; 2]> {
    Ok([pairs.rows[0].columns(codecs[0])?, pairs.rows[1].columns(codecs[1])?])
}
