//! `pivot` with values, and `unpivot`.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit, when};
use millstream_core::{Error, Result};
use millstream_engine::error::from_datafusion;
use spark_connect_proto::aggregate::Pivot;
use spark_connect_proto::{Aggregate, Unpivot, UnresolvedTableValuedFunction};

use super::super::expression::{Call, Item, Value, call_internal, literal, named_struct, required};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::typed_expr::TypedExpr;
use super::super::{Analyzer, coercion, error};
use super::PendingAggregate;
use crate::functions::Generator;

impl Analyzer<'_> {
    /// One column a value and aggregate: the aggregate over the rows with that value, NULL where there are none.
    pub(super) fn pivot(
        &mut self,
        input: ResolvedRelation,
        one: &Aggregate,
        pivot: &Pivot,
    ) -> Result<ResolvedRelation> {
        if pivot.values.is_empty() {
            return Err(if input.streaming {
                pivot_over_stream()
            } else {
                Error::unsupported("pivot() without values is not supported.")
                    .with_hint("name the values: pivot(column, values)")
            });
        }
        let scope = Scope::new(&input.columns, input.streaming);
        let groups = self.items(&one.grouping_expressions, scope)?;
        let column = self.expression(required(pivot.col.as_ref())?, scope)?;
        let aggregates = self.items(&one.aggregate_expressions, scope)?;
        let input = self.with_time_windows(input)?;
        let mut items = groups.clone();
        for value in &pivot.values {
            let value = literal(value, self.context.settings.time_zone)?;
            let shown = value.sql.clone();
            let value = coercion::coerce_to(value, &column.data_type, &self.context.settings)?;
            let same = Expr::BinaryExpr(BinaryExpr::new(
                Box::new(column.expr.clone()),
                Operator::IsNotDistinctFrom,
                Box::new(value.expr),
            ));
            for aggregate in &aggregates {
                let name = if aggregates.len() == 1 { shown.clone() } else { format!("{shown}_{}", aggregate.name) };
                items.push(Item::new(name, only_where(aggregate.expr.clone(), &same)?));
            }
        }
        self.build_aggregate(PendingAggregate::new(input, groups, items))
    }

    /// Columns turned into rows.
    pub(super) fn unpivot(&mut self, one: &Unpivot) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::new(&input.columns, input.streaming);
        let ids = self.items(&one.ids, scope)?;
        let values = match one.values.as_ref() {
            Some(values) => self.items(&values.values, scope)?,
            None => {
                let is_id = |name: &String| ids.iter().any(|id| id.name == *name);
                input.columns.iter().filter(|column| !is_id(&column.name)).map(Item::pass).collect()
            }
        };
        let settings = &self.context.settings;
        let common = coercion::common_type(values.iter().map(|item| &item.expr.data_type), settings)
            .ok_or_else(|| Error::invalid("the columns of unpivot have no common type"))?;
        let mut rows = Vec::with_capacity(values.len());
        for item in values {
            let name = TypedExpr::literal(item.name.as_str().into(), item.name.as_str());
            let value = TypedExpr { nullable: true, ..coercion::coerce_to(item.expr, &common, settings)? };
            let parts = vec![(one.variable_column_name.clone(), name), (one.value_column_name.clone(), value)];
            rows.push(named_struct(parts, self.context)?);
        }
        let rows = call_internal("array", rows, self.context)?;
        let columns = vec![
            (one.variable_column_name.clone(), DataType::Utf8, false),
            (one.value_column_name.clone(), common, true),
        ];
        let (plan, unpivoted) = self.generate(input.plan.clone(), Generator { rows, columns, outer: false })?;
        let input = input.with_plan(plan);
        self.select_values(input, ids.into_iter().chain(unpivoted).collect())
    }

    /// `FROM explode(array(1, 2))`: a generator over no columns.
    pub(super) fn table_function(&mut self, one: &UnresolvedTableValuedFunction) -> Result<ResolvedRelation> {
        let row = super::leaf::one_row();
        let call = Call::new(&one.function_name, &one.arguments);
        match self.call(&call, Scope::empty())? {
            Value::Rows(generator, _) => {
                let (plan, items) = self.generate(row.plan.clone(), generator)?;
                self.select_values(row.with_plan(plan), items)
            }
            Value::One(_) => {
                Err(Error::unsupported(format!("The table-valued function {} is not supported.", one.function_name)))
            }
        }
    }
}

fn pivot_over_stream() -> Error {
    error::legacy("_LEGACY_ERROR_TEMP_3063", "pivot is not supported on a streaming DataFrames/Datasets")
}

/// The aggregate over the rows that fulfil the condition.
fn only_where(aggregate: TypedExpr, condition: &Expr) -> Result<TypedExpr> {
    let filtered = aggregate.expr.transform_down(|inner| {
        Ok(match inner {
            Expr::AggregateFunction(mut function) => {
                let filter = function.params.filter.take();
                let filter = filter.map_or_else(|| condition.clone(), |own| own.and(condition.clone()));
                function.params.filter = Some(Box::new(filter));
                Transformed::new(Expr::AggregateFunction(function), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    });
    let filtered = filtered.map_err(from_datafusion)?.data;
    let Expr::AggregateFunction(mut rows) = count(lit(1_i64)) else {
        return Err(Error::internal("count is no aggregate function"));
    };
    rows.params.filter = Some(Box::new(condition.clone()));
    let any = Expr::AggregateFunction(rows).gt(lit(0_i64));
    let expr = when(any, filtered).end().map_err(from_datafusion)?;
    Ok(TypedExpr { expr, nullable: true, ..aggregate })
}
