//! UNION, INTERSECT, EXCEPT.

use std::sync::Arc;

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Union, WindowFrame, WindowFunctionDefinition,
};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::plan::{SetOperation as StreamSetOperation, SetOperationNode};
use spark_connect_proto::SetOperation;
use spark_connect_proto::set_operation::SetOpType;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use millstream_functions::data_type::{holds_map, sql_name};
use millstream_functions::{TypedExpr, coercion};

use super::super::attribute::Attribute;
use super::super::expression::Item;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::{Analyzer, error};

impl Analyzer<'_> {
    pub(super) fn set_operation(&mut self, one: &SetOperation) -> Result<ResolvedRelation> {
        let left = self.input(one.left_input.as_deref())?;
        let right = self.input(one.right_input.as_deref())?;
        let (left, right) =
            if one.by_name() { self.by_name(left, right, one.allow_missing_columns())? } else { (left, right) };
        let name = match one.set_op_type() {
            SetOpType::Union => "UNION",
            SetOpType::Intersect => "INTERSECT",
            _ => "EXCEPT",
        };
        let mut inputs = self.same_columns(vec![left, right], name)?;
        if one.set_op_type() != SetOpType::Union || !one.is_all() {
            inputs.iter().try_for_each(|input| refuse_maps(&input.columns))?;
            inputs = inputs.into_iter().map(|input| self.normal_keys(input)).collect::<Result<_>>()?;
        }
        match one.set_op_type() {
            SetOpType::Union => {
                let union = self.union_of(inputs)?;
                Ok(if one.is_all() { union } else { distinct(union) })
            }
            SetOpType::Intersect | SetOpType::Except if inputs.iter().any(|input| input.streaming) => {
                self.of_streams(inputs, one)
            }
            SetOpType::Intersect => self.of_two(inputs, one.is_all(), LogicalPlanBuilder::intersect),
            SetOpType::Except => self.of_two(inputs, one.is_all(), LogicalPlanBuilder::except),
            SetOpType::Unspecified => Err(Error::invalid("a set operation without a kind")),
        }
    }

    /// UNION ALL of relations whose columns fit already.
    pub(crate) fn union_all(&mut self, inputs: Vec<ResolvedRelation>) -> Result<ResolvedRelation> {
        let inputs = self.same_columns(inputs, "UNION")?;
        self.union_of(inputs)
    }

    fn union_of(&mut self, inputs: Vec<ResolvedRelation>) -> Result<ResolvedRelation> {
        if inputs.len() == 1 {
            return inputs.into_iter().next().ok_or_else(|| Error::invalid("a union of nothing"));
        }
        let columns = self.merged_columns(&inputs);
        union_under(inputs, columns)
    }

    /// The columns of the first input, which keep their identity, each once.
    pub(super) fn merged_columns(&mut self, inputs: &[ResolvedRelation]) -> Vec<Attribute> {
        let Some(first) = inputs.first() else { return Vec::new() };
        let mut merged: Vec<Attribute> = Vec::with_capacity(first.columns.len());
        for (index, column) in first.columns.iter().enumerate() {
            let nullable = inputs.iter().any(|input| input.columns[index].nullable);
            let known = merged.iter().any(|before| before.column == column.column);
            let identity = if known { self.fresh(&column.name) } else { column.column.clone() };
            merged.push(Attribute { nullable, column: identity, ..column.clone() });
        }
        merged
    }

    /// With a stream among the inputs. EXCEPT of a table becomes a DISTINCT over an anti join, as in Spark; all else
    /// the engine decides.
    fn of_streams(&mut self, inputs: Vec<ResolvedRelation>, message: &SetOperation) -> Result<ResolvedRelation> {
        let is_except = message.set_op_type() == SetOpType::Except;
        let is_without_table = is_except && inputs.last().is_some_and(|right| !right.streaming);
        let columns = self.merged_columns(&inputs);
        let plans = renamed(inputs, &columns)?;
        let Ok([left, right]) = <[LogicalPlan; 2]>::try_from(plans) else {
            return Err(Error::invalid("a set operation has two inputs"));
        };
        if !is_without_table {
            let operation = if is_except { StreamSetOperation::Except } else { StreamSetOperation::Intersect };
            let plan = SetOperationNode::over(operation, message.is_all(), [left, right])?;
            return Ok(ResolvedRelation::new(plan, columns, true));
        }
        if message.is_all() {
            // Spark takes the table's rows off again in each batch.
            return Err(Error::unsupported("EXCEPT ALL of a stream and a table is not built"));
        }
        let names: Vec<Column> = left.schema().columns();
        let right = LogicalPlanBuilder::from(right).alias("right").map_err(from_datafusion)?.build();
        let plan = right.and_then(|right| {
            LogicalPlanBuilder::from(left)
                .join_detailed(
                    right,
                    JoinType::LeftAnti,
                    (
                        names.clone(),
                        names.iter().map(|name| Column::new(Some("right"), &name.name)).collect::<Vec<_>>(),
                    ),
                    None,
                    NullEquality::NullEqualsNull,
                )?
                .build()
        });
        let anti = plan.map_err(from_datafusion)?;
        Ok(distinct(ResolvedRelation::new(anti, columns, true)))
    }

    /// DataFusion's INTERSECT ALL and EXCEPT ALL only ask whether the other side has such a row at all, so equal rows
    /// are numbered: the second of one side meets the second of the other.
    fn of_two(&mut self, inputs: Vec<ResolvedRelation>, all: bool, combine: Combine) -> Result<ResolvedRelation> {
        let streaming = inputs.iter().any(|input| input.streaming);
        let columns = self.merged_columns(&inputs);
        let number = self.fresh("number");
        let mut plans = renamed(inputs, &columns)?;
        if all {
            plans = plans.into_iter().map(|plan| numbered(plan, &number)).collect::<Result<_>>()?;
        }
        let mut plans = plans.into_iter();
        let (Some(left), Some(right)) = (plans.next(), plans.next()) else {
            return Err(Error::invalid("a set operation has two inputs"));
        };
        let plan = combine(left, right, all).map_err(from_datafusion)?;
        let shown = columns.iter().map(|column| column.reference().expr.alias(&column.column)).collect();
        Ok(ResolvedRelation::new(project(plan, shown)?, columns, streaming))
    }

    /// Brings the inputs' columns to common types, position by position.
    pub(super) fn same_columns(&mut self, inputs: Vec<ResolvedRelation>, name: &str) -> Result<Vec<ResolvedRelation>> {
        let width = inputs.first().map_or(0, |input| input.columns.len());
        if let Some((index, other)) = inputs.iter().enumerate().find(|(_, input)| input.columns.len() != width) {
            return Err(error::number_of_columns(name, width, (index, other.columns.len())));
        }
        let mut types = Vec::with_capacity(width);
        for index in 0..width {
            let column = inputs.iter().map(|input| &input.columns[index].data_type);
            types.push(coercion::common_type(column, &self.context.settings).ok_or_else(|| {
                let (one, other) = (&inputs[0].columns[index].data_type, &inputs[1].columns[index].data_type);
                error::incompatible_columns(name, index, (other, one))
            })?);
        }
        inputs.into_iter().map(|input| self.with_types(input, &types)).collect()
    }

    fn with_types(&mut self, input: ResolvedRelation, types: &[DataType]) -> Result<ResolvedRelation> {
        if input.columns.iter().zip(types).all(|(column, data_type)| column.data_type == *data_type) {
            return input.visible();
        }
        let items = input
            .columns
            .iter()
            .zip(types)
            .map(|(column, data_type)| {
                if column.data_type == *data_type {
                    return Ok(Item::pass(column));
                }
                Ok(Item::new(&column.name, coercion::coerce_to(column.reference(), data_type, &self.context.settings)?))
            })
            .collect::<Result<Vec<_>>>()?;
        self.select_values(input, items)?.visible()
    }

    /// `unionByName`: the right side in the left one's order; columns that a side lacks are NULL if that is allowed.
    fn by_name(
        &mut self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        allow_missing: bool,
    ) -> Result<(ResolvedRelation, ResolvedRelation)> {
        let find = |columns: &[Attribute], name: &str| -> Option<Attribute> {
            columns.iter().find(|column| self.context.same_name(&column.name, name)).cloned()
        };
        let mut right_items = Vec::new();
        for column in &left.columns {
            match find(&right.columns, &column.name) {
                Some(found) => right_items.push(Item::pass(&found)),
                None if allow_missing => right_items.push(null_item(&column.name, &column.data_type)?),
                None => {
                    let names: Vec<&str> = right.columns.iter().map(|column| column.name.as_str()).collect();
                    return Err(error::unresolved_among(&column.name, &names.join(", ")));
                }
            }
        }
        let mut left_items: Vec<Item> = left.columns.iter().map(Item::pass).collect();
        for column in &right.columns {
            if find(&left.columns, &column.name).is_none() {
                if !allow_missing {
                    return Err(error::number_of_columns("UNION", left.columns.len(), (1, right.columns.len())));
                }
                left_items.push(null_item(&column.name, &column.data_type)?);
                right_items.push(Item::pass(column));
            }
        }
        Ok((self.select_values(left, left_items)?, self.select_values(right, right_items)?))
    }
}

