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
    /// Columns of `plan` that no `*` means (Spark: metadata output): keys that JOIN USING hides, which only a qualified
    /// name or a plan id reaches, and what a source says of its rows, such as `_metadata`.
    pub(crate) metadata: Vec<Attribute>,
    /// Columns of `plan` that only a filter or sort above may name (Spark: missing references).
    pub(crate) hidden: Vec<Attribute>,
    /// Whether a leaf is a stream.
    pub(crate) streaming: bool,
    /// Set on the output of an aggregation and on a filter over one, to which HAVING and ORDER BY may add aggregates.
    pub(crate) aggregate: Option<Box<PendingAggregate>>,
}

impl ResolvedRelation {
    /// A relation that shows all there is.
    pub(crate) fn new(plan: LogicalPlan, columns: Vec<Attribute>, streaming: bool) -> Self {
        Self { plan, columns, metadata: Vec::new(), hidden: Vec::new(), streaming, aggregate: None }
    }

    /// What is behind the first `shown` columns is asked for by name alone (Spark: metadata columns).
    #[must_use]
    pub(crate) fn with_metadata_columns(mut self, shown: usize) -> Self {
        let marked = self.columns.split_off(shown.min(self.columns.len()));
        self.metadata.extend(marked.into_iter().map(Attribute::into_metadata_column));
        self
    }

    /// The same columns computed by another plan. It is no aggregation any more: one that is built again would have
    /// nothing of the new plan.
    #[must_use]
    pub(crate) fn with_plan(self, plan: LogicalPlan) -> Self {
        Self { plan, aggregate: None, ..self }
    }

    /// Drops hidden columns and those of metadata, so that an operator above sees the visible ones only.
    pub(crate) fn visible(self) -> Result<Self> {
        Self { metadata: Vec::new(), ..self }.without_hidden()
    }

    /// Drops hidden columns.
    pub(crate) fn without_hidden(self) -> Result<Self> {
        let mut shown: Vec<&str> = Vec::with_capacity(self.columns.len());
        for column in self.columns.iter().chain(&self.metadata) {
            if !shown.contains(&column.column.as_str()) {
                shown.push(&column.column);
            }
        }
        let fields = self.plan.schema().fields();
        let same = fields.len() == shown.len() && fields.iter().zip(&shown).all(|(field, name)| field.name() == name);
        let plan = if same {
            self.plan
        } else {
            let columns = shown.into_iter().map(|name| Expr::Column(Column::new_unqualified(name)));
            project(self.plan, columns.collect())?
        };
        Ok(Self { plan, hidden: Vec::new(), aggregate: None, ..self })
    }

    /// Renames the plan's columns to the user's names, as far as these are unique, and drops all others.
    pub(crate) fn with_user_names(self) -> Result<Self> {
        let mut taken: HashSet<String> = HashSet::new();
        let mut columns = self.columns;
        let mut exprs = Vec::with_capacity(columns.len());
        for column in &mut columns {
            let mut name = if taken.contains(&column.name) { column.column.clone() } else { column.name.clone() };
            while !taken.insert(name.clone()) {
                name.push('\'');
            }
            let reference = Expr::Column(Column::new_unqualified(&column.column));
            exprs.push(if column.column == name { reference } else { reference.alias(&name) });
            column.column = name;
        }
        let fields = self.plan.schema().fields();
        let same = fields.len() == columns.len()
            && fields
                .iter()
                .zip(&exprs)
                .all(|(field, expr)| matches!(expr, Expr::Column(one) if one.name == *field.name()));
        let plan = if same { self.plan } else { project(self.plan, exprs)? };
        Ok(Self::new(plan, columns, self.streaming))
    }
}

/// A projection.
pub(crate) fn project(input: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    Projection::try_new(exprs, Arc::new(input)).map(LogicalPlan::Projection).map_err(from_datafusion)
}
