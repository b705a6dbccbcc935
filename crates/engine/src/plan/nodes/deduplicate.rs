//! `dropDuplicates` above a stream: it keeps the keys it has seen from batch to batch.

use std::fmt;

use datafusion::common::{Column, DFSchemaRef, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::plan::event_time::more_than_one;

/// Passes on the first row of each key (Spark: `Deduplicate` and `DeduplicateWithinWatermark` over a stream).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct DeduplicateNode {
    input: LogicalPlan,
    keys: Vec<Column>,
    within_watermark: bool,
    /// What is known once the query starts.
    started: Started,
}

/// What a query gives an operator when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd)]
pub(crate) struct Started {
    /// Its number among the query's stateful operators, from the sources upward.
    pub(crate) id: usize,
    /// The columns of the input that carry event time.
    pub(crate) event_times: Vec<Column>,
    /// How late rows may come by the watermark of such a column, in microseconds.
    pub(crate) delay_us: i64,
}

impl DeduplicateNode {
    /// `keys` are columns of `input`.
    pub fn new(input: LogicalPlan, keys: Vec<Column>, within_watermark: bool) -> Self {
        Self { input, keys, within_watermark, started: Started::default() }
    }

    /// The rows.
    pub(crate) fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// The columns that make a key.
    pub(crate) fn keys(&self) -> &[Column] {
        &self.keys
    }

    /// Whether keys are forgotten by the event time of the row that brought them.
    pub(crate) fn is_within_watermark(&self) -> bool {
        self.within_watermark
    }

    /// What is known once the query starts.
    pub(crate) fn started(&self) -> &Started {
        &self.started
    }

    /// The column of `input` by which rows are late, if it is still there.
    pub(crate) fn event_time(&self, input: &LogicalPlan) -> millstream_core::Result<Option<usize>> {
        let there = |column: &Column| input.schema().maybe_index_of_column(column);
        let places: Vec<usize> = self.started.event_times.iter().filter_map(there).collect();
        if places.len() > 1 {
            let name = |&place: &usize| input.schema().field(place).name().clone();
            return Err(more_than_one(&places.iter().map(name).collect::<Vec<_>>()));
        }
        Ok(places.first().copied())
    }

    /// The same operator in a query that starts, over this input.
    pub(crate) fn start(&self, input: LogicalPlan, started: Started) -> Self {
        Self { input, started, ..self.clone() }
    }
}

impl UserDefinedLogicalNodeCore for DeduplicateNode {
    fn name(&self) -> &str {
        "Deduplicate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let within = if self.within_watermark { "WithinWatermark" } else { "" };
        write!(f, "Deduplicate{within} [{}]", keys.join(", "))
    }

    /// As in Spark, columns that nobody above reads are not carried, even event time. So it depends on what is read above whether
    /// late rows are dropped, unless event time is in the key or says when keys end.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let event_times = self.started.event_times.iter().filter(|_| self.within_watermark);
        let own = self.keys.iter().chain(event_times).map(|column| schema.maybe_index_of_column(column));
        let mut needed: Vec<usize> = own.chain(output_columns.iter().copied().map(Some)).collect::<Option<Vec<_>>>()?;
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input, ..self.clone() }),
            None => plan_err!("Deduplicate has one input"),
        }
    }
}
