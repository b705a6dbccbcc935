//! A query that sees the columns of the rows beside it (`LATERAL`), turned into one that has these rows below it.
//!
//! The rows of the outer side go where the inner side's leaves are, and up again through its operators: a filter then
//! compares columns of one row, an aggregation groups by the outer row as well. No outer row is computed twice. What
//! cannot be turned in this way is refused.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, JoinConstraint, Limit, LogicalPlan, Sort, SortExpr, Unnest, Window,
    WindowFrame, WindowFunctionDefinition, lit,
};
use millstream_core::{Error, Result};
use millstream_engine::error::from_datafusion;

use super::resolved_relation::project;

/// The outer side: rows, of which one column tells each from all others.
pub(super) struct OuterRows {
    /// The rows.
    pub(super) plan: LogicalPlan,
    /// The column that is different in each row.
    pub(super) row: String,
}

impl OuterRows {
    /// The rows of `inner` for each outer row, behind its columns.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` where an operator of `inner` that sees outer columns cannot be turned.
    pub(super) fn beside(&self, inner: &LogicalPlan) -> Result<LogicalPlan> {
        self.push(self.plan.clone(), inner)
    }

    /// The same with a row of NULLs for each outer row that has none; `condition` is part of what a row has to fulfil.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` where `inner` is more than filters and projections over what sees no outer column.
    pub(super) fn left_beside(&self, inner: &LogicalPlan, condition: Option<Expr>) -> Result<LogicalPlan> {
        if condition.is_none() && is_one_row(inner) {
            return self.beside(inner);
        }
        let conditions = condition.into_iter().collect();
        let (plan, _) = self.push_left(inner, conditions, None)?;
        Ok(plan)
    }

    /// The rows of a plan that has the outer rows in it, with their place within their outer row under a name.
    pub(super) fn numbered(&self, input: LogicalPlan, order: Vec<SortExpr>, name: &str) -> Result<LogicalPlan> {
        let function = Expr::WindowFunction(Box::new(WindowFunction {
            fun: WindowFunctionDefinition::WindowUDF(row_number_udwf()),
            params: WindowFunctionParams {
                args: Vec::new(),
                partition_by: vec![Expr::Column(Column::new_unqualified(&self.row))],
                window_frame: WindowFrame::new((!order.is_empty()).then_some(false)),
                order_by: order,
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        }));
        let numbered = Window::try_new(vec![function.alias(name)], Arc::new(input));
        numbered.map(LogicalPlan::Window).map_err(from_datafusion)
    }

    fn push(&self, outer: LogicalPlan, inner: &LogicalPlan) -> Result<LogicalPlan> {
        let names = names_of(&outer);
        if !sees(inner, &names)? {
            return join(outer, inner.clone(), None, JoinType::Inner);
        }
        match inner {
            LogicalPlan::Projection(projection) => {
                let input = self.push(outer.clone(), &projection.input)?;
                let exprs = projection.expr.iter().map(|expr| within(expr.clone(), &names));
                let all = columns_of(&outer).into_iter().map(Ok).chain(exprs).collect::<Result<_>>()?;
                project(input, all)
            }
            LogicalPlan::Filter(filter) => {
                let input = self.push(outer, &filter.input)?;
                filtered(input, within(filter.predicate.clone(), &names)?)
            }
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(outer, aggregate),
            // An order means something to a limit only, which takes it along.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.push(outer, &sort.input),
            LogicalPlan::Limit(limit) => self.push_limit(outer, limit),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = self.push(outer, input)?;
                Ok(LogicalPlan::Distinct(Distinct::All(Arc::new(input))))
            }
            LogicalPlan::Unnest(unnest) => {
                let input = self.push(outer, &unnest.input)?;
                let unnested = Unnest::try_new(Arc::new(input), unnest.exec_columns.clone(), unnest.options.clone());
                unnested.map(LogicalPlan::Unnest).map_err(from_datafusion)
            }
            LogicalPlan::Window(window) => {
                let input = self.push(outer, &window.input)?;
                let functions = window.window_expr.iter().map(|expr| self.window_of_row(within(expr.clone(), &names)?));
                let functions = functions.collect::<Result<_>>()?;
                Window::try_new(functions, Arc::new(input)).map(LogicalPlan::Window).map_err(from_datafusion)
            }
            LogicalPlan::Join(inner) => self.push_join(outer, inner, &names),
            other => Err(unsupported(other)),
        }
    }

