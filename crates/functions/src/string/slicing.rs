//! Parts of strings, and strings made longer.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::{Result, spark_error};

use super::{long_texts, map_text, of_strings, rows};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::sql_expr;
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

const INT: DataType = DataType::Int32;

/// `trim(text)` takes blanks off, `trim(text, letters)` these letters; on which sides says `sides`.
fn trimmed(one: &Evaluation<'_>, sides: (bool, bool)) -> ArrayRef {
    let cut = |text: &str, letters: &str| {
        let mut text = text;
        if sides.0 {
            text = text.trim_start_matches(|letter| letters.contains(letter));
        }
        if sides.1 {
            text = text.trim_end_matches(|letter| letters.contains(letter));
        }
        text.to_owned()
    };
    if one.columns.len() == 1 {
        return map_text(one, |text| cut(text, " "));
    }
    rows::<StringArray, _>(one, |row| cut(one.strings(0).value(row), one.strings(1).value(row)))
}

static TRIM: Function = Function::total("trim", |one| Ok(trimmed(one, (true, true))));
static LTRIM: Function = Function::total("ltrim", |one| Ok(trimmed(one, (true, false))));
static RTRIM: Function = Function::total("rtrim", |one| Ok(trimmed(one, (false, true))));

/// `btrim(text, letters)`
pub(super) fn btrim(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &TRIM, DataType::Utf8)
}

/// The letters come first in `trim(letters, text)`, which is also `trim(BOTH letters FROM text)`.
fn letters_first(call: &FunctionCall<'_>, function: &'static Function, side: &str) -> Result<Resolved> {
    let mut arguments = call.all_strings()?;
    arguments.reverse();
    let sql = match call.arguments.as_slice() {
        [letters, text] => format!("TRIM({side} {} FROM {})", letters.sql, text.sql),
        _ => String::new(),
    };
    scalar(function.call(arguments, DataType::Utf8, call).with_sql(sql))
}

pub(super) fn trim(call: &FunctionCall<'_>) -> Result<Resolved> {
    letters_first(call, &TRIM, "BOTH")
}

pub(super) fn ltrim(call: &FunctionCall<'_>) -> Result<Resolved> {
    letters_first(call, &LTRIM, "LEADING")
}

pub(super) fn rtrim(call: &FunctionCall<'_>) -> Result<Resolved> {
    letters_first(call, &RTRIM, "TRAILING")
}

/// Text as it is, and bytes as they are.
fn text_or_bytes(call: &FunctionCall<'_>, index: usize) -> Result<TypedExpr> {
    if *call.data_type(index) == DataType::Binary { Ok(call.argument(index)) } else { call.string(index) }
}

static LENGTH: Function = Function::total("length", |one| {
    Ok(match one.columns[0].data_type() {
        DataType::Binary => sizes(one, 1),
        _ => {
            let count = |text: &str| if text.is_ascii() { text.len() } else { text.chars().count() };
            Arc::new(one.strings(0).iter().map(|text| text.map(|text| count(text) as i32)).collect::<Int32Array>())
        }
    })
});

fn sizes(one: &Evaluation<'_>, factor: i32) -> ArrayRef {
    let length = |bytes: &[u8]| bytes.len() as i32 * factor;
    match one.columns[0].data_type() {
        DataType::Binary => Arc::new(one.binary(0).iter().map(|bytes| bytes.map(length)).collect::<Int32Array>()),
        _ => {
            let texts = one.strings(0).iter();
            Arc::new(texts.map(|text| text.map(|text| length(text.as_bytes()))).collect::<Int32Array>())
        }
    }
}

static OCTET_LENGTH: Function = Function::total("octet_length", |one| Ok(sizes(one, 1)));
static BIT_LENGTH: Function = Function::total("bit_length", |one| Ok(sizes(one, 8)));

pub(super) fn length(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(LENGTH.call([text_or_bytes(call, 0)?], INT, call))
}

pub(super) fn octet_length(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(OCTET_LENGTH.call([text_or_bytes(call, 0)?], INT, call))
}

