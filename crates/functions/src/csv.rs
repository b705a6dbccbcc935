//! CSV: a record decoded by a schema, and the record of a struct.
//!
//! Values are of flat types. Deliberately not here: comments, and options that change how numbers are spelled.

mod record;
mod schema_of;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Date32Type, Field, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Options, Result, spark_error};
use millstream_formats::text::cast_to_string;

use self::record::Dialect;
use super::argument::{constant_of, scalar};
use super::call::{FunctionCall, Resolved};
use super::cast::{CastMode, Casting, cast_column};
use super::entry::Arity::Between;
use super::entry::FunctionEntry;
use super::kernel::{Evaluation, Function};
use super::sql_form::SqlForm;
use crate::data_type::{is_integral, sql_name};
use crate::failure::{schema_not_constant, sql_expr, sql_type, unexpected_input_type};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::to_local_us;
use millstream_formats::date_time_pattern::{PrintPattern, ReadPattern};

/// The CSV functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("from_csv", Between(2, 3), from_csv, "the struct of a CSV record, by a schema")
        .shown(SqlForm::FirstArgument),
    FunctionEntry::new("schema_of_csv", Between(1, 2), schema_of::schema_of_csv, "the schema of a constant CSV record")
        .shown(SqlForm::FirstArgument),
    FunctionEntry::new("to_csv", Between(1, 2), to_csv, "the CSV record of a struct"),
];

/// Options of Spark that change what a record means, and that nothing here heeds.
const REFUSED: [&str; 11] = [
    "charToEscapeQuoteEscaping",
    "comment",
    "emptyValue",
    "escapeQuotes",
    "locale",
    "nanValue",
    "negativeInf",
    "positiveInf",
    "preferDate",
    "quoteAll",
    "timestampNTZFormat",
];

/// The options as constant arguments of the kernels, behind the value.
fn constants(options: &Options) -> Result<Vec<TypedExpr>> {
    Ok(texts(options)?.iter().map(|value| TypedExpr::literal(ScalarValue::from(value.as_str()), "")).collect())
}

fn texts(options: &Options) -> Result<[String; 10]> {
    if let Some(refused) = REFUSED.iter().find(|name| options.contains(name)) {
        return Err(Error::unsupported(format!("the option '{refused}' of CSV functions")));
    }
    let text = |name: &str, default: &str| options.get(name).unwrap_or(default).to_owned();
    let separator = options.get("sep").or_else(|| options.get("delimiter")).unwrap_or(",").to_owned();
    let trims = |name: &str| Ok::<_, Error>(options.get_bool(name)?.unwrap_or(false).to_string());
    Ok([
        separator,
        text("quote", "\""),
        text("escape", "\\"),
        text("nullValue", ""),
        trims("ignoreLeadingWhiteSpace")?,
        trims("ignoreTrailingWhiteSpace")?,
        text("dateFormat", ""),
        text("timestampFormat", ""),
        text("columnNameOfCorruptRecord", "_corrupt_record"),
        text("mode", "PERMISSIVE"),
    ])
}

/// The options again, in a kernel.
struct Settings<'a, P> {
    dialect: Dialect<'a>,
    date_format: Option<P>,
    timestamp_format: Option<P>,
    corrupt: &'a str,
    fails: bool,
}

impl<'a, P> Settings<'a, P> {
    /// None without rows, for which nothing is to be done.
    fn new(one: &'a Evaluation<'_>, compile: fn(&str) -> Result<P>) -> Result<Option<Self>> {
        if one.rows == 0 {
            return Ok(None);
        }
        let text = |index: usize| one.strings(index).value(0);
        let format = |index: usize| match text(index) {
            "" => Ok(None),
            pattern => compile(pattern).map(Some),
        };
        Ok(Some(Self {
            dialect: Dialect {
                separator: text(1),
                quote: text(2).chars().next(),
                escape: text(3).chars().next(),
                null: text(4),
                trims_start: text(5) == "true",
                trims_end: text(6) == "true",
            },
            date_format: format(7)?,
            timestamp_format: format(8)?,
            corrupt: text(9),
            fails: text(10).eq_ignore_ascii_case("FAILFAST"),
        }))
    }
}

