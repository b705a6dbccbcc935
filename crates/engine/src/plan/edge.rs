//! What the rows between two operators of a streaming plan are.
//!
//! Every edge of a plan is described by one [`Edge`], computed from the leaves upward: DataFusion's own operators by
//! the one `match` of this file, ours by [`StreamingNode::gives`]. What is refused, which operators keep state, where
//! changes are consolidated and which columns name a row all follow from it.
//!
//! Spark marks the column of `withWatermark` in its metadata, and the mark travels with the column. Here the edge says
//! which columns carry event time. A function over event time gives event time when it says so
//! ([`Meaning::EventTime`]: a window, and the last moment of one); any other expression does not, as in Spark.
//!
//! [`StreamingNode::gives`]: super::node::StreamingNode::gives

use std::fmt;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::common::{DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::{Aggregate, Expr, Join, LogicalPlan, Projection, Union, Unnest};
use millstream_core::OutputMode;

use super::node::StreamingExtension;
use super::number_bounds::keeps_numbers;
use super::source_table::{SourceTable, streaming_relation};
use super::stateful_aggregate::session_key;
use super::stream_join::{JoinCondition, is_stream_join};
use crate::functions::{Meaning, meaning_of};

/// The column that says of [`Rows::Changes`] how often each row is added (above zero) or taken back (below): an Int64.
pub const WEIGHT: &str = "__weight";

/// How the rows of one batch stand to those of the batches before. The kinds are in the order in which they win when
/// two streams become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// Each row is given once and stays.
    AppendOnly,
    /// A row replaces the earlier row with its key.
    Updates,
    /// Every batch gives the whole result.
    Whole,
    /// Rows are added and taken back, as often as [`WEIGHT`] says.
    Changes,
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppendOnly => "append-only",
            Self::Updates => "updates",
            Self::Whole => "whole",
            Self::Changes => "changes",
        })
    }
}

/// The number of a watermark operator in its query, counted from the sources upward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatermarkId(pub usize);

/// A column that carries event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    /// The column's place.
    pub column: usize,
    /// The watermark operator that follows it.
    pub watermark: WatermarkId,
    /// How late its rows may come, in microseconds.
    pub delay_us: i64,
}

/// The rows between two operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Some leaf below is a stream. All else is said of streams alone.
    pub is_streaming: bool,
    /// How the batches stand to each other.
    pub rows: Rows,
    /// The columns that name a row, where the plan knows them.
    pub key: Option<Vec<usize>>,
    /// A projection that leaves out a part of the key carries it to the sink nevertheless. Otherwise the key is lost
    /// there, and each row names itself.
    pub is_key_carried: bool,
    /// Of [`Rows::Changes`]: a name that was given always has a row, so that a row is taken back for another one only.
    pub keeps_keys: bool,
    /// The columns that carry event time.
    pub event_times: Vec<EventTime>,
}

impl Edge {
    /// A table that is no stream.
    pub fn table() -> Self {
        Self {
            is_streaming: false,
            rows: Rows::AppendOnly,
            key: None,
            is_key_carried: true,
            keeps_keys: false,
            event_times: vec![],
        }
    }

    /// Rows that are given once, with neither key nor event time: what a source gives.
    pub fn append_only() -> Self {
        Self { is_streaming: true, ..Self::table() }
    }

    /// The event time that a column carries.
    pub fn event_time(&self, column: usize) -> Option<EventTime> {
        self.event_times.iter().copied().find(|event_time| event_time.column == column)
    }

    /// The same rows with these of their columns.
    pub(crate) fn showing(&self, columns: &[usize]) -> Self {
        let place = |key: &usize| columns.iter().position(|column| column == key);
        let key = self.key.as_ref().and_then(|key| key.iter().map(place).collect());
        Self { key, ..self.with_columns(columns.len(), |column| columns.get(column).copied()) }
    }

    /// The same rows, and of their event times those that `place` finds in the output; the key is lost.
    pub fn with_columns(&self, columns: usize, shows: impl Fn(usize) -> Option<usize>) -> Self {
        let carried = |column| Some(EventTime { column, ..self.event_time(shows(column)?)? });
        let event_times = (0..columns).filter_map(carried).collect();
        Self { key: None, keeps_keys: false, event_times, ..self.clone() }
    }
}

