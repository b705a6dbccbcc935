//! Which columns of an update name a row: the keys of the topmost aggregate, as far as they reach the result.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::streaming::is_streaming;

/// The key's places in the result; `None` where a key column is missing there, or rows may double on the way.
pub(crate) fn upsert_key(plan: &LogicalPlan) -> Option<Vec<usize>> {
    match plan {
        LogicalPlan::Aggregate(aggregate) if is_streaming(&aggregate.input) && !aggregate.group_expr.is_empty() => {
            Some((0..aggregate.group_expr.len()).collect())
        }
        LogicalPlan::Projection(projection) => {
            let below = upsert_key(&projection.input)?;
            let shows = |expr: &Expr, key: usize| shown_column(expr, &projection.input) == Some(key);
            below.into_iter().map(|key| projection.expr.iter().position(|expr| shows(expr, key))).collect()
        }
        LogicalPlan::Filter(filter) => upsert_key(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => upsert_key(&alias.input),
        LogicalPlan::Repartition(repartition) => upsert_key(&repartition.input),
        _ => None,
    }
}

/// The input column that an expression shows unchanged. A bound of a window stands for the window: all windows of an
/// aggregate have one length.
fn shown_column(expr: &Expr, input: &LogicalPlan) -> Option<usize> {
    match expr {
        Expr::Column(column) => input.schema().maybe_index_of_column(column),
        Expr::Alias(alias) => shown_column(&alias.expr, input),
        Expr::ScalarFunction(call) if call.name() == "get_field" => match call.args.as_slice() {
            [window, Expr::Literal(field, _)] if is_bound(field.try_as_str().flatten()) => {
                shown_column(window, input).filter(|&column| is_window(input.schema().field(column).data_type()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_bound(field: Option<&str>) -> bool {
    matches!(field, Some("start" | "end"))
}

fn is_window(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else { return false };
    fields.len() == 2 && fields.iter().all(|field| is_bound(Some(field.name())) && field.data_type().is_temporal())
}
