//! Literals: numbers with their suffixes, strings, binary, and typed literals such as `DATE '2024-01-31'`.

use millstream_functions::SpecialMoment;
use prost::bytes::Bytes;
use spark_connect_proto::Expression;
use spark_connect_proto::data_type::{Kind as TypeKind, Null};
use spark_connect_proto::expression::literal::{Decimal, LiteralType};

use super::cursor::Parser;
use super::datetime;
use super::error::{NumericRange, Parsed, SyntaxError};
use super::extension::{LocalTimestamp, SpecialLiteral};
use super::message::{boolean, literal, string};
use super::schema::data_type;
use super::token::Kind;

/// Digits that a decimal can have.
const DECIMAL_DIGITS_MAX: usize = 38;

impl Parser<'_> {
    /// A literal that needs no type before it.
    pub(crate) fn literal(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        match self.peek().kind {
            Kind::Text => Ok(string(self.text()?)),
            Kind::Hex => {
                let digits = self.advance().text;
                let span = (start, self.last_end());
                let bytes = unhex(&digits).ok_or_else(|| SyntaxError::typed_literal("X", &digits, span))?;
                Ok(literal(LiteralType::Binary(Bytes::from(bytes))))
            }
            Kind::Word => match self.advance().text.to_ascii_uppercase().as_str() {
                "TRUE" => Ok(boolean(true)),
                "FALSE" => Ok(boolean(false)),
                _ => Ok(literal(LiteralType::Null(data_type(TypeKind::Null(Null::default()))))),
            },
            Kind::Number | Kind::Symbol => {
                let sign = if self.accept("-") { "-" } else { "" };
                let number = self.advance();
                if number.kind != Kind::Number {
                    return self.fail();
                }
                let text = format!("{sign}{}", number.text);
                number_literal(&text, (start, number.end))
            }
            Kind::Quoted | Kind::Unknown | Kind::End => self.fail(),
        }
    }

    /// A type name before a string literal.
    pub(crate) fn typed_literal(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let type_name = self.advance().text.to_ascii_uppercase();
        if type_name == "INTERVAL" {
            return self.interval_text(start);
        }
        let text = self.text()?;
        let span = (start, self.last_end());
        let value = match type_name.as_str() {
            "DATE" | "TIMESTAMP" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ" if SpecialMoment::parse(&text).is_some() => {
                Some(SpecialLiteral { type_name: type_name.clone(), text: text.clone() }.into())
            }
            "X" => unhex(&text).map(|bytes| literal(LiteralType::Binary(Bytes::from(bytes)))),
            "DATE" => datetime::parse_date(&text).map(LiteralType::Date).map(literal),
            "TIMESTAMP" | "TIMESTAMP_LTZ" => timestamp(&text),
            "TIMESTAMP_NTZ" => {
                let parsed = datetime::parse_timestamp(&text).filter(|parsed| parsed.zone.is_none());
                parsed.map(|parsed| literal(LiteralType::TimestampNtz(parsed.local_us)))
            }
            _ => return Err(SyntaxError::unsupported_typed_literal(&type_name, span)),
        };
        value.ok_or_else(|| SyntaxError::typed_literal(&type_name, &text, span))
    }
}

/// A moment, if the text names its zone; else the analyzer's business, because the parser does not know the session's
/// zone.
fn timestamp(text: &str) -> Option<Expression> {
    let parsed = datetime::parse_timestamp(text)?;
    match parsed.zone.as_deref().and_then(datetime::fixed_offset_us) {
        Some(offset) => Some(literal(LiteralType::Timestamp(parsed.local_us - offset))),
        None => Some(LocalTimestamp { text: text.to_owned() }.into()),
    }
}

/// Spark takes an odd number of digits as if a zero stood before them.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let padded = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    if !padded.is_ascii() {
        return None;
    }
    (0..padded.len()).step_by(2).map(|at| u8::from_str_radix(&padded[at..at + 2], 16).ok()).collect()
}

fn number_literal(text: &str, span: (usize, usize)) -> Parsed<Expression> {
    let upper = text.to_ascii_uppercase();
    let suffix = ["BD", "L", "S", "Y", "D", "F"].into_iter().find(|suffix| upper.ends_with(suffix)).unwrap_or("");
    let body = &text[..text.len() - suffix.len()];
    let exponent = body.contains(['e', 'E']);
    let whole = !exponent && !body.contains('.');
    let value = match suffix {
        "L" if whole => body.parse().ok().map(LiteralType::Long),
        "S" if whole => body.parse::<i16>().ok().map(|value| LiteralType::Short(value.into())),
        "Y" if whole => body.parse::<i8>().ok().map(|value| LiteralType::Byte(value.into())),
        "D" => body.parse().ok().filter(|value: &f64| value.is_finite()).map(LiteralType::Double),
        "F" => body.parse().ok().filter(|value: &f32| value.is_finite()).map(LiteralType::Float),
        "BD" => return decimal(body, span),
        "" if exponent => body.parse().ok().filter(|value: &f64| value.is_finite()).map(LiteralType::Double),
        "" if whole => match body.parse::<i64>() {
            Ok(value) => Some(i32::try_from(value).map_or(LiteralType::Long(value), LiteralType::Integer)),
            Err(_) => return decimal(body, span),
        },
        "" => return decimal(body, span),
        _ => return Err(SyntaxError::near(text, span.0)),
    };
    value.map(literal).ok_or_else(|| SyntaxError::numeric_range(body, range_of(suffix), span))
}

fn range_of(suffix: &str) -> NumericRange {
    let (type_name, low, high) = match suffix {
        "Y" => ("tinyint", "-128", "127"),
        "S" => ("smallint", "-32768", "32767"),
        "L" => ("bigint", "-9223372036854775808", "9223372036854775807"),
        "F" => ("float", "-3.4028234663852886E+38", "3.4028234663852886E+38"),
        _ => ("double", "-1.7976931348623157E+308", "1.7976931348623157E+308"),
    };
    NumericRange { type_name, low, high }
}

/// A decimal with the precision and scale of its digits, the exponent applied.
fn decimal(text: &str, span: (usize, usize)) -> Parsed<Expression> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
        None => (text, Some(0)),
    };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let too_wide = |digits: usize| SyntaxError::decimal_literal(i64::try_from(digits).unwrap_or(i64::MAX), span);
    let exponent = exponent.filter(|value| value.unsigned_abs() < 1000).ok_or_else(|| too_wide(usize::MAX))?;
    let mut unscaled = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
    let mut scale = i32::try_from(fraction.len()).map_err(|_| too_wide(fraction.len()))? - exponent;
    while scale < 0 {
        unscaled.push('0');
        scale += 1;
    }
    let scale_digits = usize::try_from(scale).map_err(|_| too_wide(0))?;
    let precision = unscaled.len().max(scale_digits).max(1);
    if precision > DECIMAL_DIGITS_MAX {
        return Err(too_wide(precision));
    }
    let padded = format!("{unscaled:0>width$}", width = scale_digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale_digits);
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(literal(LiteralType::Decimal(Decimal {
        value: format!("{sign}{whole}{point}{fraction}"),
        precision: i32::try_from(precision).ok(),
        scale: Some(scale),
    })))
}
