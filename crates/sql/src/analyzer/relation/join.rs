//! Joins.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType as PlanJoinType, NullEquality};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, Join as JoinNode, JoinConstraint, LogicalPlan, Operator, utils::split_conjunction,
    utils::split_conjunction_owned, when,
};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::split_lazy_conjunction;
use millstream_functions::coercion;
use millstream_functions::data_type::holds_map;
use spark_connect_proto::join::JoinType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Join, LateralJoin, Relation};

use super::super::attribute::Attribute;
use super::super::expression::{Value, required};
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use crate::parser::extension::NaturalJoin;

impl Analyzer<'_> {
    pub(super) fn join(&mut self, one: &Join) -> Result<ResolvedRelation> {
        let left = self.input(one.left.as_deref())?.without_hidden()?;
        let right = self.input(one.right.as_deref())?.without_hidden()?;
        if !one.using_columns.is_empty() {
            return self.join_using(left, right, &one.using_columns, one.join_type());
        }
        let both: Vec<Attribute> = left.columns.iter().chain(&right.columns).cloned().collect();
        let condition = match one.join_condition.as_ref() {
            Some(condition) => {
                let metadata: Vec<Attribute> = left.metadata.iter().chain(&right.metadata).cloned().collect();
                let scope = Scope { metadata: &metadata, ..Scope::new(&both, left.streaming || right.streaming) };
                let condition = self.expression(condition, scope)?;
                if condition.expr.is_volatile() {
                    let sql = format!("\"{}\"", condition.sql);
                    return Err(spark_error!("INVALID_NON_DETERMINISTIC_EXPRESSIONS", sqlExprs = sql));
                }
                if condition.data_type != DataType::Boolean {
                    return Err(error::join_condition_not_boolean(&condition.sql, &condition.data_type));
                }
                Some(condition.expr)
            }
            None => None,
        };
        let (on, filter) = split_condition(condition, &left, &right);
        if on.is_empty() && !compares_sides(filter.as_ref(), &left, &right) {
            self.check_cross_join(one.join_type())?;
        }
        let columns = joined_columns(&left.columns, &right.columns, one.join_type());
        let metadata = joined_columns(&left.metadata, &right.metadata, one.join_type());
        let streaming = left.streaming || right.streaming;
        let plan = join_plan(left.plan, right.plan, (on, filter), plan_type(one.join_type()))?;
        Ok(ResolvedRelation { metadata, ..ResolvedRelation::new(plan, columns, streaming) })
    }

    /// A join that pairs all rows with all others has to be called CROSS where the session says so.
    fn check_cross_join(&self, join_type: JoinType) -> Result<()> {
        let name = match join_type {
            JoinType::Inner | JoinType::Unspecified => "INNER",
            JoinType::LeftOuter => "LEFT OUTER",
            JoinType::RightOuter => "RIGHT OUTER",
            JoinType::FullOuter => "FULL OUTER",
            _ => return Ok(()),
        };
        if self.context.conf("spark.sql.crossJoin.enabled", "true") != "false" {
            return Ok(());
        }
        // Spark shows both plans, which would be ours.
        Err(spark_error!(
            "_LEGACY_ERROR_TEMP_1211",
            joinType = name,
            leftPlan = "the left side",
            rightPlan = "the right side",
        ))
    }

    /// `JOIN … USING (k)`: the key once, first; in a full join whichever side has it.
    fn join_using(
        &mut self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        names: &[String],
        join_type: JoinType,
    ) -> Result<ResolvedRelation> {
        let mut on = Vec::with_capacity(names.len());
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            let left_key = self.using_column(&left, name, "left")?;
            let right_key = self.using_column(&right, name, "right")?;
            let settings = &self.context.settings;
            let common = coercion::comparison_type(&left_key.data_type, &right_key.data_type, settings)
                .ok_or_else(|| error::different_operands(&left_key, &right_key))?;
            if holds_map(&common) {
                return Err(error::not_comparable(&left_key, &right_key, &common));
            }
            on.push((
                coercion::coerce_to(left_key.reference(), &common, settings)?.expr,
                coercion::coerce_to(right_key.reference(), &common, settings)?.expr,
            ));
            keys.push((left_key, right_key));
        }
        let streaming = left.streaming || right.streaming;
        let rest = |columns: &[Attribute], is_left: bool| -> Vec<Attribute> {
            let is_key = |column: &Attribute| {
                keys.iter().any(|(l, r)| column.column == if is_left { &l.column } else { &r.column }.as_str())
            };
            columns.iter().filter(|column| !is_key(column)).cloned().collect()
        };
        let (left_rest, right_rest) = (rest(&left.columns, true), rest(&right.columns, false));
        let plan = join_plan(left.plan, right.plan, (on, None), plan_type(join_type))?;
        let (plan, key_columns) = self.using_keys(plan, &keys, join_type)?;
        let others = joined_columns(&left_rest, &right_rest, join_type);
        let columns: Vec<Attribute> = key_columns.into_iter().chain(others).collect();
        let (left_keys, right_keys): (Vec<Attribute>, Vec<Attribute>) = keys.into_iter().unzip();
        let left_hidden = [left_keys, left.metadata].concat();
        let mut metadata = joined_columns(&left_hidden, &[right_keys, right.metadata].concat(), join_type);
        metadata.retain(|key| !columns.iter().any(|column| column.column == key.column));
        Ok(ResolvedRelation { metadata, ..ResolvedRelation::new(plan, columns, streaming) })
    }

    fn using_keys(
        &mut self,
        plan: LogicalPlan,
        keys: &[(Attribute, Attribute)],
        join_type: JoinType,
    ) -> Result<(LogicalPlan, Vec<Attribute>)> {
        match join_type {
            JoinType::RightOuter => Ok((plan, keys.iter().map(|(_, right)| right.clone()).collect())),
            JoinType::FullOuter => {
                let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
                let mut columns = Vec::with_capacity(keys.len());
                for (left, right) in keys {
                    let column = self.fresh(&left.name);
                    exprs.push(first_present(left.reference().expr, right.reference().expr)?.alias(&column));
                    columns.push(Attribute::new(&left.name, column, left.data_type.clone(), true));
                }
                Ok((project(plan, exprs)?, columns))
            }
            _ => Ok((plan, keys.iter().map(|(left, _)| left.clone()).collect())),
        }
    }

    fn using_column(&self, relation: &ResolvedRelation, name: &str, side: &str) -> Result<Attribute> {
        let scope = Scope::new(&relation.columns, false);
        let parts = [name.to_owned()];
        let fits = relation.columns.iter().filter(|column| self.context.same_name(&column.name, name)).count();
        if fits > 1 {
            scope.resolve(&parts, self.context)?;
        }
        match relation.columns.iter().find(|column| self.context.same_name(&column.name, name)) {
            Some(column) => Ok(column.clone()),
            None => {
                let mut known: Vec<String> =
                    relation.columns.iter().map(|column| error::sql_id(std::slice::from_ref(&column.name))).collect();
                known.sort();
                Err(error::unresolved_using(name, side, &known.join(", ")))
            }
        }
    }

    pub(super) fn natural_join(&mut self, one: &NaturalJoin) -> Result<ResolvedRelation> {
        let join = required(one.join.as_ref())?;
        let left = self.input(join.left.as_deref())?.without_hidden()?;
        let right = self.input(join.right.as_deref())?.without_hidden()?;
        let shared: Vec<String> = left
            .columns
            .iter()
            .filter(|column| right.columns.iter().any(|other| self.context.same_name(&other.name, &column.name)))
            .map(|column| column.name.clone())
            .collect();
        if shared.is_empty() {
            let columns = joined_columns(&left.columns, &right.columns, join.join_type());
            let metadata = joined_columns(&left.metadata, &right.metadata, join.join_type());
            let streaming = left.streaming || right.streaming;
            let plan = join_plan(left.plan, right.plan, (Vec::new(), None), plan_type(join.join_type()))?;
            return Ok(ResolvedRelation { metadata, ..ResolvedRelation::new(plan, columns, streaming) });
        }
        self.join_using(left, right, &shared, join.join_type())
    }

    /// `LATERAL VIEW explode(x)`: a generator whose arguments see the left side.
    pub(super) fn lateral_join(&mut self, one: &LateralJoin) -> Result<ResolvedRelation> {
        let left = match one.left.as_deref() {
            Some(left) => self.relation(left)?.visible()?,
            None => super::leaf::one_row(),
        };
        let right = required(one.right.as_deref())?;
        let Some(view) = lateral_view(right).filter(|_| one.join_condition.is_none()) else {
            return self.lateral_query(left, right, one);
        };
        let scope = Scope::over(&left);
        let call = super::super::expression::Call::new(&view.function.function_name, &view.function.arguments);
        let Value::Rows(mut generator, _) = self.call(&call, scope)? else {
            return Err(Error::unsupported("A lateral join with a table function of this kind is not supported."));
        };
        generator.outer |= one.join_type() == JoinType::LeftOuter;
        let streaming = left.streaming;
        let mut columns = left.columns.clone();
        let (plan, items) = self.generate(left.plan, generator)?;
        if !view.names.is_empty() && view.names.len() != items.len() {
            return Err(error::arity_mismatch(items.len(), view.names.len()));
        }
        let mut exprs: Vec<Expr> = columns.iter().map(|column| column.reference().expr).collect();
        for (index, mut item) in items.into_iter().enumerate() {
            if let Some(name) = view.names.get(index) {
                item.name.clone_from(name);
            }
            let (expr, attribute) = self.output(item);
            exprs.push(expr);
            columns.push(Attribute { qualifier: view.qualifier.clone(), ..attribute });
        }
        Ok(ResolvedRelation::new(project(plan, exprs)?, columns, streaming))
    }

    /// `LATERAL (SELECT …)`: a query that sees the columns of the left side.
    fn lateral_query(
        &mut self,
        left: ResolvedRelation,
        right: &Relation,
        one: &LateralJoin,
    ) -> Result<ResolvedRelation> {
        let is_left = match one.join_type() {
            JoinType::LeftOuter => true,
            JoinType::Inner | JoinType::Cross | JoinType::Unspecified => false,
            _ => return Err(Error::unsupported("A lateral join of this type is not supported.")),
        };
        self.outer.push(left.columns.clone());
        self.inputs.push(Vec::new());
        let right = self.relation(right).and_then(ResolvedRelation::visible);
        self.inputs.pop();
        self.outer.pop();
        let right = right?;
        if left.streaming || right.streaming {
            return Err(Error::unsupported(
                "A lateral join over a stream with anything but a generator is not supported.",
            ));
        }
        let columns = joined_columns(&left.columns, &right.columns, one.join_type());
        let condition = match one.join_condition.as_ref() {
            Some(condition) => Some(self.expression(condition, Scope::new(&columns, false))?.expr),
            None => None,
        };
        let outer = self.outer_rows(left.plan)?;
        let plan = if is_left {
            outer.left_beside(&right.plan, condition)?
        } else {
            let both = outer.beside(&right.plan)?;
            match condition {
                Some(condition) => {
                    Filter::try_new(condition, Arc::new(both)).map(LogicalPlan::Filter).map_err(from_datafusion)?
                }
                None => both,
            }
        };
        Ok(ResolvedRelation::new(plan, columns, false))
    }
}

