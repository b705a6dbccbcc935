//! GROUP BY: grouping columns, aggregate functions taken out of the expressions around them, HAVING's later additions.
//!
//! Below the aggregation every grouping expression is a column of its own, so the operator itself only ever groups by
//! columns; above it, a projection computes what stands around the aggregate functions.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Aggregate as AggregateNode, BinaryExpr, Expr, LogicalPlan, Operator, lit};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::session;
use millstream_functions::data_type::holds_map;
use millstream_functions::{TypedExpr, holds_floats, map_sorted, normalized};
use spark_connect_proto::aggregate::GroupType;
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::{Aggregate, Expression};

use super::super::attribute::Attribute;
use super::super::expression::{Item, SelectItem, grouping_argument, has_aggregate, has_grouping};
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::super::time_window::{is_session, unnest};
use super::super::{Analyzer, error};
use super::grouping_key::grouping_key;
use crate::grouping_sets;
use crate::parser::extension::ExpressionExtension;

/// An aggregation before it is a plan, kept so that HAVING and ORDER BY can add to it.
#[derive(Debug, Clone)]
pub(crate) struct PendingAggregate {
    /// What is grouped.
    pub(crate) input: ResolvedRelation,
    groups: Vec<Item>,
    /// For each grouping set the bits of the groups that it leaves out; empty without grouping sets.
    sets: Vec<i64>,
    items: Vec<Item>,
    /// The columns of the first build, by item: they keep their identity when it is built again.
    outputs: Vec<Attribute>,
}

impl PendingAggregate {
    /// One grouping set: that of all groups.
    pub(super) fn new(input: ResolvedRelation, groups: Vec<Item>, items: Vec<Item>) -> Self {
        Self { input, groups, sets: Vec::new(), items, outputs: Vec::new() }
    }
}

