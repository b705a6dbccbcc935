//! Higher-order functions: `transform(array, x -> …)` and its kin.
//!
//! A lambda of two parameters over an array with indexes, two arrays or a map is one of one parameter over an array of
//! pairs; only folds and sorts have functions of their own.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_nested::array_any_match::array_any_match_higher_order_function;
use datafusion::functions_nested::array_filter::array_filter_higher_order_function;
use datafusion::functions_nested::array_transform::array_transform_higher_order_function;
use datafusion::logical_expr::expr::{HigherOrderFunction, Lambda, LambdaVariable};
use datafusion::logical_expr::{Expr, HigherOrderUDF, when};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{array, simple_string, sql_name};
use millstream_functions::{TypedExpr, array_fold, array_sort_by, coercion};
use spark_connect_proto::Expression;
use spark_connect_proto::expression::{ExprType, LambdaFunction};

use super::super::attribute::Attribute;
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use super::call::Call;
use super::{Value, call_internal, required};

/// A function that takes a lambda of one parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HigherOrder {
    Transform,
    Filter,
    Exists,
    ForAll,
}

/// A lambda whose body is resolved.
struct Resolved {
    parameters: Vec<String>,
    body: TypedExpr,
    /// As Spark shows it.
    sql: String,
}

impl Analyzer<'_> {
    /// The call of a higher-order function; none for any other function.
    pub(super) fn higher_order(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Option<Value>> {
        let expr = match (call.name.to_ascii_lowercase().as_str(), call.arguments) {
            ("transform", [list, lambda]) => self.over_array(HigherOrder::Transform, call, (list, lambda), scope)?,
            ("filter", [list, lambda]) => self.over_array(HigherOrder::Filter, call, (list, lambda), scope)?,
            ("exists", [list, lambda]) => self.over_array(HigherOrder::Exists, call, (list, lambda), scope)?,
            ("forall", [list, lambda]) => self.over_array(HigherOrder::ForAll, call, (list, lambda), scope)?,
            ("zip_with", [left, right, lambda]) => self.zip_with(call, (left, right), lambda, scope)?,
            ("map_filter" | "transform_keys" | "transform_values", [map, lambda]) => {
                self.over_map(call, (map, lambda), scope)?
            }
            ("map_zip_with", [left, right, lambda]) => self.map_zip_with(call, (left, right), lambda, scope)?,
            ("aggregate" | "reduce", [_, _, _] | [_, _, _, _]) => self.fold(call, scope)?,
            ("array_sort", [list, lambda]) => self.sort_by(call, (list, lambda), scope)?,
            (name, _) if is_higher_order(name) => return Err(error::unresolved_routine(call.name)),
            _ => return Ok(None),
        };
        Ok(Some(Value::One(expr)))
    }

    fn over_array(
        &mut self,
        function: HigherOrder,
        call: &Call<'_>,
        (list, lambda): (&Expression, &Expression),
        scope: Scope<'_>,
    ) -> Result<TypedExpr> {
        let list = self.expression(list, scope)?;
        let element = element(&list)?;
        let lambda = &lambda_of(lambda);
        if lambda.arguments.len() == 2 {
            return self.with_index(function, call, (list, &element), (lambda, scope));
        }
        let one = self.lambda(lambda, &[element], scope)?;
        let sql = format!("{}({}, {})", call.name, list.sql, one.sql);
        boolean_body(function, &one, &sql)?;
        Ok(self.applied(function, list, one)?.with_sql(sql))
    }

    /// A function over an array with a lambda of one parameter.
    fn applied(&self, function: HigherOrder, list: TypedExpr, one: Resolved) -> Result<TypedExpr> {
        let body = match function {
            HigherOrder::Transform => one.body,
            _ => coercion::coerce_to(one.body, &DataType::Boolean, &self.context.settings)?,
        };
        let (data_type, nullable) = match function {
            HigherOrder::Transform => (array(body.data_type.clone(), body.nullable), list.nullable),
            HigherOrder::Filter => (list.data_type.clone(), list.nullable),
            HigherOrder::Exists | HigherOrder::ForAll => (DataType::Boolean, list.nullable || body.nullable),
        };
        let for_all = function == HigherOrder::ForAll;
        let body = if for_all { Expr::Not(Box::new(body.expr)) } else { body.expr };
        let native = match function {
            HigherOrder::Transform => array_transform_higher_order_function(),
            HigherOrder::Filter => array_filter_higher_order_function(),
            HigherOrder::Exists | HigherOrder::ForAll => array_any_match_higher_order_function(),
        };
        let expr = higher_order(native, vec![list.expr], one.parameters, body);
        Ok(TypedExpr::new(if for_all { Expr::Not(Box::new(expr)) } else { expr }, data_type, nullable))
    }

    /// `transform(array, (element, index) -> …)` and `filter` of the same kind, over pairs of element and index.
    fn with_index(
        &mut self,
        function: HigherOrder,
        call: &Call<'_>,
        (list, element): (TypedExpr, &FieldRef),
        (lambda, scope): (&LambdaFunction, Scope<'_>),
    ) -> Result<TypedExpr> {
        let index = Arc::new(Field::new("index", DataType::Int32, false));
        let two = self.lambda(lambda, &[Arc::clone(element), index], scope)?;
        let sql = format!("{}({}, {})", call.name, list.sql, two.sql);
        boolean_body(function, &two, &sql)?;
        let data_type = list.data_type.clone();
        let pairs = call_internal("array_with_index", vec![list], self.context)?;
        let one = self.over_pairs(two, &pairs)?;
        let applied = self.applied(function, pairs, one)?;
        if function != HigherOrder::Filter {
            return Ok(applied.with_sql(sql));
        }
        let name = TypedExpr::literal("0".into(), "0");
        let elements = call_internal("get_array_struct_fields", vec![applied, name], self.context)?;
        Ok(TypedExpr { data_type, ..elements }.with_sql(sql))
    }

    fn zip_with(
        &mut self,
        call: &Call<'_>,
        (left, right): (&Expression, &Expression),
        lambda: &Expression,
        scope: Scope<'_>,
    ) -> Result<TypedExpr> {
        let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
        // The shorter array goes on with NULL.
        let open = |list: &TypedExpr| Ok::<_, Error>(Arc::new(element(list)?.as_ref().clone().with_nullable(true)));
        let two = self.lambda(&lambda_of(lambda), &[open(&left)?, open(&right)?], scope)?;
        let sql = format!("{}({}, {}, {})", call.name, left.sql, right.sql, two.sql);
        let pairs = call_internal("arrays_zip_by_place", vec![left, right], self.context)?;
        let one = self.over_pairs(two, &pairs)?;
        Ok(self.applied(HigherOrder::Transform, pairs, one)?.with_sql(sql))
    }

    fn over_map(
        &mut self,
        call: &Call<'_>,
        (map, lambda): (&Expression, &Expression),
        scope: Scope<'_>,
    ) -> Result<TypedExpr> {
        let map = self.expression(map, scope)?;
        let pairs = call_internal("map_entries", vec![map.clone()], self.context)?;
        let entry = element(&pairs)?;
        let DataType::Struct(fields) = entry.data_type() else { return Err(Error::internal("entries that are none")) };
        let two = self.lambda(&lambda_of(lambda), fields, scope)?;
        let sql = format!("{}({}, {})", call.name, map.sql, two.sql);
        let one = self.over_pairs(two, &pairs)?;
        let made = match call.name.to_ascii_lowercase().as_str() {
            "map_filter" => {
                boolean_body(HigherOrder::Filter, &one, &sql)?;
                let kept = self.applied(HigherOrder::Filter, pairs, one)?;
                call_internal("map_from_entries", vec![kept], self.context)?
            }
            name => {
                let made = self.applied(HigherOrder::Transform, pairs, one)?;
                let keys = name == "transform_keys";
                let other = call_internal(if keys { "map_values" } else { "map_keys" }, vec![map], self.context)?;
                let parts = if keys { vec![made, other] } else { vec![other, made] };
                call_internal("map_from_arrays", parts, self.context)?
            }
        };
        Ok(made.with_sql(sql))
    }

    /// `map_zip_with(map, map, (key, left, right) -> …)`: over the keys of both, the left map's first.
    fn map_zip_with(
        &mut self,
        call: &Call<'_>,
        (left, right): (&Expression, &Expression),
        lambda: &Expression,
        scope: Scope<'_>,
    ) -> Result<TypedExpr> {
        let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
        let given = format!("{}, {}", left.sql, right.sql);
        let entries = call_internal("map_zip_entries", vec![left, right], self.context)?;
        let entry = element(&entries)?;
        let DataType::Struct(fields) = entry.data_type() else { return Err(Error::internal("entries that are none")) };
        let three = self.lambda(&lambda_of(lambda), fields, scope)?;
        let sql = format!("{}({given}, {})", call.name, three.sql);
        let made = self.over_pairs(three, &entries)?;
        let made = self.applied(HigherOrder::Transform, entries.clone(), made)?;
        let name = TypedExpr::literal("0".into(), "0");
        let keys = call_internal("get_array_struct_fields", vec![entries, name], self.context)?;
        Ok(call_internal("map_from_arrays", vec![keys, made], self.context)?.with_sql(sql))
    }

    /// `aggregate(array, start, (sum, element) -> …, sum -> …)`
    fn fold(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<TypedExpr> {
        let (list, start) = (self.expression(&call.arguments[0], scope)?, self.expression(&call.arguments[1], scope)?);
        let element = element(&list)?;
        let merge = &lambda_of(&call.arguments[2]);
        let sum = |data_type: &DataType| Arc::new(Field::new("sum", data_type.clone(), true));
        let mut merged = self.lambda(merge, &[sum(&start.data_type), Arc::clone(&element)], scope)?;
        let data_type = merged.body.data_type.clone();
        if simple_string(&data_type) != simple_string(&start.data_type) {
            let sql = format!("{}({}, {}, {})", call.name, list.sql, start.sql, merged.sql);
            let wanted = format!("\"{}\"", sql_name(&start.data_type));
            return Err(error::unexpected_input_type(&sql, 2, &wanted, (&merged.sql, &data_type)));
        }
        if data_type != start.data_type {
            // They differ in what can be NULL.
            merged = self.lambda(merge, &[sum(&data_type), element], scope)?;
        }
        let body = coercion::coerce_to(merged.body, &data_type, &self.context.settings)?;
        let (start_sql, merge_sql) = (start.sql.clone(), merged.sql);
        let start = coercion::coerce_to(start, &data_type, &self.context.settings)?;
        let values = vec![list.expr.clone(), start.expr];
        let folded = higher_order(array_fold(data_type.clone()), values, merged.parameters, body.expr);
        let mut result = TypedExpr::new(folded, data_type.clone(), true);
        let mut finish_sql = "lambdafunction(namedlambdavariable(), namedlambdavariable())".to_owned();
        if let Some(finish) = call.arguments.get(3) {
            let finish = self.lambda(&lambda_of(finish), &[sum(&data_type)], scope)?;
            finish_sql = finish.sql;
            let folded = result.expr;
            let expr = substituted(finish.body.expr, &finish.parameters, |_| folded.clone())?;
            // No array, nothing to finish.
            let expr = when(list.expr.is_not_null(), expr).end().map_err(from_datafusion)?;
            result = TypedExpr { expr, nullable: true, ..finish.body };
        }
        let sql = format!("{}({}, {start_sql}, {merge_sql}, {finish_sql})", call.name, list.sql);
        Ok(result.with_sql(sql))
    }

    /// `array_sort(array, (left, right) -> …)`
    fn sort_by(
        &mut self,
        call: &Call<'_>,
        (list, lambda): (&Expression, &Expression),
        scope: Scope<'_>,
    ) -> Result<TypedExpr> {
        let list = self.expression(list, scope)?;
        let element = element(&list)?;
        let two = self.lambda(&lambda_of(lambda), &[Arc::clone(&element), element], scope)?;
        let sql = format!("{}({}, {})", call.name, list.sql, two.sql);
        if two.body.data_type != DataType::Int32 {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE",
                sqlExpr = format!("\"{sql}\""),
                functionName = "`lambdafunction`",
                expectedType = "\"INT\"",
                actualType = format!("\"{}\"", sql_name(&two.body.data_type)),
            ));
        }
        let body = coercion::coerce_to(two.body, &DataType::Int32, &self.context.settings)?;
        let (data_type, nullable) = (list.data_type.clone(), list.nullable);
        let expr = higher_order(array_sort_by(data_type.clone()), vec![list.expr], two.parameters, body.expr);
        Ok(TypedExpr { expr, data_type, nullable, sql })
    }

    /// The body with its parameters under names of their own.
    fn lambda(&mut self, lambda: &LambdaFunction, fields: &[FieldRef], scope: Scope<'_>) -> Result<Resolved> {
        // A value that is no lambda function is one that looks at none of its parameters.
        let plain = lambda.arguments.is_empty();
        if !plain && lambda.arguments.len() != fields.len() {
            return Err(spark_error!(
                "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
                expectedNumArgs = lambda.arguments.len(),
                actualNumArgs = fields.len(),
            ));
        }
        let mut known = scope.lambda.to_vec();
        let mut parameters = Vec::with_capacity(fields.len());
        for (place, field) in fields.iter().enumerate() {
            let name = lambda.arguments.get(place).and_then(|parameter| parameter.name_parts.last()).cloned();
            let column = self.fresh(name.as_deref().unwrap_or("unused"));
            if let Some(name) = name {
                known.push(Attribute::new(name, &column, field.data_type().clone(), field.is_nullable()));
            }
            parameters.push(column);
        }
        let inner = Scope { lambda: &known, ..scope };
        let body = self.expression(required(lambda.function.as_deref())?, inner)?;
        if aggregates_parameters(&body.expr) {
            return Err(Error::unsupported(
                "The feature is not supported: An aggregate function of a lambda function's parameter is not supported.",
            ));
        }
        let sql = format!("lambdafunction({}{})", body.sql, ", namedlambdavariable()".repeat(fields.len()));
        Ok(Resolved { parameters, body, sql })
    }

    /// A lambda of two parameters as one of a pair.
    fn over_pairs(&mut self, two: Resolved, pairs: &TypedExpr) -> Result<Resolved> {
        let pair = element(pairs)?;
        let DataType::Struct(fields) = pair.data_type() else { return Err(Error::internal("pairs that are none")) };
        let column = self.fresh("pair");
        let variable = Expr::LambdaVariable(LambdaVariable::new(column.clone(), Some(Arc::clone(&pair))));
        let field = |place: usize| get_field(variable.clone(), fields[place].name().as_str());
        let expr = substituted(two.body.expr, &two.parameters, field)?;
        Ok(Resolved { parameters: vec![column], body: TypedExpr { expr, ..two.body }, sql: two.sql })
    }
}

