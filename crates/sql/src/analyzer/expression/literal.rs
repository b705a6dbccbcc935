//! Literal messages → DataFusion's scalar values, with Spark's text for each.

use std::sync::Arc;

use arrow::array::{ArrayRef, MapArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{array, decimal, map, structure, timestamp, timestamp_ntz};
use millstream_functions::{CastMode, FunctionContext, SpecialMoment, TypedExpr};
use spark_connect_proto::DataType as ProtoType;
use spark_connect_proto::data_type::Kind;
use spark_connect_proto::expression::Literal;
use spark_connect_proto::expression::literal::{self as message, LiteralType};

use crate::data_type::from_proto;
use crate::parser::extension::SpecialLiteral;

/// A literal with its text.
pub(crate) fn literal(one: &Literal, zone: Tz) -> Result<TypedExpr> {
    let (value, sql) = value(one, zone)?;
    Ok(TypedExpr::literal(value, sql))
}

/// `TIMESTAMP '…'` on the clock of a zone.
pub(super) fn local_timestamp(text: &str, zone: Tz) -> Result<TypedExpr> {
    let text = TypedExpr::literal(ScalarValue::from(text), text);
    let cast = millstream_functions::cast(text, &timestamp(), CastMode::Ansi, zone)?;
    match millstream_functions::constant_of(&cast.expr) {
        Some(ScalarValue::TimestampMicrosecond(Some(us), zone_name)) => {
            let (value, sql) = with_sql("TIMESTAMP", ScalarValue::TimestampMicrosecond(Some(us), zone_name), zone)?;
            Ok(TypedExpr::literal(value, sql))
        }
        _ => Err(Error::internal("the parser let a text pass that is no timestamp")),
    }
}

/// A literal that is a word for a moment, with the moment in its text.
pub(super) fn special(literal: &SpecialLiteral, context: &FunctionContext) -> Result<TypedExpr> {
    let moment = SpecialMoment::parse(&literal.text)
        .ok_or_else(|| Error::internal("the parser let a text pass that is no word for a moment"))?;
    let (name, data_type) = match literal.type_name.as_str() {
        "DATE" => ("DATE", DataType::Date32),
        "TIMESTAMP_NTZ" => ("TIMESTAMP_NTZ", timestamp_ntz()),
        _ => ("TIMESTAMP", timestamp()),
    };
    let zone = context.settings.time_zone;
    let (value, sql) = with_sql(name, moment.value(&data_type, Some(context.now_us), zone)?, zone)?;
    Ok(TypedExpr::literal(value, sql))
}

fn value(one: &Literal, zone: Tz) -> Result<(ScalarValue, String)> {
    let kind = one.literal_type.as_ref().ok_or_else(|| Error::invalid("a literal without a value"))?;
    Ok(match kind {
        LiteralType::Null(data_type) => (null(data_type)?, "NULL".to_owned()),
        LiteralType::Boolean(flag) => (ScalarValue::from(*flag), flag.to_string()),
        LiteralType::Byte(number) => (ScalarValue::Int8(Some(narrow(*number)?)), number.to_string()),
        LiteralType::Short(number) => (ScalarValue::Int16(Some(narrow(*number)?)), number.to_string()),
        LiteralType::Integer(number) => (ScalarValue::from(*number), number.to_string()),
        LiteralType::Long(number) => (ScalarValue::from(*number), number.to_string()),
        LiteralType::Float(number) => (ScalarValue::from(*number), java_double(f64::from(*number), number.to_string())),
        LiteralType::Double(number) => (ScalarValue::from(*number), java_double(*number, number.to_string())),
        LiteralType::Decimal(number) => decimal_value(number)?,
        LiteralType::String(text) => (ScalarValue::from(text.as_str()), text.clone()),
        LiteralType::Binary(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            (ScalarValue::Binary(Some(bytes.to_vec())), format!("X'{hex}'"))
        }
        LiteralType::Date(days) => with_sql("DATE", ScalarValue::Date32(Some(*days)), zone)?,
        LiteralType::Timestamp(us) => {
            with_sql("TIMESTAMP", ScalarValue::TimestampMicrosecond(Some(*us), Some("UTC".into())), zone)?
        }
        LiteralType::TimestampNtz(us) => {
            with_sql("TIMESTAMP_NTZ", ScalarValue::TimestampMicrosecond(Some(*us), None), zone)?
        }
        LiteralType::CalendarInterval(one) => {
            let nanos = one.microseconds.checked_mul(1000).ok_or_else(|| Error::invalid("an interval is too long"))?;
            let value = IntervalMonthDayNano::new(one.months, one.days, nanos);
            (ScalarValue::IntervalMonthDayNano(Some(value)), calendar_interval_sql(one))
        }
        LiteralType::YearMonthInterval(months) => {
            (ScalarValue::IntervalYearMonth(Some(*months)), year_month_sql(*months, interval_fields(one, 1)))
        }
        LiteralType::DayTimeInterval(us) => {
            (ScalarValue::DurationMicrosecond(Some(*us)), day_time_sql(*us, interval_fields(one, 3)))
        }
        LiteralType::Array(_) | LiteralType::Map(_) | LiteralType::Struct(_) | LiteralType::SpecializedArray(_) => {
            return nested(one, zone);
        }
        LiteralType::Time(time) => {
            (ScalarValue::Time64Microsecond(Some(time.nano / 1000)), format!("TIME '{}'", time.nano / 1000))
        }
        LiteralType::TimestampNtzNanos(_) | LiteralType::TimestampLtzNanos(_) => {
            return Err(Error::unsupported("A timestamp literal with nanoseconds is not supported."));
        }
    })
}

fn null(data_type: &ProtoType) -> Result<ScalarValue> {
    ScalarValue::try_from(&from_proto(data_type)?).map_err(from_datafusion)
}

fn narrow<T: TryFrom<i32>>(number: i32) -> Result<T> {
    T::try_from(number).map_err(|_| Error::invalid(format!("the literal {number} does not fit its type")))
}

/// `1.0E10` and `NaN` as Java prints them; `plain` is Rust's text.
fn java_double(number: f64, plain: String) -> String {
    let magnitude = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        let scientific = format!("{number:E}");
        match scientific.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
            _ => scientific,
        }
    } else if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

