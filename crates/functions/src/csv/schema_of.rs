//! `schema_of_csv`: the types of a constant record's fields, as Spark infers them.

use arrow::datatypes::DataType;
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result};
use millstream_formats::datetime::{parse_date, parse_timestamp};

use super::record::Dialect;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::{unexpected_input_type, unexpected_null};
use crate::typed_expr::TypedExpr;

/// Digits of a decimal at the most.
const DIGITS_MAX: usize = 38;

pub(super) fn schema_of_csv(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Utf8 | DataType::Null) {
        return unexpected_input_type(call, 0, "\"STRING\"");
    }
    let Some(text) = call.constant_string(0, "csv")? else {
        return Err(unexpected_null(call, "csv"));
    };
    if text.is_empty() {
        return Err(Error::unsupported("schema_of_csv of an empty record is not supported."));
    }
    let options = call.options(1)?;
    for name in ["dateFormat", "timestampFormat", "inferSchema", "header"] {
        if options.contains(name) {
            return Err(Error::unsupported(format!("the option '{name}' of schema_of_csv")));
        }
    }
    let constants = super::texts(&options)?;
    let dialect = Dialect {
        separator: &constants[0],
        quote: constants[1].chars().next(),
        escape: constants[2].chars().next(),
        null: &constants[3],
        trims_start: constants[4] == "true",
        trims_end: constants[5] == "true",
    };
    let fields = dialect.fields(&text).into_iter().enumerate();
    let fields: Vec<_> =
        fields.map(|(at, field)| format!("_c{at}: {}", field.as_deref().map_or("STRING".into(), type_of))).collect();
    let schema = format!("STRUCT<{}>", fields.join(", "));
    scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::from(schema), "") })
}

/// The first type of Spark's ladder that the text is a value of.
fn type_of(text: &str) -> String {
    let number = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = number.strip_suffix('.').unwrap_or(number);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let precision = digits.trim_start_matches('0').len().max(1);
    let name = if is_whole && text.parse::<i32>().is_ok() {
        "INT"
    } else if is_whole && text.parse::<i64>().is_ok() {
        "BIGINT"
    } else if is_whole && precision <= DIGITS_MAX {
        return format!("DECIMAL({precision},0)");
    } else if is_double(text) {
        "DOUBLE"
    } else if text.len() == "2020-01-01".len() && parse_date(text).is_some() {
        "DATE"
    } else if is_timestamp(text) {
        "TIMESTAMP"
    } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        "BOOLEAN"
    } else {
        "STRING"
    };
    name.to_owned()
}

/// Whether Spark reads a timestamp here; a time alone is one of today.
fn is_timestamp(text: &str) -> bool {
    let of_a_day = |text: &str| parse_timestamp(text, Tz::UTC).is_some();
    of_a_day(text) || (text.contains(':') && of_a_day(&format!("2020-01-01 {text}")))
}

/// Whether Java reads a double here: a number, perhaps with a suffix of its type, or one of the words for none.
fn is_double(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(text, "NaN" | "Inf" | "-Inf") || matches!(unsigned, "NaN" | "Infinity") {
        return true;
    }
    let number = unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned);
    number.starts_with(|c: char| c.is_ascii_digit() || c == '.') && number.parse::<f64>().is_ok()
}
