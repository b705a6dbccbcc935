//! Strings made of values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type};
use millstream_core::{Error, Result};

use super::long_texts;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::to_text::column_to_text;
use crate::data_type::sql_name;
use crate::failure::unexpected_input_type;
use crate::kernel::{Evaluation, Function};

static CONCAT_WS: Function = Function::new("concat_ws", |one| {
    let separators = one.strings(0);
    let mut room = one.room("concat_ws");
    let join = |row: usize| {
        if separators.is_null(row) {
            return Ok(None);
        }
        let mut parts: Vec<String> = Vec::new();
        for column in one.columns[1..].iter().filter(|column| column.is_valid(row)) {
            match column.data_type() {
                DataType::List(_) => {
                    let elements = column.as_list::<i32>().value(row);
                    parts.extend(elements.as_string::<i32>().iter().flatten().map(str::to_owned));
                }
                _ => parts.push(column.as_string::<i32>().value(row).to_owned()),
            }
        }
        let separators_bytes = parts.len().saturating_sub(1).saturating_mul(separators.value(row).len());
        room.take(parts.iter().map(String::len).sum::<usize>().saturating_add(separators_bytes))?;
        Ok(Some(parts.join(separators.value(row))))
    };
    Ok(Arc::new((0..one.rows).map(join).collect::<Result<StringArray>>()?))
});

pub(super) fn concat_ws(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.string(0)?];
    for index in 1..call.count() {
        arguments.push(match call.data_type(index) {
            DataType::List(_) => call.cast(call.argument(index), &crate::data_type::array(DataType::Utf8, true))?,
            _ => call.string(index)?,
        });
    }
    let nullable = arguments[0].nullable;
    scalar(CONCAT_WS.over(arguments, DataType::Utf8, nullable, &call.context.settings))
}

static FORMAT_STRING: Function = Function::new("format_string", |one| {
    let texts: Vec<ArrayRef> =
        one.columns.iter().map(|column| column_to_text(column, one.settings.time_zone)).collect::<Result<_>>()?;
    let formats = one.strings(0);
    let format = |row: usize| {
        if formats.is_null(row) {
            return Ok(None);
        }
        Formatter { one, texts: &texts, row }.format(formats.value(row)).map(Some)
    };
    Ok(Arc::new((0..one.rows).map(format).collect::<Result<StringArray>>()?))
});

/// Java's `String.format` for the conversions that SQL needs: `%d %s %f %e %x %X %o %c %b %n %%` with flags, width and
/// precision.
struct Formatter<'e> {
    one: &'e Evaluation<'e>,
    texts: &'e [ArrayRef],
    row: usize,
}

#[derive(Default)]
struct Specifier {
    left: bool,
    zero: bool,
    plus: bool,
    grouped: bool,
    width: usize,
    precision: Option<usize>,
}

