//! Turns an aggregate above a stream into one that keeps state.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction as AggregateExpr, NullTreatment};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr, expressions as physical_expr};
use millstream_core::Error;

use super::edge::{Edge, Rows, WEIGHT, event_time_of};
use super::node::{StreamingExtension, StreamingNode};
use super::nodes::{SessionWindowNode, StatefulAggregateNode, with_weights};
use super::unsupported::{more_than_one_event_time, refused};
use crate::error::to_datafusion;
use crate::functions::{Meaning, StreamAggregate, meaning_of};
use crate::operators::{AggregateColumn, AggregateColumns, DistinctColumns};
use crate::state::{AccumulatorAggregate, KeyedAggregate, NativeAggregate, ReplayedAggregate};

/// The node in the place of an aggregate over rows of this kind.
pub(super) fn as_node(aggregate: Aggregate, rows: &Edge) -> Result<LogicalPlan> {
    let input_schema = Arc::clone(aggregate.input.schema());
    let (event_time_key, session) = (event_time_key(&aggregate, rows)?, session_key(&aggregate));
    let mut projected = Vec::new();
    for (index, key) in aggregate.group_expr.iter().enumerate() {
        if matches!(key, Expr::GroupingSet(_)) {
            return Err(to_datafusion(Error::unsupported("grouping sets, cube and rollup over a stream")));
        }
        projected.push(key.clone().alias(format!("__key_{index}")));
    }
    let keys = projected.len();
    let takes_changes = rows.rows == Rows::Changes;
    let calls = aggregate.aggr_expr.iter().map(|expr| Call::of(expr, &mut projected)).collect::<Result<Vec<_>>>()?;
    let weight = takes_changes.then_some(projected.len());
    if takes_changes {
        let weight = input_schema.columns().into_iter().find(|column| column.name == WEIGHT);
        projected.extend(weight.map(Expr::Column));
    }
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(aggregate.input)).project(projected)?.build()?;
    let columns = input.schema().inner();
    let column = |call: &Call<'_>| call.column(&input_schema, columns, takes_changes);
    let mut functions = calls.iter().map(column).collect::<Result<Vec<_>>>()?;
    let mut distinct: Vec<DistinctColumns> = vec![];
    for (call, function) in calls.iter().zip(&mut functions) {
        let Some(columns) = call.distinct(keys) else { continue };
        // Functions of the same values share them.
        let place = distinct.iter().position(|known| *known == columns).unwrap_or(distinct.len());
        if place == distinct.len() {
            distinct.push(columns);
        }
        function.distinct = Some(place);
    }
    if takes_changes {
        functions.push(row_count()?);
    }
    let columns = AggregateColumns { keys, functions, distinct, event_time_key, weight, gives_changes: false };
    let schema = aggregate.schema;
    let node = match session {
        None => StreamingExtension::over(input, StatefulAggregateNode { columns, schema }),
        Some(_) if takes_changes || !columns.distinct.is_empty() => {
            Err(Error::internal("a session was planned over rows that it cannot take"))
        }
        Some(session) if event_time_key.is_none_or(|key| key == session) => {
            StreamingExtension::over(input, SessionWindowNode { columns, session, schema })
        }
        Some(_) => Err(Error::unsupported("a session window beside another key of event time over a stream")),
    };
    node.map_err(to_datafusion)
}

/// The key that is a session.
pub(super) fn session_key(aggregate: &Aggregate) -> Option<usize> {
    fn is_session(key: &Expr) -> bool {
        match key {
            Expr::Alias(alias) => is_session(&alias.expr),
            Expr::ScalarFunction(call) => meaning_of(&call.func) == Some(Meaning::Session),
            _ => false,
        }
    }
    aggregate.group_expr.iter().position(is_session)
}

/// The number of a group's rows. It does not show: a group without rows has gone.
fn row_count() -> Result<AggregateColumn> {
    let count = NativeAggregate::Count.over_changes(&[]);
    let function = count.ok_or_else(|| to_datafusion(Error::internal("rows cannot be counted")))?;
    Ok(AggregateColumn { function, arguments: vec![], filter: None, distinct: None })
}