/// The expression with something else for each of these parameters.
fn substituted(expr: Expr, parameters: &[String], instead: impl Fn(usize) -> Expr) -> Result<Expr> {
    let replaced = expr.transform(|one| {
        let place = match &one {
            Expr::LambdaVariable(variable) => parameters.iter().position(|name| *name == variable.name),
            _ => None,
        };
        Ok(place.map_or(Transformed::no(one), |place| Transformed::yes(instead(place))))
    });
    Ok(replaced.map_err(from_datafusion)?.data)
}

fn higher_order(function: Arc<HigherOrderUDF>, values: Vec<Expr>, parameters: Vec<String>, body: Expr) -> Expr {
    let lambda = Expr::Lambda(Lambda::new(parameters, body));
    let arguments = values.into_iter().chain([lambda]).collect();
    Expr::HigherOrderFunction(HigherOrderFunction::new(function, arguments))
}

/// Whether the function takes a lambda in every form that it has.
pub(super) fn is_higher_order(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "transform",
        "filter",
        "exists",
        "forall",
        "zip_with",
        "map_filter",
        "map_zip_with",
        "transform_keys",
        "transform_values",
        "aggregate",
        "reduce",
    ];
    NAMES.contains(&name.to_ascii_lowercase().as_str())
}

fn lambda_of(argument: &Expression) -> LambdaFunction {
    match argument.expr_type.as_ref() {
        Some(ExprType::LambdaFunction(lambda)) => LambdaFunction::clone(lambda),
        _ => LambdaFunction { function: Some(Box::new(argument.clone())), arguments: Vec::new() },
    }
}

