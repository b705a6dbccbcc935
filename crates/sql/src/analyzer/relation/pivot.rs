//! `pivot` and `unpivot`, of DataFrames and of SQL.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::NullTreatment;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, lit, when};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{is_numeric, sql_name};
use millstream_functions::{CastMode, Generator, TypedExpr, coercion, constant_of};
use spark_connect_proto::aggregate::Pivot;
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::{Aggregate, Expression, Unpivot, UnresolvedTableValuedFunction};

use super::super::expression::{Call, Item, Value, call_internal, literal, named_struct, required};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use super::PendingAggregate;
use crate::parser::extension::{PivotSelect, UnpivotSelect};

const MAX_VALUES_CONF: &str = "spark.sql.pivotMaxValues";
const MAX_VALUES: usize = 10_000;

/// One value of the pivot columns, and the name that its columns begin with.
struct PivotValue {
    name: String,
    values: Vec<TypedExpr>,
}

/// Columns of a row that become one row of the result.
struct UnpivotRow {
    name: String,
    values: Vec<TypedExpr>,
}

impl Analyzer<'_> {
    /// One column a value and aggregate: the aggregate over the rows with that value, NULL where there are none.
    pub(super) fn pivot(
        &mut self,
        input: ResolvedRelation,
        one: &Aggregate,
        pivot: &Pivot,
    ) -> Result<ResolvedRelation> {
        if pivot.values.is_empty() && input.streaming {
            return Err(pivot_over_stream());
        }
        let scope = Scope::over(&input);
        let groups = self.items(&one.grouping_expressions, scope)?;
        let column = self.expression(required(pivot.col.as_ref())?, scope)?;
        if pivot.values.is_empty() && one.aggregate_expressions.iter().any(counts_star) {
            return Err(error::invalid_star("expression `count`"));
        }
        let aggregates = self.items(&one.aggregate_expressions, scope)?;
        if pivot.values.is_empty() {
            let values = self.pivot_values(input.clone(), column.clone())?;
            return self.pivoted(input, groups, (&[column], values), &aggregates);
        }
        let mut values = Vec::with_capacity(pivot.values.len());
        for value in &pivot.values {
            let value = literal(value, self.context.settings.time_zone)?;
            values.push(PivotValue { name: self.text_of(value.clone())?, values: vec![value] });
        }
        self.pivoted(input, groups, (&[column], values), &aggregates)
    }

    /// The values of a pivoted column that names none, in their order.
    fn pivot_values(&mut self, input: ResolvedRelation, column: TypedExpr) -> Result<Vec<PivotValue>> {
        let max = self.context.conf(MAX_VALUES_CONF, "").parse().unwrap_or(MAX_VALUES);
        let name = column.sql.clone();
        let item = Item::new(name.as_str(), column);
        let distinct =
            self.build_aggregate(PendingAggregate::new(input, vec![item.clone()], vec![item]))?.without_hidden()?;
        let key = distinct.plan.schema().columns().into_iter().map(|column| Expr::Column(column).sort(true, true));
        let sorted = LogicalPlanBuilder::from(distinct.plan.clone())
            .limit(0, Some(max + 1))
            .and_then(|plan| plan.sort(key.collect::<Vec<_>>()))
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)?;
        let rows = self.data(distinct.with_plan(sorted))?;
        if rows.num_rows() > max {
            return Err(spark_error!(
                "_LEGACY_ERROR_TEMP_1324",
                pivotColumn = name,
                maxValues = max,
                config = MAX_VALUES_CONF,
            ));
        }
        let value = |row| -> Result<PivotValue> {
            let value = ScalarValue::try_from_array(rows.column(0), row).map_err(from_datafusion)?;
            let value = TypedExpr::literal(value, "value");
            Ok(PivotValue { name: self.text_of(value.clone())?, values: vec![value] })
        };
        (0..rows.num_rows()).map(value).collect()
    }

    /// `PIVOT` in SQL: grouped by all columns that it does not name.
    pub(super) fn pivot_select(&mut self, one: &PivotSelect) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::over(&input);
        let columns = self.items(&one.columns, scope)?.into_iter().map(|item| item.expr).collect::<Vec<_>>();
        let aggregates = self.items(&one.aggregates, scope)?;
        let named = columns.iter().chain(aggregates.iter().map(|item| &item.expr));
        let named: HashSet<String> =
            named.flat_map(|one| one.expr.column_refs()).map(|column| column.name.clone()).collect();
        let groups = input.columns.iter().filter(|column| !named.contains(&column.column)).map(Item::pass).collect();
        let mut values = Vec::with_capacity(one.values.len());
        for value in &one.values {
            let (alias, value) = unaliased(value);
            let parts = if columns.len() == 1 { std::slice::from_ref(value) } else { parts_of(value) };
            if parts.len() != columns.len() {
                return Err(Error::invalid("a value of PIVOT has to have a part for each of its columns"));
            }
            let given = parts.iter().map(|part| self.expression(part, Scope::empty())).collect::<Result<Vec<_>>>()?;
            let texts = given.iter().map(|part| self.text_of(part.clone())).collect::<Result<Vec<_>>>()?;
            let shown = if texts.len() == 1 { texts.concat() } else { format!("{{{}}}", texts.join(", ")) };
            values.push(PivotValue { name: alias.unwrap_or(shown), values: given });
        }
        self.pivoted(input, groups, (&columns, values), &aggregates)
    }

    /// A constant as Spark names a pivoted column after it.
    fn text_of(&self, value: TypedExpr) -> Result<String> {
        let zone = self.context.settings.time_zone;
        let text = millstream_functions::cast(value, &DataType::Utf8, CastMode::Ansi, zone)?;
        match constant_of(&text.expr) {
            Some(ScalarValue::Utf8(Some(text))) => Ok(text),
            Some(_) => Ok("null".to_owned()),
            None => Err(Error::invalid(format!("the value {} of PIVOT is no constant", text.sql))),
        }
    }

    fn pivoted(
        &mut self,
        input: ResolvedRelation,
        groups: Vec<Item>,
        (columns, values): (&[TypedExpr], Vec<PivotValue>),
        aggregates: &[Item],
    ) -> Result<ResolvedRelation> {
        let input = self.with_time_windows(input)?;
        // Spark pivots the values of aggregates where its rows can take them in place, and else what they aggregate.
        let in_place = aggregates.iter().all(|aggregate| is_set_in_place(&aggregate.expr.data_type));
        let mut items = groups.clone();
        for value in values {
            let mut same = Vec::with_capacity(columns.len());
            for (column, value) in columns.iter().zip(value.values) {
                let value = coercion::coerce_to(value, &column.data_type, &self.context.settings)?;
                let column = Box::new(column.expr.clone());
                let equal = BinaryExpr::new(column, Operator::IsNotDistinctFrom, Box::new(value.expr));
                same.push(Expr::BinaryExpr(equal));
            }
            let same = same.into_iter().reduce(Expr::and).ok_or_else(|| Error::invalid("PIVOT without a column"))?;
            for aggregate in aggregates {
                let name = match aggregates {
                    [_] => value.name.clone(),
                    _ => format!("{}_{}", value.name, aggregate.name),
                };
                items.push(Item::new(name, only_where(aggregate.expr.clone(), &same, in_place)?));
            }
        }
        self.build_aggregate(PendingAggregate::new(input, groups, items))
    }

    /// Columns turned into rows.
    pub(super) fn unpivot(&mut self, one: &Unpivot) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::over(&input);
        let ids = self.items(&one.ids, scope)?;
        let values = match one.values.as_ref() {
            Some(values) => self.items(&values.values, scope)?,
            None => {
                let is_id = |name: &String| ids.iter().any(|id| id.name == *name);
                input.columns.iter().filter(|column| !is_id(&column.name)).map(Item::pass).collect()
            }
        };
        let rows = values.into_iter().map(|item| UnpivotRow { name: item.name, values: vec![item.expr] }).collect();
        let names = (one.variable_column_name.as_str(), std::slice::from_ref(&one.value_column_name));
        self.unpivoted(input, ids, (names, rows), true)
    }

    /// `UNPIVOT` in SQL: with all columns that it does not name.
    pub(super) fn unpivot_select(&mut self, one: &UnpivotSelect) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let scope = Scope::over(&input);
        let mut rows = Vec::with_capacity(one.columns.len());
        for column in &one.columns {
            let (alias, column) = unaliased(column);
            let parts = if one.value_column_names.len() == 1 { std::slice::from_ref(column) } else { parts_of(column) };
            if parts.len() != one.value_column_names.len() {
                return Err(Error::invalid("a row of UNPIVOT has to have a column for each of its values"));
            }
            let items = self.items(parts, scope)?;
            let name = items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join("_");
            let values = items.into_iter().map(|item| item.expr).collect();
            rows.push(UnpivotRow { name: alias.unwrap_or(name), values });
        }
        let named = rows.iter().flat_map(|row| &row.values).flat_map(|value| value.expr.column_refs());
        let named: HashSet<String> = named.map(|column| column.name.clone()).collect();
        let ids = input.columns.iter().filter(|column| !named.contains(&column.column)).map(Item::pass).collect();
        let names = (one.variable_column_name.as_str(), one.value_column_names.as_slice());
        self.unpivoted(input, ids, (names, rows), one.include_nulls)
    }

    fn unpivoted(
        &mut self,
        input: ResolvedRelation,
        ids: Vec<Item>,
        ((variable, value_names), rows): ((&str, &[String]), Vec<UnpivotRow>),
        include_nulls: bool,
    ) -> Result<ResolvedRelation> {
        if rows.is_empty() {
            return Err(spark_error!("UNPIVOT_REQUIRES_VALUE_COLUMNS"));
        }
        let settings = &self.context.settings;
        let mut columns = vec![(variable.to_owned(), DataType::Utf8, false)];
        for (place, name) in value_names.iter().enumerate() {
            let common = coercion::common_type(rows.iter().map(|row| &row.values[place].data_type), settings)
                .filter(|_| !mixes_texts(&rows, place))
                .ok_or_else(|| without_common_type(&rows, place))?;
            columns.push((name.clone(), common, true));
        }
        let mut structs = Vec::with_capacity(rows.len());
        for row in rows {
            let name = TypedExpr::literal(row.name.as_str().into(), row.name.as_str());
            let mut parts = vec![(variable.to_owned(), name)];
            for (value, (name, data_type, _)) in row.values.into_iter().zip(&columns[1..]) {
                let value = coercion::coerce_to(value, data_type, settings)?;
                parts.push((name.clone(), TypedExpr { nullable: true, ..value }));
            }
            structs.push(named_struct(parts, self.context)?);
        }
        let rows = call_internal("array", structs, self.context)?;
        let (mut plan, unpivoted) = self.generate(input.plan.clone(), Generator { rows, columns, outer: false })?;
        let present = unpivoted[1..].iter().map(|item| item.expr.expr.clone().is_not_null()).reduce(Expr::or);
        if let Some(present) = present.filter(|_| !include_nulls) {
            plan = Filter::try_new(present, Arc::new(plan)).map(LogicalPlan::Filter).map_err(from_datafusion)?;
        }
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

/// Whether some values are texts and others are not: Spark makes no numbers of texts here.
fn mixes_texts(rows: &[UnpivotRow], place: usize) -> bool {
    let is_text = |row: &UnpivotRow| row.values[place].data_type == DataType::Utf8;
    let others = |row: &UnpivotRow| !is_text(row) && row.values[place].data_type != DataType::Null;
    rows.iter().any(is_text) && rows.iter().any(others)
}

fn without_common_type(rows: &[UnpivotRow], place: usize) -> Error {
    let mut types: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let value = &row.values[place];
        let (data_type, name) = (sql_name(&value.data_type), error::sql_id(std::slice::from_ref(&value.sql)));
        match types.iter_mut().find(|(known, _)| *known == data_type) {
            Some((_, names)) => names.push(name),
            None => types.push((data_type, vec![name])),
        }
    }
    let shown: Vec<_> = types.iter().map(|(name, of)| format!("\"{name}\" ({})", of.join(", "))).collect();
    spark_error!("UNPIVOT_VALUE_DATA_TYPE_MISMATCH", types = shown.join(", "))
}