/// The node of an aggregate that gives changes, from its mark and the node below it.
pub(super) fn with_changes(mark: Extension) -> Result<LogicalPlan> {
    let aggregate = mark.node.inputs().first().and_then(|plan| StreamingExtension::of(plan));
    let Some(aggregate) = aggregate else { return Err(to_datafusion(nothing_to_mark())) };
    changed_node(aggregate).map(StreamingExtension::into_plan).map_err(to_datafusion)
}

fn changed_node(aggregate: &StreamingExtension) -> millstream_core::Result<StreamingExtension> {
    let changed = |columns: &AggregateColumns| AggregateColumns { gives_changes: true, ..columns.clone() };
    let node: Arc<dyn StreamingNode> = if let Some(node) = aggregate.node_as::<StatefulAggregateNode>() {
        Arc::new(StatefulAggregateNode { columns: changed(&node.columns), schema: with_weights(&node.schema)? })
    } else if let Some(node) = aggregate.node_as::<SessionWindowNode>() {
        let (columns, schema) = (changed(&node.columns), with_weights(&node.schema)?);
        Arc::new(SessionWindowNode { columns, session: node.session, schema })
    } else {
        return Err(nothing_to_mark());
    };
    StreamingExtension::try_new(node, aggregate.inputs().to_vec())
}

fn nothing_to_mark() -> Error {
    Error::internal("a mark for changes stands over something else than an aggregate")
}

/// A call of an aggregate function, and where its input lies among the projected columns.
struct Call<'a> {
    call: &'a AggregateExpr,
    native: Option<NativeAggregate>,
    arguments: Vec<usize>,
    order: Vec<usize>,
    filter: Option<usize>,
    is_distinct: bool,
}

impl<'a> Call<'a> {
    /// Adds what the call reads to the projected columns.
    fn of(expr: &'a Expr, projected: &mut Vec<Expr>) -> Result<Self> {
        let call = aggregate_call(expr)?;
        let (params, native) = (&call.params, StreamAggregate::native_of(&call.func));
        let is_distinct = is_distinct(call);
        let mut add = |expr: &Expr| {
            // Functions of the same distinct values share them, and know them by their column.
            let is_same = |known: &Expr| matches!(known, Expr::Alias(alias) if *alias.expr == *expr);
            if is_distinct
                && !expr.is_volatile()
                && let Some(known) = projected.iter().position(is_same)
            {
                return known;
            }
            projected.push(expr.clone().alias(format!("__value_{}", projected.len())));
            projected.len() - 1
        };
        // A constant that is not NULL changes no count.
        let is_read = |argument: &&Expr| {
            native != Some(NativeAggregate::Count) || !matches!(argument, Expr::Literal(value, _) if !value.is_null())
        };
        let arguments = params.args.iter().filter(is_read).map(&mut add).collect();
        let order = params.order_by.iter().map(|key| add(&key.expr)).collect();
        let filter = params.filter.as_deref().map(&mut add);
        Ok(Self { call, native, arguments, order, filter, is_distinct })
    }

    /// What is distinct for the function, where not all rows are shown to it: the keys of its group and its arguments.
    fn distinct(&self, keys: usize) -> Option<DistinctColumns> {
        let columns = (0..keys).chain(self.arguments.iter().copied()).collect();
        self.is_distinct.then_some(DistinctColumns { columns, filter: self.filter })
    }

    /// The function as it keeps its state, and the columns that it reads.
    fn column(&self, input: &DFSchema, columns: &SchemaRef, takes_changes: bool) -> Result<AggregateColumn> {
        let types =
            self.call.params.args.iter().map(|argument| argument.get_type(input)).collect::<Result<Vec<_>>>()?;
        let native = self.native.and_then(|native| match takes_changes {
            true => native.over_changes(&types),
            false => native.over(&types),
        });
        let function = match native {
            Some(function) => function,
            None => self.accumulator(&types, columns, takes_changes)?,
        };
        let arguments = self.arguments.iter().chain(&self.order).copied().collect();
        Ok(AggregateColumn { function, arguments, filter: self.filter, distinct: None })
    }

