//! Finds what asks for the first rows of a stream, and puts a node in its place that keeps them.
//!
//! ```text
//! row_number() OVER (PARTITION BY k ORDER BY o) below a filter of it     the first rows of each k
//! ORDER BY o LIMIT n OFFSET m                                            the first rows of all
//! ```
//!
//! Spark refuses both over a stream, but for a sorted result in complete mode. Here they run where rows may be taken
//! back: in update mode, and below an aggregate in complete mode. Strict mode does not ask this file.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, FetchType, Filter, Limit, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, SortExpr, Window,
    WindowFunctionDefinition,
};
use millstream_core::{Error, OutputMode};

use super::changelog::takes_back;
use super::edge::{Rows, edge_of};
use super::node::StreamingExtension;
use super::nodes::{DeduplicateNode, RowOrder, TopRowsNode};
use super::number_bounds::{Bounds, bounded, shown_number};
use crate::error::to_datafusion;
use crate::operators::{Numbering, Shown};
use crate::state::OrderCodec;

/// The plan with nodes that keep the first rows.
pub(crate) fn top_rows_as_nodes(plan: LogicalPlan, mode: OutputMode) -> Result<LogicalPlan> {
    match mode {
        OutputMode::Append => Ok(plan),
        OutputMode::Update | OutputMode::Complete => Walk { mode }.rewritten(plan, &Above::default()),
    }
}

struct Walk {
    mode: OutputMode,
}

/// What stands above a plan.
#[derive(Debug, Clone, Default)]
struct Above {
    /// The numbers that filters let pass, by column of the plan.
    bounds: Vec<(usize, Bounds)>,
    /// An aggregate takes the rows in.
    has_aggregate: bool,
}

impl Walk {
    fn rewritten(&self, plan: LogicalPlan, above: &Above) -> Result<LogicalPlan> {
        let plan = match plan {
            LogicalPlan::Limit(limit) if self.may_change(&limit.input, above) => limited(limit)?,
            other => other,
        };
        let below = below(&plan, above);
        let plan = plan.map_children(|child| Ok(Transformed::yes(self.rewritten(child, &below)?)))?;
        let plan = plan.data;
        if !self.may_change(&plan, above) {
            return self.checked_whole(plan);
        }
        match plan {
            LogicalPlan::Window(window) => numbered(window, above),
            LogicalPlan::Limit(limit) if self.changes(&limit.input) => some(limit, self.mode),
            LogicalPlan::Extension(_) => self.without_duplicates(plan, above),
            other => Ok(other),
        }
    }

    /// What the plan gives is not only added.
    fn changes(&self, plan: &LogicalPlan) -> bool {
        edge_of(plan, self.mode).rows != Rows::AppendOnly
    }

    /// The first row of each key by all of its columns, in the place of `dropDuplicates` over rows that go again.
    /// Counts on their way to a sink in update mode are taken as they come, as in Spark.
    fn without_duplicates(&self, plan: LogicalPlan, above: &Above) -> Result<LogicalPlan> {
        let node = StreamingExtension::of(&plan);
        let keys = node.and_then(|node| node.node_as::<DeduplicateNode>()?.lasting_keys());
        let inputs = plan.inputs();
        let (Some(keys), [input]) = (keys, inputs.as_slice()) else { return Ok(plan) };
        if !self.changes(input) || !(above.has_aggregate || takes_back(input, self.mode)) {
            return Ok(plan);
        }
        let columns = input.schema().iter().map(Column::from);
        let order = in_order_of(columns.collect(), input);
        let keys = keys.iter().cloned().map(Expr::Column).collect();
        let shown = Passing { skip: 0, fetch: 1 }.shown();
        Top { keys, order, shown }.over(LogicalPlan::clone(input), None)
    }

    /// Over the whole result of one aggregate `dropDuplicates` knows each key once and for all, as in Spark. Over that
    /// of an aggregate of an aggregate, which Spark refuses, it would give nothing of what changes.
    fn checked_whole(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let node = StreamingExtension::of(&plan);
        let is_duplicates = node.is_some_and(|node| node.node_as::<DeduplicateNode>().is_some());
        let is_whole = |plan: &&LogicalPlan| edge_of(plan, self.mode).rows == Rows::Whole;
        let mut wholes = plan.inputs().into_iter().filter(is_whole);
        if is_duplicates && wholes.any(|input| self.has_aggregate_of_aggregate(input)) {
            let message =
                "dropDuplicates() in complete mode over an aggregate of an aggregate or of a join of aggregates";
            return Err(to_datafusion(Error::unsupported(message)));
        }
        Ok(plan)
    }