/// The edge out of `plan`, under this output mode.
pub(crate) fn edge_of(plan: &LogicalPlan, mode: OutputMode) -> Edge {
    let mut walk = Walk(EdgeWalk::new(mode));
    // The walk itself cannot fail.
    let _: Result<_> = plan.visit(&mut walk);
    walk.0.edges.pop().unwrap_or_else(Edge::table)
}

struct Walk(EdgeWalk);

impl<'n> TreeNodeVisitor<'n> for Walk {
    type Node = LogicalPlan;

    fn f_up(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        self.0.step(plan);
        Ok(TreeNodeRecursion::Continue)
    }
}

/// The edges of a plan whose nodes come one by one, each after its inputs.
#[derive(Debug)]
pub(crate) struct EdgeWalk {
    mode: OutputMode,
    /// The edges that no node has taken yet: a node takes those of its inputs from the end.
    edges: Vec<Edge>,
}

impl EdgeWalk {
    /// A walk that has seen no node.
    pub(crate) fn new(mode: OutputMode) -> Self {
        Self { mode, edges: vec![] }
    }

    /// Takes the next node, and gives the edges of its inputs.
    pub(crate) fn step(&mut self, plan: &LogicalPlan) -> Vec<Edge> {
        let inputs = self.edges.split_off(self.edges.len().saturating_sub(plan.inputs().len()));
        self.edges.push(gives(plan, &inputs, self.mode));
        inputs
    }

    /// The edge out of the newest node.
    pub(crate) fn newest(&self) -> Edge {
        self.edges.last().cloned().unwrap_or_else(Edge::table)
    }
}

/// A node takes rows that are added and taken back from this input.
pub(super) fn takes_changes(plan: &LogicalPlan, input: usize) -> bool {
    match StreamingExtension::of(plan) {
        Some(extension) => extension.node().takes(input).contains(&Rows::Changes),
        None => {
            matches!(
                plan,
                LogicalPlan::Projection(_)
                    | LogicalPlan::Filter(_)
                    | LogicalPlan::Aggregate(_)
                    | LogicalPlan::Union(_)
                    | LogicalPlan::Unnest(_)
                    | LogicalPlan::SubqueryAlias(_)
                    | LogicalPlan::Repartition(_)
            ) || matches!(plan, LogicalPlan::Join(join) if is_stream_join(join))
        }
    }
}

/// The edge out of a node, by those of its inputs. There is no arm for "all others": a plan of DataFusion's that is not
/// known here does not compile, and one that is not ours is refused by name in [`super::unsupported`].
fn gives(plan: &LogicalPlan, inputs: &[Edge], mode: OutputMode) -> Edge {
    match (plan, inputs) {
        (LogicalPlan::TableScan(scan), _) => {
            let is_source = |provider: std::sync::Arc<dyn datafusion::catalog::TableProvider>| {
                provider.downcast_ref::<SourceTable>().is_some()
            };
            if source_as_provider(&scan.source).is_ok_and(is_source) { Edge::append_only() } else { Edge::table() }
        }
        (LogicalPlan::Extension(_), _) if streaming_relation(plan).is_some() => Edge::append_only(),
        (_, inputs) if !inputs.iter().any(|input| input.is_streaming) => Edge::table(),
        (LogicalPlan::Extension(_), _) => match StreamingExtension::of(plan) {
            Some(extension) => extension.gives(inputs, mode),
            None => opaque(inputs),
        },
        (LogicalPlan::Projection(projection), [input]) => projected(projection, input),
        (LogicalPlan::Aggregate(aggregate), [input]) => aggregated(aggregate, input, mode),
        (LogicalPlan::Join(join), [left, right]) => joined(join, left, right),
        (LogicalPlan::Union(union), inputs) => united(union, inputs),
        (LogicalPlan::Unnest(unnest), [input]) => unnested(unnest, input),
        // The columns of the input come first.
        (LogicalPlan::Window(window), [input]) => {
            let columns = window.input.schema().fields().len();
            input.with_columns(columns, Some)
        }
        (LogicalPlan::Sort(_) | LogicalPlan::Limit(_), [input]) => Edge { key: None, ..input.clone() },
        // A row that changes may fail the condition.
        (LogicalPlan::Filter(_), [input]) => Edge { keeps_keys: false, ..input.clone() },
        (LogicalPlan::SubqueryAlias(_) | LogicalPlan::Repartition(_), [input]) => input.clone(),
        (
            LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_)
            | LogicalPlan::RecursiveQuery(_),
            inputs,
        ) => opaque(inputs),
    }
}

