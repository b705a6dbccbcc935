//! Filters and sorts. Both may name columns that the select list below them left out, and over an aggregation both may
//! call aggregate functions.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Filter as FilterNode, LogicalPlan, Sort as SortNode, SortExpr};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{holds_map, sql_name};
use millstream_functions::{TypedExpr, coercion, holds_floats, normalized};
use spark_connect_proto::expression::{ExprType, SortOrder};
use spark_connect_proto::{Expression, Filter, Sort};

use super::super::attribute::Attribute;
use super::super::expression::{has_aggregate, has_grouping, has_window_function, required, sort_expr};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use crate::parser::extension::ExpressionExtension;

impl Analyzer<'_> {
    pub(super) fn filter(&mut self, one: &Filter, is_having: bool) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let condition = required(one.condition.as_ref())?;
        self.aggregates.clear();
        let keys = match &input.aggregate {
            Some(aggregate) if is_having => aggregate.unseen_keys(),
            _ => Vec::new(),
        };
        let (input, condition) = self.above(input, condition, "having", &keys)?;
        self.without_generator(&condition.sql)?;
        if has_aggregate(&condition.expr) {
            return Err(error::invalid_where(&condition.sql, &self.aggregates.join(", ")));
        }
        if has_window_function(&condition.expr) {
            return Err(spark_error!("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE", clauseName = "WHERE"));
        }
        let input = self.with_time_windows(input)?;
        let condition = match condition.data_type {
            DataType::Boolean => condition,
            DataType::Null => coercion::coerce_to(condition, &DataType::Boolean, &self.context.settings)?,
            _ => return Err(error::filter_not_boolean(&condition.sql, &condition.data_type)),
        };
        self.check_below_observed(&condition.expr)?;
        let mut input = input;
        let aggregate = input.aggregate.take().map(|aggregate| Box::new(aggregate.filtered(condition.expr.clone())));
        let plan = FilterNode::try_new(condition.expr, Arc::new(input.plan.clone()))
            .map(LogicalPlan::Filter)
            .map_err(from_datafusion)?;
        Ok(ResolvedRelation { aggregate, ..input.with_plan(plan) })
    }

    /// DataFusion moves a condition that names no column below any node, and what `observe` counts would depend on it.
    fn check_below_observed(&self, condition: &Expr) -> Result<()> {
        let parts = split_conjunction(condition);
        let by_chance = |part: &&Expr| part.column_refs().is_empty() && part.is_volatile();
        if self.observations.is_empty() || !parts.iter().any(by_chance) {
            return Ok(());
        }
        Err(Error::unsupported("A filter by chance alone over observe() is not supported."))
    }

    /// Resolves an expression that stands above a relation: over its columns, then over those it left out, and over an
    /// aggregation's input if it calls aggregates or names one of these keys of it, which go before columns of the same
    /// name (Spark: `ResolveReferences` of an `UnresolvedHaving`).
    fn above(
        &mut self,
        input: ResolvedRelation,
        expression: &Expression,
        name: &str,
        keys: &[Attribute],
    ) -> Result<(ResolvedRelation, TypedExpr)> {
        let hidden = input.hidden.clone();
        let over = Scope { hidden: &hidden, grouped: input.aggregate.is_some(), ..Scope::over(&input) };
        let first = if keys.is_empty() {
            self.expression(expression, over)
        } else {
            let is_key = |column: &&Attribute| keys.iter().any(|key| self.context.same_name(&key.name, &column.name));
            let others = input.columns.iter().filter(|column| !is_key(column));
            let columns: Vec<Attribute> = keys.iter().chain(others).cloned().collect();
            self.expression(expression, Scope { columns: &columns, ..over })
        };
        let names_key =
            |expr: &Expr| expr.column_refs().iter().any(|column| keys.iter().any(|key| key.column == column.name));
        let needs_aggregate = match &first {
            Ok(expr) => has_aggregate(&expr.expr) || has_grouping(&expr.expr) || names_key(&expr.expr),
            Err(_) => true,
        };
        if input.aggregate.is_none() || !needs_aggregate {
            let first = first?;
            if has_grouping(&first.expr) {
                return Err(error::grouping_without_sets());
            }
            return Ok((input, first));
        }
        let failure = first.err();
        let added = self.add_to_aggregate(input, name, |analyzer, scope| analyzer.expression(expression, scope));
        match (added, failure) {
            (Ok((relation, column)), _) => {
                let reference = column.reference();
                Ok((relation, reference))
            }
            (Err(_), Some(failure)) => Err(failure),
            (Err(other), None) => Err(other),
        }
    }

    pub(super) fn sort(&mut self, one: &Sort) -> Result<ResolvedRelation> {
        let mut input = self.input(one.input.as_deref())?;
        let mut keys = Vec::with_capacity(one.order.len());
        for order in &one.order {
            let child = required(order.child.as_deref())?;
            if let Some(columns) = self.at_expression(child, |analyzer| analyzer.sorted_columns(child, &input))? {
                keys.extend(columns.iter().map(|column| self.sorted_by(column.reference(), order)));
                continue;
            }
            let (relation, key) = self.above(input, child, "order", &[])?;
            input = relation;
            keys.push(self.at_expression(child, |analyzer| analyzer.sort_key(key, order))?);
        }
        let input = self.with_time_windows(input)?;
        let plan = LogicalPlan::Sort(SortNode { expr: keys, input: Arc::new(input.plan.clone()), fetch: None });
        Ok(input.with_plan(plan))
    }

    fn sort_key(&self, key: TypedExpr, order: &SortOrder) -> Result<SortExpr> {
        let (sql, data_type) = (key.sql.clone(), key.data_type.clone());
        let key = self.sorted_by(key, order);
        if holds_map(&data_type) { Err(not_sortable(&sql, &data_type, &key)) } else { Ok(key) }
    }

    /// A key of a sort. Zeros are one, and so is every NaN, whatever its sign.
    fn sorted_by(&self, key: TypedExpr, order: &SortOrder) -> SortExpr {
        let has_floats = holds_floats(&key.data_type) && !holds_map(&key.data_type);
        let key = if has_floats { normalized(key, &self.context.settings) } else { key };
        sort_expr(key, order)
    }

    /// `ORDER BY 2` and `ORDER BY ALL`: columns of the select list.
    fn sorted_columns(&self, child: &Expression, input: &ResolvedRelation) -> Result<Option<Vec<Attribute>>> {
        match child.expr_type.as_ref() {
            Some(ExprType::Extension(any)) => match ExpressionExtension::decode(any)? {
                ExpressionExtension::Ordinal(one) => {
                    let index = usize::try_from(one.position).ok().and_then(|position| position.checked_sub(1));
                    match index.and_then(|index| input.columns.get(index)) {
                        Some(column) => Ok(Some(vec![column.clone()])),
                        None => Err(spark_error!(
                            "ORDER_BY_POS_OUT_OF_RANGE",
                            index = one.position,
                            size = input.columns.len(),
                        )),
                    }
                }
                _ => Ok(None),
            },
            Some(ExprType::UnresolvedAttribute(one))
                if one.unparsed_identifier == "ALL"
                    && !input.columns.iter().any(|column| self.context.same_name(&column.name, "ALL")) =>
            {
                Ok(Some(input.columns.clone()))
            }
            _ => Ok(None),
        }
    }
}

fn not_sortable(sql: &str, data_type: &DataType, key: &SortExpr) -> Error {
    let (direction, nulls) = (if key.asc { "ASC" } else { "DESC" }, if key.nulls_first { "FIRST" } else { "LAST" });
    spark_error!(
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
        sqlExpr = format!("\"{sql} {direction} NULLS {nulls}\""),
        functionName = "`sortorder`",
        dataType = format!("\"{}\"", sql_name(data_type)),
    )
}
