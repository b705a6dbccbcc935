//! Text as dates and timestamps: without a pattern as a cast does it, with one by the pattern.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result};
use millstream_formats::datetime::SECOND_US;

use super::current::now;
use crate::argument::{cast_in, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::cast::CastMode;
use crate::cast::time::dates;
use crate::data_type::{timestamp, timestamp_ntz};
use crate::failure::cannot_parse_timestamp;
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::to_local_us;
use millstream_formats::date_time_pattern::{CompiledPatterns, NotRead, ReadPattern};

/// The moments of the texts in the first column by the patterns in the second; `instead` names the tolerant function.
fn moments(one: &Evaluation<'_>, instead: Option<&str>) -> Result<Vec<Option<i64>>> {
    let zone = one.settings.time_zone;
    read(one, instead, |pattern, text| pattern.parse(text, zone))
}

/// What the patterns in the second column read out of the texts in the first; `instead` names the tolerant function.
fn read(
    one: &Evaluation<'_>,
    instead: Option<&str>,
    parse: impl Fn(&ReadPattern, &str) -> std::result::Result<i64, NotRead>,
) -> Result<Vec<Option<i64>>> {
    let (texts, patterns) = (one.strings(0), one.strings(1));
    let mut compiled = CompiledPatterns::new(ReadPattern::new);
    let parse = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        match (parse(compiled.get(patterns.value(row))?, texts.value(row)), instead) {
            (Ok(us), _) => Ok(Some(us)),
            (Err(NotRead::Unfit(message)), Some(instead)) if one.settings.ansi => {
                Err(cannot_parse_timestamp(&message, instead))
            }
            (Err(NotRead::Unfit(_)), _) => Ok(None),
            // Spark raises Java's own error then, also where it is asked to try.
            (Err(NotRead::Beyond), _) => Err(Error::data("long overflow").with_exception(SparkException::Arithmetic)),
        }
    };
    (0..one.rows).map(parse).collect()
}

fn timestamps(moments: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC"))
}

static TO_TIMESTAMP: Function =
    Function::new("to_timestamp", |one| Ok(timestamps(moments(one, Some("try_to_timestamp"))?)));
static TRY_TO_TIMESTAMP: Function = Function::new("try_to_timestamp", |one| Ok(timestamps(moments(one, None)?)));
static TO_DATE: Function = Function::new("to_date", |one| {
    let zone = one.settings.time_zone;
    let moments = moments(one, Some("try_to_date"))?;
    Ok(dates(moments.into_iter().map(|us| us.map(|us| to_local_us(us, zone).div_euclid(DAY_US) as i32))))
});
static UNIX_TIMESTAMP: Function = Function::new("unix_timestamp", |one| {
    let moments = moments(one, Some("try_to_timestamp"))?;
    Ok(Arc::new(moments.into_iter().map(|us| us.map(|us| us / SECOND_US)).collect::<Int64Array>()))
});

pub(super) fn to_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 || *call.data_type(0) != DataType::Utf8 {
        return scalar(call.cast(call.argument(0), &timestamp())?.with_sql(""));
    }
    scalar(TO_TIMESTAMP.call(call.all_strings()?, timestamp(), call).into_nullable(!call.context.settings.ansi))
}

pub(super) fn try_to_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 || *call.data_type(0) != DataType::Utf8 {
        return scalar(cast_in(call.argument(0), &timestamp(), CastMode::Try, call.context)?.with_sql(""));
    }
    scalar(TRY_TO_TIMESTAMP.call_nullable(call.all_strings()?, timestamp(), call))
}

pub(super) fn to_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 || *call.data_type(0) != DataType::Utf8 {
        return scalar(call.cast(call.argument(0), &DataType::Date32)?.with_sql(""));
    }
    scalar(TO_DATE.call(call.all_strings()?, DataType::Date32, call).into_nullable(!call.context.settings.ansi))
}

static TRY_TO_DATE: Function = Function::new("try_to_date", |one| {
    let zone = one.settings.time_zone;
    let moments = moments(one, None)?;
    Ok(dates(moments.into_iter().map(|us| us.map(|us| to_local_us(us, zone).div_euclid(DAY_US) as i32))))
});

pub(super) fn try_to_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 || *call.data_type(0) != DataType::Utf8 {
        return scalar(cast_in(call.argument(0), &DataType::Date32, CastMode::Try, call.context)?.with_sql(""));
    }
    scalar(TRY_TO_DATE.call_nullable(call.all_strings()?, DataType::Date32, call))
}

static TO_TIMESTAMP_NTZ: Function = Function::new("to_timestamp_ntz", |one| {
    let local = read(one, Some("try_to_timestamp"), ReadPattern::parse_local)?;
    Ok(Arc::new(TimestampMicrosecondArray::from(local)))
});

pub(super) fn to_timestamp_ntz(call: &FunctionCall<'_>) -> Result<Resolved> {
    let data_type = timestamp_ntz();
    if call.count() == 1 || *call.data_type(0) != DataType::Utf8 {
        return scalar(call.cast(call.argument(0), &data_type)?.with_sql(""));
    }
    scalar(TO_TIMESTAMP_NTZ.call(call.all_strings()?, data_type, call).into_nullable(!call.context.settings.ansi))
}

trait IntoNullable {
    fn into_nullable(self, nullable: bool) -> Self;
}

impl IntoNullable for TypedExpr {
    fn into_nullable(mut self, nullable: bool) -> Self {
        self.nullable |= nullable;
        self
    }
}

static SECONDS: Function = Function::new("seconds_since_epoch", |one| {
    let times = one.columns[0].as_primitive::<TimestampMicrosecondType>();
    // Cut towards 1970, as Spark divides here.
    Ok(Arc::new(times.iter().map(|us| us.map(|us| us / SECOND_US)).collect::<Int64Array>()))
});

pub(super) fn unix_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 0 {
        let sql = "unix_timestamp(current_timestamp(), yyyy-MM-dd HH:mm:ss)";
        return scalar(SECONDS.call([now(call)], DataType::Int64, call).with_sql(sql));
    }
    let sql = if call.count() == 1 {
        format!("{}({}, yyyy-MM-dd HH:mm:ss)", call.name, call.arguments[0].sql)
    } else {
        String::new()
    };
    let value = match call.data_type(0) {
        DataType::Utf8 | DataType::Null => {
            let pattern = if call.count() > 1 {
                call.string(1)?
            } else {
                TypedExpr::literal(ScalarValue::from("yyyy-MM-dd HH:mm:ss"), "")
            };
            UNIX_TIMESTAMP
                .call([call.string(0)?, pattern], DataType::Int64, call)
                .into_nullable(!call.context.settings.ansi)
        }
        // The clock's time as it is, in no zone.
        DataType::Timestamp(_, None) => SECONDS.call([call.argument(0)], DataType::Int64, call),
        _ => SECONDS.call([call.timestamp(0)?], DataType::Int64, call),
    };
    scalar(value.with_sql(sql))
}
