//! Makes one aggregate of several of one stream that are joined on all of their keys.
//!
//! Features of a user are often made so: aggregates of the same events, each with its own filter, joined on user and
//! window. Each would read the stream, keep its keys, and tell the join of all changes. One aggregate does the same in
//! one place: what one of them counts alone is counted under FILTER, and where it has counted nothing yet, the join
//! would not have found it. A key that is NULL meets nothing in a join, so what it would have found is NULL.
//!
//! It is done in update and complete mode, where Spark refuses such joins. Event time has one watermark then, that of
//! the stream; the filters of single aggregates do not hold it back.

mod rows;
mod side;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, JoinType, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, lit, when};
use millstream_core::OutputMode;

use super::stream_join::JoinCondition;
use super::unsupported::Rules;
use crate::functions::aggregates::count;
use rows::{is_total, without_filters};
use side::{AggregateSide, inlined};

/// The session setting with which joined aggregates are computed one by one, as they were written.
pub const FUSE_JOINED_AGGREGATES: &str = "millstream.fuseJoinedAggregates";

/// How the columns of an aggregate that was made of several are called.
const VALUE: &str = "__joined_";

/// The plan with one aggregate in the place of joined ones, and how many joins that has saved.
pub(crate) fn fused(plan: LogicalPlan, mode: OutputMode, rules: Rules) -> Result<(LogicalPlan, usize)> {
    if mode == OutputMode::Append || !rules.fuses {
        return Ok((plan, 0));
    }
    let mut joins = 0;
    let plan = plan.transform_up(|plan| {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        match fused_join(join)? {
            Some(fused) => {
                joins += 1;
                Ok(Transformed::yes(fused))
            }
            None => Ok(Transformed::no(plan)),
        }
    })?;
    Ok((plan.data, joins))
}

/// What a join of aggregates of one stream is without the join; none where it is something else.
fn fused_join(join: &Join) -> Result<Option<LogicalPlan>> {
    // The side whose rows all stay comes first.
    let (sides, pair) = match join.join_type {
        JoinType::Inner | JoinType::Left => ([&join.left, &join.right], [0, 1]),
        JoinType::Right => ([&join.right, &join.left], [1, 0]),
        _ => return Ok(None),
    };
    let Some([first, second]) = side::both(sides.map(|side| side.as_ref()))? else { return Ok(None) };
    let schemas = [join.left.schema().as_ref(), join.right.schema().as_ref()];
    let condition = JoinCondition::of(join)?;
    let equal = condition.equal_columns(schemas);
    if !condition.is_only_equal(equal.len()) {
        return Ok(None);
    }
    let equal: Vec<[usize; 2]> = equal.into_iter().map(|columns| [columns[pair[0]], columns[pair[1]]]).collect();
    let Some(keys) = keys_of(&first, &second, &equal) else { return Ok(None) };
    let Some(fusion) = Fusion::of(first, second, keys)? else { return Ok(None) };
    let strict: Vec<usize> =
        condition.keys.iter().zip(&equal).filter(|(key, _)| !key.null_safe).map(|(_, [key, _])| *key).collect();
    fusion.plan(join, pair[0] == 0, &strict)
}

/// For each key of the second aggregate the key of the first that it is equal to, if all keys of both are.
fn keys_of(first: &AggregateSide, second: &AggregateSide, equal: &[[usize; 2]]) -> Option<Vec<usize>> {
    let mut keys = vec![None; second.aggregate.group_expr.len()];
    for [left, right] in equal {
        let (left, right) = (first.key_at(*left)?, second.key_at(*right)?);
        keys[right] = Some(left);
    }
    let keys: Vec<usize> = keys.into_iter().collect::<Option<_>>()?;
    let mut all = keys.clone();
    all.sort_unstable();
    (all == (0..first.aggregate.group_expr.len()).collect::<Vec<_>>()).then_some(keys)
}

/// Two aggregates of one stream by the same keys.
struct Fusion {
    sides: [AggregateSide; 2],
    /// For each key of the second side that of the first.
    keys: Vec<usize>,
    /// What the rows of both pass, and the filters of one side alone, over the rows of the first.
    common: Vec<Expr>,
    own: [Vec<Expr>; 2],
    /// The functions of the second side over the rows of the first.
    functions: Vec<Expr>,
}

impl Fusion {
    /// Both over the rows of the first; none where they are of other rows, or where rows would be looked at that a
    /// filter had left out.
    fn of(first: AggregateSide, second: AggregateSide, keys: Vec<usize>) -> Result<Option<Self>> {
        if !first.rows.is_same_stream(&second.rows) {
            return Ok(None);
        }
        let input = first.aggregate.input.schema();
        let inlined_keys = |side: &AggregateSide| side.inlined(&side.aggregate.group_expr);
        let (of_first, of_second) = (inlined_keys(&first)?, inlined_keys(&second)?);
        if !keys.iter().zip(&of_second).all(|(key, expr)| of_first[*key] == *expr) {
            return Ok(None);
        }
        let shown = |exprs: &[Expr]| exprs.iter().map(|expr| first.rows.shown(expr, input)).collect::<Option<Vec<_>>>();
        let (in_both, of_first): (Vec<_>, Vec<_>) =
            first.rows.filters.iter().cloned().partition(|filter| second.rows.filters.contains(filter));
        let of_second: Vec<_> =
            second.rows.filters.iter().filter(|filter| !in_both.contains(filter)).cloned().collect();
        let functions = second.inlined(&second.aggregate.aggr_expr)?;
        let (Some(common), Some(of_first), Some(of_second), Some(functions)) =
            (shown(&in_both), shown(&of_first), shown(&of_second), shown(&functions))
        else {
            return Ok(None);
        };
        let has_own = !of_first.is_empty() || !of_second.is_empty();
        let looked_at =
            || of_first.iter().chain(&of_second).chain(&first.aggregate.group_expr).chain(&first.rows.above_filters);
        let arguments = || first.aggregate.aggr_expr.iter().chain(&functions).flat_map(arguments_of);
        if has_own && !(looked_at().all(is_total) && arguments().all(|expr| is_total(&expr))) {
            return Ok(None);
        }
        Ok(Some(Self { sides: [first, second], keys, common, own: [of_first, of_second], functions }))
    }