/// The parts of a lateral view: `f(x) t AS (a, b)`.
struct LateralView<'m> {
    function: &'m spark_connect_proto::UnresolvedTableValuedFunction,
    qualifier: Vec<String>,
    names: &'m [String],
}

fn lateral_view(relation: &Relation) -> Option<LateralView<'_>> {
    match relation.rel_type.as_ref()? {
        RelType::UnresolvedTableValuedFunction(function) => {
            Some(LateralView { function, qualifier: Vec::new(), names: &[] })
        }
        RelType::SubqueryAlias(alias) => {
            let inner = lateral_view(alias.input.as_deref()?)?;
            Some(LateralView { qualifier: vec![alias.alias.clone()], ..inner })
        }
        RelType::ToDf(renamed) => {
            let inner = lateral_view(renamed.input.as_deref()?)?;
            Some(LateralView { names: &renamed.column_names, ..inner })
        }
        _ => None,
    }
}

/// `coalesce(one, other)`, spelled as DataFusion's optimizer would spell it.
pub(super) fn first_present(one: Expr, other: Expr) -> Result<Expr> {
    when(one.clone().is_not_null(), one).otherwise(other).map_err(from_datafusion)
}

fn plan_type(join_type: JoinType) -> PlanJoinType {
    match join_type {
        JoinType::FullOuter => PlanJoinType::Full,
        JoinType::LeftOuter => PlanJoinType::Left,
        JoinType::RightOuter => PlanJoinType::Right,
        JoinType::LeftAnti => PlanJoinType::LeftAnti,
        JoinType::LeftSemi => PlanJoinType::LeftSemi,
        JoinType::Unspecified | JoinType::Inner | JoinType::Cross => PlanJoinType::Inner,
    }
}

