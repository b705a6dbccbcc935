//! Expressions: one function a kind of message, all against the columns of one scope.

mod call;
mod extract;
mod grouping;
mod item;
mod lambda;
mod literal;
mod named_arguments;
mod over;
mod subquery;

pub(crate) use call::{Call, sort_expr};
pub(crate) use extract::{call_internal, field, named_struct};
pub(crate) use grouping::{GroupingCall, grouping_call, has_grouping};
pub(crate) use item::{Item, SelectItem};
pub(crate) use literal::literal;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};
use millstream_functions::data_type::sql_name;
use millstream_functions::{CastMode, Generator, TypedExpr, coercion, set_origin};
use spark_connect_proto::expression::cast::{CastToType, EvalMode};
use spark_connect_proto::expression::{Cast, ExprType, UnresolvedAttribute};
use spark_connect_proto::{DataType as ProtoType, Expression};

use super::attribute::Attribute;
use super::identifier::parse_name;
use super::lineage::{self, Meaning, Reference};
use super::scope::Scope;
use super::{Analyzer, error};
use crate::data_type::from_proto;
use crate::parser::extension::ExpressionExtension;

/// What an expression is: mostly a value, at the top of a select list perhaps rows.
#[derive(Debug)]
pub(crate) enum Value {
    /// A value for each row.
    One(TypedExpr),
    /// Rows for each row; only a select list has a place for them.
    Rows(Generator, String),
}

