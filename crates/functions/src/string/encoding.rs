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

pub(super) fn base64(call: &FunctionCall<'_>) -> Result<Resolved> {
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

pub(super) fn hex(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        DataType::Utf8 | DataType::Binary => call.binary(0)?,
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

fn charset(name: &str, function: &str) -> Result<&'static str> {
    CHARSETS.into_iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
        spark_error!(
            "INVALID_PARAMETER_VALUE.CHARSET",
            parameter = "`charset`",
            functionName = format!("`{function}`"),
            charsets = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8",
            charset = name,
        )
    })
}

fn malformed(charset: &str, function: &str) -> Error {
    spark_error!("MALFORMED_CHARACTER_CODING", function = format!("`{function}`"), charset = charset)
}

static ENCODE: Function = Function::new("encode", |one| {
    let encode = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (text, charset) = (one.strings(0).value(row), charset(one.strings(1).value(row), one.name)?);
        let narrow = |last: char| {
            let bytes = text.chars().map(|one| (one <= last).then_some(one as u8)).collect::<Option<Vec<u8>>>();
            bytes.ok_or_else(|| malformed(charset, one.name))
        };
        let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        Ok(Some(match charset {
            "US-ASCII" => narrow('\u{7f}')?,
            "ISO-8859-1" => narrow('\u{ff}')?,
            "UTF-16BE" => wide(u16::to_be_bytes),
            "UTF-16LE" => wide(u16::to_le_bytes),
            "UTF-16" => [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat(),
            "UTF-32" => text.chars().flat_map(|one| (one as u32).to_be_bytes()).collect(),
            _ => text.as_bytes().to_vec(),
        }))
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
        let (bytes, charset) = (one.binary(0).value(row), charset(one.strings(1).value(row), one.name)?);
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        };
        let word = |quad: &[u8]| u32::from_be_bytes([quad[0], quad[1], quad[2], quad[3]]);
        Ok(Some(match charset {
            "US-ASCII" => bytes.iter().map(|&byte| if byte < 0x80 { char::from(byte) } else { '\u{fffd}' }).collect(),
            "ISO-8859-1" => bytes.iter().map(|&byte| char::from(byte)).collect(),
            "UTF-16LE" => wide(bytes, u16::from_le_bytes),
            "UTF-16BE" => wide(bytes, u16::from_be_bytes),
            "UTF-16" => match bytes {
                [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
                plain => wide(plain, u16::from_be_bytes),
            },
            "UTF-32" => bytes.chunks_exact(4).map(|quad| char::from_u32(word(quad)).unwrap_or('\u{fffd}')).collect(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        }))
    };
    Ok(Arc::new((0..one.rows).map(decode).collect::<Result<StringArray>>()?))
});

pub(super) fn decode(call: &FunctionCall<'_>) -> Result<Resolved> {
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
    of_strings(call, &SOUNDEX, DataType::Utf8)
}
