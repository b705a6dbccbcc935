//! Passes rows on unchanged, and notes their event times in the batch's context.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::late_rows::event_times;
use super::only_child;
use crate::batch_context::{BatchContext, EventTimeStats};
use crate::error::to_datafusion;

/// Follows the event times of its rows (Spark: `EventTimeWatermarkExec`). Which watermark follows from them is the
/// tracker's business, at the end of the batch.
#[derive(Debug)]
pub(crate) struct EventTimeWatermarkExec {
    input: Arc<dyn ExecutionPlan>,
    event_time: Arc<dyn PhysicalExpr>,
    /// Its place among the query's watermark operators.
    index: usize,
    properties: Arc<PlanProperties>,
}

impl EventTimeWatermarkExec {
    /// The watermark operator with this number.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, event_time: Arc<dyn PhysicalExpr>, index: usize) -> Self {
        let properties = PlanProperties::new(
            input.equivalence_properties().clone(),
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self { input, event_time, index, properties: Arc::new(properties) }
    }
}

/// Adds one batch of rows: all in a local loop, then one touch of the shared counters.
fn observe(stats: &EventTimeStats, event_time: &dyn PhysicalExpr, rows: &RecordBatch) -> Result<()> {
    let column = event_time.evaluate(rows)?.into_array(rows.num_rows())?;
    let times = event_times(&column).map_err(to_datafusion)?;
    let (mut min_us, mut max_us, mut sum_ms, mut count) = (i64::MAX, i64::MIN, 0_i64, 0_u64);
    let mut add = |time_us: i64| {
        min_us = min_us.min(time_us);
        max_us = max_us.max(time_us);
        sum_ms = sum_ms.wrapping_add(time_us.div_euclid(1000));
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

impl DisplayAs for EventTimeWatermarkExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventTimeWatermarkExec: {}", self.event_time)
    }
}

impl ExecutionPlan for EventTimeWatermarkExec {
    fn name(&self) -> &str {
        "EventTimeWatermarkExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.event_time)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = only_child(&*self, children)?;
        Ok(Arc::new(Self::new(input, Arc::clone(&self.event_time), self.index)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch = BatchContext::of(&context).map_err(to_datafusion)?;
        let input = self.input.execute(partition, context)?;
        let (event_time, index) = (Arc::clone(&self.event_time), self.index);
        let schema = self.schema();
        let rows = input.map(move |rows| {
            let rows = rows?;
            match batch.event_times.get(index) {
                Some(stats) => observe(stats, &*event_time, &rows)?,
                None => return internal_err!("the batch has no place for the event times of operator {index}"),
            }
            Ok(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
