//! What a node is planned with.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_planner::PhysicalPlanner;
use millstream_core::Result;

use super::Place;
use crate::error::from_datafusion;
use crate::operators::OperatorContext;

/// What one node is planned with.
pub struct PlanContext<'a> {
    /// The node's place in the query; its number is part of the checkpoint.
    pub place: Place,
    /// What all operators of the query are made with.
    pub operators: &'a OperatorContext,
    pub(crate) planner: &'a dyn PhysicalPlanner,
    pub(crate) session: &'a dyn Session,
    pub(crate) planning: &'a PhysicalPlanningContext,
}

impl PlanContext<'_> {
    /// An expression over columns, ready to be evaluated.
    pub fn physical_expr(&self, expr: &Expr, columns: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        let planned = self.planner.create_physical_expr(expr, columns, self.session, self.planning);
        planned.map_err(from_datafusion)
    }
}

impl fmt::Debug for PlanContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanContext").field("place", &self.place).finish_non_exhaustive()
    }
}
