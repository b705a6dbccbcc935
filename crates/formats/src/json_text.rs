//! Values as `to_json` writes them.
//!
//! NULL fields of structs are left out unless asked for, NULL elements and map values stay. Timestamps have exactly
//! three digits of fraction and the zone's offset, doubles are the JVM's, decimals keep their scale.
//!
//! Deliberately not here: patterns of dates and times, which are handed in as [`TextPrinter`]s.

mod pretty;

use std::borrow::Cow;
use std::fmt::{self, Debug, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono_tz::Tz;

use crate::datetime::{SECOND_US, offset_at};
use crate::text::double::{push_double, push_float};
use crate::text::{Style, ValueText, push_all, push_date, push_internal, push_timestamp, push_timestamp_ntz};
use millstream_core::Options;
use millstream_core::error::{Error, Result};

/// Writes one date (in days) or timestamp (in microseconds) by a pattern.
pub type TextPrinter = Arc<dyn Fn(i64) -> String + Send + Sync>;

/// The options of `to_json`.
#[derive(Clone)]
pub struct JsonTextOptions {
    /// Fields of structs that are NULL are left out: `ignoreNullFields`.
    pub ignore_null_fields: bool,
    /// Letters beyond ASCII are escaped: `writeNonAsciiCharacterAsCodePoint`.
    pub ascii: bool,
    /// Each field stands on a line of its own: `pretty`.
    pub pretty: bool,
    /// `sortKeys`: fields of structs and keys of maps in the order of their names.
    pub sort_keys: bool,
    /// `timeZone`, else the session's.
    pub time_zone: Tz,
    /// Writes TIMESTAMP by a pattern: `timestampFormat`.
    pub timestamp_printer: Option<TextPrinter>,
    /// Writes TIMESTAMP_NTZ by a pattern: `timestampNTZFormat`.
    pub timestamp_ntz_printer: Option<TextPrinter>,
    /// Writes DATE by a pattern: `dateFormat`.
    pub date_printer: Option<TextPrinter>,
}

impl Default for JsonTextOptions {
    fn default() -> Self {
        Self {
            ignore_null_fields: true,
            ascii: false,
            pretty: false,
            sort_keys: false,
            time_zone: Tz::UTC,
            timestamp_printer: None,
            timestamp_ntz_printer: None,
            date_printer: None,
        }
    }
}

impl Debug for JsonTextOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonTextOptions")
            .field("ignore_null_fields", &self.ignore_null_fields)
            .field("ascii", &self.ascii)
            .field("pretty", &self.pretty)
            .field("sort_keys", &self.sort_keys)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

impl JsonTextOptions {
    /// The options as the user wrote them. Who can write patterns takes the three `…Format` options out first and sets
    /// the printers afterwards; here they are refused rather than passed over.
    ///
    /// # Errors
    /// A switch is neither `true` nor `false`, or a zone is none.
    pub fn from_options(options: &Options, session_zone: Tz) -> Result<Self> {
        for name in ["timestampFormat", "timestampNTZFormat", "dateFormat"] {
            if options.contains(name) {
                return Err(Error::unsupported(format!("the option '{name}' of JSON")));
            }
        }
        let time_zone = match options.get("timeZone") {
            Some(zone) => zone
                .parse()
                .map_err(|_| Error::illegal_argument(format!("option 'timeZone' is '{zone}', which is no region")))?,
            None => session_zone,
        };
        Ok(Self {
            ignore_null_fields: options.get_bool("ignoreNullFields")?.unwrap_or(true),
            ascii: options.get_bool("writeNonAsciiCharacterAsCodePoint")?.unwrap_or(false),
            pretty: options.get_bool("pretty")?.unwrap_or(false),
            sort_keys: options.get_bool("sortKeys")?.unwrap_or(false),
            time_zone,
            ..Self::default()
        })
    }
}

/// `to_json(array)`: NULL stays NULL.
///
/// # Errors
/// A type without a JSON form.
pub fn to_json(array: &ArrayRef, options: &JsonTextOptions) -> Result<StringArray> {
    let writer = Writer::new(array, options)?;
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 32);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        writer.push(&mut text, row);
        let shown = if options.pretty { Cow::Owned(pretty::indented(&text)) } else { Cow::Borrowed(text.as_str()) };
        texts.append_value(shown);
    }
    Ok(texts.finish())
}