fn from_csv(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Utf8 | DataType::Null) {
        return unexpected_input_type(call, 0, "\"STRING\"");
    }
    let Some(ScalarValue::Utf8(Some(text))) = constant_of(&call.argument(1).expr) else {
        return Err(schema_not_constant(call));
    };
    let schema = (call.context.schema_of)(&text)?;
    let DataType::Struct(fields) = &schema else {
        let shown = sql_type(&schema);
        return Err(spark_error!("INVALID_SCHEMA.NON_STRUCT_TYPE", inputSchema = shown, dataType = shown));
    };
    if let Some(field) = fields.iter().find(|field| !is_flat(field.data_type())) {
        return Err(spark_error!("UNSUPPORTED_DATATYPE", typeName = sql_type(field.data_type()))
            .with_exception(SparkException::UnsupportedOperation));
    }
    let options = call.options(2)?;
    if options.get("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("DROPMALFORMED")) {
        return Err(spark_error!("PARSE_MODE_UNSUPPORTED", funcName = "`from_csv`", mode = "DROPMALFORMED"));
    }
    // What cannot be read is NULL, whatever the schema says.
    let fields: Vec<Field> = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let sql = format!("from_csv({})", call.arguments[0].sql);
    let value = call.string(0)?;
    let nullable = value.nullable;
    let arguments = std::iter::once(value).chain(constants(&options)?);
    let decoded = FROM_CSV.over(arguments, DataType::Struct(fields.into()), nullable, &call.context.settings);
    scalar(decoded.with_sql(sql))
}

fn is_flat(data_type: &DataType) -> bool {
    !matches!(
        data_type,
        DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_) | DataType::Interval(_) | DataType::Duration(_)
    )
}

static FROM_CSV: Function = Function::new("from_csv", |one| {
    let DataType::Struct(fields) = one.data_type else { return Err(Error::internal("a struct that is none")) };
    let Some(settings) = Settings::new(one, ReadPattern::new)? else {
        return Ok(arrow::array::new_empty_array(one.data_type));
    };
    let texts = one.strings(0);
    let corrupt =
        fields.iter().position(|field| field.name() == settings.corrupt && *field.data_type() == DataType::Utf8);
    let wanted: Vec<usize> = (0..fields.len()).filter(|place| Some(*place) != corrupt).collect();
    let mut cells: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(one.rows); wanted.len()];
    let mut malformed = vec![false; one.rows];
    for (text, malformed) in texts.iter().zip(&mut malformed) {
        let mut record = text.map(|text| settings.dialect.fields(text)).unwrap_or_default();
        *malformed = text.is_some() && record.len() != wanted.len();
        record.resize(wanted.len(), None);
        cells.iter_mut().zip(record).for_each(|(column, cell)| column.push(cell));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for (cells, place) in cells.into_iter().zip(wanted) {
        let cells = StringArray::from(cells);
        let column = typed(&cells, fields[place].data_type(), &settings, one)?;
        let lost = |row: usize| cells.is_valid(row) && column.is_null(row);
        malformed.iter_mut().enumerate().for_each(|(row, malformed)| *malformed |= lost(row));
        columns.push(column);
    }
    if let Some(row) = malformed.iter().position(|malformed| *malformed).filter(|_| settings.fails) {
        return Err(malformed_record(&columns, row, one)?);
    }
    if let Some(place) = corrupt {
        let texts = texts.iter().zip(malformed).map(|(text, malformed)| text.filter(|_| malformed));
        columns.insert(place, Arc::new(texts.collect::<StringArray>()));
    }
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, texts.nulls().cloned(), one.rows)?))
});

/// What could be read of the record.
fn malformed_record(columns: &[ArrayRef], row: usize, one: &Evaluation<'_>) -> Result<Error> {
    let shown = columns.iter().map(|column| match column.is_null(row) {
        true => Ok("null".to_owned()),
        false => Ok(cast_to_string(&column.slice(row, 1), one.settings.time_zone)?.value(0).to_owned()),
    });
    let record = format!("[{}]", shown.collect::<Result<Vec<_>>>()?.join(","));
    Ok(spark_error!("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", badRecord = record, failFastMode = "FAILFAST",))
}

