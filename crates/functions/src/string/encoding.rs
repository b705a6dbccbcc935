//! Strings as codes and bytes, and back.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use millstream_core::error::SparkException;
use millstream_core::{Error, Result, spark_error};

use super::{map_text, of_strings, rows};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::unexpected_input_type;
use crate::kernel::Function;

static ASCII: Function = Function::new("ascii", |one| {
    Ok(rows::<Int32Array, _>(one, |row| one.strings(0).value(row).chars().next().map_or(0, |letter| letter as i32)))
});

pub(super) fn ascii(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &ASCII, DataType::Int32)
}

static CHR: Function = Function::new("chr", |one| {
    let codes = one.numbers::<Int64Type>(0);
    Ok(rows::<StringArray, _>(one, |row| match codes.value(row) {
        ..0 => String::new(),
        code => char::from((code & 0xff) as u8).to_string(),
    }))
});

pub(super) fn chr(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(CHR.call([call.bigint(0)?], DataType::Utf8, call))
}

static BASE64: Function = Function::new("base64", |one| {
    Ok(rows::<StringArray, _>(one, |row| general_purpose::STANDARD.encode(one.binary(0).value(row))))
});

pub(crate) fn base64(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(BASE64.call([call.binary(0)?], DataType::Utf8, call))
}

/// As Java's MIME decoder: with or without padding, other letters passed over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

static UNBASE64: Function = Function::new("unbase64", |one| {
    let decode = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        let letters: Vec<u8> =
            text.bytes().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')).collect();
        LENIENT.decode(letters).map(Some).map_err(|_| invalid_base64())
    };
    Ok(Arc::new(one.strings(0).iter().map(decode).collect::<Result<BinaryArray>>()?))
});

/// Java's own error: Spark gives it no class.
fn invalid_base64() -> Error {
    Error::data("the text is not Base64: its last group lacks letters").with_exception(SparkException::IllegalArgument)
}

pub(super) fn unbase64(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNBASE64.call([call.string(0)?], DataType::Binary, call))
}

static HEX: Function = Function::new("hex", |one| {
    Ok(match one.columns[0].data_type() {
        DataType::Int64 => {
            let values = one.columns[0].as_primitive::<Int64Type>();
            rows::<StringArray, _>(one, |row| format!("{:X}", values.value(row)))
        }
        _ => rows::<StringArray, _>(one, |row| {
            one.binary(0).value(row).iter().map(|byte| format!("{byte:02X}")).collect::<String>()
        }),
    })
});

pub(crate) fn hex(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        DataType::Utf8 | DataType::Binary => call.binary(0)?,
        DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _) => {
            call.cast(call.string(0)?, &DataType::Binary)?
        }
        _ => call.bigint(0)?,
    };
    scalar(HEX.call([value], DataType::Utf8, call))
}

static UNHEX: Function = Function::new("unhex", |one| {
    Ok(Arc::new(one.strings(0).iter().map(|text| from_hex(text?)).collect::<BinaryArray>()))
});

/// `None` where a letter is no hexadecimal digit; an odd number of them has a zero before it.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|letter| letter.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (first, rest) = digits.split_at(digits.len() % 2);
    Some(first.iter().copied().chain(rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1])).collect())
}

pub(super) fn unhex(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNHEX.call_nullable([call.string(0)?], DataType::Binary, call))
}

/// The character sets that Spark takes.
const CHARSETS: [&str; 7] = ["US-ASCII", "ISO-8859-1", "UTF-8", "UTF-16BE", "UTF-16LE", "UTF-16", "UTF-32"];

/// A character set as a call names it.
#[derive(Clone, Copy)]
struct Charset<'a> {
    canonical: &'static str,
    written: &'a str,
    function: &'static str,
}

impl<'a> Charset<'a> {
    fn named(written: &'a str, function: &'static str) -> Result<Self> {
        let canonical = CHARSETS.into_iter().find(|known| known.eq_ignore_ascii_case(written)).ok_or_else(|| {
            spark_error!(
                "INVALID_PARAMETER_VALUE.CHARSET",
                parameter = "`charset`",
                functionName = format!("`{function}`"),
                charsets = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8",
                charset = written,
            )
        })?;
        Ok(Self { canonical, written, function })
    }

    fn malformed(self) -> Error {
        spark_error!("MALFORMED_CHARACTER_CODING", function = format!("`{}`", self.function), charset = self.written)
    }