/// Whether rows of two inputs are put together as they are, column by column.
pub(super) fn is_union_all(one: &SetOperation) -> bool {
    one.set_op_type() == SetOpType::Union && one.is_all() && !one.by_name()
}

/// UNION ALL of relations with columns of the same types, under these names.
pub(super) fn union_under(inputs: Vec<ResolvedRelation>, columns: Vec<Attribute>) -> Result<ResolvedRelation> {
    let streaming = inputs.iter().any(|input| input.streaming);
    let plans = renamed(inputs, &columns)?.into_iter().map(Arc::new).collect();
    let union = Union::try_new_with_loose_types(plans).map_err(from_datafusion)?;
    Ok(ResolvedRelation::new(LogicalPlan::Union(union), columns, streaming))
}

type Combine = fn(LogicalPlan, LogicalPlan, bool) -> datafusion::error::Result<LogicalPlan>;

/// Refuses a set operation over columns that hold maps, which have no order.
pub(super) fn refuse_maps(columns: &[Attribute]) -> Result<()> {
    match columns.iter().find(|column| holds_map(&column.data_type)) {
        Some(column) => Err(spark_error!(
            "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE",
            colName = error::sql_id(std::slice::from_ref(&column.name)),
            dataType = format!("\"{}\"", sql_name(&column.data_type)),
        )),
        None => Ok(()),
    }
}