/// The columns of a join: an outer side can be NULL.
fn joined_columns(left: &[Attribute], right: &[Attribute], join_type: JoinType) -> Vec<Attribute> {
    let outer = |columns: &[Attribute], outer: bool| -> Vec<Attribute> {
        columns.iter().map(|column| Attribute { nullable: column.nullable || outer, ..column.clone() }).collect()
    };
    match join_type {
        JoinType::LeftSemi | JoinType::LeftAnti => left.to_vec(),
        _ => {
            let left_outer = matches!(join_type, JoinType::RightOuter | JoinType::FullOuter);
            let right_outer = matches!(join_type, JoinType::LeftOuter | JoinType::FullOuter);
            outer(left, left_outer).into_iter().chain(outer(right, right_outer)).collect()
        }
    }
}

type Condition = (Vec<(Expr, Expr)>, Option<Expr>);

fn join_plan(
    left: LogicalPlan,
    right: LogicalPlan,
    condition: Condition,
    join_type: PlanJoinType,
) -> Result<LogicalPlan> {
    let (on, filter) = condition;
    JoinNode::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        filter,
        join_type,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )
    .map(LogicalPlan::Join)
    .map_err(from_datafusion)
}

/// Equalities between the sides, and the rest.
fn split_condition(condition: Option<Expr>, left: &ResolvedRelation, right: &ResolvedRelation) -> Condition {
    let Some(condition) = condition else { return (Vec::new(), None) };
    let mut on = Vec::new();
    let mut rest: Option<Expr> = None;
    for part in split_conjunction_owned(condition) {
        if let Some(key) = equality(&part, left, right) {
            on.push(key);
            continue;
        }
        // What stands in front of a part that may fail is asked again there.
        let parts = split_lazy_conjunction(part.clone());
        on.extend(parts.iter().filter_map(|part| equality(part, left, right)));
        rest = Some(rest.map_or(part.clone(), |before| before.and(part)));
    }
    (on, rest)
}

/// The sides of an equality between a left and a right expression.
fn equality(part: &Expr, left: &ResolvedRelation, right: &ResolvedRelation) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left: one, op: Operator::Eq, right: other }) = part else { return None };
    let of = |expr: &Expr, side: &ResolvedRelation| {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| has_column(side, column))
    };
    if of(one, left) && of(other, right) {
        return Some(((**one).clone(), (**other).clone()));
    }
    (of(one, right) && of(other, left)).then(|| ((**other).clone(), (**one).clone()))
}

/// Whether a part of the condition looks at both sides.
fn compares_sides(condition: Option<&Expr>, left: &ResolvedRelation, right: &ResolvedRelation) -> bool {
    let Some(condition) = condition else { return false };
    split_conjunction(condition).into_iter().any(|part| {
        let columns = part.column_refs();
        [left, right].into_iter().all(|side| columns.iter().any(|column| has_column(side, column)))
    })
}

fn has_column(side: &ResolvedRelation, column: &Column) -> bool {
    side.columns.iter().chain(&side.metadata).any(|attribute| attribute.column == column.name)
}
