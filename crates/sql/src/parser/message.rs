//! Constructors for the unresolved messages of Spark Connect, spelled as PySpark's client spells them.

use millstream_functions::data_type::quote_if_needed;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{
    Alias, ExprType, Literal, SortOrder, UnresolvedAttribute, UnresolvedExtractValue, UnresolvedFunction,
    UnresolvedNamedLambdaVariable, UnresolvedStar,
};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Project, Relation, SubqueryAlias, ToDf};

use spark_connect_proto::expression::sort_order::{NullOrdering, SortDirection};

/// An expression of this kind.
pub(crate) fn expression(expr_type: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(expr_type) }
}

/// A relation of this kind.
pub(crate) fn relation(rel_type: RelType) -> Relation {
    Relation { common: None, rel_type: Some(rel_type) }
}

/// A call of a function or operator by its name.
pub(crate) fn call(name: &str, arguments: Vec<Expression>) -> Expression {
    expression(ExprType::UnresolvedFunction(UnresolvedFunction {
        function_name: name.to_owned(),
        arguments,
        ..Default::default()
    }))
}

/// Joins the operands with `and` or `or` in a balanced tree, so that a thousand conditions do not nest a thousand deep.
pub(crate) fn balanced(name: &str, mut operands: Vec<Expression>) -> Expression {
    // Spark halves in the same places; it shows in column names.
    let right = operands.split_off(operands.len().div_ceil(2));
    if right.is_empty() {
        return operands.pop().unwrap_or_else(|| boolean(true));
    }
    call(name, vec![balanced(name, operands), balanced(name, right)])
}

/// A literal.
pub(crate) fn literal(value: LiteralType) -> Expression {
    expression(ExprType::Literal(Literal { literal_type: Some(value), data_type: None }))
}

/// A string literal.
pub(crate) fn string(value: impl Into<String>) -> Expression {
    literal(LiteralType::String(value.into()))
}

/// TRUE or FALSE.
pub(crate) fn boolean(value: bool) -> Expression {
    literal(LiteralType::Boolean(value))
}

/// A column by its name parts.
pub(crate) fn attribute(parts: &[String]) -> Expression {
    expression(ExprType::UnresolvedAttribute(UnresolvedAttribute {
        unparsed_identifier: qualified(parts),
        ..Default::default()
    }))
}

/// `*`, or `a.b.*` with the parts before the star.
pub(crate) fn star(parts: &[String]) -> Expression {
    let unparsed_target = (!parts.is_empty()).then(|| format!("{}.*", qualified(parts)));
    expression(ExprType::UnresolvedStar(UnresolvedStar { unparsed_target, plan_id: None }))
}

/// A field, element or map value of an expression.
pub(crate) fn extract(child: Expression, extraction: Expression) -> Expression {
    expression(ExprType::UnresolvedExtractValue(Box::new(UnresolvedExtractValue {
        child: Some(Box::new(child)),
        extraction: Some(Box::new(extraction)),
    })))
}

/// An expression under one name, or a generator's columns under several.
pub(crate) fn alias(expr: Expression, name: Vec<String>) -> Expression {
    expression(ExprType::Alias(Box::new(Alias { expr: Some(Box::new(expr)), name, metadata: None })))
}

/// A parameter of a lambda function.
pub(crate) fn lambda_variable(name: &str) -> UnresolvedNamedLambdaVariable {
    UnresolvedNamedLambdaVariable { name_parts: vec![name.to_owned()] }
}

/// A sort key; NULLs come first ascending and last descending unless said.
pub(crate) fn sort_order(child: Expression, descending: bool, nulls_first: Option<bool>) -> SortOrder {
    let direction = if descending { SortDirection::Descending } else { SortDirection::Ascending };
    let nulls =
        if nulls_first.unwrap_or(!descending) { NullOrdering::SortNullsFirst } else { NullOrdering::SortNullsLast };
    SortOrder { child: Some(Box::new(child)), direction: direction.into(), null_ordering: nulls.into() }
}

/// A relation under a name, its columns renamed if there are names for them.
pub(crate) fn aliased(input: Relation, name: &str, columns: Vec<String>) -> Relation {
    relation(RelType::SubqueryAlias(Box::new(SubqueryAlias {
        input: Some(Box::new(renamed(input, columns))),
        alias: name.to_owned(),
        qualifier: Vec::new(),
    })))
}

/// A relation with all its columns renamed; no names leave it as it is.
pub(crate) fn renamed(input: Relation, column_names: Vec<String>) -> Relation {
    if column_names.is_empty() {
        return input;
    }
    relation(RelType::ToDf(Box::new(ToDf { input: Some(Box::new(input)), column_names })))
}

/// The select list over an input; without one, over a row without columns.
pub(crate) fn projected(input: Option<Relation>, expressions: Vec<Expression>) -> Relation {
    relation(RelType::Project(Box::new(Project { input: input.map(Box::new), expressions })))
}

/// What a SELECT without FROM reads.
pub(crate) fn one_row() -> Relation {
    projected(None, Vec::new())
}

/// Name parts as one identifier, in backticks where Spark needs them.
pub(crate) fn qualified(parts: &[String]) -> String {
    parts.iter().map(|part| quote_if_needed(part)).collect::<Vec<_>>().join(".")
}
