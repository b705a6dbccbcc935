//! Turns an aggregate above a stream into one that keeps state.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction as AggregateExpr;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlanBuilder};
use millstream_core::Error;

use super::event_time;
use super::nodes::StatefulAggregateNode;
use super::unsupported::refused;
use crate::error::to_datafusion;
use crate::operators::{AggregateColumn, AggregateColumns};
use crate::state::{AggregateFunction, AggregateKind};

/// The aggregate with this number.
pub(super) fn stateful(aggregate: Aggregate, id: usize, ansi: bool) -> Result<StatefulAggregateNode> {
    let input_schema = Arc::clone(aggregate.input.schema());
    let event_time_key = event_time_key(&aggregate)?;
    let mut projected = Vec::new();
    for (index, key) in aggregate.group_expr.iter().enumerate() {
        if matches!(key, Expr::GroupingSet(_)) {
            return Err(to_datafusion(Error::unsupported("grouping sets, cube and rollup over a stream")));
        }
        projected.push(key.clone().alias(format!("__key_{index}")));
    }
    let keys = projected.len();
    let mut functions = Vec::new();
    for expr in &aggregate.aggr_expr {
        let call = aggregate_call(expr)?;
        let kind = supported_kind(call)?;
        let input = match (kind, call.params.args.first()) {
            (AggregateKind::Count, _) | (_, None) => arrow::datatypes::DataType::Null,
            (_, Some(argument)) => argument.get_type(&input_schema)?,
        };
        let function = AggregateFunction::try_new(kind, &input, ansi).map_err(to_datafusion)?;
        let mut add = |expr: &Expr| {
            projected.push(expr.clone().alias(format!("__value_{}", projected.len())));
            projected.len() - 1
        };
        // A constant that is not NULL changes no count.
        let counts = |argument: &&Expr| {
            kind != AggregateKind::Count || !matches!(argument, Expr::Literal(value, _) if !value.is_null())
        };
        let arguments = call.params.args.iter().filter(counts).map(&mut add).collect();
        let filter = call.params.filter.as_deref().map(&mut add);
        functions.push(AggregateColumn { function, arguments, filter });
    }
    let input = LogicalPlanBuilder::from(Arc::unwrap_or_clone(aggregate.input)).project(projected)?.build()?;
    let columns = AggregateColumns { keys, functions, event_time_key };
    Ok(StatefulAggregateNode { id, input, columns, schema: aggregate.schema })
}

/// The key that carries event time. Two of them Spark refuses too, because it would not know which one counts.
fn event_time_key(aggregate: &Aggregate) -> Result<Option<usize>> {
    let carries = |key: &&Expr| event_time::carries_event_time(key, &aggregate.input);
    let keys: Vec<&Expr> = aggregate.group_expr.iter().filter(carries).collect();
    if keys.len() > 1 {
        let names: Vec<_> = keys.iter().map(|key| key.schema_name().to_string()).collect();
        return Err(to_datafusion(event_time::more_than_one(&names)));
    }
    Ok(aggregate.group_expr.iter().position(|key| carries(&key)))
}

fn aggregate_call(expr: &Expr) -> Result<&AggregateExpr> {
    match expr {
        Expr::AggregateFunction(call) => Ok(call),
        Expr::Alias(alias) => aggregate_call(&alias.expr),
        other => Err(to_datafusion(Error::internal(format!("{other} is no aggregate function")))),
    }
}

fn supported_kind(call: &AggregateExpr) -> Result<AggregateKind> {
    let params = &call.params;
    let kind = AggregateKind::from_name(call.func.name());
    // What is distinct does not matter to the least and the greatest.
    if params.distinct && !matches!(kind, Some(AggregateKind::Min | AggregateKind::Max)) {
        return Err(to_datafusion(refused(
            "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using \
             approx_count_distinct() instead.",
        )));
    }
    match kind {
        Some(kind) => Ok(kind),
        None => Err(to_datafusion(Error::unsupported(format!("{}() over a stream", call.func.name())))),
    }
}