/// The alias of an expression, and the expression.
fn unaliased(expression: &Expression) -> (Option<String>, &Expression) {
    match expression.expr_type.as_ref() {
        Some(ExprType::Alias(alias)) => (alias.name.first().cloned(), alias.expr.as_deref().unwrap_or(expression)),
        _ => (None, expression),
    }
}

/// What stands in the parentheses of `(a, b)`, which the parser makes a struct of.
fn parts_of(expression: &Expression) -> &[Expression] {
    match expression.expr_type.as_ref() {
        Some(ExprType::UnresolvedFunction(one)) if matches!(one.function_name.as_str(), "struct" | "named_struct") => {
            &one.arguments
        }
        _ => std::slice::from_ref(expression),
    }
}

/// Spark looks for the values with the aggregates as they are, so that it stops at a star.
/// `count(*)`, which Spark leaves unresolved where it looks for the values of a pivot.
fn counts_star(aggregate: &Expression) -> bool {
    let is_star = |argument: &Expression| matches!(argument.expr_type, Some(ExprType::UnresolvedStar(_)));
    matches!(&unaliased(aggregate).1.expr_type, Some(ExprType::UnresolvedFunction(call))
        if call.arguments.iter().any(is_star))
}

fn pivot_over_stream() -> Error {
    spark_error!("_LEGACY_ERROR_TEMP_3063")
}

