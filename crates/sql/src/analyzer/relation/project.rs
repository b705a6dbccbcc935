//! SELECT and its kin: projections that add, rename or drop columns.

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, Window};
use millstream_core::{Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::TypedExpr;
use spark_connect_proto::expression::{ExprType, UnresolvedAttribute};
use spark_connect_proto::{Drop, Expression, Project, SubqueryAlias, ToDf, WithColumns, WithColumnsRenamed};

use super::super::attribute::Attribute;
use super::super::expression::{Item, SelectItem, has_aggregate, has_grouping};
use super::super::identifier::parse_name;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::super::{Analyzer, error};

impl Analyzer<'_> {
    pub(super) fn project(&mut self, one: &Project) -> Result<ResolvedRelation> {
        let input = match one.input.as_deref() {
            Some(input) => self.relation(input)?,
            None => super::leaf::one_row(),
        };
        let scope = Scope::over(&input);
        let items = self.select_list(&one.expressions, scope)?;
        self.select(input, items)
    }

    /// The values of a select list, in which each may name those before it.
    pub(super) fn select_list(&mut self, expressions: &[Expression], scope: Scope<'_>) -> Result<Vec<SelectItem>> {
        let mut items = Vec::with_capacity(expressions.len());
        let mut lateral: Vec<(String, TypedExpr)> = Vec::new();
        for expression in expressions {
            let found = self.select_items(expression, Scope { lateral: &lateral, ..scope })?;
            if let (Some(ExprType::Alias(_)), [SelectItem::One(item)]) = (&expression.expr_type, found.as_slice()) {
                lateral.push((item.name.clone(), item.expr.clone()));
            }
            items.extend(found);
        }
        Ok(items)
    }

    /// A select list over a relation.
    pub(crate) fn select(&mut self, input: ResolvedRelation, items: Vec<SelectItem>) -> Result<ResolvedRelation> {
        let input = self.with_time_windows(input)?;
        let (input, items) = self.with_generators(input, items)?;
        if items.iter().any(|item| has_aggregate(&item.expr.expr)) {
            return self.global_aggregate(input, items);
        }
        self.select_values(input, items)
    }

    /// A select list without generators and aggregates. What it leaves out stays within reach of a filter or sort
    /// above.
    pub(crate) fn select_values(&mut self, input: ResolvedRelation, items: Vec<Item>) -> Result<ResolvedRelation> {
        if items.iter().any(|item| has_grouping(&item.expr.expr)) {
            return Err(error::grouping_without_sets());
        }
        let (plan, items) = self.with_window_functions(input.plan, items)?;
        let mut exprs = Vec::with_capacity(items.len());
        let mut columns: Vec<Attribute> = Vec::with_capacity(items.len());
        for item in items {
            let (expr, column) = self.output(item);
            if !columns.iter().any(|before| before.column == column.column) {
                exprs.push(expr);
            }
            columns.push(column);
        }
        let mut left_out: Vec<Attribute> = Vec::new();
        let mut metadata = 0;
        for (attributes, is_metadata) in [(&input.metadata, true), (&input.columns, false), (&input.hidden, false)] {
            for attribute in attributes {
                if !columns.iter().chain(&left_out).any(|column| column.column == attribute.column) {
                    exprs.push(attribute.reference().expr);
                    left_out.push(attribute.clone());
                    metadata += usize::from(is_metadata);
                }
            }
        }
        let hidden = left_out.split_off(metadata);
        let plan = project(plan, exprs)?;
        Ok(ResolvedRelation { metadata: left_out, hidden, ..ResolvedRelation::new(plan, columns, input.streaming) })
    }

    /// The expression and attribute of an output column. A column passed on keeps its identity.
    pub(crate) fn output(&mut self, item: Item) -> (Expr, Attribute) {
        if let Some(passed) = item.passes {
            let expr = passed.reference().expr;
            return (expr, Attribute { name: item.name, ..passed });
        }
        let column = self.fresh(&item.name);
        let attribute = Attribute {
            metadata: item.metadata,
            ..Attribute::new(item.name, &column, item.expr.data_type, item.expr.nullable)
        };
        (item.expr.expr.unalias_nested().data.alias(column), attribute)
    }

    /// Puts window functions into operators of their own below the select list.
    fn with_window_functions(&mut self, plan: LogicalPlan, mut items: Vec<Item>) -> Result<(LogicalPlan, Vec<Item>)> {
        let mut found: Vec<(Expr, String)> = Vec::new();
        for item in &mut items {
            let expr = std::mem::take(&mut item.expr.expr);
            let rewritten = expr
                .transform_down(|inner| {
                    if !matches!(inner, Expr::WindowFunction(_)) {
                        return Ok(Transformed::no(inner));
                    }
                    let known = found.iter().find(|(expr, _)| *expr == inner).map(|(_, column)| column.clone());
                    let column = known.unwrap_or_else(|| {
                        let column = self.fresh("over");
                        found.push((inner.clone(), column.clone()));
                        column
                    });
                    let reference = Expr::Column(datafusion::common::Column::new_unqualified(column));
                    Ok(Transformed::new(reference, true, datafusion::common::tree_node::TreeNodeRecursion::Jump))
                })
                .map_err(from_datafusion)?;
            item.expr.expr = rewritten.data;
        }
        let plan = found.into_iter().try_fold(plan, |plan, (function, column)| {
            Window::try_new(vec![function.alias(column)], std::sync::Arc::new(plan))
                .map(LogicalPlan::Window)
                .map_err(from_datafusion)
        })?;
        Ok((plan, items))
    }

    pub(super) fn with_columns(&mut self, one: &WithColumns) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::over(&input);
        let mut changed: Vec<(String, Vec<SelectItem>)> = Vec::new();
        for alias in &one.aliases {
            let expression = Expression { common: None, expr_type: Some(ExprType::Alias(Box::new(alias.clone()))) };
            let name = alias.name.first().cloned().unwrap_or_default();
            if changed.iter().any(|(other, _)| self.context.same_name(other, &name)) {
                return Err(duplicate_column(&name));
            }
            let mut items = self.select_items(&expression, scope)?;
            for item in &mut items {
                // Unlike in a select list, the metadata of the column that it shows is gone.
                if let SelectItem::One(item) = item {
                    item.metadata.clone_from(&alias.metadata);
                }
            }
            changed.push((name, items));
        }
        let mut items = Vec::new();
        for column in &input.columns {
            match changed.iter_mut().find(|(name, _)| self.context.same_name(name, &column.name)) {
                Some((_, replaced)) if !replaced.is_empty() => items.append(replaced),
                Some(_) => {}
                None => items.push(SelectItem::One(Item::pass(column))),
            }
        }
        items.extend(changed.into_iter().flat_map(|(_, added)| added));
        self.select(input, items)
    }

    pub(super) fn with_columns_renamed(&mut self, one: &WithColumnsRenamed) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let old: HashMap<&String, &String> = one.rename_columns_map.iter().collect();
        let renames: Vec<(&String, &String)> =
            one.renames.iter().map(|rename| (&rename.col_name, &rename.new_col_name)).chain(old).collect();
        let mut items = Vec::with_capacity(input.columns.len());
        for column in &input.columns {
            let mut name: Option<&String> = None;
            for (from, to) in &renames {
                if self.context.same_name(name.unwrap_or(&column.name), from) {
                    name = Some(to);
                }
            }
            items.push(name.map_or_else(|| Item::pass(column), |name| Item::renamed(column, name)));
        }
        self.select_values(input, items)
    }

    pub(super) fn renamed_all(&mut self, one: &ToDf) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        if input.columns.len() != one.column_names.len() {
            return Err(error::arity_mismatch(input.columns.len(), one.column_names.len()));
        }
        let columns = input.columns.iter().zip(&one.column_names);
        let items = columns.map(|(column, name)| Item::renamed(column, name)).collect();
        self.select_values(input, items)
    }

    pub(super) fn drop_columns(&mut self, one: &Drop) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::over(&input);
        let mut dropped: Vec<String> = Vec::new();
        for name in &one.column_names {
            let same = input.columns.iter().filter(|column| self.context.same_name(&column.name, name));
            dropped.extend(same.map(|column| column.column.clone()));
        }
        for expression in &one.columns {
            if let Some(ExprType::UnresolvedAttribute(attribute)) = &expression.expr_type {
                dropped.extend(self.dropped_attribute(attribute, scope)?);
            }
        }
        let kept = input.columns.iter().filter(|column| !dropped.contains(&column.column)).map(Item::pass).collect();
        self.select_values(input, kept)
    }

    /// The column that a drop names; naming none, or a field of one, is no mistake.
    fn dropped_attribute(&self, one: &UnresolvedAttribute, scope: Scope<'_>) -> Result<Option<String>> {
        let parts = parse_name(&one.unparsed_identifier)?;
        let whole = match one.plan_id {
            Some(plan_id) => self
                .column_of_plan(plan_id, &parts, scope)?
                .and_then(|(column, rest)| rest.is_empty().then_some(column.column)),
            None => scope
                .find(&parts, self.context)?
                .and_then(|(column, used)| (used == parts.len()).then(|| column.column.clone())),
        };
        Ok(whole)
    }

    pub(super) fn subquery_alias(&mut self, one: &SubqueryAlias) -> Result<ResolvedRelation> {
        let mut input = self.input(one.input.as_deref())?;
        let mut qualifier = one.qualifier.clone();
        qualifier.push(one.alias.clone());
        for column in &mut input.columns {
            column.qualifier.clone_from(&qualifier);
        }
        input.metadata.clear();
        input.hidden.clear();
        input.aggregate = None;
        Ok(input)
    }
}

fn duplicate_column(name: &str) -> millstream_core::Error {
    let shown = error::sql_id(&[name.to_lowercase()]);
    spark_error!("COLUMN_ALREADY_EXISTS", columnName = shown)
}