    /// The function by the state of its accumulator.
    fn accumulator(
        &self,
        types: &[DataType],
        columns: &SchemaRef,
        takes_changes: bool,
    ) -> Result<Arc<dyn KeyedAggregate>> {
        let params = &self.call.params;
        let at = |&column: &usize| -> Arc<dyn PhysicalExpr> {
            Arc::new(physical_expr::Column::new(columns.field(column).name(), column))
        };
        // Some functions look at an argument that is constant when an accumulator is made.
        let argument = |(argument, column): (&Expr, &usize)| match argument {
            Expr::Literal(value, _) => physical_expr::lit(value.clone()),
            _ => at(column),
        };
        let arguments: Vec<_> = params.args.iter().zip(&self.arguments).map(argument).collect();
        let order = params
            .order_by
            .iter()
            .zip(&self.order)
            .map(|(key, column)| PhysicalSortExpr::new(at(column), SortOptions::new(!key.asc, key.nulls_first)));
        let ignores_nulls = params.null_treatment == Some(NullTreatment::IgnoreNulls);
        let function = AggregateExprBuilder::new(Arc::clone(&self.call.func), arguments)
            .schema(Arc::clone(columns))
            .alias(self.call.func.name())
            .order_by(order.collect())
            .with_ignore_nulls(ignores_nulls)
            .build()?;
        if !params.order_by.is_empty() && function.order_sensitivity().hard_requires() {
            let message = format!("{}() with an order over a stream", self.call.func.name());
            return Err(to_datafusion(Error::unsupported(message)));
        }
        let types: Vec<_> = types.iter().map(DataType::to_string).collect();
        let order: Vec<_> = params.order_by.iter().map(|key| if key.asc { "asc" } else { "desc" }).collect();
        let mut description = format!("{}({})", self.call.func.name(), types.join(", "));
        if ignores_nulls {
            description.push_str(" ignore nulls");
        }
        if !order.is_empty() {
            description.push_str(&format!(" order {}", order.join(", ")));
        }
        if takes_changes {
            let types =
                self.arguments.iter().chain(&self.order).map(|&column| columns.field(column).data_type().clone());
            let types: Vec<_> = types.collect();
            let aggregate = ReplayedAggregate::try_new(function, &types, &description).map_err(to_datafusion)?;
            return Ok(Arc::new(aggregate));
        }
        let aggregate = AccumulatorAggregate::try_new(function, description).map_err(to_datafusion)?;
        Ok(Arc::new(aggregate))
    }
}

/// The key that carries event time. Two of them Spark refuses too, because it would not know which one counts.
fn event_time_key(aggregate: &Aggregate, rows: &Edge) -> Result<Option<usize>> {
    let carries = |key: &&Expr| event_time_of(key, aggregate.input.schema(), rows).is_some();
    let keys: Vec<&Expr> = aggregate.group_expr.iter().filter(carries).collect();
    if keys.len() > 1 {
        let names: Vec<_> = keys.iter().map(|key| key.schema_name().to_string()).collect();
        return Err(to_datafusion(more_than_one_event_time(&names)));
    }
    Ok(aggregate.group_expr.iter().position(|key| carries(&key)))
}

/// The call has DISTINCT, and it matters: to the least and the greatest value it does not.
fn is_distinct(call: &AggregateExpr) -> bool {
    let native = StreamAggregate::native_of(&call.func);
    call.params.distinct && !matches!(native, Some(NativeAggregate::Min | NativeAggregate::Max))
}

/// Spark refuses DISTINCT over a stream.
pub(super) fn refuse_distinct(aggregate: &Aggregate) -> millstream_core::Result<()> {
    let calls = aggregate.aggr_expr.iter().filter_map(|expr| aggregate_call(expr).ok());
    if calls.into_iter().any(is_distinct) {
        return Err(refused(
            "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using \
             approx_count_distinct() instead.",
        ));
    }
    Ok(())
}

fn aggregate_call(expr: &Expr) -> Result<&AggregateExpr> {
    match expr {
        Expr::AggregateFunction(call) => Ok(call),
        Expr::Alias(alias) => aggregate_call(&alias.expr),
        other => Err(to_datafusion(Error::internal(format!("{other} is no aggregate function")))),
    }
}