    fn has_aggregate_of_aggregate(&self, plan: &LogicalPlan) -> bool {
        let inputs = plan.inputs();
        let is_above_another =
            matches!(plan, LogicalPlan::Aggregate(_)) && inputs.iter().any(|input| self.changes(input));
        is_above_another || inputs.into_iter().any(|input| self.has_aggregate_of_aggregate(input))
    }

    /// Rows of the plan may be taken back by who is below, and by nobody else's leave.
    fn may_change(&self, plan: &LogicalPlan, above: &Above) -> bool {
        (self.mode == OutputMode::Update || above.has_aggregate) && edge_of(plan, self.mode).is_streaming
    }
}

/// What stands above the inputs of a plan.
fn below(plan: &LogicalPlan, above: &Above) -> Above {
    let has_aggregate = above.has_aggregate || matches!(plan, LogicalPlan::Aggregate(_));
    let bounds = match plan {
        LogicalPlan::Filter(filter) => with_filter(filter, above),
        LogicalPlan::Projection(projection) => below_projection(projection, above),
        LogicalPlan::SubqueryAlias(_) => above.bounds.clone(),
        LogicalPlan::Window(window) => {
            let columns = window.input.schema().fields().len();
            above.bounds.iter().filter(|(column, _)| *column < columns).cloned().collect()
        }
        _ => vec![],
    };
    Above { bounds, has_aggregate }
}

fn with_filter(filter: &Filter, above: &Above) -> Vec<(usize, Bounds)> {
    let mut bounds = above.bounds.clone();
    for (column, more) in bounded(&filter.predicate, filter.input.schema()) {
        match bounds.iter_mut().find(|(known, _)| *known == column) {
            Some((_, known)) => *known = known.and(more),
            None => bounds.push((column, more)),
        }
    }
    bounds
}

fn below_projection(projection: &Projection, above: &Above) -> Vec<(usize, Bounds)> {
    let schema = projection.input.schema();
    let moved =
        |(column, bounds): &(usize, Bounds)| Some((shown_number(projection.expr.get(*column)?, schema)?, *bounds));
    above.bounds.iter().filter_map(moved).collect()
}

/// The node in the place of a window function that numbers rows, if numbers are bounded.
fn numbered(window: Window, above: &Above) -> Result<LogicalPlan> {
    let place = window.input.schema().fields().len();
    let bounds = above.bounds.iter().find(|(column, _)| *column == place).map(|(_, bounds)| *bounds);
    let (Some(bounds), [expr]) = (bounds.filter(|bounds| bounds.last < i64::MAX), window.window_expr.as_slice()) else {
        return Ok(LogicalPlan::Window(window));
    };
    let Some((numbering, keys, order)) = numbering_of(expr) else { return Ok(LogicalPlan::Window(window)) };
    let shown = Shown { numbering, first: bounds.first.max(1), last: bounds.last, has_number: true };
    let number = window.schema.iter().last().map(|(qualifier, field)| (qualifier.cloned(), field.clone()));
    let top = Top { keys, order, shown };
    top.over(Arc::unwrap_or_clone(window.input), number)
}

/// What a window function numbers, if it does that and nothing else.
fn numbering_of(expr: &Expr) -> Option<(Numbering, Vec<Expr>, Vec<SortExpr>)> {
    match expr {
        Expr::Alias(alias) => numbering_of(&alias.expr),
        Expr::WindowFunction(call) => {
            let WindowFunctionDefinition::WindowUDF(function) = &call.fun else { return None };
            let numbering = match function.name() {
                "row_number" => Numbering::RowNumber,
                "rank" => Numbering::Rank,
                "dense_rank" => Numbering::DenseRank,
                _ => return None,
            };
            let is_plain = call.params.filter.is_none() && !call.params.distinct;
            is_plain.then(|| (numbering, call.params.partition_by.clone(), call.params.order_by.clone()))
        }
        _ => None,
    }
}

/// The node in the place of limits over a sort, with what stands between them.
fn limited(limit: Limit) -> Result<LogicalPlan> {
    let Some(passing) = passing_of(&limit)? else { return Ok(LogicalPlan::Limit(limit)) };
    let input = Arc::clone(&limit.input);
    let top = first_of_sorted(Arc::unwrap_or_clone(input), passing)?;
    Ok(top.unwrap_or(LogicalPlan::Limit(limit)))
}

