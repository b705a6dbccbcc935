//! GROUP BY: grouping columns, aggregate functions taken out of the expressions around them, HAVING's later additions.
//!
//! Below the aggregation every grouping expression is a column of its own, so the operator itself only ever groups by
//! columns; above it, a projection computes what stands around the aggregate functions.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::{Aggregate as AggregateNode, Expr, Filter, LogicalPlan, lit};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::session;
use millstream_functions::data_type::holds_map;
use millstream_functions::{TypedExpr, holds_floats, map_sorted, normalized};
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::{Aggregate, Expression};

use super::super::attribute::Attribute;
use super::super::expression::{GroupingCall, Item, SelectItem, grouping_call, has_aggregate, has_grouping};
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::super::time_window::is_session;
use super::super::{Analyzer, error};
use super::grouping_sets::{GROUPING_ID, GROUPING_POSITION, bit, is_grand_total};
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
    /// What filters above it ask of its rows, over `outputs`: when it is built again they must be there again.
    conditions: Vec<Expr>,
}

impl PendingAggregate {
    /// One grouping set: that of all groups.
    pub(super) fn new(input: ResolvedRelation, groups: Vec<Item>, items: Vec<Item>) -> Self {
        Self { input, groups, sets: Vec::new(), items, outputs: Vec::new(), conditions: Vec::new() }
    }

    /// The aggregation with a filter over it.
    pub(super) fn filtered(mut self, condition: Expr) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The columns of the input that are keys, but for those that the aggregation shows under their own names.
    pub(super) fn unseen_keys(&self) -> Vec<Attribute> {
        let is_shown =
            |group: &&Item| self.items.iter().any(|item| item.expr.expr == group.expr.expr && item.name == group.name);
        let column = |group: &Item| match &group.expr.expr {
            Expr::Column(column) => self.input.columns.iter().find(|known| known.column == column.name).cloned(),
            _ => None,
        };
        self.groups.iter().filter(|group| !is_shown(group)).filter_map(column).collect()
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
        let written = self.groups(&one.grouping_expressions, &items, scope)?;
        let (groups, sets) = self.sets(one, &items, &written, scope)?;
        let mut input = self.with_time_windows(input)?;
        if !input.streaming {
            input = self.with_merged_sessions(input, &groups)?;
        }
        let mut items: Vec<Item> = if is_select_list { items } else { written.into_iter().chain(items).collect() };
        if !sets.is_empty() {
            // A key is NULL in the sets that leave it out.
            let of_keys =
                |item: &&mut Item| !has_aggregate(&item.expr.expr) && grouping_call(&item.expr.expr).is_none();
            items.iter_mut().filter(of_keys).for_each(|item| item.expr.nullable = true);
        }
        self.build_aggregate(PendingAggregate { sets, ..PendingAggregate::new(input, groups, items) })
    }

    /// `SELECT sum(x), 1`: one group of all rows.
    pub(super) fn global_aggregate(&mut self, input: ResolvedRelation, items: Vec<Item>) -> Result<ResolvedRelation> {
        self.build_aggregate(PendingAggregate::new(input, Vec::new(), items))
    }

    /// Grouping expressions: ordinals and aliases of the select list are looked up there.
    pub(super) fn groups(&mut self, expressions: &[Expression], items: &[Item], scope: Scope<'_>) -> Result<Vec<Item>> {
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
        let mut functions = AggregateFunctions { keys: &[], is_grand_total: false, found: Vec::new() };
        let values = items.iter().map(|item| functions.rewrite(self, item)).collect::<Result<Vec<_>>>()?;
        let functions = functions.found.into_iter().map(|(function, column)| function.alias(column)).collect();
        Ok((functions, values))
    }

