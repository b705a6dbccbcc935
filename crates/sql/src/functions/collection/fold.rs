//! `aggregate(array, start, (sum, element) -> …)`: the elements of an array folded into one value.
//!
//! All arrays of a batch advance together, element by element, so that the lambda is evaluated on columns.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array, new_null_array};
use arrow::compute::{cast, interleave, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};

/// `aggregate(array, start, (sum, element) -> …)` with sums of this type.
pub(crate) fn array_fold(data_type: DataType) -> Arc<HigherOrderUDF> {
    let values = vec![ValueOrLambda::Value(()), ValueOrLambda::Value(()), ValueOrLambda::Lambda(())];
    let signature = HigherOrderSignature::exact(values, Volatility::Immutable);
    Arc::new(HigherOrderUDF::new_from_impl(ArrayFold { data_type, signature }))
}

pub(super) fn misused(name: &str) -> DataFusionError {
    DataFusionError::Internal(format!("{name} was called with other arguments than the analyzer gives it"))
}

/// The element's field of the first argument, which is an array.
pub(super) fn element_of(fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>]) -> Option<FieldRef> {
    match fields.first() {
        Some(ValueOrLambda::Value(list)) => match list.data_type() {
            DataType::List(element) => Some(Arc::clone(element)),
            _ => None,
        },
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
struct ArrayFold {
    data_type: DataType,
    signature: HigherOrderSignature,
}

impl Hash for ArrayFold {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.data_type.hash(state);
    }
}

impl HigherOrderUDFImpl for ArrayFold {
    fn name(&self) -> &'static str {
        "array_fold"
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let element = element_of(fields).ok_or_else(|| misused("array_fold"))?;
        let sum = Arc::new(Field::new("sum", self.data_type.clone(), true));
        Ok(LambdaParametersProgress::Complete(vec![vec![sum, element]]))
    }

    fn return_field_from_args(&self, _arguments: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("", self.data_type.clone(), true)))
    }

    fn invoke_with_args(&self, arguments: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let [ValueOrLambda::Value(list), ValueOrLambda::Value(start), ValueOrLambda::Lambda(lambda)] =
            arguments.args.as_slice()
        else {
            return Err(misused("array_fold"));
        };
        let rows = arguments.number_rows;
        let (list, mut sums) = (list.to_array(rows)?, start.to_array(rows)?);
        let list: &ListArray = list.as_list();
        let length = |row: usize| if list.is_valid(row) { list.value_length(row) } else { 0 };
        let longest = (0..rows).map(length).max().unwrap_or(0);
        for step in 0..longest {
            let open: UInt32Array = (0..rows as u32).filter(|&row| length(row as usize) > step).collect();
            sums = advanced(&sums, list, (step, &open), lambda, &self.data_type)?;
        }
        let null = new_null_array(&self.data_type, 1);
        let places: Vec<_> = (0..rows).map(|row| if list.is_valid(row) { (0, row) } else { (1, 0) }).collect();
        Ok(ColumnarValue::Array(interleave(&[&sums, &null], &places)?))
    }
}

/// The sums with one more element, in those rows whose arrays have one.
fn advanced(
    sums: &ArrayRef,
    list: &ListArray,
    (step, open): (i32, &UInt32Array),
    lambda: &LambdaArgument,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let places: UInt32Array =
        open.values().iter().map(|&row| (list.value_offsets()[row as usize] + step) as u32).collect();
    let sum = || Ok(take(sums, open, None)?);
    let element = || Ok(take(list.values(), &places, None)?);
    let next = lambda.evaluate(&[&sum, &element], |captured| Ok(take_arrays(captured, open, None)?))?;
    let next = cast(&next.into_array(open.len())?, data_type)?;
    let mut merged: Vec<(usize, usize)> = (0..sums.len()).map(|row| (0, row)).collect();
    for (at, &row) in open.values().iter().enumerate() {
        merged[row as usize] = (1, at);
    }
    Ok(interleave(&[sums, &next], &merged)?)
}