fn decimal_value(one: &message::Decimal) -> Result<(ScalarValue, String)> {
    let text = one.value.as_str();
    let bad = || Error::invalid(format!("'{text}' is not a decimal literal"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}").parse::<i128>().map_err(|error| bad().with_source(error))?;
    let own_scale = u32::try_from(fraction.len()).map_err(|_| bad())?;
    let length = u32::try_from(digits.unsigned_abs().to_string().len()).map_err(|_| bad())?;
    let scale = one.scale.and_then(|scale| u32::try_from(scale).ok()).unwrap_or(own_scale);
    let precision = one.precision.and_then(|precision| u32::try_from(precision).ok()).unwrap_or(length.max(scale));
    let unscaled = match scale.checked_sub(own_scale) {
        Some(more) => 10_i128.checked_pow(more).and_then(|factor| digits.checked_mul(factor)).ok_or_else(bad)?,
        None => digits / 10_i128.pow(own_scale - scale),
    };
    let (precision, scale) = (u8::try_from(precision).map_err(|_| bad())?, i8::try_from(scale).map_err(|_| bad())?);
    let DataType::Decimal128(precision, scale) = decimal(precision, scale) else { return Err(bad()) };
    Ok((ScalarValue::Decimal128(Some(unscaled), precision, scale), text.to_owned()))
}

/// A date or time, and the literal that Spark writes for it; Spark knows more years than chrono does.
fn with_sql(name: &str, value: ScalarValue, zone: Tz) -> Result<(ScalarValue, String)> {
    let plain = TypedExpr::literal(value.clone(), "");
    let text = millstream_functions::cast(plain, &DataType::Utf8, CastMode::Legacy, zone)?;
    match millstream_functions::constant_of(&text.expr) {
        Some(ScalarValue::Utf8(Some(text))) => Ok((value, format!("{name} '{text}'"))),
        _ => Err(Error::invalid("a literal that has no text")),
    }
}

fn calendar_interval_sql(one: &message::CalendarInterval) -> String {
    let units = [
        (i64::from(one.months / 12), "years"),
        (i64::from(one.months % 12), "months"),
        (i64::from(one.days), "days"),
        (one.microseconds / 3_600_000_000, "hours"),
        (one.microseconds / 60_000_000 % 60, "minutes"),
        (one.microseconds / 1_000_000 % 60, "seconds"),
    ];
    let parts: Vec<_> =
        units.iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    format!("INTERVAL '{}'", if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") })
}

/// The first and the last field of an interval literal: all up to this one unless its type says less.
fn interval_fields(one: &Literal, last: usize) -> (usize, usize) {
    let stated = match one.data_type.as_ref().and_then(|data_type| data_type.kind.as_ref()) {
        Some(Kind::DayTimeInterval(fields)) => (fields.start_field, fields.end_field),
        Some(Kind::YearMonthInterval(fields)) => (fields.start_field, fields.end_field),
        _ => (None, None),
    };
    let field = |number: Option<i32>, default| {
        number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number <= last).unwrap_or(default)
    };
    let first = field(stated.0, 0);
    (first, field(stated.1, last).max(first))
}

fn year_month_sql(months: i32, fields: (usize, usize)) -> String {
    let (sign, total) = (if months < 0 { "-" } else { "" }, months.unsigned_abs());
    match fields {
        (0, 0) => format!("INTERVAL '{sign}{}' YEAR", total / 12),
        (1, _) => format!("INTERVAL '{sign}{total}' MONTH"),
        _ => format!("INTERVAL '{sign}{}-{}' YEAR TO MONTH", total / 12, total % 12),
    }
}

/// The fields from the first, which takes all that is larger, to the last.
fn day_time_sql(us: i64, (first, last): (usize, usize)) -> String {
    const NAMES: [&str; 4] = ["DAY", "HOUR", "MINUTE", "SECOND"];
    let (sign, total) = (if us < 0 { "-" } else { "" }, us.unsigned_abs());
    let seconds = total / 1_000_000;
    let whole = [seconds / 86_400, seconds / 3600, seconds / 60, seconds];
    let part = [whole[0], whole[1] % 24, whole[2] % 60, whole[3] % 60];
    let mut text = sign.to_owned();
    for field in first..=last {
        let number = if field == first { whole[field] } else { part[field] };
        match field {
            _ if field == first => {}
            1 => text.push(' '),
            _ => text.push(':'),
        }
        text.push_str(&if field == 0 { number.to_string() } else { format!("{number:02}") });
    }
    if last == 3 && total % 1_000_000 != 0 {
        text.push_str(format!(".{:06}", total % 1_000_000).trim_end_matches('0'));
    }
    let units = if first == last { NAMES[first].to_owned() } else { format!("{} TO {}", NAMES[first], NAMES[last]) };
    format!("INTERVAL '{text}' {units}")
}

/// The type that a literal is said to have: by itself, or by the fields that older clients fill in.
#[expect(deprecated, reason = "clients before 4.1 say it only there")]
fn stated_type(one: &Literal) -> Option<Result<DataType>> {
    if let Some(data_type) = &one.data_type {
        return Some(from_proto(data_type));
    }
    match one.literal_type.as_ref()? {
        LiteralType::Array(array_of) => {
            array_of.element_type.as_ref().map(|element| Ok(array(from_proto(element)?, true)))
        }
        LiteralType::Map(map_of) => {
            let (key, value) = (map_of.key_type.as_ref()?, map_of.value_type.as_ref()?);
            Some(from_proto(key).and_then(|key| Ok(map(key, from_proto(value)?, true))))
        }
        LiteralType::Struct(struct_of) => struct_of.struct_type.as_ref().map(from_proto),
        _ => None,
    }
}

fn nested(one: &Literal, zone: Tz) -> Result<(ScalarValue, String)> {
    let stated = stated_type(one).transpose()?;
    let values = |literals: &[Literal]| -> Result<(Vec<ScalarValue>, Vec<String>)> {
        Ok(literals.iter().map(|one| value(one, zone)).collect::<Result<Vec<_>>>()?.into_iter().unzip())
    };
    match one.literal_type.as_ref() {
        Some(LiteralType::Array(list)) => {
            let (elements, texts) = values(&list.elements)?;
            list_value(elements, texts, stated)
        }
        Some(LiteralType::SpecializedArray(list)) => {
            let (elements, texts) = specialized(list).into_iter().unzip();
            list_value(elements, texts, stated)
        }
        Some(LiteralType::Map(entries)) => {
            let (keys, key_texts) = values(&entries.keys)?;
            let (entry_values, value_texts) = values(&entries.values)?;
            map_value((keys, key_texts), (entry_values, value_texts), stated)
        }
        Some(LiteralType::Struct(fields)) => {
            let (elements, texts) = values(&fields.elements)?;
            struct_value(elements, &texts, stated)
        }
        _ => Err(Error::invalid("a nested literal without a value")),
    }
}

fn specialized(list: &message::SpecializedArray) -> Vec<(ScalarValue, String)> {
    use message::specialized_array::ValueType;
    match list.value_type.as_ref() {
        Some(ValueType::Bools(all)) => all.values.iter().map(|v| (ScalarValue::from(*v), v.to_string())).collect(),
        Some(ValueType::Ints(all)) => all.values.iter().map(|v| (ScalarValue::from(*v), v.to_string())).collect(),
        Some(ValueType::Longs(all)) => all.values.iter().map(|v| (ScalarValue::from(*v), v.to_string())).collect(),
        Some(ValueType::Floats(all)) => all.values.iter().map(|v| (ScalarValue::from(*v), v.to_string())).collect(),
        Some(ValueType::Doubles(all)) => {
            all.values.iter().map(|v| (ScalarValue::from(*v), java_double(*v, v.to_string()))).collect()
        }
        Some(ValueType::Strings(all)) => {
            all.values.iter().map(|v| (ScalarValue::from(v.as_str()), v.clone())).collect()
        }
        None => Vec::new(),
    }
}

/// Brings every value to the type; NULL literals have another one.
fn typed(values: Vec<ScalarValue>, data_type: &DataType) -> Result<Vec<ScalarValue>> {
    values
        .into_iter()
        .map(|value| if value.data_type() == *data_type { Ok(value) } else { value.cast_to(data_type) })
        .collect::<Result<_, _>>()
        .map_err(from_datafusion)
}

fn first_type(values: &[ScalarValue]) -> DataType {
    values.iter().find(|value| !value.is_null()).map_or(DataType::Null, ScalarValue::data_type)
}

fn column_of(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(typed(values, data_type)?).map_err(from_datafusion)
}

fn list_value(
    elements: Vec<ScalarValue>,
    texts: Vec<String>,
    stated: Option<DataType>,
) -> Result<(ScalarValue, String)> {
    let (element, contains_null) = match &stated {
        Some(DataType::List(field)) => (field.data_type().clone(), field.is_nullable()),
        _ => (first_type(&elements), elements.iter().any(ScalarValue::is_null)),
    };
    let list = ScalarValue::new_list(&typed(elements, &element)?, &element, contains_null);
    Ok((ScalarValue::List(list), format!("ARRAY({})", texts.join(", "))))
}

fn map_value(
    (keys, key_texts): (Vec<ScalarValue>, Vec<String>),
    (values, value_texts): (Vec<ScalarValue>, Vec<String>),
    stated: Option<DataType>,
) -> Result<(ScalarValue, String)> {
    let nullable = values.iter().any(ScalarValue::is_null);
    let data_type = stated.unwrap_or_else(|| map(first_type(&keys), first_type(&values), nullable));
    let DataType::Map(entries, _) = &data_type else { return Err(Error::invalid("a map literal of another type")) };
    let Some((key, value)) = millstream_functions::data_type::map_entry(entries) else {
        return Err(Error::invalid("a map literal of another type"));
    };
    let length = keys.len();
    let columns = vec![column_of(keys, key.data_type())?, column_of(values, value.data_type())?];
    let pairs = StructArray::try_new(vec![key.clone(), value.clone()].into(), columns, None)?;
    let map = MapArray::try_new(entries.clone(), OffsetBuffer::from_lengths([length]), pairs, None, false)?;
    let texts: Vec<_> = key_texts.iter().zip(&value_texts).map(|(key, value)| format!("{key}, {value}")).collect();
    Ok((ScalarValue::Map(Arc::new(map)), format!("MAP({})", texts.join(", "))))
}

fn struct_value(
    elements: Vec<ScalarValue>,
    texts: &[String],
    stated: Option<DataType>,
) -> Result<(ScalarValue, String)> {
    let data_type = stated.unwrap_or_else(|| {
        structure(elements.iter().enumerate().map(|(i, value)| (format!("col{}", i + 1), value.data_type(), true)))
    });
    let DataType::Struct(fields) = &data_type else { return Err(Error::invalid("a struct literal of another type")) };
    let columns = elements
        .into_iter()
        .zip(fields)
        .map(|(value, field)| column_of(vec![value], field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let texts: Vec<_> = fields.iter().zip(texts).map(|(field, text)| format!("{}, {text}", field.name())).collect();
    let array = StructArray::try_new(fields.clone(), columns, None)?;
    Ok((ScalarValue::Struct(Arc::new(array)), format!("NAMED_STRUCT({})", texts.join(", "))))
}
