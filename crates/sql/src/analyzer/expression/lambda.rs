//! Higher-order functions: `transform(array, x -> …)` and its kin.
//!
//! Deliberately not here: lambdas with an index or a second array, and those that fold (`aggregate`).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::functions_nested::array_any_match::array_any_match_higher_order_function;
use datafusion::functions_nested::array_filter::array_filter_higher_order_function;
use datafusion::functions_nested::array_transform::array_transform_higher_order_function;
use datafusion::logical_expr::expr::{HigherOrderFunction, Lambda, LambdaVariable};
use datafusion::logical_expr::{Expr, HigherOrderUDF};
use millstream_core::{Error, Result};
use spark_connect_proto::expression::{ExprType, LambdaFunction};

use super::super::attribute::Attribute;
use super::super::scope::Scope;
use super::super::typed_expr::TypedExpr;
use super::super::{Analyzer, coercion, error};
use super::call::Call;
use super::{Value, required};
use crate::data_type::{array, sql_name};

/// A function that takes a lambda.
#[derive(Clone, Copy)]
enum HigherOrder {
    Transform,
    Filter,
    Exists,
    ForAll,
}

impl HigherOrder {
    fn of(name: &str) -> Option<Self> {
        match name {
            "transform" => Some(Self::Transform),
            "filter" => Some(Self::Filter),
            "exists" => Some(Self::Exists),
            "forall" => Some(Self::ForAll),
            _ => None,
        }
    }

    fn function(self) -> Arc<HigherOrderUDF> {
        match self {
            Self::Transform => array_transform_higher_order_function(),
            Self::Filter => array_filter_higher_order_function(),
            Self::Exists | Self::ForAll => array_any_match_higher_order_function(),
        }
    }
}

impl Analyzer<'_> {
    /// The call of a higher-order function; none for any other function.
    pub(super) fn higher_order(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Option<Value>> {
        let Some(function) = HigherOrder::of(&call.name.to_ascii_lowercase()) else { return Ok(None) };
        let [list, lambda] = call.arguments else {
            return Err(error::unresolved_routine(call.name));
        };
        let Some(ExprType::LambdaFunction(lambda)) = lambda.expr_type.as_ref() else {
            return Err(Error::invalid(format!("{} takes a lambda function", call.name)));
        };
        let list = self.expression(list, scope)?;
        let DataType::List(element) = list.data_type.clone() else {
            return Err(error::type_mismatch(
                "UNEXPECTED_INPUT_TYPE",
                &list.sql,
                format!(
                    "The first parameter requires the \"ARRAY\" type, however \"{}\" has the type \"{}\".",
                    list.sql,
                    sql_name(&list.data_type)
                ),
            ));
        };
        let (parameter, body) = self.lambda_body(lambda, &element, scope)?;
        let body = match function {
            HigherOrder::Transform => body,
            _ => coercion::coerce_to(body, &DataType::Boolean, &self.context.settings)?,
        };
        let sql = format!("{}({}, lambdafunction({}, namedlambdavariable()))", call.name, list.sql, body.sql);
        let (data_type, nullable) = match function {
            HigherOrder::Transform => (array(body.data_type.clone(), body.nullable), list.nullable),
            HigherOrder::Filter => (list.data_type.clone(), list.nullable),
            HigherOrder::Exists | HigherOrder::ForAll => (DataType::Boolean, true),
        };
        let for_all = matches!(function, HigherOrder::ForAll);
        let body = if for_all { Expr::Not(Box::new(body.expr)) } else { body.expr };
        let arguments = vec![list.expr, Expr::Lambda(Lambda::new(vec![parameter], body))];
        let expr = Expr::HigherOrderFunction(HigherOrderFunction::new(function.function(), arguments));
        let expr = if for_all { Expr::Not(Box::new(expr)) } else { expr };
        Ok(Some(Value::One(TypedExpr { expr, data_type, nullable, sql })))
    }

    /// The lambda's one parameter, under a name of its own, and its body.
    fn lambda_body(
        &mut self,
        lambda: &LambdaFunction,
        element: &Field,
        scope: Scope<'_>,
    ) -> Result<(String, TypedExpr)> {
        let [parameter] = lambda.arguments.as_slice() else {
            return Err(Error::unsupported("A lambda function with an index is not supported."));
        };
        let name = parameter.name_parts.last().cloned().unwrap_or_default();
        let column = self.fresh(&name);
        let mut parameters = scope.lambda.to_vec();
        parameters.push(Attribute::new(name, &column, element.data_type().clone(), element.is_nullable()));
        let inner = Scope { lambda: &parameters, ..scope };
        Ok((column, self.expression(required(lambda.function.as_deref())?, inner)?))
    }
}

/// A reference to a parameter.
pub(super) fn parameter_reference(parameter: &Attribute) -> TypedExpr {
    let field = Field::new(&parameter.column, parameter.data_type.clone(), parameter.nullable);
    let variable = LambdaVariable::new(parameter.column.clone(), Some(Arc::new(field)));
    TypedExpr::new(Expr::LambdaVariable(variable), parameter.data_type.clone(), parameter.nullable)
        .with_sql("namedlambdavariable()")
}
