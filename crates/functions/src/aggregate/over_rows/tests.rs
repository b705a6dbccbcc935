//! Aggregates over frames that move, which keep no trace of rows that have left.

use arrow::array::Float64Array;
use arrow::datatypes::Field;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::col;

use super::*;

fn column(values: &[f64]) -> Vec<ArrayRef> {
    vec![Arc::new(Float64Array::from(values.to_vec()))]
}

fn sliding_sum() -> Box<dyn Accumulator> {
    let schema = Schema::new(vec![Field::new("v", DataType::Float64, true)]);
    let field: FieldRef = Arc::new(Field::new("sum", DataType::Float64, true));
    let function = OverRows { function: sum_udaf(), signature: Signature::any(1, Volatility::Immutable) };
    let arguments = AccumulatorArgs {
        return_field: Arc::clone(&field),
        schema: &schema,
        ignore_nulls: false,
        order_bys: &[],
        is_reversed: false,
        name: "sum(v)",
        is_distinct: false,
        exprs: &[col("v", &schema).unwrap()],
        expr_fields: &[Arc::new(schema.field(0).clone())],
    };
    function.create_sliding_accumulator(arguments).unwrap()
}

#[test]
fn a_large_number_that_went_out_leaves_no_trace() {
    let mut sum = sliding_sum();
    sum.update_batch(&column(&[1e300, 1.0])).unwrap();
    sum.update_batch(&column(&[2.0])).unwrap();
    sum.retract_batch(&column(&[1e300])).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(3.0));
}

#[test]
fn neither_does_one_that_is_none() {
    let mut sum = sliding_sum();
    sum.update_batch(&column(&[f64::NAN, 1.0])).unwrap();
    sum.retract_batch(&column(&[f64::NAN])).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(1.0));
    sum.retract_batch(&column(&[1.0])).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::Float64(None));
}
