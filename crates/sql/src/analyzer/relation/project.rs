//! SELECT and its kin: projections that add, rename or drop columns.

use std::collections::HashMap;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, Window};
use millstream_core::{Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::{TypedExpr, coercion};
use spark_connect_proto::expression::{ExprType, UnresolvedAttribute};
use spark_connect_proto::{Drop, Expression, Project, SubqueryAlias, ToDf, ToSchema, WithColumns, WithColumnsRenamed};

use super::super::attribute::Attribute;
use super::super::expression::{Item, SelectItem, has_aggregate, has_grouping, required};
use super::super::identifier::parse_name;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use crate::data_type::schema_from_proto;

impl Analyzer<'_> {
    pub(super) fn project(&mut self, one: &Project) -> Result<ResolvedRelation> {
        let input = match one.input.as_deref() {
            Some(input) => self.relation(input)?,
            None => super::leaf::one_row(),
        };
        let scope = Scope::new(&input.columns, input.streaming);
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
        let mut hidden = Vec::new();
        for attribute in input.columns.iter().chain(&input.hidden) {
            if !columns.iter().chain(&hidden).any(|column| column.column == attribute.column) {
                exprs.push(attribute.reference().expr);
                hidden.push(attribute.clone());
            }
        }
        let plan = project(plan, exprs)?;
        Ok(ResolvedRelation { hidden, ..ResolvedRelation::new(plan, columns, input.streaming) })
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
        let scope = Scope::new(&input.columns, input.streaming);
        let mut changed: Vec<(String, Vec<SelectItem>)> = Vec::new();
        for alias in &one.aliases {
            let expression = Expression { common: None, expr_type: Some(ExprType::Alias(Box::new(alias.clone()))) };
            let name = alias.name.first().cloned().unwrap_or_default();
            if changed.iter().any(|(other, _)| self.context.same_name(other, &name)) {
                return Err(duplicate_column(&name));
            }
            changed.push((name, self.select_items(&expression, scope)?));
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
        let mut input = self.input(one.input.as_deref())?;
        let old: HashMap<&String, &String> = one.rename_columns_map.iter().collect();
        let renames: Vec<(&String, &String)> =
            one.renames.iter().map(|rename| (&rename.col_name, &rename.new_col_name)).chain(old).collect();
        for column in &mut input.columns {
            for (from, to) in &renames {
                if self.context.same_name(&column.name, from) {
                    column.name.clone_from(to);
                    column.qualifier.clear();
                }
            }
        }
        Ok(input)
    }

    pub(super) fn renamed_all(&mut self, one: &ToDf) -> Result<ResolvedRelation> {
        let mut input = self.input(one.input.as_deref())?;
        if input.columns.len() != one.column_names.len() {
            return Err(error::arity_mismatch(input.columns.len(), one.column_names.len()));
        }
        for (column, name) in input.columns.iter_mut().zip(&one.column_names) {
            column.name.clone_from(name);
            column.qualifier.clear();
        }
        input.hidden.clear();
        Ok(input)
    }

    /// `df.to(schema)`: columns by name, in the schema's order and types.
    pub(super) fn reshaped(&mut self, one: &ToSchema) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let schema = schema_from_proto(required(one.schema.as_ref())?)?;
        let scope = Scope::new(&input.columns, input.streaming);
        let mut items = Vec::new();
        for field in schema.fields() {
            let (attribute, _) = scope.resolve(std::slice::from_ref(field.name()), self.context)?;
            let typed = coercion::coerce_to(attribute.reference(), field.data_type(), &self.context.settings)?;
            items.push(Item::new(field.name(), typed));
        }
        self.select_values(input, items)
    }

    pub(super) fn drop_columns(&mut self, one: &Drop) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::new(&input.columns, input.streaming);
        let mut dropped: Vec<String> = Vec::new();
        for name in &one.column_names {
            let same = input.columns.iter().filter(|column| self.context.same_name(&column.name, name));
            dropped.extend(same.map(|column| column.column.clone()));
        }
        for expression in &one.columns {
            if let Some(ExprType::UnresolvedAttribute(attribute)) = &expression.expr_type {
                dropped.extend(self.dropped_attribute(attribute, scope));
            }
        }
        let kept = input.columns.iter().filter(|column| !dropped.contains(&column.column)).map(Item::pass).collect();
        self.select_values(input, kept)
    }

    /// The column that a drop names; naming none is no mistake.
    fn dropped_attribute(&self, one: &UnresolvedAttribute, scope: Scope<'_>) -> Option<String> {
        let expr = match self.attribute(one, scope) {
            Ok(expr) => expr.expr,
            Err(_) => {
                let parts = parse_name(&one.unparsed_identifier).ok()?;
                let (attribute, _) = scope.resolve(&parts, self.context).ok()?;
                attribute.reference().expr
            }
        };
        match expr {
            Expr::Column(column) => Some(column.name),
            _ => None,
        }
    }

    pub(super) fn subquery_alias(&mut self, one: &SubqueryAlias) -> Result<ResolvedRelation> {
        let mut input = self.input(one.input.as_deref())?;
        let mut qualifier = one.qualifier.clone();
        qualifier.push(one.alias.clone());
        for column in &mut input.columns {
            column.qualifier.clone_from(&qualifier);
        }
        input.hidden.clear();
        input.aggregate = None;
        Ok(input)
    }
}

fn duplicate_column(name: &str) -> millstream_core::Error {
    let shown = error::sql_id(&[name.to_lowercase()]);
    spark_error!("COLUMN_ALREADY_EXISTS", columnName = shown)
}
