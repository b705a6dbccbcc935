//! `to_number`, `to_char` and their kin: numbers by a format, dates by a pattern, bytes by a name.

mod number_format;

use std::sync::Arc;

use arrow::array::{Array, Decimal128Array, StringArray};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::{Error, Result, spark_error};

use self::number_format::{Invalid, NumberFormat};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::coercion::as_decimal;
use crate::data_type::decimal;
use crate::failure::{sql_id, sql_type, sql_value, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// Digits that a decimal can have.
const DECIMAL_DIGITS_MAX: usize = 38;

/// The format in a call, in upper case as Spark takes it; `None` for NULL.
fn format_of(call: &FunctionCall<'_>) -> Result<Option<(String, NumberFormat)>> {
    let Some(text) = call.constant_string(1, "format")? else { return Ok(None) };
    let text = text.to_uppercase();
    let format = NumberFormat::new(&text).map_err(|why| invalid(why, &sql_value(&text)))?;
    let (digits, _) = format.precision();
    if digits > DECIMAL_DIGITS_MAX {
        return Err(spark_error!(
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            precision = digits,
            maxPrecision = DECIMAL_DIGITS_MAX,
        ));
    }
    Ok(Some((text, format)))
}

fn invalid(why: Invalid, format: &str) -> Error {
    match why {
        Invalid::Empty => spark_error!("INVALID_FORMAT.EMPTY", format = format),
        Invalid::NoDigit => spark_error!("INVALID_FORMAT.WRONG_NUM_DIGIT", format = format),
        Invalid::DollarBehindDigit => spark_error!("INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT", format = format),
        Invalid::DollarBehindPoint => spark_error!("INVALID_FORMAT.CUR_MUST_BEFORE_DEC", format = format),
        Invalid::Commas => spark_error!("INVALID_FORMAT.CONT_THOUSANDS_SEPS", format = format),
        Invalid::CommaBehindPoint => spark_error!("INVALID_FORMAT.THOUSANDS_SEPS_MUST_BEFORE_DEC", format = format),
        Invalid::Twice(token) => spark_error!("INVALID_FORMAT.WRONG_NUM_TOKEN", token = token, format = format),
        Invalid::Unexpected(token) => {
            spark_error!("INVALID_FORMAT.UNEXPECTED_TOKEN", token = token, format = format)
        }
    }
}

/// The format in the second column, which is the same in all rows and was checked when the call was resolved.
fn checked_format(evaluation: &Evaluation<'_>) -> Result<(String, NumberFormat)> {
    let text = evaluation.strings(1).value(0);
    let format = NumberFormat::new(text).map_err(|why| invalid(why, &sql_value(text)))?;
    Ok((text.to_owned(), format))
}

/// Reads numbers. A text that does not match is an error, or NULL where it may be.
fn read(evaluation: &Evaluation<'_>, fails: bool) -> Result<Decimal128Array> {
    let texts = evaluation.strings(0);
    let DataType::Decimal128(digits, scale) = evaluation.data_type else {
        return Err(Error::internal("a number that is no decimal"));
    };
    if texts.is_empty() {
        return Ok(Decimal128Array::from(Vec::<i128>::new()).with_precision_and_scale(*digits, *scale)?);
    }
    let (format, reader) = checked_format(evaluation)?;
    let number = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        match reader.read(text) {
            None if fails => Err(spark_error!(
                "INVALID_FORMAT.MISMATCH_INPUT",
                inputType = sql_type(&DataType::Utf8),
                input = text,
                format = format,
            )
            .with_exception(SparkException::IllegalArgument)),
            other => Ok(other),
        }
    };
    let numbers: Decimal128Array = texts.iter().map(number).collect::<Result<_>>()?;
    Ok(numbers.with_precision_and_scale(*digits, *scale)?)
}

static TO_NUMBER: Function = Function::new("to_number", |evaluation| Ok(Arc::new(read(evaluation, true)?)));
static TRY_TO_NUMBER: Function = Function::new("try_to_number", |evaluation| Ok(Arc::new(read(evaluation, false)?)));

