//! Aggregates over a frame of rows that moves on: `f(…) OVER (… ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)`.
//!
//! DataFusion adds the rows that come in and takes away those that go out. Few functions can take a value away; and a
//! sum of floating-point numbers that did keeps a trace of it: NaN for ever, or the digits that a large number pushed
//! out. So those are computed anew for each row, as Spark does with all.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};

/// The function as it is computed over frames.
pub fn over_rows(function: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    // The types were settled when the call was resolved.
    let any = vec![TypeSignature::VariadicAny, TypeSignature::Nullary];
    let signature = Signature::one_of(any, function.signature().volatility);
    Arc::new(AggregateUDF::new_from_impl(OverRows { function, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OverRows {
    function: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateUDFImpl for OverRows {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DataFusionResult<DataType> {
        self.function.return_type(arguments)
    }

    fn return_field(&self, arguments: &[FieldRef]) -> DataFusionResult<FieldRef> {
        self.function.return_field(arguments)
    }

    fn is_nullable(&self) -> bool {
        self.function.is_nullable()
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        self.function.accumulator(arguments)
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let anew =
            Anew { function: Arc::clone(&self.function), made_of: MadeOf::new(&arguments), rows: VecDeque::new() };
        let exact = !arguments.expr_fields.iter().any(|field| field.data_type().is_floating())
            && !arguments.return_type().is_floating();
        if exact
            && let Ok(sliding) = self.function.create_sliding_accumulator(arguments)
            && sliding.supports_retract_batch()
        {
            return Ok(sliding);
        }
        Ok(Box::new(anew))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        self.function.state_fields(arguments)
    }

    fn default_value(&self, data_type: &DataType) -> DataFusionResult<ScalarValue> {
        self.function.default_value(data_type)
    }
}

/// What an accumulator is made from, to make more of them.
#[derive(Debug)]
struct MadeOf {
    return_field: FieldRef,
    schema: Schema,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl MadeOf {
    fn new(arguments: &AccumulatorArgs<'_>) -> Self {
        Self {
            return_field: Arc::clone(&arguments.return_field),
            schema: arguments.schema.clone(),
            ignore_nulls: arguments.ignore_nulls,
            order_bys: arguments.order_bys.to_vec(),
            is_reversed: arguments.is_reversed,
            name: arguments.name.to_owned(),
            is_distinct: arguments.is_distinct,
            exprs: arguments.exprs.to_vec(),
            expr_fields: arguments.expr_fields.to_vec(),
        }
    }

    fn arguments(&self) -> AccumulatorArgs<'_> {
        AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        }
    }
}

/// Keeps the rows of the frame and computes from all of them.
#[derive(Debug)]
struct Anew {
    function: Arc<AggregateUDF>,
    made_of: MadeOf,
    /// The columns of the rows, in the pieces in which they came.
    rows: VecDeque<Vec<ArrayRef>>,
}

impl Anew {
    fn computed(&self) -> DataFusionResult<Box<dyn Accumulator>> {
        let mut accumulator = self.function.accumulator(self.made_of.arguments())?;
        for piece in &self.rows {
            accumulator.update_batch(piece)?;
        }
        Ok(accumulator)
    }
}

impl Accumulator for Anew {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        if values.first().is_some_and(|column| !column.is_empty()) {
            self.rows.push_back(values.to_vec());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let mut gone = values.first().map_or(0, |column| column.len());
        while gone > 0 {
            let Some(piece) = self.rows.front_mut() else { break };
            let length = piece[0].len();
            if gone < length {
                for column in piece.iter_mut() {
                    *column = column.slice(gone, length - gone);
                }
                break;
            }
            gone -= length;
            self.rows.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.computed()?.evaluate()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.computed()?.state()
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> DataFusionResult<()> {
        datafusion::common::internal_err!("an aggregate over a frame has no parts to merge")
    }

    fn size(&self) -> usize {
        let columns = self.rows.iter().flatten().map(|column| column.get_array_memory_size());
        size_of::<Self>() + columns.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
