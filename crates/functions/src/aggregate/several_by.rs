//! `max_by` and `min_by` with a number: the values beside so many keys, the best first.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Expr, SortExpr};
use millstream_core::{Error, Result, spark_error};

use super::{orderable, resolved};
use crate::argument::constant_of;
use crate::call::{FunctionCall, Resolved};
use crate::collection::lists_of;
use crate::data_type::array;
use crate::failure::{sql_expr, value_out_of_range};
use crate::kernel::Function;
use crate::typed_expr::TypedExpr;

/// Values at the most.
const VALUES_MAX: i32 = 100_000;

/// Rows whose key is NULL are left out.
pub(super) fn several_by(call: &FunctionCall<'_>, greatest: bool) -> Result<Resolved> {
    let wanted = TypedExpr::literal(ScalarValue::Int32(Some(wanted_count(call)?)), "");
    let (value, key) = (call.argument(0), orderable(call, 1)?);
    if key.data_type.is_nested() {
        return Err(Error::unsupported(format!("{} of several by a nested value is not supported.", call.name)));
    }
    let present = key.expr.clone().is_not_null();
    let filter = match call.filter.clone() {
        Some(filter) => filter.and(present),
        None => present,
    };
    let order = vec![SortExpr::new(key.expr, !greatest, false)];
    let nulls = Some(NullTreatment::RespectNulls);
    let function = array_agg_udaf();
    let list =
        AggregateFunction::new_udf(function, vec![value.expr], call.distinct, Some(Box::new(filter)), order, nulls);
    let data_type = array(value.data_type, true);
    let list = TypedExpr::new(Expr::AggregateFunction(list), data_type.clone(), true);
    resolved(FIRST_ELEMENTS.call_nullable([list, wanted], data_type, call).with_sql(call.sql()))
}

/// The third argument: how many values.
fn wanted_count(call: &FunctionCall<'_>) -> Result<i32> {
    let Some(ScalarValue::Int32(count)) = constant_of(&call.int(2)?.expr) else {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
            sqlExpr = sql_expr(&call.sql()),
            inputName = "k",
            inputType = "int",
            inputExpr = call.arguments[2].sql,
        ));
    };
    let count = count.unwrap_or(0);
    if (1..=VALUES_MAX).contains(&count) {
        return Ok(count);
    }
    Err(value_out_of_range(call, "`k`", &format!("[1, {VALUES_MAX}]"), &count.to_string()))
}

static FIRST_ELEMENTS: Function = Function::total("first_elements", |evaluation| {
    let (list, counts) = (evaluation.columns[0].as_list::<i32>(), evaluation.numbers::<Int32Type>(1));
    let row = |row: usize| {
        let elements = list.is_valid(row).then(|| list.value(row))?;
        Some(elements.slice(0, elements.len().min(counts.value(row).unsigned_abs() as usize)))
    };
    lists_of(evaluation.data_type, (0..evaluation.rows).map(row).collect())
});