/// Appends a line for each row of the columns: the JSON text of a struct of them, and `line_end`.
///
/// # Errors
/// A type without a JSON form.
pub fn push_lines(out: &mut String, rows: &StructArray, line_end: &str, options: &JsonTextOptions) -> Result<()> {
    let array: ArrayRef = Arc::new(rows.clone());
    let writer = Writer::new(&array, options)?;
    for row in 0..array.len() {
        if options.pretty {
            let mut text = String::new();
            writer.push(&mut text, row);
            out.push_str(&pretty::indented(&text));
        } else {
            writer.push(out, row);
        }
        out.push_str(line_end);
    }
    Ok(())
}

/// Writes the values of one column.
struct Writer<'a> {
    array: &'a ArrayRef,
    kind: Kind<'a>,
    options: &'a JsonTextOptions,
}

enum Kind<'a> {
    /// Whose plain text is its JSON.
    Plain(ValueText<'a>),
    /// Whose plain text must be quoted.
    Quoted(ValueText<'a>),
    Float,
    Double,
    Decimal(i8),
    String,
    Binary,
    Date,
    Timestamp,
    TimestampNtz,
    Struct(Vec<(&'a Field, Writer<'a>)>),
    List(Box<Writer<'a>>),
    Map(Box<Writer<'a>>),
}

impl<'a> Writer<'a> {
    fn new(array: &'a ArrayRef, options: &'a JsonTextOptions) -> Result<Self> {
        let text = || ValueText::new(array.as_ref(), options.time_zone, Style::Cast);
        let kind = match array.data_type() {
            DataType::Null | DataType::Boolean => Kind::Plain(text()?),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Plain(text()?),
            DataType::Float32 => Kind::Float,
            DataType::Float64 => Kind::Double,
            DataType::Decimal128(_, scale) => Kind::Decimal(*scale),
            DataType::Utf8 => Kind::String,
            DataType::Binary => Kind::Binary,
            DataType::Date32 => Kind::Date,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Kind::TimestampNtz,
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                let writer = |(field, column)| Ok((AsRef::<Field>::as_ref(field), Self::new(column, options)?));
                let mut writers = columns.map(writer).collect::<Result<Vec<_>>>()?;
                if options.sort_keys {
                    writers.sort_by_cached_key(|(field, _)| field.name().encode_utf16().collect::<Vec<_>>());
                }
                Kind::Struct(writers)
            }
            DataType::List(_) => Kind::List(Box::new(Self::new(array.as_list::<i32>().values(), options)?)),
            DataType::Map(_, _) => Kind::Map(Box::new(Self::new(array.as_map().values(), options)?)),
            _ => Kind::Quoted(text()?),
        };
        Ok(Self { array, kind, options })
    }

    fn push(&self, out: &mut String, row: usize) {
        if self.array.is_null(row) {
            return out.push_str("null");
        }
        match &self.kind {
            Kind::Plain(text) => text.push(out, row),
            Kind::Quoted(text) => {
                let mut value = String::new();
                text.push(&mut value, row);
                push_quoted(out, &value, self.options.ascii);
            }
            Kind::Float => {
                let value = self.array.as_primitive::<Float32Type>().value(row);
                push_number(out, value.is_finite(), |out| push_float(out, value));
            }
            Kind::Double => {
                let value = self.array.as_primitive::<Float64Type>().value(row);
                push_number(out, value.is_finite(), |out| push_double(out, value));
            }
            Kind::Decimal(scale) => push_decimal(out, self.array.as_primitive::<Decimal128Type>().value(row), *scale),
            Kind::String => push_quoted(out, self.array.as_string::<i32>().value(row), self.options.ascii),
            Kind::Binary => push_base64(out, self.array.as_binary::<i32>().value(row)),
            Kind::Date | Kind::Timestamp | Kind::TimestampNtz => self.push_time(out, row),
            Kind::Struct(fields) => self.push_struct(out, fields, row),
            Kind::List(elements) => {
                let offsets = self.array.as_list::<i32>().value_offsets();
                push_all(out, ["[", ",", "]"], offsets[row] as usize..offsets[row + 1] as usize, |out, index| {
                    elements.push(out, index);
                });
            }
            Kind::Map(values) => self.push_map(out, values, row),
        }
    }

    fn push_map(&self, out: &mut String, values: &Writer<'_>, row: usize) {
        let map = self.array.as_map();
        let span = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
        let key_at = |index: usize| {
            let mut key = String::new();
            push_internal(&mut key, map.keys(), index);
            key
        };
        let mut entries: Vec<(String, usize)> = span.map(|index| (key_at(index), index)).collect();
        if self.options.sort_keys {
            entries.sort_by_cached_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
        }
        push_all(out, ["{", ",", "}"], 0..entries.len(), |out, place| {
            let (key, index) = &entries[place];
            push_quoted(out, key, self.options.ascii);
            out.push(':');
            values.push(out, *index);
        });
    }

    fn push_struct(&self, out: &mut String, fields: &[(&Field, Writer<'_>)], row: usize) {
        let shown = |writer: &Writer<'_>| {
            !self.options.ignore_null_fields || !(writer.array.is_null(row) || writer.array.data_type().is_null())
        };
        out.push('{');
        let mut begun = false;
        for (field, writer) in fields.iter().filter(|(_, writer)| shown(writer)) {
            if std::mem::replace(&mut begun, true) {
                out.push(',');
            }
            push_quoted(out, field.name(), self.options.ascii);
            out.push(':');
            writer.push(out, row);
        }
        out.push('}');
    }

    fn push_time(&self, out: &mut String, row: usize) {
        let value = || match self.kind {
            Kind::Date => i64::from(self.array.as_primitive::<Date32Type>().value(row)),
            _ => self.array.as_primitive::<TimestampMicrosecondType>().value(row),
        };
        let printer = match self.kind {
            Kind::Date => &self.options.date_printer,
            Kind::Timestamp => &self.options.timestamp_printer,
            _ => &self.options.timestamp_ntz_printer,
        };
        if let Some(print) = printer {
            return push_quoted(out, &print(value()), self.options.ascii);
        }
        out.push('"');
        match self.kind {
            Kind::Date => push_date(out, self.array.as_primitive::<Date32Type>().value(row)),
            Kind::Timestamp => push_iso_timestamp(out, value(), self.options.time_zone),
            _ => push_iso_timestamp_ntz(out, value()),
        }
        out.push('"');
    }
}

/// `2020-01-02T03:04:05.678+01:00`: always three digits of fraction.
pub(crate) fn push_iso_timestamp(out: &mut String, micros: i64, zone: Tz) {
    push_iso(out, micros, |out, whole| push_timestamp(out, whole, zone));
    push_offset(out, offset_at(zone, micros.div_euclid(SECOND_US)));
}

/// `2020-01-02T03:04:05.678`
pub(crate) fn push_iso_timestamp_ntz(out: &mut String, micros: i64) {
    push_iso(out, micros, push_timestamp_ntz);
}

/// The fraction is written apart: it has three digits here, whatever they are.
fn push_iso(out: &mut String, micros: i64, push_seconds: impl FnOnce(&mut String, i64)) {
    let start = out.len();
    push_seconds(out, micros - micros.rem_euclid(SECOND_US));
    if let Some(blank) = out[start..].find(' ') {
        out.replace_range(start + blank..=start + blank, "T");
    }
    push_formatted(out, format_args!(".{:03}", micros.rem_euclid(SECOND_US) / 1000));
}

fn push_formatted(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every write");
}

/// `Z`, `+05:30`, and with seconds where local mean time has them.
fn push_offset(out: &mut String, seconds: i32) {
    if seconds == 0 {
        return out.push('Z');
    }
    let (sign, magnitude) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    push_formatted(out, format_args!("{sign}{:02}:{:02}", magnitude / 3600, magnitude / 60 % 60));
    if magnitude % 60 != 0 {
        push_formatted(out, format_args!(":{:02}", magnitude % 60));
    }
}

/// JSON has no NaN and no infinities: they are quoted.
fn push_number(out: &mut String, finite: bool, push: impl FnOnce(&mut String)) {
    if finite {
        return push(out);
    }
    out.push('"');
    push(out);
    out.push('"');
}

/// The JVM's `BigDecimal.toString`: scientific below a millionth.
pub fn push_decimal(out: &mut String, value: i128, scale: i8) {
    let digits = value.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - i32::from(scale);
    if scale >= 0 && exponent >= -6 {
        return crate::text::push_decimal(out, value, scale);
    }
    if value < 0 {
        out.push('-');
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    push_formatted(out, format_args!("E{exponent:+}"));
}

/// A JSON string with as few escapes as may be; with `ascii` everything else is escaped too.
pub(crate) fn push_quoted(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    // Most texts have nothing to escape; what lies between two escapes is copied as a whole.
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| is_escaped(byte, ascii)) {
        out.push_str(&rest[..at]);
        let character = rest[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
        rest = &rest[at + character.len_utf8()..];
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    push_formatted(out, format_args!("\\u{unit:04X}"));
                }
            }
        }
    }
    out.push_str(rest);
    out.push('"');
}

/// Whether a character that begins with this byte is not written as it is.
#[inline]
fn is_escaped(byte: u8, ascii: bool) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\' || (ascii && byte >= 0x80)
}

fn push_base64(out: &mut String, bytes: &[u8]) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

#[cfg(test)]
mod tests;
