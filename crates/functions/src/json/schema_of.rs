//! `schema_of_json`: the type of a constant JSON text, as Spark infers it.

use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::Result;
use millstream_formats::json::{InferenceOptions, infer_type};
use millstream_formats::json_patterns;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{sql_name, timestamp};
use crate::failure::unexpected_null;
use crate::typed_expr::TypedExpr;

pub(super) fn schema_of_json(call: &FunctionCall<'_>) -> Result<Resolved> {
    let Some(text) = call.constant_string(0, "json")? else {
        return Err(unexpected_null(call, "json"));
    };
    let options = call.options(1)?;
    // A text is a timestamp or none whatever the zone.
    let read = json_patterns::to_read(&options, Tz::UTC, &timestamp())?;
    let schema = infer_type(&text, &read, InferenceOptions::from_options(&options)?)?;
    let literal = TypedExpr::literal(ScalarValue::from(sql_name(&schema)), "");
    scalar(TypedExpr { sql: format!("{}({})", call.name, call.arguments[0].sql), ..literal })
}
