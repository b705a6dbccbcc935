//! Carries the weights of changes, and the keys of their rows, up to the sink, and consolidates them there.
//!
//! A projection that leaves out the keys of the rows that it takes keeps them under names of ours, beside the weights:
//! so a sink in update mode sees one row for each key, whatever the user has made of it. The sink never sees these
//! columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Union, Unnest, lit};
use millstream_core::{Error, OutputMode, ROW_OPERATION};

use super::changelog::mark_changes;
use super::edge::{Edge, EdgeWalk, Rows, WEIGHT, edge_of, shown_column};
use super::node::StreamingExtension;
use super::nodes::{ChangesNode, ConsolidateNode, Gives, TopRowsNode};
use super::stateful::as_stateful;
use super::stream_join;
use super::unsupported::Rules;
use crate::error::{from_datafusion, to_datafusion};
use crate::operators::Side;

/// How the names of columns begin that carry a key which the user does not show.
const HIDDEN_KEY: &str = "__key_of_changes_";

/// The plan with the weights of all changes, which end before the sink. `tells_deletes` says whether a key may go, as
/// [`sink_schema`] has told the sink.
pub(crate) fn with_weights(plan: LogicalPlan, mode: OutputMode, tells_deletes: bool) -> Result<LogicalPlan> {
    if !has_changes(&plan, mode)? {
        return Ok(plan);
    }
    let mut has_changed = false;
    let plan = plan.transform_up(|plan| {
        if is_mark(&plan) {
            has_changed = true;
            return shows_weights(plan).map(Transformed::yes);
        }
        if let Some(top) = first_rows(&plan) {
            has_changed = true;
            let node = TopRowsNode { has_weights: true, ..top.clone() };
            let inputs = plan.inputs().into_iter().cloned().collect();
            let top = StreamingExtension::try_new(Arc::new(node), inputs).map_err(to_datafusion)?;
            return Ok(Transformed::yes(top.into_plan()));
        }
        let gives_changes = edge_of(&plan, mode).rows == Rows::Changes;
        let fitted = match plan {
            LogicalPlan::Projection(projection) if gives_changes => {
                LogicalPlan::Projection(carrying(projection, mode)?)
            }
            LogicalPlan::Union(union) if gives_changes => of_one_form(union, mode)?,
            LogicalPlan::Join(join) if gives_changes => stream_join::over_changes(join, mode)?,
            LogicalPlan::Unnest(unnest) if gives_changes => {
                LogicalPlan::Unnest(Unnest::try_new(unnest.input, unnest.exec_columns, unnest.options)?)
            }
            // Somewhere below, rows have got columns more.
            other if has_changed => other.recompute_schema()?,
            other => return Ok(Transformed::no(other)),
        };
        has_changed = true;
        Ok(Transformed::yes(fitted))
    })?;
    let plan = plan.data;
    if edge_of(&plan, mode).rows != Rows::Changes {
        return Ok(plan);
    }
    let gives = match mode {
        OutputMode::Update => Gives::Updates { tells_deletes },
        OutputMode::Append | OutputMode::Complete => Gives::Rows,
    };
    ConsolidateNode::over(plan, gives, format!("the sink in {mode} mode")).map_err(to_datafusion)
}

/// Whether a sink in update mode is told of keys that go, given the edge to it before weights are put in.
pub(crate) fn tells_deletes(result: &Edge) -> bool {
    result.rows == Rows::Changes && !result.keeps_keys
}

/// Rows are taken back somewhere in the plan.
fn has_changes(plan: &LogicalPlan, mode: OutputMode) -> Result<bool> {
    struct Walk(EdgeWalk, bool);
    impl<'n> TreeNodeVisitor<'n> for Walk {
        type Node = LogicalPlan;

        fn f_up(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
            self.0.step(plan);
            self.1 |= self.0.newest().rows == Rows::Changes;
            Ok(TreeNodeRecursion::Continue)
        }
    }
    let mut walk = Walk(EdgeWalk::new(mode), false);
    plan.visit(&mut walk)?;
    Ok(walk.1)
}

fn is_mark(plan: &LogicalPlan) -> bool {
    StreamingExtension::of(plan).is_some_and(|extension| extension.node_as::<ChangesNode>().is_some())
}

fn first_rows(plan: &LogicalPlan) -> Option<&TopRowsNode> {
    StreamingExtension::of(plan).and_then(StreamingExtension::node_as)
}