fn number(call: &FunctionCall<'_>, tries: bool) -> Result<Resolved> {
    let function = if tries { &TRY_TO_NUMBER } else { &TO_NUMBER };
    let text = call.string(0)?;
    let Some((format, reader)) = format_of(call)? else {
        let data_type = decimal(10, 0);
        let null = ScalarValue::try_from(&data_type).map_err(|_| Error::internal("a decimal without NULL"))?;
        return scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(null, "") });
    };
    let (digits, scale) = reader.precision();
    let format = TypedExpr::literal(ScalarValue::from(format), "");
    let value = function.call([text, format], decimal(digits as u8, scale as i8), call);
    scalar(TypedExpr { nullable: value.nullable || tries, ..value })
}

pub(super) fn to_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    number(call, false)
}

pub(super) fn try_to_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    number(call, true)
}

static TO_CHAR: Function = Function::total("to_char", |evaluation| {
    let numbers = evaluation.numbers::<Decimal128Type>(0);
    if numbers.is_empty() {
        return Ok(Arc::new(StringArray::from(Vec::<String>::new())));
    }
    let (_, format) = checked_format(evaluation)?;
    let scale = usize::try_from(numbers.scale()).unwrap_or(0);
    let texts = numbers.iter().map(|value| value.map(|value| format.print(value, scale)));
    Ok(Arc::new(texts.collect::<StringArray>()))
});

/// `to_char` and `to_varchar`: Spark puts other functions in their place for dates and bytes.
pub(super) fn to_char(call: &FunctionCall<'_>) -> Result<Resolved> {
    match call.data_type(0) {
        DataType::Date32 | DataType::Timestamp(_, _) => {
            let shown = format!("date_format({}, {})", call.arguments[0].sql, call.arguments[1].sql);
            with_sql(crate::date_time::date_format(call)?, shown)
        }
        DataType::Binary => bytes(call),
        _ => print_number(call),
    }
}

fn with_sql(resolved: Resolved, sql: String) -> Result<Resolved> {
    match resolved {
        Resolved::Scalar(expr) => scalar(expr.with_sql(sql)),
        other => Ok(other),
    }
}

fn bytes(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = &call.arguments[0].sql;
    let Ok(format) = call.constant_string(1, "format") else {
        return Err(spark_error!(
            "NON_FOLDABLE_ARGUMENT",
            funcName = sql_id(call.name),
            paramName = "`format`",
            paramType = sql_type(&DataType::Utf8),
        ));
    };
    match format.map(|format| format.to_lowercase()).as_deref() {
        None => scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::Utf8(None), "") }),
        Some("base64") => with_sql(crate::string::base64(call)?, format!("base64({value})")),
        Some("hex") => with_sql(crate::string::hex(call)?, format!("hex({value})")),
        Some("utf-8") => {
            let shown = format!("decode({value}, {})", call.arguments[1].sql);
            with_sql(crate::string::decode(call)?, shown)
        }
        Some(other) => Err(spark_error!(
            "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
            parameter = "`format`",
            functionName = sql_id(call.name),
            invalidFormat = sql_value(other),
        )),
    }
}

fn print_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    let data_type = match call.data_type(0) {
        DataType::Float32 => decimal(14, 7),
        DataType::Float64 => decimal(30, 15),
        DataType::Utf8 | DataType::Null => decimal(38, 18),
        other => match as_decimal(other) {
            Some((digits, scale)) => decimal(digits as u8, scale as i8),
            None => return unexpected_input_type(call, 0, "\"DECIMAL\""),
        },
    };
    let mut value = call.cast(call.argument(0), &data_type)?;
    // A double may have no decimal.
    value.nullable |= matches!(call.data_type(0), DataType::Float32 | DataType::Float64);
    let shown = format!("to_char({}, {})", call.arguments[0].sql, call.arguments[1].sql);
    let Some((format, _)) = format_of(call)? else {
        return scalar(TypedExpr::literal(ScalarValue::Utf8(None), shown));
    };
    let format = TypedExpr::literal(ScalarValue::from(format), "");
    scalar(TO_CHAR.call([value, format], DataType::Utf8, call).with_sql(shown))
}
