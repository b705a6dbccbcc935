//! Passes rows on unchanged, and notes their event times in the batch's context.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use futures::{Stream, StreamExt};

use super::late_rows::event_times;
use super::unary::{BatchInput, Operator};
use crate::batch_context::EventTimeStats;
use crate::error::to_datafusion;

/// Follows the event times of its rows (Spark: `EventTimeWatermarkExec`). Which watermark follows from them is the
/// tracker's business, at the end of the batch.
#[derive(Debug)]
pub(crate) struct FollowEventTime {
    pub(crate) event_time: Arc<dyn PhysicalExpr>,
    /// The operator's place among the query's watermark operators.
    pub(crate) index: usize,
}

/// Adds one batch of rows: all in a local loop, then one touch of the shared counters.
fn observe(stats: &EventTimeStats, event_time: &dyn PhysicalExpr, rows: &RecordBatch) -> Result<()> {
    let column = event_time.evaluate(rows)?.into_array(rows.num_rows())?;
    let times = event_times(&column).map_err(to_datafusion)?;
    let (mut min_us, mut max_us, mut sum_ms, mut count) = (i64::MAX, i64::MIN, 0_i128, 0_u64);
    let mut add = |time_us: i64| {
        min_us = min_us.min(time_us);
        max_us = max_us.max(time_us);
        sum_ms += i128::from(time_us.div_euclid(1000));
        count += 1;
    };
    if times.null_count() == 0 {
        times.values().iter().copied().for_each(&mut add);
    } else {
        times.iter().flatten().for_each(&mut add);
    }
    if count > 0 {
        stats.add(min_us, max_us, sum_ms, count);
    }
    Ok(())
}

impl Operator for FollowEventTime {
    const NAME: &'static str = "EventTimeWatermarkExec";
    type Batch = ();

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event_time)
    }

    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.event_time]
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<()> {
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        (): (),
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let (operator, batch) = (Arc::clone(self), input.context()?);
        Ok(input.rows(partition)?.map(move |rows| {
            let rows = rows?;
            match batch.event_times.get(operator.index) {
                Some(stats) => observe(stats, &*operator.event_time, &rows)?,
                None => {
                    return internal_err!("the batch has no place for the event times of operator {}", operator.index);
                }
            }
            Ok(rows)
        }))
    }
}