    /// The aggregate, and over it the columns of the join.
    fn plan(self, join: &Join, first_is_left: bool, strict: &[usize]) -> Result<Option<LogicalPlan>> {
        let [first, second] = &self.sides;
        let input = LogicalPlanBuilder::from(without_filters(&first.aggregate.input)?);
        let either = (!self.own[0].is_empty() && !self.own[1].is_empty())
            .then(|| disjunction(self.own.iter().filter_map(|own| conjunction(own.clone()))))
            .flatten();
        let input = match conjunction(self.common.iter().cloned().chain(either)) {
            Some(condition) => input.filter(condition)?,
            None => input,
        };
        let groups = first.aggregate.group_expr.clone();
        let keys = groups.len();
        let mut functions = vec![];
        for (side, calls) in [(0, &first.aggregate.aggr_expr), (1, &self.functions)] {
            for call in calls {
                functions.push(filtered(call, &self.own[side])?.alias(format!("{VALUE}{}", functions.len())));
            }
        }
        // How many rows each has counted where it counts fewer than the other.
        let mut counts = [None, None];
        for (side, own) in self.own.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            counts[side] = Some(keys + functions.len());
            functions.push(filtered(&count(lit(1)), own)?.alias(format!("{VALUE}{}", functions.len())));
        }
        let plan = input.aggregate(groups, functions)?.build()?;
        let columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        let of_first = columns[..keys + first.aggregate.aggr_expr.len()].to_vec();
        let values = &columns[of_first.len()..];
        let of_second: Vec<Expr> = self.keys.iter().map(|key| &columns[*key]).chain(values).cloned().collect();
        let counted = |side: usize| counts[side].map(|count: usize| columns[count].clone().gt(lit(0_i64)));
        let over = |exprs: &[Expr], side: &AggregateSide, columns: &[Expr]| -> Result<Vec<Expr>> {
            exprs.iter().map(|expr| inlined(expr, &side.aggregate.schema, columns)).collect()
        };
        let mut there = over(&first.conditions, first, &of_first)?;
        there.extend(counted(0));
        let first_columns = over(&first.outputs, first, &of_first)?;
        let mut meets = over(&second.conditions, second, &of_second)?;
        meets.extend(counted(1));
        meets.extend(strict.iter().map(|&key| first_columns[key].clone().is_not_null()));
        let mut second_columns = over(&second.outputs, second, &of_second)?;
        if join.join_type == JoinType::Inner {
            there.append(&mut meets);
        } else if let Some(meets) = conjunction(meets) {
            for column in &mut second_columns {
                *column = when(meets.clone(), column.clone()).end()?;
            }
        }
        let plan = LogicalPlanBuilder::from(plan);
        let plan = match conjunction(there) {
            Some(condition) => plan.filter(condition)?,
            None => plan,
        };
        let exprs: Vec<Expr> = match first_is_left {
            true => first_columns.into_iter().chain(second_columns).collect(),
            false => second_columns.into_iter().chain(first_columns).collect(),
        };
        let plan = plan.project(named(exprs, &join.schema))?.build()?;
        // What stands above was made for columns of these types.
        let has_types = plan
            .schema()
            .fields()
            .iter()
            .zip(join.schema.fields())
            .all(|(ours, theirs)| ours.data_type() == theirs.data_type());
        Ok(has_types.then_some(plan))
    }
}

/// The expressions under the names of a schema.
fn named(exprs: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let name = |(expr, (qualifier, field)): (Expr, (Option<&TableReference>, _))| {
        let field: &std::sync::Arc<arrow::datatypes::Field> = field;
        match (&expr, qualifier) {
            (Expr::Column(column), qualifier)
                if column.relation.as_ref() == qualifier && column.name == *field.name() =>
            {
                expr
            }
            _ => expr.alias_qualified(qualifier.cloned(), field.name()),
        }
    };
    exprs.into_iter().zip(schema.iter()).map(name).collect()
}

/// A call that counts only what passes these filters.
fn filtered(call: &Expr, filters: &[Expr]) -> Result<Expr> {
    let call = call.clone().unalias();
    let Expr::AggregateFunction(AggregateFunction { func, mut params }) = call else { return Ok(call) };
    let filters = params.filter.take().map(|filter| *filter).into_iter().chain(filters.iter().cloned());
    params.filter = conjunction(filters).map(Box::new);
    Ok(Expr::AggregateFunction(AggregateFunction { func, params }))
}

/// What a call reads of a row.
fn arguments_of(call: &Expr) -> Vec<Expr> {
    match call.clone().unalias() {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => {
            let order = params.order_by.into_iter().map(|key| key.expr);
            params.args.into_iter().chain(order).chain(params.filter.map(|filter| *filter)).collect()
        }
        other => vec![other],
    }
}