/// Some rows of an input whose rows go again: the first in the order of their key, if they have one.
fn some(limit: Limit, mode: OutputMode) -> Result<LogicalPlan> {
    let Some(passing) = passing_of(&limit)? else { return Ok(LogicalPlan::Limit(limit)) };
    let columns = limit.input.schema().columns();
    let key = edge_of(&limit.input, mode).key.unwrap_or_default();
    let order = in_order_of(key.into_iter().map(|column| columns[column].clone()).collect(), &limit.input);
    Top { keys: vec![], order, shown: passing.shown() }.over(Arc::unwrap_or_clone(limit.input), None)
}

/// The ascending order of these columns, as far as they have one.
fn in_order_of(columns: Vec<Column>, plan: &LogicalPlan) -> Vec<SortExpr> {
    let has_order = |column: &Column| {
        let place = plan.schema().maybe_index_of_column(column);
        place.is_some_and(|place| OrderCodec::has_order(plan.schema().field(place).data_type()))
    };
    columns.into_iter().filter(has_order).map(|column| Expr::Column(column).sort(true, true)).collect()
}

/// How many rows are skipped, and how many pass then.
#[derive(Debug, Clone, Copy)]
struct Passing {
    skip: i64,
    fetch: i64,
}

impl Passing {
    /// The rows that pass if others have passed before.
    fn of(self, before: Self) -> Self {
        let left = before.fetch.saturating_sub(self.skip).max(0);
        Self { skip: before.skip.saturating_add(self.skip), fetch: self.fetch.min(left) }
    }

    fn shown(self) -> Shown {
        let (first, last) = (self.skip.saturating_add(1), self.skip.saturating_add(self.fetch));
        Shown { numbering: Numbering::RowNumber, first, last, has_number: false }
    }
}

/// The rows that a limit lets pass, where it says so in constants.
fn passing_of(limit: &Limit) -> Result<Option<Passing>> {
    let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return Ok(None);
    };
    let rows = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(Some(Passing { skip: rows(skip), fetch: fetch.map_or(i64::MAX, rows) }))
}

/// The first rows of a sorted plan, or of limits over one; none where it is not sorted.
fn first_of_sorted(plan: LogicalPlan, passing: Passing) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Sort(sort) => {
            let top = Top { keys: vec![], order: sort.expr, shown: passing.shown() };
            top.over(Arc::unwrap_or_clone(sort.input), None).map(Some)
        }
        LogicalPlan::Limit(limit) => match passing_of(&limit)? {
            Some(before) => first_of_sorted(Arc::unwrap_or_clone(limit.input), passing.of(before)),
            None => Ok(None),
        },
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            let mut is_sorted = false;
            let plan = plan.map_children(|child| {
                let top = first_of_sorted(child.clone(), passing)?;
                is_sorted = top.is_some();
                Ok(Transformed::yes(top.unwrap_or(child)))
            })?;
            Ok(is_sorted.then_some(plan.data))
        }
        _ => Ok(None),
    }
}

/// Which rows are asked for.
struct Top {
    keys: Vec<Expr>,
    order: Vec<SortExpr>,
    shown: Shown,
}

impl Top {
    /// The node over an input, with the columns of the input and the number.
    fn over(self, input: LogicalPlan, number: Option<(Option<TableReference>, FieldRef)>) -> Result<LogicalPlan> {
        let shown_columns = input.schema().columns();
        let mut projected: Vec<Expr> = shown_columns.iter().cloned().map(Expr::Column).collect();
        // What is no column becomes one below the node.
        let mut column = |expr: &Expr| match expr {
            Expr::Column(column) => column.clone(),
            other => {
                let name = format!("__order_{}", projected.len());
                projected.push(other.clone().alias(&name));
                Column::new_unqualified(name)
            }
        };
        let keys = self.keys.iter().map(&mut column).collect();
        let mut row_order = |sort: &SortExpr| RowOrder {
            column: column(&sort.expr),
            is_descending: !sort.asc,
            nulls_first: sort.nulls_first,
        };
        let order = self.order.iter().map(&mut row_order).collect();
        let has_more = projected.len() > shown_columns.len();
        let input = if has_more { LogicalPlanBuilder::from(input).project(projected)?.build()? } else { input };
        let number_column = number.as_ref().map(|(qualifier, field)| Column::new(qualifier.clone(), field.name()));
        let node = TopRowsNode { keys, order, shown: self.shown, number, has_weights: false };
        let top = node.over(input).map_err(to_datafusion)?;
        if !has_more {
            return Ok(top);
        }
        let columns = shown_columns.into_iter().chain(number_column).map(Expr::Column);
        LogicalPlanBuilder::from(top).project(columns)?.build()
    }
}
