//! Passes rows on unchanged and computes aggregates over them on the way.
//!
//! All partitions of an execution share the accumulators: arguments are evaluated beside each other, and the
//! accumulators are locked while they take one batch of rows. What they came to is asked for once, when the rows have
//! been read; an error in what is computed from them is then the answer, and the rows are none the worse for it.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use futures::{Stream, StreamExt};
use millstream_core::{MemoryLedger, Reservation};
use parking_lot::Mutex;

use super::unary::{BatchInput, Operator};
use crate::error::{from_datafusion, to_datafusion};

/// The metrics that one `observe` asks for, and what they come to whenever its plan is executed.
#[derive(Debug)]
pub struct ObservedMetrics {
    name: String,
    newest: Mutex<Option<Arc<Collector>>>,
}

impl ObservedMetrics {
    /// Metrics under this name. No execution has been observed.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), newest: Mutex::new(None) }
    }

    /// The name that the user gave to the metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One row: the metrics over what the newest execution has read. They are handed out once; `None` where nothing was
    /// executed since.
    pub fn take(&self) -> Option<millstream_core::Result<RecordBatch>> {
        let collector = self.newest.lock().take()?;
        Some(collector.metrics().map_err(from_datafusion))
    }
}

/// Computes metrics over its rows (Spark: `CollectMetricsExec`).
#[derive(Debug)]
pub(crate) struct CollectMetrics {
    pub(crate) observed: Arc<ObservedMetrics>,
    pub(crate) aggregates: Vec<Arc<AggregateFunctionExpr>>,
    /// The row of all aggregates.
    pub(crate) aggregated: SchemaRef,
    /// The metrics, computed from that row.
    pub(crate) metrics: Vec<Arc<dyn PhysicalExpr>>,
    /// The row of the metrics.
    pub(crate) shown: SchemaRef,
    pub(crate) memory: MemoryLedger,
}

/// What one execution has seen.
#[derive(Debug)]
pub(crate) struct Collector {
    operator: Arc<CollectMetrics>,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    accumulators: Vec<Box<dyn Accumulator>>,
    memory: Reservation,
}

impl Collector {
    fn add(&self, rows: &RecordBatch) -> Result<()> {
        let aggregates = &self.operator.aggregates;
        let arguments = aggregates.iter().map(|aggregate| arguments(aggregate, rows)).collect::<Result<Vec<_>>>()?;
        let mut running = self.running.lock();
        for (accumulator, arguments) in running.accumulators.iter_mut().zip(&arguments) {
            accumulator.update_batch(arguments)?;
        }
        let bytes = running.accumulators.iter().map(|accumulator| accumulator.size()).sum();
        running.memory.resize(bytes).map_err(to_datafusion)
    }

    fn metrics(&self) -> Result<RecordBatch> {
        let mut running = self.running.lock();
        let values = running.accumulators.iter_mut().map(|accumulator| accumulator.evaluate()?.to_array());
        let row = one_row(&self.operator.aggregated, values.collect::<Result<_>>()?)?;
        let metrics = self.operator.metrics.iter().map(|metric| metric.evaluate(&row)?.into_array(1));
        one_row(&self.operator.shown, metrics.collect::<Result<_>>()?)
    }
}

/// What an aggregate function reads of these rows.
fn arguments(aggregate: &AggregateFunctionExpr, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let order = aggregate.order_bys().iter().map(|key| Arc::clone(&key.expr));
    let all = aggregate.expressions().into_iter().chain(order);
    all.map(|argument| argument.evaluate(rows)?.into_array(rows.num_rows())).collect()
}

/// One row under a schema. Values differ from it at most in what Arrow says of nullability inside nested types.
fn one_row(schema: &SchemaRef, values: Vec<ArrayRef>) -> Result<RecordBatch> {
    let fields = schema.fields().iter().zip(values);
    let values = fields.map(|(field, value)| match value.data_type() == field.data_type() {
        true => Ok(value),
        false => cast(&value, field.data_type()),
    });
    let values = values.collect::<arrow::error::Result<Vec<_>>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), values, &options)?)
}

impl Operator for CollectMetrics {
    const NAME: &'static str = "CollectMetricsExec";
    type Batch = Arc<Collector>;

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aggregates: Vec<_> = self.aggregates.iter().map(|aggregate| aggregate.name()).collect();
        write!(f, "{}, [{}]", self.observed.name, aggregates.join(", "))
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<Arc<Collector>> {
        let accumulators = self.aggregates.iter().map(|aggregate| aggregate.create_accumulator());
        let running = Running {
            accumulators: accumulators.collect::<Result<_>>()?,
            memory: self.memory.reservation(format!("the metrics of observe('{}')", self.observed.name)),
        };
        let collector = Arc::new(Collector { operator: Arc::clone(self), running: Mutex::new(running) });
        *self.observed.newest.lock() = Some(Arc::clone(&collector));
        Ok(collector)
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        collector: Arc<Collector>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        Ok(input.rows(partition)?.map(move |rows| {
            let rows = rows?;
            collector.add(&rows)?;
            Ok(rows)
        }))
    }
}
