//! The type of a JSON text, as Spark infers it.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use millstream_core::error::{Error, Result};
use millstream_core::{Options, spark_error};

use super::options::{JsonOptions, ParseMode};
use super::tokens::{Bad, Buffers, Token, Tokens};
use crate::datetime::parse_timestamp;

/// Digits that a decimal can have.
const DECIMAL_DIGITS_MAX: i64 = 38;

/// What `schema_of_json` may be told of types, beside how JSON is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InferenceOptions {
    /// Numbers and booleans are strings: `primitivesAsString`.
    pub primitives_as_string: bool,
    /// Numbers with a point, and strings that are numbers, are decimals: `prefersDecimal`.
    pub prefers_decimal: bool,
    /// Strings that are timestamps are timestamps: `inferTimestamp`.
    pub infer_timestamp: bool,
    /// What is only null is left out: `dropFieldIfAllNull`.
    pub drop_null_fields: bool,
}

impl InferenceOptions {
    /// The options as the user wrote them.
    ///
    /// # Errors
    /// A switch is neither `true` nor `false`.
    pub fn from_options(options: &Options) -> Result<Self> {
        let switch = |name: &str| Ok::<_, Error>(options.get_bool(name)?.unwrap_or(false));
        Ok(Self {
            primitives_as_string: switch("primitivesAsString")?,
            prefers_decimal: switch("prefersDecimal")?,
            infer_timestamp: switch("inferTimestamp")?,
            drop_null_fields: switch("dropFieldIfAllNull")?,
        })
    }
}

/// The type of the value with which a text begins, nullable throughout. Fields are in the order of their names, and one
/// that comes twice is there twice.
///
/// # Errors
/// The text is malformed within that value, for which Spark raises its JSON parser's exception; a decimal with a
/// negative scale.
pub fn infer_type(text: &str, options: &JsonOptions, inference: InferenceOptions) -> Result<DataType> {
    let mut buffers = Buffers::default();
    let mut tokens = Tokens::new(text, options.syntax, &mut buffers);
    let inferred = tokens.next().and_then(|_| Inference { options, inference }.value(&mut tokens));
    let inferred = inferred.map_err(|Bad| Error::data("the text is no valid JSON"))?;
    if has_negative_scale(&inferred) {
        return Err(Error::unsupported("a decimal with a negative scale"));
    }
    Ok(match (canonical(&inferred, inference), &inferred) {
        (Some(data_type), _) => data_type,
        (None, DataType::Struct(_)) => DataType::Struct(Fields::empty()),
        (None, DataType::List(element)) if matches!(element.data_type(), DataType::Struct(_)) => {
            list(DataType::Struct(Fields::empty()))
        }
        (None, _) => DataType::Utf8,
    })
}

/// The columns that JSON records show, one record after the other.
#[derive(Debug, Clone)]
pub struct JsonInference {
    options: JsonOptions,
    inference: InferenceOptions,
    root: DataType,
}

impl JsonInference {
    /// Nothing has been seen yet.
    pub fn new(options: JsonOptions, inference: InferenceOptions) -> Self {
        Self { options, inference, root: DataType::Struct(Fields::empty()) }
    }

    /// Takes another record in; a malformed one shows the column for such, where there is to be one.
    ///
    /// # Errors
    /// The record is malformed, and that is to be an error.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let mut buffers = Buffers::default();
        let mut tokens = Tokens::new(text, self.options.syntax, &mut buffers);
        let inference = Inference { options: &self.options, inference: self.inference };
        let mut found = tokens.next().and_then(|_| inference.value(&mut tokens)).ok();
        while let Some(DataType::List(element)) = found {
            found = Some(element.data_type().clone());
        }
        let root = std::mem::replace(&mut self.root, DataType::Null);
        self.root = match found {
            Some(DataType::Null) => root,
            Some(found @ DataType::Struct(_)) => compatible(root, found),
            Some(_) | None => self.with_corrupt_column(root)?,
        };
        Ok(())
    }

    fn with_corrupt_column(&self, root: DataType) -> Result<DataType> {
        let name = &self.options.corrupt_record_column;
        match self.options.mode {
            ParseMode::DropMalformed => Ok(root),
            ParseMode::Permissive => {
                let column = Fields::from(vec![Field::new(name, DataType::Utf8, true)]);
                Ok(compatible(root, DataType::Struct(column)))
            }
            ParseMode::FailFast => Err(spark_error!(
                "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                badRecord = name,
                failFastMode = "FAILFAST"
            )),
        }
    }

    /// The columns, in the order of their names.
    ///
    /// # Errors
    /// A decimal with a negative scale.
    pub fn finish(self) -> Result<Fields> {
        if has_negative_scale(&self.root) {
            return Err(Error::unsupported("a decimal with a negative scale"));
        }
        match canonical(&self.root, self.inference) {
            Some(DataType::Struct(fields)) => Ok(fields),
            _ => Ok(Fields::empty()),
        }
    }
}

fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

struct Inference<'o> {
    options: &'o JsonOptions,
    inference: InferenceOptions,
}