impl Analyzer<'_> {
    /// Resolves an expression that stands for one value.
    pub(crate) fn expression(&mut self, expression: &Expression, scope: Scope<'_>) -> Result<TypedExpr> {
        match self.value(expression, scope)? {
            Value::One(expr) => Ok(expr),
            Value::Rows(generator, sql) => {
                // What is around it is resolved first, because Spark's error shows that.
                self.nested_generator = true;
                let data_type = generator.columns.first().map_or(DataType::Null, |(_, data_type, _)| data_type.clone());
                let value = ScalarValue::try_from(&data_type).unwrap_or(ScalarValue::Null);
                Ok(TypedExpr::new(Expr::Literal(value, None), data_type, true).with_sql(sql))
            }
        }
    }

    /// Refuses the expression if a generator was found inside it.
    pub(crate) fn without_generator(&mut self, sql: &str) -> Result<()> {
        if std::mem::take(&mut self.nested_generator) { Err(nested_generator(sql)) } else { Ok(()) }
    }

    /// Resolves an expression.
    pub(crate) fn value(&mut self, expression: &Expression, scope: Scope<'_>) -> Result<Value> {
        self.at_expression(expression, |analyzer| {
            let value = analyzer.deeper(|analyzer| analyzer.value_of_kind(expression, scope))?;
            if let (Value::One(value), Some(context)) = (&value, analyzer.query_context(expression)) {
                set_origin(&value.expr, &context);
            }
            Ok(value)
        })
    }

    fn value_of_kind(&mut self, expression: &Expression, scope: Scope<'_>) -> Result<Value> {
        let kind = expression.expr_type.as_ref().ok_or_else(|| Error::invalid("an expression without a kind"))?;
        let resolved = match kind {
            ExprType::Literal(one) => literal(one, self.context.settings.time_zone)?,
            ExprType::UnresolvedAttribute(one) => self.attribute(one, scope)?,
            ExprType::UnresolvedFunction(one) => return self.call(&Call::from_function(one), scope),
            ExprType::CallFunction(one) => return self.call(&Call::new(&one.function_name, &one.arguments), scope),
            ExprType::ExpressionString(one) => {
                let text = self.with_variables(&one.expression)?;
                return self.value(&crate::parser::parse_expression(&text)?, scope);
            }
            ExprType::Alias(one) => self.nested_alias(one, scope)?,
            ExprType::Cast(one) => self.cast(one, scope)?,
            ExprType::UnresolvedExtractValue(one) => self.extract_value(one, scope)?,
            ExprType::UpdateFields(one) => self.update_fields(one, scope)?,
            ExprType::Window(one) => self.over(one, scope)?,
            ExprType::SortOrder(one) => self.expression(required(one.child.as_deref())?, scope)?,
            ExprType::UnresolvedNamedLambdaVariable(one) => lambda_variable(&one.name_parts, scope)?,
            ExprType::NamedArgumentExpression(one) => self.expression(required(one.value.as_deref())?, scope)?,
            ExprType::SubqueryExpression(one) => self.subquery(one, scope)?,
            ExprType::Extension(any) => return self.extension(&ExpressionExtension::decode(any)?, scope),
            ExprType::UnresolvedStar(_) => {
                return Err(error::invalid_star("expression"));
            }
            other => return Err(unsupported(other)),
        };
        Ok(Value::One(resolved))
    }

    /// A reference to a column, or to a field inside one.
    pub(crate) fn attribute(&self, one: &UnresolvedAttribute, scope: Scope<'_>) -> Result<TypedExpr> {
        let parts = parse_name(&one.unparsed_identifier)?;
        if let [only] = parts.as_slice()
            && let Some(variable) = scope.lambda.iter().rev().find(|one| self.context.same_name(&one.name, only))
        {
            return Ok(lambda::parameter_reference(variable));
        }
        if let Some(plan_id) = one.plan_id {
            if let Some((attribute, rest)) = self.column_of_plan(plan_id, &parts, scope)? {
                return self.fields_of(as_written(&attribute, &parts, rest), rest);
            }
            let strict = self.context.conf("spark.sql.analyzer.strictDataFrameColumnResolution", "true") != "false";
            if strict && !scope.grouped {
                return Err(error::foreign_column(&parts));
            }
        }
        match scope.resolve(&parts, self.context) {
            Ok((attribute, rest)) => self.fields_of(as_written(attribute, &parts, rest), rest),
            Err(error) => match self.lateral_alias(&parts, scope)? {
                Some(value) => self.fields_of(value, &parts[1..]),
                None => match self.outer_reference(&parts) {
                    Some((outer, rest)) => self.fields_of(outer, rest),
                    None if one.plan_id.is_some() && !scope.grouped => Err(error::foreign_column(&parts)),
                    None => Err(error),
                },
            },
        }
    }

    /// The value that an alias before it in the select list names: `SELECT a + 1 AS x, x * 2`.
    fn lateral_alias(&self, parts: &[String], scope: Scope<'_>) -> Result<Option<TypedExpr>> {
        let named = |one: &&(String, TypedExpr)| self.context.same_name(&one.0, &parts[0]);
        let mut found = scope.lateral.iter().filter(named);
        let Some((name, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() || value.expr.is_volatile() || size_of_expression(&value.expr) > LATERAL_NODES_MAX {
            return Err(Error::unsupported(format!(
                "The alias `{name}` is used in the select list that it is in. That is not supported where it is given \
                 twice, changes from row to row, or stands for more than {LATERAL_NODES_MAX} operators."
            ))
            .with_hint("name the value in a subquery"));
        }
        Ok(Some(value.clone().with_sql(format!("lateralAliasReference({name})"))))
    }

    /// `df.column`: the column of the relation with this plan id, if the scope still has it.
    ///
    /// # Errors
    /// `CANNOT_RESOLVE_DATAFRAME_COLUMN` if no relation below the operator has the plan id.
    pub(crate) fn column_of_plan<'p>(
        &self,
        plan_id: i64,
        parts: &'p [String],
        scope: Scope<'_>,
    ) -> Result<Option<(Attribute, &'p [String])>> {
        let inputs = self.current_inputs();
        let reference = Reference { plan_id, parts, context: self.context };
        let column = match lineage::meaning(inputs, reference)? {
            Meaning::NoPlan => return Err(error::foreign_column(parts)),
            Meaning::Column(column) => Some(column),
            Meaning::Gone => lineage::column_left_out(inputs, reference)?,
        };
        Ok(column.and_then(|one| Some((scope.reachable(&one.column.column)?.clone(), &parts[one.parts..]))))
    }

    /// Fields inside fields by their names.
    fn fields_of(&self, base: TypedExpr, fields: &[String]) -> Result<TypedExpr> {
        fields.iter().try_fold(base, |base, field| extract::field(base, field, self.context))
    }

    fn nested_alias(&mut self, one: &spark_connect_proto::expression::Alias, scope: Scope<'_>) -> Result<TypedExpr> {
        let inner = self.expression(required(one.expr.as_deref())?, scope)?;
        let Some(name) = one.name.first() else { return Ok(inner) };
        let sql = format!("{} AS {}", inner.sql, millstream_functions::data_type::quote_if_needed(name));
        Ok(TypedExpr { expr: inner.expr.alias(name), sql, ..inner })
    }

    fn cast(&mut self, one: &Cast, scope: Scope<'_>) -> Result<TypedExpr> {
        let child = self.expression(required(one.expr.as_deref())?, scope)?;
        let parsed;
        let target: &ProtoType = match one.cast_to_type.as_ref() {
            Some(CastToType::Type(data_type)) => data_type,
            Some(CastToType::TypeStr(text)) => {
                parsed = crate::parser::parse_type(text)?;
                &parsed
            }
            None => return Err(Error::invalid("a cast without a type")),
        };
        let to = from_proto(target)?;
        let mode = match one.eval_mode() {
            EvalMode::Try => CastMode::Try,
            EvalMode::Ansi => CastMode::Ansi,
            EvalMode::Legacy => CastMode::Legacy,
            EvalMode::Unspecified => coercion::cast_mode(&self.context.settings),
        };
        let word = if matches!(mode, CastMode::Try) { "TRY_CAST" } else { "CAST" };
        let sql = format!("{word}({} AS {})", child.sql, sql_name(&to));
        let cast = millstream_functions::cast_in(child, &to, mode, &self.function_context(scope.streaming))?;
        Ok(cast.with_sql(sql))
    }

    fn extension(&mut self, extension: &ExpressionExtension, scope: Scope<'_>) -> Result<Value> {
        match extension {
            ExpressionExtension::QualifiedCall(one) => self.qualified_call(one, scope),
            ExpressionExtension::ExpressionWithRelations(one) => {
                self.add_references(&one.references);
                self.value(required(one.expression.as_deref())?, scope)
            }
            ExpressionExtension::SpecialLiteral(special) => {
                Ok(Value::One(literal::special(special, &self.function_context(false))?))
            }
            ExpressionExtension::LocalTimestamp(one) => {
                Ok(Value::One(literal::local_timestamp(&one.text, self.context.settings.time_zone)?))
            }
            ExpressionExtension::Ordinal(one) => {
                let sql = one.position.to_string();
                Ok(Value::One(TypedExpr::literal(ScalarValue::Int32(Some(one.position)), sql)))
            }
            ExpressionExtension::StarExcept(_) => Err(error::invalid_star("expression")),
        }
    }
}

