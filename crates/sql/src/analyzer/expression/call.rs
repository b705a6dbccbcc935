//! Function calls: arguments, stars in them, and what the function table answers.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::SortExpr;
use millstream_core::{Error, Result, spark_error};
use millstream_functions::{FunctionCall, Resolved, TypedExpr, lookup};
use spark_connect_proto::Expression;
use spark_connect_proto::expression::{ExprType, UnresolvedFunction};

use super::super::scope::Scope;
use super::super::{Analyzer, error};
use super::{Value, has_aggregate, named_arguments, required};
use crate::parser::extension::QualifiedCall;

/// A call as the messages spell it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'m> {
    pub(super) name: &'m str,
    pub(super) arguments: &'m [Expression],
    distinct: bool,
    qualified: Option<&'m QualifiedCall>,
}

impl<'m> Call<'m> {
    /// A plain call.
    pub(crate) fn new(name: &'m str, arguments: &'m [Expression]) -> Self {
        Self { name, arguments, distinct: false, qualified: None }
    }

    /// The call of an unresolved function.
    pub(crate) fn from_function(one: &'m UnresolvedFunction) -> Self {
        Self { distinct: one.is_distinct, ..Self::new(&one.function_name, &one.arguments) }
    }
}

impl Analyzer<'_> {
    /// A call with FILTER and the like behind it.
    pub(crate) fn qualified_call(&mut self, one: &QualifiedCall, scope: Scope<'_>) -> Result<Value> {
        match required(one.function.as_deref())?.expr_type.as_ref() {
            Some(ExprType::UnresolvedFunction(function)) => {
                self.call(&Call { qualified: Some(one), ..Call::from_function(function) }, scope)
            }
            _ => Err(Error::invalid("FILTER and the like follow a function")),
        }
    }

    /// Resolves a call.
    pub(crate) fn call(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Value> {
        match named_arguments::in_order(call.name, call.arguments)? {
            Some(arguments) => self.call_in_order(&Call { arguments: &arguments, ..*call }, scope),
            None => self.call_in_order(call, scope),
        }
    }

    fn call_in_order(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Value> {
        let lower = call.name.to_ascii_lowercase();
        let under_window = std::mem::take(&mut self.under_window);
        if lower == "struct" {
            return self.struct_call(call, scope);
        }
        if matches!(lower.as_str(), "grouping" | "grouping_id") {
            return self.grouping(call, scope);
        }
        if let Some(value) = self.higher_order(call, scope)? {
            return Ok(value);
        }
        let entry = lookup(call.name).ok_or_else(|| error::unresolved_routine(call.name))?;
        let arguments = self.arguments(&lower, call, scope)?;
        let functions = self.function_context(scope.streaming);
        let mut function = FunctionCall {
            distinct: call.distinct,
            ignore_nulls: call.qualified.is_some_and(|one| one.ignore_nulls),
            ..entry.call(call.name, arguments, &functions)
        };
        let mut suffix = String::new();
        if let Some(qualified) = call.qualified {
            if let Some(filter) = qualified.filter.as_deref() {
                let filter = self.filter_of_aggregate(filter, scope)?;
                suffix = format!(" FILTER (WHERE {})", filter.sql);
                function.filter = Some(filter.expr);
            }
            for order in &qualified.within_group {
                let child = self.expression(required(order.child.as_deref())?, scope)?;
                function.ordered.push(child.clone());
                function.order_by.push(sort_expr(child, order));
            }
        }
        let resolved = entry.resolve(&function)?;
        check_syntax(&function, &resolved)?;
        let aggregate = matches!(resolved, Resolved::Aggregate(_));
        let lacks_window = matches!(resolved, Resolved::Window(_)) && !under_window;
        match resolved {
            Resolved::Scalar(expr) | Resolved::Aggregate(expr) | Resolved::Window(expr) => {
                let text = if expr.sql.is_empty() { function.sql() } else { expr.sql.clone() };
                let expr = super::subquery::negated(expr);
                let text = format!("{text}{suffix}");
                if lacks_window {
                    return Err(spark_error!("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", funcName = format!("\"{text}\"")));
                }
                if aggregate {
                    self.aggregates.push(text.clone());
                }
                Ok(Value::One(expr.with_sql(text)))
            }
            Resolved::Generator(generator) => Ok(Value::Rows(generator, function.sql())),
            Resolved::TimeWindow(window) => {
                let metadata = self.metadata_of(&window.time, scope);
                Ok(Value::One(self.time_window(window, metadata)))
            }
            Resolved::SessionWindow(window) => {
                let metadata = self.metadata_of(&window.time, scope);
                Ok(Value::One(self.session_window(window, metadata)))
            }
        }
    }

    /// The condition of `f(…) FILTER (WHERE …)`.
    fn filter_of_aggregate(&mut self, filter: &Expression, scope: Scope<'_>) -> Result<TypedExpr> {
        let before = self.aggregates.len();
        let filter = self.expression(filter, scope)?;
        let shown = format!("\"{}\"", filter.sql);
        if filter.data_type != DataType::Boolean {
            return Err(spark_error!("INVALID_AGGREGATE_FILTER.NOT_BOOLEAN", filterExpr = shown));
        }
        if has_aggregate(&filter.expr) {
            let inner: Vec<String> = self.aggregates.drain(before..).map(|text| format!("\"{text}\"")).collect();
            return Err(spark_error!(
                "INVALID_AGGREGATE_FILTER.CONTAINS_AGGREGATE",
                filterExpr = shown,
                aggExpr = inner.join(", "),
            ));
        }
        Ok(filter)
    }

    fn arguments(&mut self, lower: &str, call: &Call<'_>, scope: Scope<'_>) -> Result<Vec<TypedExpr>> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in call.arguments {
            match argument.expr_type.as_ref() {
                Some(ExprType::ExpressionString(text)) if lower == "count" && text.expression.trim() == "*" => {
                    arguments.push(TypedExpr::literal(ScalarValue::Int32(Some(1)), "1"));
                }
                Some(ExprType::UnresolvedStar(star)) if lower == "count" && !call.distinct => {
                    match &star.unparsed_target {
                        None => arguments.push(TypedExpr::literal(ScalarValue::Int32(Some(1)), "1")),
                        Some(target) => return Err(counted_star(target)),
                    }
                }
                Some(ExprType::UnresolvedStar(star)) => {
                    arguments.extend(self.star(star, scope)?.into_iter().map(|item| item.expr));
                }
                _ => arguments.push(self.expression(argument, scope)?),
            }
        }
        Ok(arguments)
    }
}