impl Inference<'_> {
    /// The type of the value that begins with the current token.
    fn value(&self, tokens: &mut Tokens<'_>) -> Result<DataType, Bad> {
        let Some(token) = tokens.current() else { return Ok(DataType::Null) };
        Ok(match token {
            Token::StartObject => {
                let mut fields = Vec::new();
                while tokens.next_until(Token::EndObject)? {
                    let name = String::from_utf8_lossy(tokens.name().ok_or(Bad)?).into_owned();
                    tokens.next()?;
                    fields.push(Arc::new(Field::new(name, self.value(tokens)?, true)));
                }
                fields.sort_by(|left, right| by_utf16(left.name(), right.name()));
                DataType::Struct(fields.into())
            }
            Token::StartArray => {
                let mut element = DataType::Null;
                while tokens.next_until(Token::EndArray)? {
                    let next = self.value(tokens)?;
                    element = compatible(element, next);
                }
                list(element)
            }
            Token::String => self.string(tokens)?,
            Token::Null => DataType::Null,
            _ if self.inference.primitives_as_string => DataType::Utf8,
            Token::True | Token::False => DataType::Boolean,
            Token::Integer => integer(tokens.number()),
            Token::Fraction if self.inference.prefers_decimal => decimal_or_double(digits_of(tokens.number())),
            Token::Fraction | Token::NonNumber(_) => DataType::Float64,
            Token::FieldName | Token::EndObject | Token::EndArray => return Err(Bad),
        })
    }

    fn string(&self, tokens: &mut Tokens<'_>) -> Result<DataType, Bad> {
        let text = String::from_utf8_lossy(tokens.string()?.0).into_owned();
        if text.is_empty() {
            return Ok(DataType::Null);
        }
        if self.inference.prefers_decimal
            && let Some((digits, scale)) = decimal_text(&text.replace(',', ""))
            && digits <= DECIMAL_DIGITS_MAX
            && scale <= digits
        {
            return Ok(decimal(digits, scale));
        }
        let is_timestamp = self.inference.infer_timestamp
            && match &self.options.timestamp_parser {
                Some(parse) => parse(&text).is_some(),
                None => parse_timestamp(&text, self.options.time_zone).is_some(),
            };
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Ok(if is_timestamp { timestamp } else { DataType::Utf8 })
    }
}

/// Java's order of strings.
fn by_utf16(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

fn decimal(digits: i64, scale: i64) -> DataType {
    DataType::Decimal128(digits as u8, scale as i8)
}

fn integer(number: &[u8]) -> DataType {
    let fits = std::str::from_utf8(number).is_ok_and(|text| text.parse::<i64>().is_ok());
    if fits { DataType::Int64 } else { decimal_or_double(digits_of(number)) }
}

fn decimal_or_double(number: Option<(i64, i64)>) -> DataType {
    match number {
        Some((digits, scale)) if digits.max(scale) <= DECIMAL_DIGITS_MAX => decimal(digits.max(scale), scale.max(-128)),
        _ => DataType::Float64,
    }
}

fn digits_of(number: &[u8]) -> Option<(i64, i64)> {
    decimal_text(std::str::from_utf8(number).ok()?)
}

/// Digits and scale of a number's text, as Java's BigDecimal has them.
fn decimal_text(text: &str) -> Option<(i64, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').len().max(1);
    Some((significant as i64, fraction.len() as i64 - i64::from(exponent)))
}

/// The type of values of both types.
fn compatible(left: DataType, right: DataType) -> DataType {
    use DataType::{Decimal128, Float64, Int64, List, Null, Struct, Utf8};
    match (left, right) {
        (left, right) if left == right => left,
        (Null, other) | (other, Null) => other,
        (Int64 | Decimal128(..), Float64) | (Float64, Int64 | Decimal128(..)) => Float64,
        (Int64, Decimal128(digits, scale)) | (Decimal128(digits, scale), Int64) => {
            if i16::from(digits) - i16::from(scale) >= 20 && scale >= 0 {
                Decimal128(digits, scale)
            } else {
                wider((20, 0), (digits, scale))
            }
        }
        (Decimal128(digits, scale), Decimal128(other_digits, other_scale)) => {
            wider((digits, scale), (other_digits, other_scale))
        }
        (List(left), List(right)) => list(compatible(left.data_type().clone(), right.data_type().clone())),
        (Struct(left), Struct(right)) => Struct(merged(&left, &right)),
        _ => Utf8,
    }
}

fn wider(left: (u8, i8), right: (u8, i8)) -> DataType {
    let scale = i64::from(left.1.max(right.1));
    let whole = |(digits, scale): (u8, i8)| i64::from(digits) - i64::from(scale);
    let digits = whole(left).max(whole(right)) + scale;
    if digits > DECIMAL_DIGITS_MAX { DataType::Float64 } else { decimal(digits, scale) }
}

/// The fields of both, each in the order of their names.
fn merged(left: &Fields, right: &Fields) -> Fields {
    let mut fields = Vec::new();
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        match by_utf16(first.name(), second.name()) {
            Ordering::Less => fields.extend(left.next().cloned()),
            Ordering::Greater => fields.extend(right.next().cloned()),
            Ordering::Equal => {
                let data_type = compatible(first.data_type().clone(), second.data_type().clone());
                fields.push(Arc::new(Field::new(first.name(), data_type, true)));
                left.next();
                right.next();
            }
        }
    }
    fields.extend(left.chain(right).cloned());
    fields.into()
}

/// The type without fields that have no name and structs that have no fields; what has only been null is a string, or
/// nothing.
fn canonical(data_type: &DataType, inference: InferenceOptions) -> Option<DataType> {
    match data_type {
        DataType::Null => (!inference.drop_null_fields).then_some(DataType::Utf8),
        DataType::List(element) => canonical(element.data_type(), inference).map(list),
        DataType::Struct(fields) => {
            let named = fields.iter().filter(|field| !field.name().is_empty());
            let fields: Fields = named
                .filter_map(|field| Some(Field::new(field.name(), canonical(field.data_type(), inference)?, true)))
                .collect();
            (!fields.is_empty()).then_some(DataType::Struct(fields))
        }
        other => Some(other.clone()),
    }
}

fn has_negative_scale(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(_, scale) => *scale < 0,
        DataType::List(element) => has_negative_scale(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_negative_scale(field.data_type())),
        _ => false,
    }
}