pub(super) fn bit_length(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(BIT_LENGTH.call([text_or_bytes(call, 0)?], INT, call))
}

/// The range that `substring(start, length)` means among `count` places: from 1, or from the end where negative.
fn range(start: i32, length: i32, count: usize) -> std::ops::Range<usize> {
    let count = count as i64;
    let first = match start {
        0 => 0,
        1.. => i64::from(start) - 1,
        _ => count + i64::from(start),
    };
    let last = first.saturating_add(length.into()).clamp(0, count);
    let first = first.clamp(0, count);
    first as usize..last.max(first) as usize
}

/// Bytes where the characters of this range are.
fn bytes_of(text: &str, places: std::ops::Range<usize>) -> &str {
    if text.is_ascii() {
        return &text[places];
    }
    let byte = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
    &text[byte(places.start)..byte(places.end)]
}

fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

static SUBSTRING: Function = Function::total("substring", |one| {
    let starts = one.numbers::<Int32Type>(1);
    let length = |row: usize| if one.columns.len() > 2 { one.numbers::<Int32Type>(2).value(row) } else { i32::MAX };
    Ok(match one.columns[0].data_type() {
        DataType::Binary => rows::<BinaryArray, _>(one, |row| {
            let bytes = one.columns[0].as_binary::<i32>().value(row);
            bytes[range(starts.value(row), length(row), bytes.len())].to_vec()
        }),
        _ => rows::<StringArray, _>(one, |row| {
            let text = one.strings(0).value(row);
            bytes_of(text, range(starts.value(row), length(row), count(text))).to_owned()
        }),
    })
});

pub(super) fn substring(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = text_or_bytes(call, 0)?;
    let data_type = value.data_type.clone();
    let mut arguments = vec![value];
    for index in 1..call.count() {
        arguments.push(call.int(index)?);
    }
    // Spark shows the length that takes all.
    let sql = match call.arguments.as_slice() {
        [of, from] => format!("{}({}, {}, {})", call.name.to_lowercase(), of.sql, from.sql, i32::MAX),
        _ => String::new(),
    };
    scalar(SUBSTRING.call(arguments, data_type, call).with_sql(sql))
}

static LEFT: Function = Function::total("left", |one| {
    let lengths = one.numbers::<Int32Type>(1);
    Ok(rows::<StringArray, _>(one, |row| {
        let text = one.strings(0).value(row);
        bytes_of(text, range(1, lengths.value(row).max(0), count(text))).to_owned()
    }))
});

static RIGHT: Function = Function::total("right", |one| {
    let lengths = one.numbers::<Int32Type>(1);
    Ok(rows::<StringArray, _>(one, |row| {
        let text = one.strings(0).value(row);
        let (all, wanted) = (count(text), lengths.value(row).max(0) as usize);
        bytes_of(text, all.saturating_sub(wanted)..all).to_owned()
    }))
});

static LEFT_BYTES: Function = Function::total("left_bytes", |one| {
    let lengths = one.numbers::<Int32Type>(1);
    Ok(rows::<BinaryArray, _>(one, |row| {
        let bytes = one.binary(0).value(row);
        bytes[range(1, lengths.value(row).max(0), bytes.len())].to_vec()
    }))
});

pub(super) fn left(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Binary {
        return scalar(LEFT_BYTES.call([call.argument(0), call.int(1)?], DataType::Binary, call));
    }
    scalar(LEFT.call([call.string(0)?, call.int(1)?], DataType::Utf8, call))
}

pub(super) fn right(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(RIGHT.call_nullable([call.string(0)?, call.int(1)?], DataType::Utf8, call))
}

static SUBSTRING_INDEX: Function = Function::total("substring_index", |one| {
    let counts = one.numbers::<Int32Type>(2);
    Ok(rows::<StringArray, _>(one, |row| {
        before_delimiter(one.strings(0).value(row), one.strings(1).value(row), counts.value(row)).to_owned()
    }))
});