    fn push_join(&self, outer: LogicalPlan, inner: &Join, names: &HashSet<String>) -> Result<LogicalPlan> {
        let on = inner.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
        let condition = on.chain(inner.filter.clone()).reduce(Expr::and);
        let condition = condition.map(|condition| within(condition, names)).transpose()?;
        let right_sees = sees(&inner.right, names)?;
        if inner.join_type == JoinType::Inner {
            let left = self.push(outer, &inner.left)?;
            let both = self.push(left, &inner.right)?;
            return match condition {
                Some(condition) => filtered(both, condition),
                None => Ok(both),
            };
        }
        let keeps_left = matches!(inner.join_type, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti);
        if right_sees || !keeps_left {
            return Err(Error::unsupported("A lateral join over an outer join of this form is not supported."));
        }
        join(self.push(outer, &inner.left)?, inner.right.as_ref().clone(), condition, inner.join_type)
    }

    /// An aggregation for each outer row. One without keys has a row also where nothing comes in.
    fn push_aggregate(&self, outer: LogicalPlan, aggregate: &Aggregate) -> Result<LogicalPlan> {
        let names = names_of(&outer);
        if aggregate.aggr_expr.iter().any(Expr::contains_outer) {
            return Err(Error::unsupported(
                "An aggregate function of columns of a lateral join's left side is not supported.",
            ));
        }
        let keys = columns_of(&outer);
        let exprs = |exprs: &[Expr]| exprs.iter().map(|expr| within(expr.clone(), &names)).collect::<Result<Vec<_>>>();
        let (input, functions) = if aggregate.group_expr.is_empty() {
            let marker = format!("{} is there", self.row);
            let whole = Self { plan: outer, row: self.row.clone() };
            let (input, _) = whole.push_left(&aggregate.input, Vec::new(), Some(&marker))?;
            let present = Expr::Column(Column::new_unqualified(&marker)).is_not_null();
            let functions = exprs(&aggregate.aggr_expr)?.into_iter().map(|expr| only_where(expr, &present));
            (input, functions.collect::<Result<Vec<_>>>()?)
        } else {
            (self.push(outer, &aggregate.input)?, exprs(&aggregate.aggr_expr)?)
        };
        let groups = keys.into_iter().chain(exprs(&aggregate.group_expr)?).collect();
        Aggregate::try_new(Arc::new(input), groups, functions).map(LogicalPlan::Aggregate).map_err(from_datafusion)
    }

    /// So many rows for each outer row.
    fn push_limit(&self, outer: LogicalPlan, limit: &Limit) -> Result<LogicalPlan> {
        let shown: Vec<Expr> = columns_of(&outer).into_iter().chain(columns_of(&limit.input)).collect();
        let (order, input) = match limit.input.as_ref() {
            LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (expr.clone(), input.as_ref()),
            other => (Vec::new(), other),
        };
        let names = names_of(&outer);
        let order = order.into_iter().map(|key| Ok(SortExpr { expr: within(key.expr, &names)?, ..key }));
        let order = order.collect::<Result<Vec<_>>>()?;
        let input = self.push(outer, input)?;
        let number = format!("{} number", self.row);
        let numbered = self.numbered(input, order, &number)?;
        let place = datafusion::logical_expr::cast(
            Expr::Column(Column::new_unqualified(&number)),
            arrow::datatypes::DataType::Int64,
        );
        let skip = limit.skip.as_deref().cloned().unwrap_or_else(|| lit(0_i64));
        let mut wanted = place.clone().gt(skip.clone());
        if let Some(fetch) = limit.fetch.as_deref() {
            wanted = wanted.and(place.lt_eq(skip + fetch.clone()));
        }
        project(filtered(numbered, wanted)?, shown)
    }