    /// Makes the plan of an aggregation.
    pub(crate) fn build_aggregate(&mut self, mut pending: PendingAggregate) -> Result<ResolvedRelation> {
        let streaming = pending.input.streaming;
        let (below, keys) = self.group_columns(&pending)?;
        let is_grand_total = is_grand_total(&keys, &pending.sets);
        let (below, keys) = self.rows_of_sets(below, keys, &pending.sets)?;
        let mut functions = AggregateFunctions { keys: &keys, is_grand_total, found: Vec::new() };
        let mut above = Vec::with_capacity(pending.items.len());
        for item in &pending.items {
            above.push(functions.rewrite(self, item)?);
        }
        let mut found: Vec<Expr> = functions.found.into_iter().map(|(expr, column)| expr.alias(column)).collect();
        if keys.is_empty() && found.is_empty() {
            // One row whatever comes in: DataFusion has no aggregation without a key and a function.
            found.push(count(lit(1_i64)).alias(self.fresh("rows")));
        }
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
        let mut plan = project(aggregate, exprs)?;
        for condition in &pending.conditions {
            let filter = Filter::try_new(condition.clone(), Arc::new(plan)).map_err(from_datafusion)?;
            plan = LogicalPlan::Filter(filter);
        }
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

/// A grouping expression and the column that holds it below the aggregation.
pub(super) struct Key {
    pub(super) expr: Expr,
    pub(super) column: String,
    /// Sessions that overlap or touch are one key.
    pub(super) is_session: bool,
}

/// Takes aggregate functions out of expressions.
struct AggregateFunctions<'p> {
    keys: &'p [Key],
    /// Whether all rows are the one set of `GROUPING SETS (())`.
    is_grand_total: bool,
    found: Vec<(Expr, String)>,
}

impl AggregateFunctions<'_> {
    fn rewrite(&mut self, analyzer: &mut Analyzer<'_>, item: &Item) -> Result<Expr> {
        let direct = matches!(item.expr.expr, Expr::AggregateFunction(_));
        let mut missing = None;
        let mut nested = false;
        // A call of `grouping` or `grouping_id` that has no answer.
        let mut ungrouped: Option<Expr> = None;
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
                if grouping_call(&inner).is_some() {
                    ungrouped.get_or_insert_with(|| inner.clone());
                }
                if let Expr::AggregateFunction(function) = &inner {
                    nested |= function.params.args.iter().any(has_aggregate);
                    let inner = self.with_grouping(inner)?;
                    if has_grouping(&inner) {
                        ungrouped.get_or_insert_with(|| inner.clone());
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
        if let Some(call) = ungrouped {
            return Err(self.not_a_key(&call));
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
        let call = grouping_call(expr)?;
        if self.is_grand_total {
            return matches!(call, GroupingCall::Id([])).then(|| lit(0_i64));
        }
        let set = self.keys.last().filter(|key| key.column.starts_with(GROUPING_ID))?;
        let set = Expr::Column(Column::new_unqualified(&set.column));
        let argument = match call {
            GroupingCall::Of(argument) => argument,
            GroupingCall::Id(arguments) => {
                let fits = arguments.is_empty() || arguments.iter().eq(self.keys_of_sets().map(|key| &key.expr));
                return fits.then_some(set);
            }
        };
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

    /// The keys without those that only tell the sets apart.
    fn keys_of_sets(&self) -> impl Iterator<Item = &Key> {
        self.keys
            .iter()
            .filter(|key| !key.column.starts_with(GROUPING_ID) && !key.column.starts_with(GROUPING_POSITION))
    }

    /// A `grouping(x)` of something that is not grouped by, a `grouping_id` of other keys, or either where nothing is
    /// grouped by several sets of keys.
    fn not_a_key(&self, call: &Expr) -> Error {
        let has_sets = self.keys.last().is_some_and(|last| last.column.starts_with(GROUPING_ID));
        let Some(call) = grouping_call(call).filter(|_| has_sets) else { return error::grouping_without_sets() };
        let plain = |expr: &Expr| {
            let name = expr.schema_name().to_string();
            name.split('#').next().unwrap_or(&name).to_owned()
        };
        let keys: Vec<String> = self.keys_of_sets().map(|key| plain(&key.expr)).collect();
        let keys = keys.join(",");
        match call {
            GroupingCall::Of(argument) => {
                spark_error!("GROUPING_COLUMN_MISMATCH", grouping = plain(argument), groupingColumns = keys)
            }
            GroupingCall::Id(arguments) => {
                let arguments: Vec<String> = arguments.iter().map(plain).collect();
                spark_error!(
                    "GROUPING_ID_COLUMN_MISMATCH",
                    groupingIdColumn = arguments.join(","),
                    groupByColumns = keys,
                )
            }
        }
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