/// The cells as values, NULL where they are none.
fn typed(
    cells: &StringArray,
    to: &DataType,
    settings: &Settings<'_, ReadPattern>,
    one: &Evaluation<'_>,
) -> Result<ArrayRef> {
    let zone = one.settings.time_zone;
    let moments = |format: &ReadPattern| -> Vec<Option<i64>> {
        cells.iter().map(|cell| format.parse(cell?, zone).ok()).collect()
    };
    match (to, &settings.date_format, &settings.timestamp_format) {
        (DataType::Date32, Some(format), _) => {
            let day = |us: i64| to_local_us(us, zone).div_euclid(DAY_US) as i32;
            Ok(Arc::new(moments(format).into_iter().map(|us| us.map(day)).collect::<Date32Array>()))
        }
        (DataType::Timestamp(_, Some(_)), _, Some(format)) => {
            Ok(Arc::new(TimestampMicrosecondArray::from(moments(format)).with_data_type(to.clone())))
        }
        (DataType::Boolean, ..) => {
            let flag = |cell: &str| match cell.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
            Ok(Arc::new(cells.iter().map(|cell| cell.and_then(flag)).collect::<BooleanArray>()))
        }
        _ => {
            // A cast takes more for a number than CSV does.
            let plain: ArrayRef = match to {
                one if is_integral(one) => Arc::new(only(cells, is_integer)),
                DataType::Decimal128(_, _) => {
                    let without_commas = cells.iter().map(|cell| cell.map(|cell| cell.replace(',', "")));
                    Arc::new(only(&without_commas.collect(), |cell| !cell.contains(char::is_whitespace)))
                }
                _ => Arc::new(cells.clone()),
            };
            cast_column(&plain, to, Casting { mode: CastMode::Try, zone })
        }
    }
}

fn only(cells: &StringArray, keeps: fn(&str) -> bool) -> StringArray {
    cells.iter().map(|cell| cell.filter(|cell| keeps(cell))).collect()
}

fn is_integer(cell: &str) -> bool {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn to_csv(call: &FunctionCall<'_>) -> Result<Resolved> {
    let fields = match call.data_type(0) {
        DataType::Struct(fields) => fields.clone(),
        DataType::Null => return scalar(call.string(0)?.with_sql("")),
        other => {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE",
                sqlExpr = sql_expr(&call.sql()),
                functionName = "`to_csv`",
                dataType = sql_type(other),
            ));
        }
    };
    let plain = |field: &Field| is_flat(field.data_type()) && *field.data_type() != DataType::Binary;
    if let Some(field) = fields.iter().find(|field| !plain(field)) {
        return Err(Error::unsupported(format!("to_csv of a field of type {}", sql_name(field.data_type()))));
    }
    let options = call.options(1)?;
    let sql = format!("to_csv({})", call.arguments[0].sql);
    let arguments = std::iter::once(call.argument(0)).chain(constants(&options)?);
    scalar(TO_CSV.call_nullable(arguments, DataType::Utf8, call).with_sql(sql))
}

static TO_CSV: Function = Function::new("to_csv", |one| {
    let Some(settings) = Settings::new(one, PrintPattern::new)? else {
        return Ok(arrow::array::new_empty_array(one.data_type));
    };
    let values = one.columns[0].as_struct();
    let texts = values.columns().iter().map(|column| shown(column, &settings, one)).collect::<Result<Vec<_>>>()?;
    let record = |row: usize| {
        let cells = texts.iter().map(|cells| cells.is_valid(row).then(|| cells.value(row)));
        // A record without a letter is none.
        Some(settings.dialect.record(cells)).filter(|record| !record.is_empty())
    };
    let records: StringArray = (0..one.rows).map(record).collect();
    let nulls = NullBuffer::union(values.nulls(), records.nulls());
    let (offsets, data, _) = records.into_parts();
    Ok(Arc::new(StringArray::try_new(offsets, data, nulls)?))
});

/// A column as texts.
fn shown(column: &ArrayRef, settings: &Settings<'_, PrintPattern>, one: &Evaluation<'_>) -> Result<StringArray> {
    let zone = one.settings.time_zone;
    let formatted = |format: &PrintPattern, moments: &dyn Fn(usize) -> i64, zone: chrono_tz::Tz| -> StringArray {
        (0..column.len()).map(|row| column.is_valid(row).then(|| format.format(moments(row), zone))).collect()
    };
    Ok(match (column.data_type(), &settings.date_format) {
        (DataType::Timestamp(_, with_zone), _) => {
            let moments = column.as_primitive::<TimestampMicrosecondType>();
            let default =
                if with_zone.is_some() { "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]" } else { "yyyy-MM-dd'T'HH:mm:ss[.SSS]" };
            let default = PrintPattern::new(default)?;
            let format = settings.timestamp_format.as_ref().filter(|_| with_zone.is_some()).unwrap_or(&default);
            let zone = if with_zone.is_some() { zone } else { chrono_tz::UTC };
            formatted(format, &|row| moments.value(row), zone)
        }
        (DataType::Date32, Some(format)) => {
            let days = column.as_primitive::<Date32Type>();
            formatted(format, &|row| i64::from(days.value(row)) * DAY_US, chrono_tz::UTC)
        }
        _ => cast_column(column, &DataType::Utf8, Casting { mode: CastMode::Try, zone })?.as_string().clone(),
    })
}
