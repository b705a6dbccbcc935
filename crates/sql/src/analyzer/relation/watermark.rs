//! `withWatermark`.

use arrow::datatypes::DataType;
use millstream_core::interval::parse_interval;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::plan::EventTimeWatermarkNode;
use millstream_functions::data_type::{sql_name, timestamp};
use spark_connect_proto::WithWatermark;

use super::super::attribute::with_entry;
use super::super::identifier::parse_name;
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::{Analyzer, error};

/// Spark takes a month of a watermark's delay for 31 days.
const MONTH_US: i64 = 31 * 86_400_000_000;

impl Analyzer<'_> {
    pub(super) fn with_watermark(&mut self, one: &WithWatermark) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?.visible()?;
        let delay_us = delay(&one.delay_threshold)?;
        // As in Spark, a watermark on a batch means nothing, whatever it names.
        if !input.streaming {
            return Ok(input);
        }
        let parts = parse_name(&one.event_time)?;
        let scope = Scope::new(&input.columns, true);
        let (attribute, rest) = scope.resolve(&parts, self.context)?;
        let event_time = rest.iter().try_fold(attribute.reference(), |base, field| {
            super::super::expression::field(base, field, self.context)
        })?;
        if !is_event_time(&event_time.data_type) {
            return Err(not_on_timestamp(&parts, &event_time.data_type));
        }
        let (marked, is_column) = (attribute.column.clone(), rest.is_empty());
        let plan = EventTimeWatermarkNode::over(input.plan.clone(), event_time.expr, delay_us)?;
        let mut marked_input = input.with_plan(plan);
        for column in marked_input.columns.iter_mut().filter(|column| is_column && column.column == marked) {
            let delay_ms = (delay_us / 1000).into();
            column.metadata = Some(with_entry(column.metadata.as_deref(), "spark.watermarkDelayMs", delay_ms));
        }
        Ok(marked_input)
    }
}

fn delay(text: &str) -> Result<i64> {
    let interval = parse_interval(text)?;
    let us = i64::from(interval.months)
        .checked_mul(MONTH_US)
        .and_then(|us| us.checked_add(i64::from(interval.days).checked_mul(86_400_000_000)?))
        .and_then(|us| us.checked_add(interval.microseconds));
    match us {
        Some(us) if us >= 0 => Ok(us),
        _ => Err(Error::illegal_argument(format!(
            "requirement failed: delay threshold ({text}) should not be negative."
        ))),
    }
}

fn is_event_time(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            fields.len() == 2 && fields.iter().any(|field| field.name() == "end" && *field.data_type() == timestamp())
        }
        other => *other == timestamp(),
    }
}

fn not_on_timestamp(parts: &[String], data_type: &DataType) -> Error {
    spark_error!(
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
        eventName = error::sql_id(parts),
        eventType = format!("\"{}\"", sql_name(data_type)),
    )
}
