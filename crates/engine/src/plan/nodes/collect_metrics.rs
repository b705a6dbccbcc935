//! `observe`: metrics of the rows that pass a place of a plan, in batches and over streams.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use millstream_core::{Error, OutputMode, Result};

use crate::error::from_datafusion;
use crate::operators::{CollectMetrics, ObservedMetrics, Unary};
use crate::plan::edge::{Edge, Rows};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};

/// Passes its rows on unchanged and computes metrics over them (Spark: `CollectMetrics`).
#[derive(Debug, Clone)]
pub struct CollectMetricsNode {
    /// Where the metrics are found after an execution.
    pub observed: Arc<ObservedMetrics>,
    /// Aggregate functions over the columns of the input.
    pub aggregates: Vec<Expr>,
    /// The row of the aggregates' values.
    pub aggregated: DFSchemaRef,
    /// The metrics over that row.
    pub metrics: Vec<Expr>,
    /// The row of the metrics. Over a stream it is one text: all of them as JSON.
    pub shown: SchemaRef,
}

impl CollectMetricsNode {
    /// The rows of `input`, observed.
    pub fn over(self, input: LogicalPlan) -> Result<LogicalPlan> {
        StreamingExtension::over(input, self)
    }

    fn aggregate(
        aggregate: &Expr,
        columns: &DFSchema,
        context: &PlanContext<'_>,
    ) -> Result<Arc<AggregateFunctionExpr>> {
        let props = context.session.execution_props();
        let builder = LoweredAggregateBuilder::new(aggregate, columns, columns.as_arrow(), props, context.planning);
        let lowered = builder.build().map_err(from_datafusion)?;
        let sorted = !lowered.order_bys.is_empty() && lowered.aggregate.order_sensitivity().hard_requires();
        if sorted || lowered.filter.is_some() || lowered.aggregate.is_distinct() {
            let function = lowered.aggregate.fun().name();
            return Err(Error::unsupported(format!("{function}() with an order, FILTER or DISTINCT in observe()")));
        }
        Ok(lowered.aggregate)
    }
}

impl StreamingNode for CollectMetricsNode {
    fn name(&self) -> &str {
        "CollectMetrics"
    }

    fn describe(&self) -> String {
        let text = |exprs: &[Expr]| exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("{}, [{}], [{}]", self.observed.name(), text(&self.aggregates), text(&self.metrics))
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    fn expressions(&self) -> Vec<Expr> {
        self.aggregates.clone()
    }

    fn with_expressions(&self, aggregates: Vec<Expr>) -> Result<Arc<dyn StreamingNode>> {
        Ok(Arc::new(Self { aggregates, ..self.clone() }))
    }

    fn needs(&self, output: &[usize], inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        let schema = inputs.first()?.schema;
        let own = self.aggregates.iter().flat_map(Expr::column_refs);
        let mut needed = own.map(|column| schema.maybe_index_of_column(column)).collect::<Option<Vec<_>>>()?;
        needed.extend(output);
        Some(vec![needed])
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn keeps_every_row(&self) -> bool {
        true
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Updates, Rows::Whole]
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs.first().map_or_else(Edge::append_only, |input| input.edge.clone())
    }

    /// A row that is taken back would have to leave the metrics again, and not every aggregate function can do that.
    fn check(&self, inputs: &[NodeInput<'_>], _mode: OutputMode) -> Result<()> {
        match inputs.iter().any(|input| input.edge.rows == Rows::Changes) {
            true => Err(Error::unsupported("observe() over rows that may be taken back")),
            false => Ok(()),
        }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let aggregates = self.aggregates.iter().map(|aggregate| Self::aggregate(aggregate, input.schema, context));
        let metrics = self.metrics.iter().map(|metric| context.physical_expr(metric, &self.aggregated));
        let collect = CollectMetrics {
            observed: Arc::clone(&self.observed),
            aggregates: aggregates.collect::<Result<_>>()?,
            aggregated: Arc::clone(self.aggregated.inner()),
            metrics: metrics.collect::<Result<_>>()?,
            shown: Arc::clone(&self.shown),
            memory: context.operators.memory.clone(),
        };
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, Arc::new(collect))), operator: None })
    }
}