/// Refuses DISTINCT, FILTER and IGNORE NULLS where they would be without effect.
fn check_syntax(call: &FunctionCall<'_>, resolved: &Resolved) -> Result<()> {
    let is_aggregate = matches!(resolved, Resolved::Aggregate(_));
    let knows_nulls = matches!(
        call.name.to_lowercase().as_str(),
        "first"
            | "first_value"
            | "last"
            | "last_value"
            | "any_value"
            | "nth_value"
            | "lag"
            | "lead"
            | "collect_list"
            | "collect_set"
            | "array_agg"
    );
    let syntax = if call.distinct && !is_aggregate {
        "DISTINCT"
    } else if call.filter.is_some() && !is_aggregate {
        "FILTER CLAUSE"
    } else if call.ignore_nulls && !knows_nulls {
        "IGNORE NULLS"
    } else {
        return Ok(());
    };
    let name = format!("`{}`", call.name.to_lowercase());
    Err(spark_error!("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", prettyName = name, syntax = syntax))
}

/// A sort key over an expression that is resolved already.
pub(crate) fn sort_expr(child: TypedExpr, order: &spark_connect_proto::expression::SortOrder) -> SortExpr {
    use spark_connect_proto::expression::sort_order::{NullOrdering, SortDirection};
    let ascending = order.direction() != SortDirection::Descending;
    let nulls_first = match order.null_ordering() {
        NullOrdering::SortNullsFirst => true,
        NullOrdering::SortNullsLast => false,
        NullOrdering::SortNullsUnspecified => ascending,
    };
    SortExpr::new(child.expr, ascending, nulls_first)
}

fn counted_star(target: &str) -> Error {
    let table = target.strip_suffix(".*").unwrap_or(target);
    let shown =
        super::super::identifier::parse_name(table).map_or_else(|_| table.to_owned(), |parts| error::sql_id(&parts));
    spark_error!("INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT", tableName = shown)
}