/// The largest value that an alias may stand for in its own select list. The value is written out wherever the alias
/// is used, so that a chain of aliases could double with each of its links.
const LATERAL_NODES_MAX: usize = 2000;

fn size_of_expression(expr: &Expr) -> usize {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut nodes = 0;
    let counted = expr.apply(|_| {
        nodes += 1;
        Ok(if nodes > LATERAL_NODES_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    counted.map_or(usize::MAX, |_| nodes)
}

/// A reference under the name as the user wrote it: in another letter case perhaps, and without qualifier.
fn as_written(attribute: &Attribute, parts: &[String], rest: &[String]) -> TypedExpr {
    let written = parts[parts.len() - rest.len() - 1].as_str();
    attribute.reference().with_sql(written)
}

fn lambda_variable(parts: &[String], scope: Scope<'_>) -> Result<TypedExpr> {
    let name = parts.last().map(String::as_str).unwrap_or_default();
    match scope.lambda.iter().rev().find(|one| one.name == name) {
        Some(variable) => Ok(lambda::parameter_reference(variable)),
        None => Err(error::unresolved_column(parts, Vec::new())),
    }
}

/// The part of a message that must be there.
pub(crate) fn required<T>(part: Option<&T>) -> Result<&T> {
    part.ok_or_else(|| Error::invalid("the plan lacks a required part"))
}

/// A generator anywhere but at the top of a select list.
pub(crate) fn nested_generator(sql: &str) -> Error {
    spark_error!("UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS", expression = format!("\"{sql}\""))
}

/// Whether an aggregate function is called in it (and not as a window function).
pub(crate) fn has_aggregate(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|inner| Ok(matches!(inner, Expr::AggregateFunction(_)))).unwrap_or(false)
}

/// Whether a window function is called in it.
pub(crate) fn has_window_function(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|inner| Ok(matches!(inner, Expr::WindowFunction(_)))).unwrap_or(false)
}

fn unsupported(kind: &ExprType) -> Error {
    let what = match kind {
        ExprType::CommonInlineUserDefinedFunction(_) => "A user-defined function",
        ExprType::LambdaFunction(_) => "A lambda function outside a higher-order function",
        ExprType::UnresolvedRegex(_) => "A column regex inside an expression",
        ExprType::MergeAction(_) => "MERGE",
        _ => "This kind of expression",
    };
    Error::unsupported(format!("The feature is not supported: {what} is not supported."))
}