    /// The bytes of a text; none where the set lacks a letter of it.
    fn encode(self, text: &str) -> Option<Vec<u8>> {
        let narrow = |last: char| text.chars().map(|letter| (letter <= last).then_some(letter as u8)).collect();
        let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        match self.canonical {
            "US-ASCII" => narrow('\u{7f}'),
            "ISO-8859-1" => narrow('\u{ff}'),
            "UTF-16BE" => Some(wide(u16::to_be_bytes)),
            "UTF-16LE" => Some(wide(u16::to_le_bytes)),
            "UTF-16" if text.is_empty() => Some(Vec::new()),
            "UTF-16" => Some([vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat()),
            "UTF-32" => Some(text.chars().flat_map(|letter| (letter as u32).to_be_bytes()).collect()),
            _ => Some(text.as_bytes().to_vec()),
        }
    }

    /// The text of bytes; none where they are no text of the set.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        match self.canonical {
            "US-ASCII" => bytes.is_ascii().then(|| bytes.iter().map(|&byte| char::from(byte)).collect()),
            "ISO-8859-1" => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
            "UTF-16LE" => from_utf16(bytes, u16::from_le_bytes),
            "UTF-16BE" => from_utf16(bytes, u16::from_be_bytes),
            "UTF-16" => match bytes {
                [0xff, 0xfe, rest @ ..] => from_utf16(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] => from_utf16(rest, u16::from_be_bytes),
                plain => from_utf16(plain, u16::from_be_bytes),
            },
            "UTF-32" => match bytes {
                [0xff, 0xfe, 0, 0, rest @ ..] => from_utf32(rest, u32::from_le_bytes),
                [0, 0, 0xfe, 0xff, rest @ ..] => from_utf32(rest, u32::from_be_bytes),
                plain => from_utf32(plain, u32::from_be_bytes),
            },
            _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
        }
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

/// Java lets surrogates pass here, and Spark's strings have a question mark for each.
fn from_utf32(bytes: &[u8], word: fn([u8; 4]) -> u32) -> Option<String> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let letter = |quad: &[u8; 4]| match word(*quad) {
        0xd800..=0xdfff => Some('?'),
        scalar => char::from_u32(scalar),
    };
    if rest.is_empty() { quads.iter().map(letter).collect() } else { None }
}

static ENCODE: Function = Function::new("encode", |one| {
    let encode = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let charset = Charset::named(one.strings(1).value(row), one.name)?;
        charset.encode(one.strings(0).value(row)).map(Some).ok_or_else(|| charset.malformed())
    };
    Ok(Arc::new((0..one.rows).map(encode).collect::<Result<BinaryArray>>()?))
});

pub(super) fn encode(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(ENCODE.call_nullable(call.all_strings()?, DataType::Binary, call))
}

static DECODE: Function = Function::new("decode", |one| {
    let decode = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let charset = Charset::named(one.strings(1).value(row), one.name)?;
        charset.decode(one.binary(0).value(row)).map(Some).ok_or_else(|| charset.malformed())
    };
    Ok(Arc::new((0..one.rows).map(decode).collect::<Result<StringArray>>()?))
});

pub(crate) fn decode(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() > 2 {
        return crate::conditional::decode(call);
    }
    scalar(DECODE.call_nullable([call.binary(0)?, call.string(1)?], DataType::Utf8, call))
}

static SOUNDEX: Function = Function::new("soundex", |one| Ok(map_text(one, sound)));

/// A letter and three digits; what does not begin with a letter stays as it is.
fn sound(text: &str) -> String {
    const CODES: &[u8; 26] = b"01230127022455012623017202";
    let code = |letter: u8| CODES[usize::from(letter.to_ascii_uppercase() - b'A')];
    let bytes = text.as_bytes();
    let Some(first) = bytes.first().filter(|byte| byte.is_ascii_alphabetic()) else { return text.to_owned() };
    let mut out = String::from(char::from(first.to_ascii_uppercase()));
    let mut last = code(*first);
    for letter in bytes[1..].iter().filter(|byte| byte.is_ascii_alphabetic()) {
        match code(*letter) {
            b'7' => {}
            next => {
                if next != b'0' && next != last && out.len() < 4 {
                    out.push(char::from(next));
                }
                last = next;
            }
        }
    }
    format!("{out:0<4}")
}

pub(super) fn soundex(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Utf8 | DataType::Null) {
        return unexpected_input_type(call, 0, "\"STRING\"");
    }
    of_strings(call, &SOUNDEX, DataType::Utf8)
}