/// Of a node that is refused no more is known than what is below it.
fn opaque(inputs: &[Edge]) -> Edge {
    Edge { is_streaming: inputs.iter().any(|input| input.is_streaming), ..Edge::table() }
}

fn projected(projection: &Projection, input: &Edge) -> Edge {
    let schema = projection.input.schema();
    let carried = |(column, expr)| Some(EventTime { column, ..event_time_of(expr, schema, input)? });
    let event_times = projection.expr.iter().enumerate().filter_map(carried).collect();
    let place = |key: &usize| projection.expr.iter().position(|expr| shown_column(expr, schema) == Some(*key));
    let key = input.key.as_ref().and_then(|key| key.iter().map(place).collect());
    Edge { event_times, key, ..input.clone() }
}

/// What a streaming aggregate gives.
pub(super) fn aggregate_edge(mode: OutputMode, keys: usize, event_times: Vec<EventTime>) -> Edge {
    let rows = match mode {
        OutputMode::Append => Rows::AppendOnly,
        OutputMode::Update => Rows::Updates,
        OutputMode::Complete => Rows::Whole,
    };
    Edge { rows, key: (keys > 0).then(|| (0..keys).collect()), event_times, ..Edge::append_only() }
}

fn aggregated(aggregate: &Aggregate, input: &Edge, mode: OutputMode) -> Edge {
    let schema = aggregate.input.schema();
    let carried = |(column, key)| Some(EventTime { column, ..event_time_of(key, schema, input)? });
    let event_times = aggregate.group_expr.iter().enumerate().filter_map(carried).collect();
    let keys = aggregate.group_expr.len();
    let keeps_keys = keys == 0 || (input.rows == Rows::AppendOnly && session_key(aggregate).is_none());
    Edge { keeps_keys, ..aggregate_edge(mode, keys, event_times) }
}

fn joined(join: &Join, left: &Edge, right: &Edge) -> Edge {
    let schemas = [join.left.schema().as_ref(), join.right.schema().as_ref()];
    // A condition that cannot be taken apart is refused where the join becomes a node.
    let condition = JoinCondition::of(join).unwrap_or_default();
    let equal = condition.equal_columns(schemas);
    let edge = join_edge(join.join_type, schemas[0].fields().len(), [left, right], &equal);
    let stays =
        condition.is_only_equal(equal.len()) && equal.iter().all(|[l, r]| is_of_key(left, *l) && is_of_key(right, *r));
    let keeps_keys = match join.join_type {
        JoinType::Left => left.keeps_keys && is_met_once(right, 1, &equal),
        JoinType::Right => right.keeps_keys && is_met_once(left, 0, &equal),
        // Rows that have met once always do: what they meet by never changes.
        JoinType::Inner | JoinType::LeftSemi => left.keeps_keys && right.keeps_keys && stays,
        _ => false,
    };
    Edge { keeps_keys, ..edge }
}

fn is_of_key(edge: &Edge, column: usize) -> bool {
    edge.key.as_ref().is_some_and(|key| key.contains(&column))
}

/// A row of the other side meets one of this one at the most: all that names its rows is equal to something there.
fn is_met_once(edge: &Edge, side: usize, equal: &[[usize; 2]]) -> bool {
    let is_equal = |column: &usize| equal.iter().any(|pair| pair[side] == *column);
    edge.key.as_ref().is_some_and(|key| key.iter().all(is_equal))
}

