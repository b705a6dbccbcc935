//! `to_binary`: texts in a format that says how bytes are written.

use std::sync::Arc;

use arrow::array::BinaryArray;
use arrow::datatypes::DataType;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use super::encoding::from_hex;
use crate::argument::{constant_of, null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::failure::{non_foldable, sql_expr, sql_value};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// Padding may be left out, and bits that the last letter has too many are not looked at.
static LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

static TO_BINARY: Function = Function::new("to_binary", |one| bytes(one, true));
static TRY_TO_BINARY: Function = Function::total("try_to_binary", |one| bytes(one, false));

fn bytes(one: &Evaluation<'_>, fails: bool) -> Result<arrow::array::ArrayRef> {
    let read = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (text, format) = (one.strings(0).value(row), one.strings(1).value(row));
        let read = match format {
            "hex" => from_hex(text),
            "base64" => {
                let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                let padded = letters.last() == Some(&b'=');
                if padded && !letters.len().is_multiple_of(4) { None } else { LENIENT.decode(letters).ok() }
            }
            _ => Some(text.as_bytes().to_vec()),
        };
        if read.is_none() && fails { Err(malformed(text, format)) } else { Ok(read) }
    };
    Ok(Arc::new((0..one.rows).map(read).collect::<Result<BinaryArray>>()?))
}

fn malformed(text: &str, format: &str) -> Error {
    spark_error!(
        "CONVERSION_INVALID_INPUT",
        str = sql_value(text),
        fmt = sql_value(&format.to_uppercase()),
        targetType = "\"BINARY\"",
        suggestion = "`try_to_binary`",
    )
}

fn resolve(call: &FunctionCall<'_>, fails: bool) -> Result<Resolved> {
    let format = match call.arguments.get(1).map(|one| constant_of(&one.expr)) {
        None => "hex".to_owned(),
        Some(Some(ScalarValue::Null | ScalarValue::Utf8(None))) if !fails => return null_of(&DataType::Binary),
        Some(Some(ScalarValue::Utf8(Some(format)))) => format.to_lowercase(),
        Some(_) => return non_foldable(call, 1, "fmt", "STRING"),
    };
    if !matches!(format.as_str(), "hex" | "utf-8" | "utf8" | "base64") {
        if !fails {
            return null_of(&DataType::Binary);
        }
        return Err(spark_error!(
            "DATATYPE_MISMATCH.INVALID_ARG_VALUE",
            sqlExpr = sql_expr(&call.sql()),
            inputName = "fmt",
            requireType = "case-insensitive \"STRING\"",
            validValues = "'hex', 'utf-8', 'utf8', or 'base64'",
            inputValue = sql_value(&format),
        ));
    }
    let text = call.string(0)?;
    // Base 64 either can be read or fails; of the other formats Spark says that they can be NULL.
    let nullable = !fails || text.nullable || format != "base64";
    let function = if fails { &TO_BINARY } else { &TRY_TO_BINARY };
    let format = TypedExpr::literal(ScalarValue::from(format.as_str()), "");
    scalar(function.over([text, format], DataType::Binary, nullable, &call.context.settings))
}

pub(super) fn to_binary(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, true)
}

pub(super) fn try_to_binary(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, false)
}