/// Whether an aggregate function in it looks at a lambda function's parameter.
fn aggregates_parameters(expr: &Expr) -> bool {
    let is_parameter = |one: &Expr| Ok(matches!(one, Expr::LambdaVariable(_)));
    let aggregates = |one: &Expr| Ok(matches!(one, Expr::AggregateFunction(_)) && one.exists(is_parameter)?);
    expr.exists(aggregates).unwrap_or(false)
}

/// Refuses a condition that is none. `sql` is the whole call.
fn boolean_body(function: HigherOrder, lambda: &Resolved, sql: &str) -> Result<()> {
    let data_type = &lambda.body.data_type;
    if function == HigherOrder::Transform || matches!(data_type, DataType::Boolean | DataType::Null) {
        return Ok(());
    }
    Err(error::unexpected_input_type(sql, 1, "\"BOOLEAN\"", (&lambda.sql, data_type)))
}

fn element(list: &TypedExpr) -> Result<FieldRef> {
    match &list.data_type {
        DataType::List(element) => Ok(Arc::clone(element)),
        other => Err(error::unexpected_input_type(&list.sql, 0, "\"ARRAY\"", (&list.sql, other))),
    }
}

/// A reference to a parameter.
pub(super) fn parameter_reference(parameter: &Attribute) -> TypedExpr {
    let field = Field::new(&parameter.column, parameter.data_type.clone(), parameter.nullable);
    let variable = LambdaVariable::new(parameter.column.clone(), Some(Arc::new(field)));
    TypedExpr::new(Expr::LambdaVariable(variable), parameter.data_type.clone(), parameter.nullable)
        .with_sql("namedlambdavariable()")
}