/// A type whose values can be set in a row of Spark's in place (Spark: `PivotFirst.supportsDataType`).
fn is_set_in_place(data_type: &DataType) -> bool {
    is_numeric(data_type) || *data_type == DataType::Boolean
}

/// The aggregate over the rows that fulfil the condition: NULL where there are none if aggregates are pivoted, and what
/// the function makes of no values if its arguments are.
fn only_where(aggregate: TypedExpr, condition: &Expr, in_place: bool) -> Result<TypedExpr> {
    let filtered = aggregate.expr.transform_down(|inner| {
        Ok(match inner {
            Expr::AggregateFunction(mut function) => {
                let filter = function.params.filter.take();
                let filter = filter.map_or_else(|| condition.clone(), |own| own.and(condition.clone()));
                function.params.filter = Some(Box::new(filter));
                // The rows of other values would be NULLs, so Spark has these two skip NULLs.
                if !in_place && matches!(function.func.name(), "first_value" | "last_value") {
                    function.params.null_treatment = Some(NullTreatment::IgnoreNulls);
                }
                Transformed::new(Expr::AggregateFunction(function), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        })
    });
    let filtered = filtered.map_err(from_datafusion)?.data;
    if !in_place {
        return Ok(TypedExpr { expr: filtered, ..aggregate });
    }
    let Expr::AggregateFunction(mut rows) = count(lit(1_i64)) else {
        return Err(Error::internal("count is no aggregate function"));
    };
    rows.params.filter = Some(Box::new(condition.clone()));
    let any = Expr::AggregateFunction(rows).gt(lit(0_i64));
    let expr = when(any, filtered).end().map_err(from_datafusion)?;
    Ok(TypedExpr { expr, nullable: true, ..aggregate })
}
