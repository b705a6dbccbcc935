//! JSON: decoding with a schema, paths into texts, and the text of values.

mod path;
mod schema_of;

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ScalarUDF};
use millstream_core::decode::ValueDecoder;
use millstream_core::{QuerySettings, Result};
use millstream_engine::functions::{Decode, Meaning, meaning_of};
use millstream_formats::json::JsonDecoder;
use millstream_formats::json_patterns::{self, PrintFormats};
use millstream_formats::json_text::JsonTextOptions;

use crate::typed_expr::TypedExpr;

use super::argument::{constant_of, scalar};
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;
use super::kernel::Function;
use super::sql_form::SqlForm;
use crate::failure::{invalid_json_schema, schema_not_constant, unexpected_input_type};

/// The JSON functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("from_json", Between(2, 3), from_json, "the value of a JSON text, by a schema")
        .shown(SqlForm::FirstArgument),
    FunctionEntry::new("to_json", Between(1, 2), to_json, "the JSON text of a struct, array or map"),
    FunctionEntry::new("get_json_object", Exactly(2), path::get_json_object, "what a path finds in a JSON text"),
    FunctionEntry::new(
        "schema_of_json",
        Between(1, 2),
        schema_of::schema_of_json,
        "the schema of a constant JSON text",
    ),
    FunctionEntry::new("json_object_keys", Exactly(1), path::object_keys, "the names of a JSON object's fields"),
    FunctionEntry::new("json_tuple", AtLeast(2), path::json_tuple, "top-level fields of a JSON object as columns"),
    FunctionEntry::new("json_array_length", Exactly(1), path::array_length, "the number of elements of a JSON array"),
];

fn from_json(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        // A source's bytes are decoded without a detour by strings.
        DataType::Utf8 | DataType::Null => call.string(0)?,
        _ => return unexpected_input_type(call, 0, "\"STRING\""),
    };
    let schema = schema_argument(call)?;
    let options = call.options(2)?;
    let identity = format!("{schema:?}|{options:?}|{}", call.context.settings.time_zone);
    let options = json_patterns::to_read(&options, call.context.settings.time_zone, &schema)?;
    let decoder = JsonDecoder::of_type(&schema, options)?;
    let data_type = decoder.data_type();
    let input = bytes_below(value);
    let decode = Decode::new("from_json", identity, Arc::new(decoder));
    let expr = ScalarUDF::new_from_impl(decode).call(vec![input]);
    let text = format!("from_json({})", call.arguments[0].sql);
    scalar(TypedExpr::new(expr, data_type, true).with_sql(text))
}

/// `cast(value as string)` of binary values is taken off: the decoder reads bytes, and right over a source's column it
/// can be pushed into the scan. Bytes that are no UTF-8 are the decoder's business then, which treats them as the cast
/// would.
fn bytes_below(value: TypedExpr) -> Expr {
    match value.expr {
        Expr::ScalarFunction(ref cast) if meaning_of(&cast.func) == Some(Meaning::BytesAsText) => cast.args[0].clone(),
        other => other,
    }
}

/// The type that the second argument names: DDL, JSON, or a constant expression such as `schema_of_json('…')`.
fn schema_argument(call: &FunctionCall<'_>) -> Result<DataType> {
    let Some(ScalarValue::Utf8(Some(text))) = constant_of(&call.argument(1).expr) else {
        return Err(schema_not_constant(call));
    };
    let schema = (call.context.schema_of)(&text)?;
    match schema {
        DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _) => Ok(schema),
        other => Err(invalid_json_schema(&format!("from_json({})", call.arguments[0].sql), &other)),
    }
}

static TO_JSON: Function = Function::new("to_json", |one| {
    // The other columns are the options, the same in all rows.
    let mut options = JsonTextOptions { time_zone: one.settings.time_zone, ..JsonTextOptions::default() };
    if one.rows > 0 {
        options.ignore_null_fields = one.booleans(1).value(0);
        options.pretty = one.booleans(2).value(0);
        options.sort_keys = one.booleans(3).value(0);
        options.ascii = one.booleans(4).value(0);
        let pattern = |index: usize| {
            let patterns = one.strings(index);
            patterns.is_valid(0).then(|| patterns.value(0).to_owned())
        };
        PrintFormats { timestamp: pattern(5), timestamp_ntz: pattern(6), date: pattern(7) }.set(&mut options)?;
    }
    Ok(Arc::new(millstream_formats::json_text::to_json(&one.columns[0], &options)?))
});

fn to_json(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return scalar(call.string(0)?.with_sql(""));
    }
    if !matches!(call.data_type(0), DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _)) {
        return Err(invalid_json_schema(&call.sql(), call.data_type(0)));
    }
    let zone = call.context.settings.time_zone;
    let (options, formats) = json_patterns::to_print(&call.options(1)?, zone, call.data_type(0))?;
    let text = format!("to_json({})", call.arguments[0].sql);
    let value = call.argument(0);
    let switches =
        [options.ignore_null_fields, options.pretty, options.sort_keys, options.ascii].map(ScalarValue::from);
    let patterns = [formats.timestamp, formats.timestamp_ntz, formats.date].map(ScalarValue::Utf8);
    let constants = switches.into_iter().chain(patterns).map(|option| TypedExpr::literal(option, ""));
    let settings = QuerySettings { time_zone: options.time_zone, ..call.context.settings };
    let arguments = std::iter::once(value).chain(constants);
    scalar(TO_JSON.over(arguments, DataType::Utf8, true, &settings).with_sql(text))
}