impl Formatter<'_> {
    fn format(&self, format: &str) -> Result<String> {
        let mut out = String::new();
        let mut letters = format.chars().peekable();
        let mut next = 1;
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            let mut specifier = Specifier::default();
            let mut number = String::new();
            let mut index = None;
            let conversion = loop {
                let Some(letter) = letters.next() else { return Err(unsupported(format)) };
                match letter {
                    '-' => specifier.left = true,
                    '+' => specifier.plus = true,
                    ',' => specifier.grouped = true,
                    '0' if number.is_empty() => specifier.zero = true,
                    '$' => index = std::mem::take(&mut number).parse::<usize>().ok(),
                    '0'..='9' => number.push(letter),
                    '.' => {
                        specifier.width = std::mem::take(&mut number).parse().unwrap_or(0);
                        let mut digits = String::new();
                        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                            digits.push(digit);
                        }
                        specifier.precision = Some(digits.parse().map_err(|_| unsupported(format))?);
                    }
                    other => break other,
                }
            };
            if specifier.precision.is_none() {
                specifier.width = number.parse().unwrap_or(0);
            }
            match conversion {
                '%' => out.push('%'),
                'n' => out.push('\n'),
                _ => {
                    let argument = index.unwrap_or(next);
                    next += usize::from(index.is_none());
                    if argument == 0 || argument >= self.texts.len() {
                        return Err(unsupported(format));
                    }
                    let text = self.value(argument, conversion, &specifier).ok_or_else(|| unsupported(format))?;
                    out.push_str(&pad(text, &specifier));
                }
            }
        }
        Ok(out)
    }

    fn value(&self, index: usize, conversion: char, specifier: &Specifier) -> Option<String> {
        let column = &self.one.columns[index];
        if *column.data_type() == DataType::Null || column.is_null(self.row) {
            return Some(if conversion == 'b' { "false".to_owned() } else { "null".to_owned() });
        }
        let text = self.texts[index].as_string::<i32>().value(self.row);
        let number = || match column.data_type() {
            DataType::Float64 => Some(column.as_primitive::<Float64Type>().value(self.row)),
            DataType::Float32 => Some(column.as_primitive::<Float32Type>().value(self.row).into()),
            DataType::Decimal128(_, _) => text.parse().ok(),
            _ => None,
        };
        let signed = |digits: String, negative: bool| match (negative, specifier.plus) {
            (true, _) => format!("-{digits}"),
            (false, true) => format!("+{digits}"),
            (false, false) => digits,
        };
        match conversion {
            's' | 'S' => {
                let text: String = text.chars().take(specifier.precision.unwrap_or(usize::MAX)).collect();
                Some(if conversion == 'S' { text.to_uppercase() } else { text })
            }
            'b' | 'B' => {
                Some(if *column.data_type() == DataType::Boolean { text.to_owned() } else { "true".to_owned() })
            }
            'c' => char::from_u32(text.parse().ok()?).map(String::from),
            'd' if column.data_type().is_signed_integer() => {
                let value: i64 = text.parse().ok()?;
                let digits = value.unsigned_abs().to_string();
                let digits = if specifier.grouped { grouped(&digits) } else { digits };
                Some(signed(zeros(digits, specifier, value < 0), value < 0))
            }
            'x' | 'X' | 'o' if column.data_type().is_signed_integer() => {
                let value: i64 = text.parse().ok()?;
                let narrow = *column.data_type() != DataType::Int64;
                let bits = if narrow { u64::from(value as i32 as u32) } else { value as u64 };
                let digits = match conversion {
                    'x' => format!("{bits:x}"),
                    'X' => format!("{bits:X}"),
                    _ => format!("{bits:o}"),
                };
                Some(zeros(digits, specifier, false))
            }
            'f' => {
                let value = number()?;
                let digits = format!("{:.*}", specifier.precision.unwrap_or(6), value.abs());
                let digits = if specifier.grouped { grouped(&digits) } else { digits };
                Some(signed(zeros(digits, specifier, value < 0.0), value < 0.0))
            }
            'e' | 'E' => {
                let value = number()?;
                let digits = format!("{:.*e}", specifier.precision.unwrap_or(6), value.abs());
                let (mantissa, exponent) = digits.split_once('e')?;
                let exponent: i32 = exponent.parse().ok()?;
                let sign = if exponent < 0 { '-' } else { '+' };
                let digits = signed(format!("{mantissa}e{sign}{:02}", exponent.abs()), value < 0.0);
                Some(if conversion == 'E' { digits.to_uppercase() } else { digits })
            }
            _ => None,
        }
    }
}

fn unsupported(format: &str) -> Error {
    Error::data(format!("The format '{format}' does not fit its arguments, or has a conversion that is not supported."))
        .with_exception(millstream_core::error::SparkException::IllegalArgument)
}

fn zeros(digits: String, specifier: &Specifier, negative: bool) -> String {
    if !specifier.zero {
        return digits;
    }
    let width = specifier.width.saturating_sub(usize::from(negative || specifier.plus));
    format!("{digits:0>width$}")
}

fn pad(text: String, specifier: &Specifier) -> String {
    let width = specifier.width;
    if specifier.left { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

/// Digits with a comma after every third before the point.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

pub(super) fn format_string(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.string(0)?];
    arguments.extend((1..call.count()).map(|index| call.argument(index)));
    let nullable = arguments[0].nullable;
    scalar(FORMAT_STRING.over(arguments, DataType::Utf8, nullable, &call.context.settings))
}

static FORMAT_NUMBER: Function = Function::new("format_number", |one| {
    let values = one.numbers::<Float64Type>(0);
    let places = one.numbers::<Int32Type>(1);
    let format = |row: usize| {
        let (value, places) = (values.value(row), usize::try_from(places.value(row)).ok()?);
        let digits = grouped(&format!("{:.places$}", value.abs()));
        let zero = digits.bytes().all(|byte| matches!(byte, b'0' | b'.' | b','));
        Some(if value < 0.0 && !zero { format!("-{digits}") } else { digits })
    };
    let format = |row: usize| if one.all_valid(row) { format(row) } else { None };
    Ok(Arc::new((0..one.rows).map(format).collect::<StringArray>()))
});

pub(super) fn format_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !call.data_type(0).is_numeric() && *call.data_type(0) != DataType::Null {
        return unexpected_input_type(call, 0, &format!("\"{}\"", sql_name(&DataType::Float64)));
    }
    let value = call.cast(call.argument(0), &DataType::Float64)?;
    scalar(FORMAT_NUMBER.call_nullable([value, call.int(1)?], DataType::Utf8, call))
}

/// All columns of strings in one; NULL with any of them.
pub(crate) fn joined(one: &Evaluation<'_>) -> Result<ArrayRef> {
    long_texts(one, "concat", |row, room| {
        let parts = || (0..one.columns.len()).map(|index| one.strings(index).value(row));
        room.take(parts().map(str::len).sum())?;
        Ok(parts().collect())
    })
}