/// The mark over an aggregate, with the weights of its rows.
fn shows_weights(mark: LogicalPlan) -> Result<LogicalPlan> {
    let input = mark.inputs().first().map(|input| LogicalPlan::clone(input));
    let input = input.ok_or_else(|| to_datafusion(Error::internal("a mark for changes stands over nothing")))?;
    StreamingExtension::over(input, ChangesNode { has_weights: true }).map_err(to_datafusion)
}

/// A column that the user does not know of.
pub(super) fn is_hidden(name: &str) -> bool {
    name == WEIGHT || name.starts_with(HIDDEN_KEY)
}

/// The projection with the weights and the keys of its rows.
fn carrying(projection: Projection, mode: OutputMode) -> Result<Projection> {
    let Projection { mut expr, input, .. } = projection;
    let columns = input.schema().columns();
    // Only a sink in update mode asks which row takes the place of which.
    let edge = edge_of(&input, mode);
    let keys = edge.key.filter(|_| mode == OutputMode::Update && edge.is_key_carried);
    let shown: Vec<_> = expr.iter().map(|expr| shown_column(expr, input.schema())).collect();
    for (number, key) in keys.unwrap_or_default().into_iter().enumerate() {
        if !shown.contains(&Some(key)) {
            expr.push(Expr::Column(columns[key].clone()).alias(format!("{HIDDEN_KEY}{number}")));
        }
    }
    if !expr.iter().any(|expr| expr.qualified_name().1 == WEIGHT) {
        expr.extend(columns.into_iter().find(|column| column.name == WEIGHT).map(Expr::Column));
    }
    Projection::try_new(expr, input)
}

/// An input of a join, with the weights of its rows, if it has any, behind all other columns, and hidden keys that the
/// other input does not have.
pub(super) fn side_of_join(input: LogicalPlan, side: Side) -> Result<LogicalPlan> {
    let named = |column: Column| {
        let renamed = column.name.strip_prefix(HIDDEN_KEY).map(|rest| format!("{HIDDEN_KEY}{}_{rest}", side as usize));
        match renamed {
            Some(name) => Expr::Column(column).alias(name),
            None => Expr::Column(column),
        }
    };
    let (weight, columns): (Vec<_>, Vec<_>) =
        input.schema().columns().into_iter().partition(|column| column.name == WEIGHT);
    LogicalPlanBuilder::from(input).project(columns.into_iter().chain(weight).map(named))?.build()
}

/// A union of changes. Rows of an input that stay are added with weight 1; which key they had is no longer known.
fn of_one_form(union: Union, mode: OutputMode) -> Result<LogicalPlan> {
    let inputs = union.inputs.into_iter().map(|input| {
        let has_weights = edge_of(&input, mode).rows == Rows::Changes;
        let (hidden, mut columns): (Vec<_>, Vec<_>) = input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .partition(|column| is_hidden(&column.qualified_name().1));
        match hidden.into_iter().find(|column| column.qualified_name().1 == WEIGHT) {
            Some(weight) if has_weights => columns.push(weight),
            _ => columns.push(lit(1_i64).alias(WEIGHT)),
        }
        LogicalPlanBuilder::from(Arc::unwrap_or_clone(input)).project(columns)?.build().map(Arc::new)
    });
    Ok(LogicalPlan::Union(Union::try_new(inputs.collect::<Result<_>>()?)?))
}

/// The columns that a sink gets of a query whose rows have these: in update mode, where keys may go, with a column that
/// says so of each row.
///
/// # Errors
/// A plan that cannot be changed.
pub fn sink_schema(
    plan: &LogicalPlan,
    schema: &SchemaRef,
    mode: OutputMode,
    conf: &BTreeMap<String, String>,
) -> millstream_core::Result<SchemaRef> {
    let rules = Rules::from_conf(conf)?;
    if mode != OutputMode::Update || rules.is_strict {
        return Ok(Arc::clone(schema));
    }
    let plan = as_stateful(plan.clone(), mode, rules)
        .and_then(|(plan, _)| mark_changes(plan, mode))
        .map_err(from_datafusion)?;
    if !tells_deletes(&edge_of(&plan, mode)) {
        return Ok(Arc::clone(schema));
    }
    let operation = Arc::new(Field::new(ROW_OPERATION, DataType::Utf8, false));
    Ok(Arc::new(Schema::new(schema.fields().iter().cloned().chain([operation]).collect::<Vec<_>>())))
}
