//! Which of DataFusion's rules run over a streaming plan. It is a list of what is allowed, not of what is forbidden: a
//! rule that a new DataFusion brings is used once someone has read it.
//!
//! Left out with intent: `EliminateFilter` and `PropagateEmptyRelation` (a source that is not scanned has no
//! watermark), `SingleDistinctToGroupBy`, `EliminateGroupByConstant` and `ReplaceDistinctWithAggregate` (they would
//! change what state is kept), all that moves limits or drops joins, and of the physical rules those that choose by
//! statistics, which a stream has not. Streaming nodes are extension nodes; DataFusion pushes no predicate through
//! those, and [`FilterBelowNode`] only where the node says so.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimize_unions::OptimizeUnions;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::limit_pushdown::LimitPushdown;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;

use super::filter_below_node::FilterBelowNode;
use super::projection_in_place::ProjectionInPlace;
use super::static_join::BuildFromStaticSide;
use super::stream_join::{FilterBelowAggregate, FilterIntoStreamJoin, filters_below_joins};

/// Gives operands one type where the analyzer of the front end left that open.
pub(crate) fn coerce_types(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let analyzer = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
    analyzer.execute_and_check(plan, state.config_options(), |_, _| {})
}

/// Merges neighbouring projections, so that a decoder stands over the source's column if it can.
pub(crate) fn merge_projections(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    run(vec![Arc::new(OptimizeProjections::new())], plan, state)
}

/// Finds the keys and conditions of joins of two streams, before those become nodes, and leaves out what can meet
/// nothing, as far down as it is known.
pub(crate) fn gather_join_conditions(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> =
        vec![Arc::new(FilterIntoStreamJoin::new()), Arc::new(ExtractEquijoinPredicate::new())];
    let plan = filters_below_joins(run(rules, plan, state)?)?;
    run(vec![Arc::new(FilterBelowAggregate::new())], plan, state)
}

/// Moves filters down and finds the keys of joins, so that a node over a join sees them. It comes after decoders have
/// moved into the scans, for a filter must not decode a second time, and before nodes get their places. Aggregates are
/// nodes by then: what moves below one has done so ([`gather_join_conditions`]).
pub(crate) fn extract_filters_and_keys(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> =
        vec![Arc::new(PushDownFilter::new()), Arc::new(FilterBelowNode), Arc::new(ExtractEquijoinPredicate::new())];
    run(rules, plan, state)
}

/// The optimized plan.
pub(crate) fn optimize(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(OptimizeUnions::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(PushDownFilter::new()),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ];
    run(rules, plan, state)
}

fn run(
    rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>,
    plan: LogicalPlan,
    state: &SessionState,
) -> Result<LogicalPlan> {
    Optimizer::with_rules(rules).optimize(plan, state, |_, _| {})
}

/// What runs over the physical plan: it is made to meet the operators' needs, and projections are merged.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![
        Arc::new(BuildFromStaticSide),
        // The order of the result is asked for; without that a sort would go whose columns do not show.
        Arc::new(OutputRequirements::new_add_mode()),
        Arc::new(EnsureRequirements::new()),
        Arc::new(OutputRequirements::new_remove_mode()),
        Arc::new(ProjectionInPlace),
        Arc::new(LimitPushdown::new()),
        Arc::new(EnsureCooperative::new()),
    ]
}

#[cfg(test)]
mod tests;
