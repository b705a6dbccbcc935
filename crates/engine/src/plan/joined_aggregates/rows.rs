//! The rows that an aggregate takes in, in terms of the columns of their source: so that two aggregates can be seen to
//! have the same, whatever columns were called on the way.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use uuid::Uuid;

use super::side::inlined;
use crate::functions::{Meaning, meaning_of};
use crate::plan::node::StreamingExtension;
use crate::plan::nodes::EventTimeWatermarkNode;
use crate::plan::source_table::streaming_relation;

/// Rows of a stream after filters and projections.
#[derive(Debug)]
pub(super) struct StreamRows {
    relation: Uuid,
    watermark: Option<(Expr, i64)>,
    /// Filters below the watermark.
    before: Vec<Expr>,
    /// Filters above it, or all where there is none.
    pub(super) filters: Vec<Expr>,
    /// The columns, each as an expression over those of the source.
    pub(super) columns: Vec<Expr>,
    /// What is computed above the first of [`StreamRows::filters`], as it is written there.
    pub(super) above_filters: Vec<Expr>,
}

impl StreamRows {
    /// The rows of a plan; none where it is more than a stream, its watermark, filters and projections.
    pub(super) fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        if let Some(relation) = streaming_relation(plan) {
            let columns = plan.schema().columns().into_iter().map(Expr::Column).collect();
            let rows = Self {
                relation: relation.id(),
                watermark: None,
                before: vec![],
                filters: vec![],
                columns,
                above_filters: vec![],
            };
            return Ok(Some(rows));
        }
        if plan.expressions().iter().any(Expr::is_volatile) {
            return Ok(None);
        }
        let [input] = plan.inputs()[..] else { return Ok(None) };
        let Some(mut rows) = Self::of(input)? else { return Ok(None) };
        let over = |expr: &Expr, rows: &Self| inlined(expr, input.schema(), &rows.columns);
        match plan {
            LogicalPlan::Projection(projection) => {
                if !rows.filters.is_empty() {
                    rows.above_filters.extend(projection.expr.iter().cloned());
                }
                rows.columns = projection.expr.iter().map(|expr| over(expr, &rows)).collect::<Result<_>>()?;
            }
            LogicalPlan::Filter(filter) => {
                rows.filters.extend(split_conjunction_owned(over(&filter.predicate, &rows)?));
            }
            LogicalPlan::SubqueryAlias(_) => {}
            _ => {
                let extension = StreamingExtension::of(plan);
                let node = extension.and_then(StreamingExtension::node_as::<EventTimeWatermarkNode>);
                let (Some(node), None) = (node, &rows.watermark) else { return Ok(None) };
                rows.watermark = Some((over(node.event_time(), &rows)?, node.delay_us()));
                rows.before = std::mem::take(&mut rows.filters);
                rows.above_filters.clear();
            }
        }
        Ok(Some(rows))
    }

    /// Both are rows of one reader, under the same watermark, but for their filters above it.
    pub(super) fn is_same_stream(&self, other: &Self) -> bool {
        self.relation == other.relation && self.watermark == other.watermark && self.before == other.before
    }

    /// An expression over the source as one over these rows, whose schema is given; none where a column is missing.
    pub(super) fn shown(&self, expr: &Expr, schema: &DFSchema) -> Option<Expr> {
        let mut is_shown = true;
        let shown = expr.clone().transform_down(|expr| {
            if let Some(place) = self.columns.iter().position(|column| *column == expr) {
                let column = Expr::Column(schema.qualified_field(place).into());
                return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
            }
            is_shown &= !matches!(expr, Expr::Column(_));
            Ok(Transformed::no(expr))
        });
        shown.ok().map(|shown| shown.data).filter(|_| is_shown)
    }
}

/// The plan without the filters above its watermark.
pub(super) fn without_filters(plan: &LogicalPlan) -> Result<LogicalPlan> {
    let [input] = plan.inputs()[..] else { return Ok(plan.clone()) };
    match plan {
        LogicalPlan::Filter(_) => without_filters(input),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.with_new_exprs(plan.expressions(), vec![without_filters(input)?])
        }
        _ => Ok(plan.clone()),
    }
}

/// The expression has a value for every row, also for those that a filter was to keep from it.
pub(super) fn is_total(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Alias(alias) => is_total(&alias.expr),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) | Expr::Not(inner) => is_total(inner),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => is_comparison(*op) && is_total(left) && is_total(right),
        Expr::ScalarFunction(call) => {
            let means = meaning_of(&call.func);
            let is_known = call.func.inner().is::<GetFieldFunc>()
                || matches!(means, Some(Meaning::EventTime | Meaning::Equality | Meaning::NullSafeEquality));
            is_known && call.args.iter().all(is_total)
        }
        _ => false,
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::And
            | Operator::Or
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}