impl Analyzer<'_> {
    pub(super) fn aggregate(&mut self, one: &Aggregate, is_select_list: bool) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        if let Some(pivot) = one.pivot.as_ref() {
            return self.pivot(input, one, pivot);
        }
        let scope = Scope::over(&input);
        // The select list may name the window that it is grouped by.
        for group in one.grouping_expressions.iter().filter(|group| is_window_call(group)) {
            self.expression(group, scope)?;
        }
        let windows = self.named_windows();
        let scope = Scope { hidden: &windows, ..scope };
        let items = self.select_list(&one.aggregate_expressions, scope)?;
        let items = items.into_iter().map(SelectItem::without_rows).collect::<Result<Vec<_>>>()?;
        let mut groups = self.groups(&one.grouping_expressions, &items, scope)?;
        if is_select_list && one.group_type() == GroupType::GroupingSets {
            groups = each_once(groups);
        }
        let sets = self.sets(one, &items, &mut groups, scope)?;
        let mut input = self.with_time_windows(input)?;
        if !input.streaming {
            input = self.with_merged_sessions(input, &groups)?;
        }
        let mut items: Vec<Item> = if is_select_list { items } else { groups.iter().cloned().chain(items).collect() };
        if !sets.is_empty() {
            // A key is NULL in the sets that leave it out.
            let of_keys =
                |item: &&mut Item| !has_aggregate(&item.expr.expr) && grouping_argument(&item.expr.expr).is_none();
            items.iter_mut().filter(of_keys).for_each(|item| item.expr.nullable = true);
        }
        self.build_aggregate(PendingAggregate { sets, ..PendingAggregate::new(input, groups, items) })
    }

    /// `SELECT sum(x), 1`: one group of all rows.
    pub(super) fn global_aggregate(&mut self, input: ResolvedRelation, items: Vec<Item>) -> Result<ResolvedRelation> {
        self.build_aggregate(PendingAggregate::new(input, Vec::new(), items))
    }

    /// The grouping sets of ROLLUP, CUBE and GROUPING SETS as bits; groups that only a set names are added.
    fn sets(&mut self, one: &Aggregate, items: &[Item], groups: &mut Vec<Item>, scope: Scope<'_>) -> Result<Vec<i64>> {
        match one.group_type() {
            GroupType::Rollup => {
                grouping_sets::check_keys(groups.len())?;
                return Ok(grouping_sets::rollup(groups.len()));
            }
            GroupType::Cube => {
                grouping_sets::check_keys(groups.len())?;
                return grouping_sets::cube(groups.len());
            }
            GroupType::GroupingSets => {}
            _ => return Ok(Vec::new()),
        }
        if one.grouping_sets.len() > grouping_sets::SETS_MAX {
            return Err(grouping_sets::too_many());
        }
        let mut members: Vec<Vec<usize>> = Vec::with_capacity(one.grouping_sets.len());
        for set in &one.grouping_sets {
            let mut indexes = Vec::new();
            for item in self.groups(&set.grouping_set, items, scope)? {
                let known = groups.iter().position(|group| group.expr.expr == item.expr.expr);
                indexes.push(known.unwrap_or(groups.len()));
                if known.is_none() {
                    groups.push(item);
                }
            }
            members.push(indexes);
        }
        grouping_sets::check_keys(groups.len())?;
        let bits = |set: &Vec<usize>| {
            (0..groups.len()).fold(0_i64, |bits, index| bits << 1 | i64::from(!set.contains(&index)))
        };
        Ok(members.iter().map(bits).collect())
    }

    /// Grouping expressions: ordinals and aliases of the select list are looked up there.
    fn groups(&mut self, expressions: &[Expression], items: &[Item], scope: Scope<'_>) -> Result<Vec<Item>> {
        let mut groups = Vec::new();
        for expression in expressions {
            groups.extend(self.at_expression(expression, |analyzer| analyzer.group(expression, items, scope))?);
        }
        Ok(groups)
    }

    fn group(&mut self, expression: &Expression, items: &[Item], scope: Scope<'_>) -> Result<Vec<Item>> {
        let groups = if self.is_all(expression, scope) {
            items.iter().filter(|item| !has_aggregate(&item.expr.expr)).cloned().collect()
        } else {
            match self.select_list_reference(expression, items, scope)? {
                Some(item) => vec![item],
                None => self.items(std::slice::from_ref(expression), scope)?,
            }
        };
        for group in &groups {
            if holds_map(&group.expr.data_type) && !matches!(group.expr.data_type, DataType::Map(_, _)) {
                return Err(Error::unsupported("GROUP BY over a value that holds a MAP is not supported."));
            }
            if has_aggregate(&group.expr.expr) {
                return Err(error::group_by_aggregate(&group.expr.sql));
            }
        }
        Ok(groups)
    }

    /// `GROUP BY ALL`: by everything in the select list that is no aggregate.
    fn is_all(&self, expression: &Expression, scope: Scope<'_>) -> bool {
        matches!(&expression.expr_type, Some(ExprType::UnresolvedAttribute(one))
            if one.unparsed_identifier == "ALL" && self.attribute(one, scope).is_err())
    }

    fn select_list_reference(&self, expression: &Expression, items: &[Item], scope: Scope<'_>) -> Result<Option<Item>> {
        match expression.expr_type.as_ref() {
            Some(ExprType::Extension(any)) => match ExpressionExtension::decode(any)? {
                ExpressionExtension::Ordinal(one) => {
                    let index = usize::try_from(one.position).ok().and_then(|position| position.checked_sub(1));
                    index.and_then(|index| items.get(index)).cloned().map(Some).ok_or_else(|| {
                        spark_error!("GROUP_BY_POS_OUT_OF_RANGE", index = one.position, size = items.len())
                    })
                }
                _ => Ok(None),
            },
            Some(ExprType::UnresolvedAttribute(one)) if self.attribute(one, scope).is_err() => {
                let name = one.unparsed_identifier.trim_matches('`');
                Ok(items.iter().find(|item| self.context.same_name(&item.name, name)).cloned())
            }
            _ => Ok(None),
        }
    }

    /// What values over all rows are made of: aggregate functions, each under a name of its own, and the values over
    /// their columns.
    pub(super) fn without_groups(&mut self, items: &[Item]) -> Result<(Vec<Expr>, Vec<Expr>)> {
        let mut functions = AggregateFunctions { keys: &[], found: Vec::new() };
        let values = items.iter().map(|item| functions.rewrite(self, item)).collect::<Result<Vec<_>>>()?;
        let functions = functions.found.into_iter().map(|(function, column)| function.alias(column)).collect();
        Ok((functions, values))
    }

    /// Makes the plan of an aggregation.
    pub(crate) fn build_aggregate(&mut self, mut pending: PendingAggregate) -> Result<ResolvedRelation> {
        let streaming = pending.input.streaming;
        let (below, keys) = self.group_columns(&pending)?;
        let (below, keys) = self.grouping_sets(below, keys, &pending.sets)?;
        let mut functions = AggregateFunctions { keys: &keys, found: Vec::new() };
        let mut above = Vec::with_capacity(pending.items.len());
        for item in &pending.items {
            above.push(functions.rewrite(self, item)?);
        }
        let found = functions.found.into_iter().map(|(expr, column)| expr.alias(column)).collect();
        if streaming && !pending.sets.is_empty() && keys.iter().any(|key| key.is_session) {
            return Err(Error::unsupported("GROUPING SETS of a session window over a stream are not supported."));
        }
        let key = |key: &Key| {
            let column = Expr::Column(Column::new_unqualified(&key.column));
            if streaming && key.is_session { session(column).alias(&key.column) } else { column }
        };
        let keys = keys.iter().map(key).collect();
        let aggregate = AggregateNode::try_new(Arc::new(below), keys, found)
            .map(LogicalPlan::Aggregate)
            .map_err(from_datafusion)?;
        let mut exprs = Vec::with_capacity(above.len());
        for (index, (item, expr)) in pending.items.iter().zip(above).enumerate() {
            let (expr, attribute) = self.aggregate_output(&pending, index, item, expr);
            exprs.push(expr);
            if index == pending.outputs.len() {
                pending.outputs.push(attribute);
            }
        }
        let columns = pending.outputs.clone();
        let plan = project(aggregate, exprs)?;
        let relation = ResolvedRelation::new(plan, columns, streaming);
        Ok(ResolvedRelation { aggregate: Some(Box::new(pending)), ..relation })
    }

    fn aggregate_output(
        &mut self,
        pending: &PendingAggregate,
        index: usize,
        item: &Item,
        expr: Expr,
    ) -> (Expr, Attribute) {
        let attribute = match pending.outputs.get(index) {
            Some(known) => known.clone(),
            None => {
                // A key under a name of its own is a new column, whatever the name.
                let of_input = |name: &String| pending.input.columns.iter().any(|one| one.column == *name);
                let used = |name: &String| pending.outputs.iter().any(|one| one.column == *name);
                let column = match &expr {
                    Expr::Column(Column { name, .. }) if !used(name) && (item.passes.is_some() || !of_input(name)) => {
                        name.clone()
                    }
                    _ => self.fresh(&item.name),
                };
                let new = Attribute::new(&item.name, column, item.expr.data_type.clone(), item.expr.nullable);
                let qualifier = item.passes.as_ref().map_or_else(Vec::new, |passed| passed.qualifier.clone());
                Attribute { qualifier, metadata: item.metadata.clone(), ..new }
            }
        };
        let same = matches!(&expr, Expr::Column(column) if column.name == attribute.column);
        (if same { expr } else { expr.alias(&attribute.column) }, attribute)
    }

    /// Below the aggregation: every grouping expression as a column, each once.
    fn group_columns(&mut self, pending: &PendingAggregate) -> Result<(LogicalPlan, Vec<Key>)> {
        let plan = pending.input.plan.clone();
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let existing = exprs.len();
        let mut keys: Vec<Key> = Vec::new();
        for group in &pending.groups {
            let expr = group.expr.expr.clone().unalias_nested().data;
            if keys.iter().any(|key| key.expr == expr) {
                continue;
            }
            let column = match &expr {
                _ if matches!(group.expr.data_type, DataType::Map(_, _)) => {
                    let column = self.fresh(&group.name);
                    let sorted = TypedExpr { expr: expr.clone(), ..group.expr.clone() };
                    exprs.push(map_sorted(sorted, &self.context.settings).expr.alias(&column));
                    column
                }
                _ if group.expr.data_type.is_nested() && holds_floats(&group.expr.data_type) => {
                    let column = self.fresh(&group.name);
                    let key = TypedExpr { expr: expr.clone(), ..group.expr.clone() };
                    exprs.push(normalized(key, &self.context.settings).expr.alias(&column));
                    column
                }
                Expr::Column(column) => column.name.clone(),
                _ => {
                    let column = self.fresh(&group.name);
                    exprs.push(expr.clone().alias(&column));
                    column
                }
            };
            keys.push(Key { expr, column, is_session: is_session(group.metadata.as_deref()) });
        }
        let below = if exprs.len() > existing { project(plan, exprs)? } else { plan };
        Ok((below, keys))
    }

    /// For ROLLUP and CUBE every row once a grouping set, with the keys that the set leaves out NULL, and the set's
    /// number as one more key.
    fn grouping_sets(
        &mut self,
        below: LogicalPlan,
        mut keys: Vec<Key>,
        sets: &[i64],
    ) -> Result<(LogicalPlan, Vec<Key>)> {
        if sets.is_empty() {
            return Ok((below, keys));
        }
        let set = self.fresh(GROUPING_ID);
        let numbers: Vec<ScalarValue> = sets.iter().map(|bits| ScalarValue::from(*bits)).collect();
        let list = ScalarValue::List(ScalarValue::new_list(&numbers, &DataType::Int64, false));
        let mut exprs: Vec<Expr> = below.schema().columns().into_iter().map(Expr::Column).collect();
        let kept = exprs.clone();
        exprs.push(Expr::Literal(list, None).alias(&set));
        let copies = unnest(project(below, exprs)?, &set)?;
        let reference = Expr::Column(Column::new_unqualified(&set));
        let mut exprs = kept;
        exprs.push(reference.clone());
        let count = keys.len();
        for (index, key) in keys.iter_mut().enumerate() {
            let shift = i64::try_from(count - 1 - index).map_err(|_| Error::invalid("too many grouping columns"))?;
            let is_left_out = bit(&reference, shift).not_eq(lit(0_i64));
            let column = self.fresh(&key.column);
            let whole = Expr::Column(Column::new_unqualified(&key.column));
            exprs.push(grouping_key(whole, is_left_out).alias(&column));
            key.column = column;
        }
        keys.push(Key { expr: reference, column: set, is_session: false });
        Ok((project(copies, exprs)?, keys))
    }

    /// A value computed over an aggregation's groups by something that stands above it: HAVING, ORDER BY. Adds it to
    /// the aggregation as a hidden column and answers that column.
    pub(crate) fn add_to_aggregate(
        &mut self,
        relation: ResolvedRelation,
        name: &str,
        resolve: impl FnOnce(&mut Self, Scope<'_>) -> Result<TypedExpr>,
    ) -> Result<(ResolvedRelation, Attribute)> {
        let shown = relation.columns.len();
        let Some(mut pending) = relation.aggregate.clone() else {
            return Err(Error::internal("a relation that is no aggregation was asked for one"));
        };
        let hidden: Vec<Attribute> = relation.columns.iter().chain(&pending.input.hidden).cloned().collect();
        let scope = Scope { hidden: &hidden, ..Scope::over(&pending.input) };
        let mut value = resolve(self, scope)?;
        let outputs = pending.outputs.clone();
        let items = pending.items.clone();
        value.expr = value
            .expr
            .transform_down(|inner| {
                let position = match &inner {
                    Expr::Column(column) => outputs.iter().position(|output| output.column == column.name),
                    _ => None,
                };
                Ok(match position {
                    Some(index) if items[index].expr.expr != inner => {
                        Transformed::new(items[index].expr.expr.clone(), true, TreeNodeRecursion::Jump)
                    }
                    _ => Transformed::no(inner),
                })
            })
            .map_err(from_datafusion)?
            .data;
        pending.items.push(Item { named: false, ..Item::new(name, value) });
        let built = self.build_aggregate(*pending)?;
        let mut columns = built.columns;
        let added = columns.pop().ok_or_else(|| Error::internal("an aggregation lost its last column"))?;
        let hidden = columns.split_off(shown.min(columns.len()));
        Ok((ResolvedRelation { columns, hidden: hidden.into_iter().chain([added.clone()]).collect(), ..built }, added))
    }
}

