//! Now. A query has one: a stream's is its batch's, which a replay repeats.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use millstream_core::Result;
use millstream_core::interval::DAY_US;
use millstream_engine::functions::BatchTimestamp;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{timestamp, timestamp_ntz};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::to_local_us;

fn unnamed(value: ScalarValue) -> TypedExpr {
    TypedExpr { sql: String::new(), ..TypedExpr::literal(value, "") }
}

/// Now as TIMESTAMP.
pub(super) fn now(call: &FunctionCall<'_>) -> TypedExpr {
    if call.context.streaming {
        let function = ScalarUDF::new_from_impl(BatchTimestamp::default());
        return TypedExpr::new(function.call(Vec::new()), timestamp(), false);
    }
    unnamed(ScalarValue::TimestampMicrosecond(Some(call.context.now_us), Some("UTC".into())))
}

pub(super) fn current_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(now(call))
}

pub(super) fn current_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.context.streaming {
        return scalar(call.cast(now(call), &DataType::Date32)?);
    }
    let local = to_local_us(call.context.now_us, call.context.settings.time_zone);
    scalar(unnamed(ScalarValue::Date32(Some(local.div_euclid(DAY_US) as i32))))
}

pub(super) fn localtimestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(call.cast(now(call), &timestamp_ntz())?)
}

pub(super) fn current_timezone(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(unnamed(ScalarValue::from(call.context.time_zone_text.as_str())))
}