/// What lies before the n-th delimiter, or behind the n-th from the end.
fn before_delimiter<'a>(text: &'a str, delimiter: &str, count: i32) -> &'a str {
    let nth = count.unsigned_abs() as usize;
    if delimiter.is_empty() || nth == 0 {
        return "";
    }
    if count > 0 {
        text.match_indices(delimiter).nth(nth - 1).map_or(text, |(at, _)| &text[..at])
    } else {
        text.rmatch_indices(delimiter).nth(nth - 1).map_or(text, |(at, _)| &text[at + delimiter.len()..])
    }
}

pub(super) fn substring_index(call: &FunctionCall<'_>) -> Result<Resolved> {
    let arguments = [call.string(0)?, call.string(1)?, call.int(2)?];
    scalar(SUBSTRING_INDEX.call(arguments, DataType::Utf8, call))
}

// Places at the ends of INT wrap, as in Spark.
static OVERLAY: Function = Function::new("overlay", |one| {
    let (starts, lengths) = (one.numbers::<Int32Type>(2), one.numbers::<Int32Type>(3));
    Ok(rows::<StringArray, _>(one, |row| {
        let (text, other) = (one.strings(0).value(row), one.strings(1).value(row));
        let all = count(text);
        let length = if lengths.value(row) >= 0 { lengths.value(row) } else { count(other) as i32 };
        let before = bytes_of(text, range(1, starts.value(row).wrapping_sub(1), all));
        let behind = bytes_of(text, range(starts.value(row).wrapping_add(length), i32::MAX, all));
        format!("{before}{other}{behind}")
    }))
});

static OVERLAY_BYTES: Function = Function::new("overlay_bytes", |one| {
    let (starts, lengths) = (one.numbers::<Int32Type>(2), one.numbers::<Int32Type>(3));
    Ok(rows::<BinaryArray, _>(one, |row| {
        let (bytes, other) = (one.binary(0).value(row), one.binary(1).value(row));
        let length = if lengths.value(row) >= 0 { lengths.value(row) } else { other.len() as i32 };
        let before = &bytes[range(1, starts.value(row).wrapping_sub(1), bytes.len())];
        let behind = &bytes[range(starts.value(row).wrapping_add(length), i32::MAX, bytes.len())];
        [before, other, behind].concat()
    }))
});

pub(super) fn overlay(call: &FunctionCall<'_>) -> Result<Resolved> {
    let length = if call.count() > 3 { call.int(3)? } else { TypedExpr::literal(ScalarValue::Int32(Some(-1)), "-1") };
    let [text, other, from] = [0, 1, 2].map(|index| call.arguments[index].sql.as_str());
    let sql = format!("overlay({text}, {other}, {from}, {})", length.sql);
    if *call.data_type(0) == DataType::Binary && *call.data_type(1) == DataType::Binary {
        let arguments = [call.argument(0), call.argument(1), call.int(2)?, length];
        return scalar(OVERLAY_BYTES.call(arguments, DataType::Binary, call).with_sql(sql));
    }
    let binary = [0, 1].map(|index| *call.data_type(index) == DataType::Binary);
    if binary[0] || binary[1] {
        let types = binary.map(|binary| if binary { "\"BINARY\"" } else { "\"STRING\"" });
        return Err(spark_error!(
            "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
            sqlExpr = sql_expr(&sql),
            functionName = "`overlay`",
            dataType = format!("({})", types.join(" or ")),
        ));
    }
    let arguments = [call.string(0)?, call.string(1)?, call.int(2)?, length];
    scalar(OVERLAY.call(arguments, DataType::Utf8, call).with_sql(sql))
}

fn padded(one: &Evaluation<'_>, function: &'static str, left: bool) -> Result<ArrayRef> {
    let lengths = one.numbers::<Int32Type>(1);
    long_texts(one, function, |row, room| {
        let (text, pad) = (one.strings(0).value(row), one.strings(2).value(row));
        let (all, wanted) = (count(text), lengths.value(row).max(0) as usize);
        if wanted <= all || pad.is_empty() {
            return Ok(bytes_of(text, 0..wanted.min(all)).to_owned());
        }
        room.take(text.len() + (wanted - all).div_ceil(count(pad)).saturating_mul(pad.len()))?;
        let filling: String = pad.chars().cycle().take(wanted - all).collect();
        Ok(if left { filling + text } else { text.to_owned() + &filling })
    })
}