fn is_window_call(expression: &Expression) -> bool {
    let is_window = |name: &str| matches!(name.to_ascii_lowercase().as_str(), "window" | "session_window");
    matches!(&expression.expr_type, Some(ExprType::UnresolvedFunction(one)) if is_window(&one.function_name))
}

/// The key that says which of the grouping sets a group belongs to.
const GROUPING_ID: &str = "spark_grouping_id";

/// A grouping expression and the column that holds it below the aggregation.
struct Key {
    expr: Expr,
    column: String,
    /// Sessions that overlap or touch are one key.
    is_session: bool,
}

/// Takes aggregate functions out of expressions.
struct AggregateFunctions<'p> {
    keys: &'p [Key],
    found: Vec<(Expr, String)>,
}

impl AggregateFunctions<'_> {
    fn rewrite(&mut self, analyzer: &mut Analyzer<'_>, item: &Item) -> Result<Expr> {
        let direct = matches!(item.expr.expr, Expr::AggregateFunction(_));
        let mut missing = None;
        let mut nested = false;
        // The argument of a `grouping` that is no key, or nothing of it.
        let mut ungrouped: Option<Option<String>> = None;
        let bare = item.expr.expr.clone().unalias_nested().data;
        let is_column = matches!(bare, Expr::Column(_));
        let rewritten = bare
            .transform_down(|inner| {
                if let Some(column) = self.group_column(&inner) {
                    return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
                }
                if let Some(grouping) = self.grouping(&inner) {
                    return Ok(Transformed::new(grouping, true, TreeNodeRecursion::Jump));
                }
                if let Some(argument) = grouping_argument(&inner) {
                    ungrouped.get_or_insert_with(|| argument.map(|one| one.schema_name().to_string()));
                }
                if let Expr::AggregateFunction(function) = &inner {
                    nested |= function.params.args.iter().any(has_aggregate);
                    let inner = self.with_grouping(inner)?;
                    if has_grouping(&inner) {
                        ungrouped.get_or_insert(None);
                    }
                    let name = if direct { item.name.as_str() } else { "aggregate" };
                    let column = self.function_column(analyzer, inner, name);
                    return Ok(Transformed::new(column, true, TreeNodeRecursion::Jump));
                }
                if let Expr::Column(column) = &inner {
                    missing.get_or_insert_with(|| column.name.clone());
                }
                Ok(Transformed::no(inner))
            })
            .map_err(from_datafusion)?;
        if nested {
            return Err(spark_error!("NESTED_AGGREGATE_FUNCTION"));
        }
        if let Some(argument) = ungrouped {
            return Err(self.not_a_key(argument));
        }
        match missing {
            None => Ok(rewritten.data),
            Some(_) if self.keys.is_empty() => Err(spark_error!("MISSING_GROUP_BY")),
            // A column's own name is not what the user calls it.
            Some(_) if is_column => Err(error::missing_aggregation(&item.expr.sql)),
            Some(column) => Err(error::missing_aggregation(column.split('#').next().unwrap_or(&column))),
        }
    }

    fn group_column(&self, expr: &Expr) -> Option<Expr> {
        let key = self.keys.iter().find(|key| key.expr == *expr)?;
        Some(Expr::Column(Column::new_unqualified(&key.column)))
    }

    /// What `grouping(key)` and `grouping_id()` are under grouping sets.
    fn grouping(&self, expr: &Expr) -> Option<Expr> {
        let argument = grouping_argument(expr)?;
        let set = self.keys.last().filter(|key| key.column.starts_with(GROUPING_ID))?;
        let set = Expr::Column(Column::new_unqualified(&set.column));
        let Some(argument) = argument else { return Some(set) };
        let index = self.keys.iter().position(|key| key.expr == *argument)?;
        let shift = i64::try_from(self.keys.len() - 2 - index).ok()?;
        Some(datafusion::logical_expr::cast(bit(&set, shift), DataType::Int8))
    }

    /// The expression with its calls of `grouping` resolved.
    fn with_grouping(&self, expr: Expr) -> datafusion::error::Result<Expr> {
        let resolved = expr.transform_down(|inner| match self.grouping(&inner) {
            Some(grouping) => Ok(Transformed::new(grouping, true, TreeNodeRecursion::Jump)),
            None => Ok(Transformed::no(inner)),
        });
        Ok(resolved?.data)
    }

    /// `grouping(x)` of something that is not grouped by, or where nothing is grouped by several sets of keys.
    fn not_a_key(&self, argument: Option<String>) -> Error {
        let Some((_, keys)) = self.keys.split_last().filter(|(last, _)| last.column.starts_with(GROUPING_ID)) else {
            return error::grouping_without_sets();
        };
        let plain = |name: &str| name.split('#').next().unwrap_or(name).to_owned();
        let keys: Vec<String> = keys.iter().map(|key| plain(&key.expr.schema_name().to_string())).collect();
        let grouping = plain(&argument.unwrap_or_default());
        spark_error!("GROUPING_COLUMN_MISMATCH", grouping = grouping, groupingColumns = keys.join(","))
    }

    fn function_column(&mut self, analyzer: &mut Analyzer<'_>, function: Expr, name: &str) -> Expr {
        let known = self.found.iter().find(|(expr, _)| *expr == function).map(|(_, column)| column.clone());
        let column = known.unwrap_or_else(|| {
            let column = analyzer.fresh(name);
            self.found.push((function, column.clone()));
            column
        });
        Expr::Column(Column::new_unqualified(column))
    }
}

/// The items without those that compute the same as one before them.
fn each_once(items: Vec<Item>) -> Vec<Item> {
    let mut different: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        if !different.iter().any(|known| known.expr.expr == item.expr.expr) {
            different.push(item);
        }
    }
    different
}

fn bit(set: &Expr, shift: i64) -> Expr {
    let shifted =
        Expr::BinaryExpr(BinaryExpr::new(Box::new(set.clone()), Operator::BitwiseShiftRight, Box::new(lit(shift))));
    Expr::BinaryExpr(BinaryExpr::new(Box::new(shifted), Operator::BitwiseAnd, Box::new(lit(1_i64))))
}