    /// A window function that looks at the rows of its outer row alone.
    fn window_of_row(&self, expr: Expr) -> Result<Expr> {
        let row = Expr::Column(Column::new_unqualified(&self.row));
        let changed = expr.transform_down(|expr| match expr {
            Expr::WindowFunction(mut function) => {
                function.params.partition_by.push(row.clone());
                Ok(Transformed::new(Expr::WindowFunction(function), true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        });
        Ok(changed.map_err(from_datafusion)?.data)
    }

    /// The outer rows with those of `inner`, or with NULLs. Conditions are over the columns of `inner`; the marker is a
    /// column that is NULL where no row was found. Gives the columns of `inner` too.
    fn push_left(
        &self,
        inner: &LogicalPlan,
        mut conditions: Vec<Expr>,
        marker: Option<&str>,
    ) -> Result<(LogicalPlan, Vec<Expr>)> {
        let names = names_of(&self.plan);
        match inner {
            LogicalPlan::Filter(filter) if sees(inner, &names)? => {
                conditions.push(filter.predicate.clone());
                self.push_left(&filter.input, conditions, marker)
            }
            LogicalPlan::Projection(projection) if sees(inner, &names)? => {
                let conditions =
                    conditions.into_iter().map(|expr| below(expr, &projection.expr)).collect::<Result<Vec<_>>>()?;
                let own = format!("{} found", self.row);
                let (input, _) = self.push_left(&projection.input, conditions, Some(marker.unwrap_or(&own)))?;
                let present = Expr::Column(Column::new_unqualified(marker.unwrap_or(&own)));
                let mut exprs = columns_of(&self.plan);
                exprs.extend(marker.map(|_| present.clone()));
                for expr in &projection.expr {
                    let name = expr.schema_name().to_string();
                    let value = within(expr.clone(), &names)?.unalias();
                    let value = datafusion::logical_expr::when(present.clone().is_not_null(), value).end();
                    exprs.push(value.map_err(from_datafusion)?.alias(name));
                }
                Ok((project(input, exprs)?, columns_of(inner)))
            }
            other if sees(other, &names)? => Err(unsupported(other)),
            plain => {
                let condition =
                    conditions.into_iter().map(|expr| within(expr, &names)).reduce(|expr, other| Ok(expr?.and(other?)));
                let mut exprs = columns_of(plain);
                exprs.extend(marker.map(|marker| lit(true).alias(marker)));
                let joined =
                    join(self.plan.clone(), project(plain.clone(), exprs)?, condition.transpose()?, JoinType::Left)?;
                Ok((joined, columns_of(plain)))
            }
        }
    }
}

/// Whether the plan gives one row whatever comes in.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::EmptyRelation(relation) => relation.produce_one_row,
        _ => false,
    }
}

fn names_of(plan: &LogicalPlan) -> HashSet<String> {
    plan.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}

/// Whether an expression of the plan, or of a subquery in it, names one of these columns of a query around it.
fn sees(plan: &LogicalPlan, names: &HashSet<String>) -> Result<bool> {
    let mut found = false;
    let looked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| {
                Ok(matches!(expr, Expr::OuterReferenceColumn(_, column) if names.contains(&column.name)))
            })?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    looked.map_err(from_datafusion)?;
    Ok(found)
}

/// The expression where these columns are columns of its own input.
fn within(expr: Expr, names: &HashSet<String>) -> Result<Expr> {
    let name = expr.schema_name().to_string();
    let replaced = expr.transform(|expr| match expr {
        Expr::OuterReferenceColumn(_, column) if names.contains(&column.name) => {
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    });
    let replaced = replaced.map_err(from_datafusion)?;
    let renamed = replaced.transformed && replaced.data.schema_name().to_string() != name;
    let is_value = !matches!(replaced.data, Expr::Alias(_));
    Ok(if renamed && is_value { replaced.data.alias(name) } else { replaced.data })
}

/// The expression over the columns of a projection as one over those of its input.
fn below(expr: Expr, projection: &[Expr]) -> Result<Expr> {
    let replaced = expr.transform(|expr| {
        let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
        let value = projection.iter().find(|value| value.schema_name().to_string() == column.name);
        Ok(value.map_or(Transformed::no(expr.clone()), |value| Transformed::yes(value.clone().unalias())))
    });
    Ok(replaced.map_err(from_datafusion)?.data)
}

/// An aggregate function that looks at the rows of this condition only.
fn only_where(expr: Expr, condition: &Expr) -> Result<Expr> {
    let name = expr.schema_name().to_string();
    let changed = expr.transform_down(|expr| match expr {
        Expr::AggregateFunction(mut function) => {
            let filter = match function.params.filter.take() {
                Some(filter) => filter.and(condition.clone()),
                None => condition.clone(),
            };
            function.params.filter = Some(Box::new(filter));
            Ok(Transformed::new(Expr::AggregateFunction(function), true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    });
    let changed = changed.map_err(from_datafusion)?.data;
    Ok(if changed.schema_name().to_string() == name { changed } else { changed.unalias().alias(name) })
}

fn filtered(input: LogicalPlan, predicate: Expr) -> Result<LogicalPlan> {
    Filter::try_new(predicate.unalias(), Arc::new(input)).map(LogicalPlan::Filter).map_err(from_datafusion)
}

fn join(left: LogicalPlan, right: LogicalPlan, condition: Option<Expr>, kind: JoinType) -> Result<LogicalPlan> {
    let (left, right, on) = (Arc::new(left), Arc::new(right), Vec::new());
    let condition = condition.map(Expr::unalias);
    Join::try_new(left, right, on, condition, kind, JoinConstraint::On, NullEquality::NullEqualsNothing, false)
        .map(LogicalPlan::Join)
        .map_err(from_datafusion)
}

fn unsupported(plan: &LogicalPlan) -> Error {
    let shown = plan.display().to_string();
    let operator = shown.split([':', ' ']).next().unwrap_or_default().to_lowercase();
    Error::unsupported(format!(
        "The feature is not supported: A lateral join with this operator ({operator}) over columns of its left side is not \
         supported."
    ))
}