static LPAD: Function = Function::new("lpad", |one| padded(one, "lpad", true));
static RPAD: Function = Function::new("rpad", |one| padded(one, "rpad", false));

/// `lpad` and `rpad` of bytes: without filling they are filled with zeros.
fn pad_bytes(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let zero = || TypedExpr::literal(ScalarValue::Binary(Some(vec![0])), "X'00'");
    let filling = if call.count() > 2 { call.argument(2) } else { zero() };
    let arguments = [call.argument(0), call.int(1)?, filling];
    let sql: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
    let sql = format!("{}({})", call.name.to_lowercase(), sql.join(", "));
    scalar(function.call(arguments, DataType::Binary, call).with_sql(sql))
}

fn padded_bytes(one: &Evaluation<'_>, function: &'static str, left: bool) -> Result<ArrayRef> {
    let lengths = one.numbers::<Int32Type>(1);
    let mut room = one.room(function);
    let mut value = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (bytes, pad) = (one.binary(0).value(row), one.binary(2).value(row));
        let wanted = lengths.value(row).max(0) as usize;
        if wanted <= bytes.len() || pad.is_empty() {
            return Ok(Some(bytes[..wanted.min(bytes.len())].to_vec()));
        }
        room.take(wanted)?;
        let filling: Vec<u8> = pad.iter().copied().cycle().take(wanted - bytes.len()).collect();
        Ok(Some(if left { [&filling, bytes].concat() } else { [bytes, &filling].concat() }))
    };
    Ok(Arc::new((0..one.rows).map(&mut value).collect::<Result<BinaryArray>>()?))
}

static LPAD_BYTES: Function = Function::new("lpad_bytes", |one| padded_bytes(one, "lpad", true));
static RPAD_BYTES: Function = Function::new("rpad_bytes", |one| padded_bytes(one, "rpad", false));

/// Whether a call pads bytes, with bytes or with nothing said.
fn pads_bytes(call: &FunctionCall<'_>) -> bool {
    *call.data_type(0) == DataType::Binary && (call.count() < 3 || *call.data_type(2) == DataType::Binary)
}

fn pad(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let filling = if call.count() > 2 { call.string(2)? } else { TypedExpr::literal(ScalarValue::from(" "), " ") };
    let sql =
        format!("{}({}, {}, {})", call.name.to_lowercase(), call.arguments[0].sql, call.arguments[1].sql, filling.sql);
    scalar(function.call([call.string(0)?, call.int(1)?, filling], DataType::Utf8, call).with_sql(sql))
}

pub(super) fn lpad(call: &FunctionCall<'_>) -> Result<Resolved> {
    if pads_bytes(call) { pad_bytes(call, &LPAD_BYTES) } else { pad(call, &LPAD) }
}

pub(super) fn rpad(call: &FunctionCall<'_>) -> Result<Resolved> {
    if pads_bytes(call) { pad_bytes(call, &RPAD_BYTES) } else { pad(call, &RPAD) }
}

static REPEAT: Function = Function::new("repeat", |one| {
    let times = one.numbers::<Int32Type>(1);
    long_texts(one, "repeat", |row, room| {
        let (text, times) = (one.strings(0).value(row), times.value(row).max(0) as usize);
        room.take(text.len().saturating_mul(times))?;
        Ok(text.repeat(times))
    })
});

pub(super) fn repeat(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(REPEAT.call([call.string(0)?, call.int(1)?], DataType::Utf8, call))
}

static SPACE: Function = Function::new("space", |one| {
    let times = one.numbers::<Int32Type>(0);
    long_texts(one, "space", |row, room| {
        let times = times.value(row).max(0) as usize;
        room.take(times)?;
        Ok(" ".repeat(times))
    })
});

pub(super) fn space(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(SPACE.call([call.int(0)?], DataType::Utf8, call))
}
