//! A relation after analysis: a DataFusion plan and the columns that names can reach in it.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use millstream_core::Result;
use millstream_engine::error::from_datafusion;

use super::attribute::Attribute;
use super::relation::PendingAggregate;

/// A relation after analysis.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedRelation {
    /// What is computed. May have more columns than are visible.
    pub(crate) plan: LogicalPlan,
    /// The columns of the result, in order.
    pub(crate) columns: Vec<Attribute>,
    /// Columns of `plan` that only a filter or sort above may name (Spark: missing references).
    pub(crate) hidden: Vec<Attribute>,
    /// Whether a leaf is a stream.
    pub(crate) streaming: bool,
    /// Set on the output of an aggregation, to which HAVING and ORDER BY may add aggregates.
    pub(crate) aggregate: Option<Box<PendingAggregate>>,
}

impl ResolvedRelation {
    /// A relation that shows all there is.
    pub(crate) fn new(plan: LogicalPlan, columns: Vec<Attribute>, streaming: bool) -> Self {
        Self { plan, columns, hidden: Vec::new(), streaming, aggregate: None }
    }

    /// The same rows and columns computed by another plan.
    #[must_use]
    pub(crate) fn with_plan(self, plan: LogicalPlan) -> Self {
        Self { plan, ..self }
    }

    /// Drops hidden columns, so that an operator above sees the visible ones only.
    pub(crate) fn visible(self) -> Result<Self> {
        let fields = self.plan.schema().fields();
        let same = fields.len() == self.columns.len()
            && fields.iter().zip(&self.columns).all(|(field, column)| *field.name() == column.column);
        let plan = if same {
            self.plan
        } else {
            let columns = self.columns.iter().map(|column| Expr::Column(Column::new_unqualified(&column.column)));
            project(self.plan, columns.collect())?
        };
        Ok(Self { plan, columns: self.columns, hidden: Vec::new(), streaming: self.streaming, aggregate: None })
    }

    /// Renames the plan's columns to the user's names, as far as these are unique, and drops all others.
    pub(crate) fn with_user_names(self) -> Result<Self> {
        let mut taken = HashSet::new();
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let name = if taken.contains(&column.name) { &column.column } else { &column.name };
                taken.insert(name.clone());
                name.clone()
            })
            .collect();
        let relation = self.visible()?;
        if relation.columns.iter().zip(&names).all(|(column, name)| column.column == *name) {
            return Ok(relation);
        }
        let mut columns = relation.columns;
        let exprs = columns
            .iter_mut()
            .zip(names)
            .map(|(column, name)| {
                let reference = Expr::Column(Column::new_unqualified(&column.column));
                if column.column == name {
                    return reference;
                }
                column.column.clone_from(&name);
                reference.alias(name)
            })
            .collect();
        Ok(Self::new(project(relation.plan, exprs)?, columns, relation.streaming))
    }
}

/// A projection.
pub(crate) fn project(input: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    Projection::try_new(exprs, Arc::new(input)).map(LogicalPlan::Projection).map_err(from_datafusion)
}