/// Each row with its place among the rows that equal it.
fn numbered(plan: LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let params = WindowFunctionParams {
        args: Vec::new(),
        partition_by: columns,
        order_by: Vec::new(),
        window_frame: WindowFrame::new(None),
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    let fun = WindowFunctionDefinition::WindowUDF(row_number_udwf());
    let number = Expr::WindowFunction(Box::new(WindowFunction { fun, params })).alias(name);
    let windowed = LogicalPlanBuilder::from(plan).window([number]).and_then(LogicalPlanBuilder::build);
    windowed.map_err(from_datafusion)
}

/// The inputs' plans with the result's columns: DataFusion takes names from the first input, and ours differ.
pub(super) fn renamed(inputs: Vec<ResolvedRelation>, columns: &[Attribute]) -> Result<Vec<LogicalPlan>> {
    inputs
        .into_iter()
        .map(|input| {
            let pairs = input.columns.iter().zip(columns);
            let exprs = pairs.map(|(from, to)| from.reference().expr.alias(&to.column)).collect();
            project(input.plan, exprs)
        })
        .collect()
}

fn null_item(name: &str, data_type: &DataType) -> Result<Item> {
    let null = ScalarValue::try_from(data_type).map_err(from_datafusion)?;
    Ok(Item::new(name, TypedExpr::literal(null, "NULL")))
}

fn distinct(relation: ResolvedRelation) -> ResolvedRelation {
    let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(relation.plan.clone())));
    relation.with_plan(plan)
}
