//! What `observe` found, as a client gets it after the rows.

use millstream_sql::Observation;
use spark_connect_proto::execute_plan_response::ObservedMetrics;

use super::literal::literal;

/// The metrics of an observation, or the error that they came to; `None` where its rows were not read.
pub(crate) fn observed_metrics(observation: &Observation) -> Option<ObservedMetrics> {
    let found = observation.metrics.take()?;
    let metrics = found.and_then(|row| {
        let values = row.columns().iter().map(|value| literal(value.as_ref(), 0)).collect::<Result<Vec<_>, _>>()?;
        Ok((row.schema().fields().iter().map(|field| field.name().clone()).collect(), values))
    });
    let sent = ObservedMetrics {
        name: observation.metrics.name().to_owned(),
        plan_id: observation.plan_id,
        ..ObservedMetrics::default()
    };
    Some(match metrics {
        Ok((keys, values)) => ObservedMetrics { keys, values, ..sent },
        Err(error) => ObservedMetrics { root_error_idx: Some(0), errors: crate::error::chain(&error), ..sent },
    })
}