/// What a join gives whose left side has so many columns, and in which columns of both sides are `equal`.
pub(super) fn join_edge(join_type: JoinType, left_columns: usize, inputs: [&Edge; 2], equal: &[[usize; 2]]) -> Edge {
    let [left, right] = inputs;
    let (shows_left, shows_right) = match join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (false, true),
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => (true, true),
    };
    let mut event_times = if shows_left { left.event_times.clone() } else { vec![] };
    if shows_right {
        let offset = if shows_left { left_columns } else { 0 };
        let moved = |time: &EventTime| EventTime { column: time.column + offset, ..*time };
        event_times.extend(right.event_times.iter().map(moved));
    }
    let rows = streaming_rows(inputs);
    let key = if rows == Rows::Changes { joined_key(join_type, left_columns, inputs, equal) } else { None };
    let is_key_carried = inputs.iter().all(|input| input.is_key_carried);
    Edge { rows, key, is_key_carried, event_times, ..Edge::append_only() }
}

/// The columns that name a row of a join: those that name the rows of both sides, or of one whose rows meet one of the
/// other at the most.
fn joined_key(
    join_type: JoinType,
    left_columns: usize,
    inputs: [&Edge; 2],
    equal: &[[usize; 2]],
) -> Option<Vec<usize>> {
    let [left, right] = inputs;
    let of_left = left.key.clone();
    let of_right = right.key.as_ref().map(|key| key.iter().map(|column| column + left_columns).collect::<Vec<_>>());
    match join_type {
        JoinType::LeftSemi | JoinType::LeftAnti => of_left,
        JoinType::Left | JoinType::Inner if is_met_once(right, 1, equal) => of_left,
        JoinType::Right | JoinType::Inner if is_met_once(left, 0, equal) => of_right,
        JoinType::Left | JoinType::Inner | JoinType::Right => Some([of_left?, of_right?].concat()),
        // A left row whose key is NULL and a right one of the same kind, both without the other, have one name.
        JoinType::Full | JoinType::RightSemi | JoinType::RightAnti | JoinType::LeftMark | JoinType::RightMark => None,
    }
}

/// As in Spark, the columns of a union are those of its first input.
fn united(union: &Union, inputs: &[Edge]) -> Edge {
    let first = inputs.first().map(|input| input.event_times.clone()).unwrap_or_default();
    debug_assert_eq!(union.inputs.len(), inputs.len());
    Edge { rows: streaming_rows(inputs), event_times: first, ..Edge::append_only() }
}

fn streaming_rows<'a>(inputs: impl IntoIterator<Item = &'a Edge>) -> Rows {
    let kinds = inputs.into_iter().filter(|input| input.is_streaming).map(|input| input.rows);
    kinds.max().unwrap_or(Rows::AppendOnly)
}

fn unnested(unnest: &Unnest, input: &Edge) -> Edge {
    input.with_columns(unnest.dependency_indices.len(), |column| unnest.dependency_indices.get(column).copied())
}

/// The event time that an expression over an input carries.
pub(super) fn event_time_of(expr: &Expr, schema: &DFSchema, input: &Edge) -> Option<EventTime> {
    match expr {
        Expr::Column(column) => input.event_time(schema.maybe_index_of_column(column)?),
        Expr::Alias(alias) => event_time_of(&alias.expr, schema, input),
        Expr::ScalarFunction(call) if matches!(meaning_of(&call.func), Some(Meaning::EventTime | Meaning::Session)) => {
            event_time_of(call.args.first()?, schema, input)
        }
        _ => None,
    }
}

/// The input column that an expression shows unchanged, or as another type of integer: a number that does not fit is an
/// error, so that no two become one. A bound of a window stands for the window: all windows of an aggregate have one
/// length.
pub(super) fn shown_column(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => shown_column(&alias.expr, schema),
        Expr::Cast(cast) if keeps_numbers(cast.field.data_type()) => {
            shown_column(&cast.expr, schema).filter(|&column| schema.field(column).data_type().is_integer())
        }
        Expr::ScalarFunction(call) if call.func.inner().is::<GetFieldFunc>() => match call.args.as_slice() {
            [window, Expr::Literal(field, _)] if is_bound(field.try_as_str().flatten()) => {
                shown_column(window, schema).filter(|&column| is_window(schema.field(column).data_type()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_bound(field: Option<&str>) -> bool {
    matches!(field, Some("start" | "end"))
}

fn is_window(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else { return false };
    fields.len() == 2 && fields.iter().all(|field| is_bound(Some(field.name())) && field.data_type().is_temporal())
}

#[cfg(test)]
mod tests;
