//! Primary expressions: names, parentheses, CASE, CAST, subqueries, lambdas, and the postfix `.x`, `[0]`, `::type`.

use spark_connect_proto::expression::{Cast, ExprType, LambdaFunction, cast};
use spark_connect_proto::subquery_expression::SubqueryType;
use spark_connect_proto::{DataType, Expression};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::expression::subquery;
use super::message::{attribute, call, expression, extract, lambda_variable, string};
use super::token::{Kind, Token};
use millstream_core::spark_error;

impl Parser<'_> {
    /// An operand with its postfix operators.
    pub(crate) fn primary(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let mut expr = self.operand()?;
        loop {
            expr = self.placed(start, expr);
            if self.accept("[") {
                let extraction = self.nested(Self::value)?;
                if !self.accept("]") {
                    return if self.at_end() { self.missing("]") } else { self.fail() };
                }
                expr = extract(expr, extraction);
            } else if self.at(".") && matches!(self.peek_at(1).kind, Kind::Word | Kind::Quoted) {
                self.advance();
                let field = self.identifier()?;
                expr = extract(expr, string(field));
            } else if self.at(".") {
                self.advance();
                return self.fail();
            } else if self.accept("::") {
                let data_type = self.data_type()?;
                expr = cast_to(expr, data_type, cast::EvalMode::Unspecified);
            } else if self.at(":") && self.peek_at(1).kind == Kind::Word {
                return self.unsupported("Extraction from variants with a colon");
            } else if self.at_word("COLLATE") && self.starts_expression(1) {
                return self.unsupported("COLLATE");
            } else {
                return Ok(expr);
            }
            self.link()?;
        }
    }

    fn operand(&mut self) -> Parsed<Expression> {
        let kind = self.peek().kind;
        match kind {
            Kind::Number | Kind::Text | Kind::Hex => self.literal(),
            Kind::Quoted => self.name(),
            Kind::Word => self.word(),
            Kind::Symbol if self.at("(") => self.parenthesized(),
            Kind::Symbol if self.at("-") => self.literal(),
            Kind::Symbol if self.accept("*") => self.star(&[]),
            Kind::Symbol if self.at(":") || self.at("?") => self.parameter_marker(),
            Kind::Symbol | Kind::Unknown | Kind::End => self.fail(),
        }
    }

    fn word(&mut self) -> Parsed<Expression> {
        if self.peek_at(1).kind == Kind::Text {
            return self.typed_literal();
        }
        let followed_by_call = self.at_ahead(1, "(");
        match self.peek().text.to_ascii_uppercase().as_str() {
            "CASE" if self.starts_expression(1) => self.case(),
            "CAST" | "TRY_CAST" if followed_by_call => self.cast(),
            "INTERVAL" if self.starts_interval() => self.interval(),
            "EXISTS" if followed_by_call && self.query_follows(1) => {
                self.advance();
                let plan_id = self.subquery_plan()?;
                Ok(subquery(plan_id, SubqueryType::Exists, Vec::new()))
            }
            "NULL" | "TRUE" | "FALSE" if !followed_by_call && !self.at_ahead(1, ".") => self.literal(),
            _ => self.name(),
        }
    }

    /// A column, a star behind a qualifier, a function call, or a lambda with one parameter.
    fn name(&mut self) -> Parsed<Expression> {
        if self.at_ahead(1, "->") {
            let parameter = self.identifier()?;
            return self.lambda(vec![parameter]);
        }
        let quoted = self.peek().kind == Kind::Quoted;
        let mut parts = match self.identifier_clause()? {
            Some(parts) => parts,
            None => vec![self.identifier()?],
        };
        while self.at(".") {
            if self.at_ahead(1, "*") {
                self.advance();
                self.advance();
                return self.star(&parts);
            }
            self.advance();
            parts.push(self.identifier()?);
        }
        if self.at("(") {
            return self.call(parts);
        }
        if parts.len() == 1 && !quoted && is_niladic(&parts[0]) {
            return Ok(call(&parts[0].to_ascii_lowercase(), Vec::new()));
        }
        Ok(self.column_or_parameter(&parts))
    }

    /// A name is the parameter of a lambda around it before it is a column; further parts are its fields.
    fn column_or_parameter(&self, parts: &[String]) -> Expression {
        let parameter = self.lambda_parameters.iter().rev().find(|name| name.eq_ignore_ascii_case(&parts[0]));
        match parameter {
            Some(name) => {
                let variable = expression(ExprType::UnresolvedNamedLambdaVariable(lambda_variable(name)));
                parts[1..].iter().fold(variable, |expr, field| extract(expr, string(field)))
            }
            None => attribute(parts),
        }
    }

    fn lambda(&mut self, parameters: Vec<String>) -> Parsed<Expression> {
        self.expect("->")?;
        let outer = self.lambda_parameters.len();
        self.lambda_parameters.extend(parameters.iter().cloned());
        let body = self.expression();
        self.lambda_parameters.truncate(outer);
        Ok(expression(ExprType::LambdaFunction(Box::new(LambdaFunction {
            function: Some(Box::new(body?)),
            arguments: parameters.iter().map(|name| lambda_variable(name)).collect(),
        }))))
    }

    /// `(…)`: a subquery, a lambda's parameters, a row, or just grouping.
    fn parenthesized(&mut self) -> Parsed<Expression> {
        if let Some(parameters) = self.lambda_parameter_list() {
            return self.lambda(parameters);
        }
        if self.at_query_in_parentheses() {
            let plan_id = self.subquery_plan()?;
            return Ok(subquery(plan_id, SubqueryType::Scalar, Vec::new()));
        }
        self.expect("(")?;
        let first = self.named_expression()?;
        if !self.at(",") {
            self.expect(")")?;
            return Ok(first);
        }
        let mut fields = vec![first];
        while self.accept(",") {
            fields.push(self.named_expression()?);
        }
        self.expect(")")?;
        Ok(call("struct", fields))
    }

    /// `(x, y)` before `->`.
    fn lambda_parameter_list(&mut self) -> Option<Vec<String>> {
        let position = self.position();
        let names = self.list_in_parentheses(Self::identifier).ok().filter(|_| self.at("->"));
        if names.is_none() {
            self.rewind(position);
        }
        names
    }

    /// Whether the parenthesis at the cursor opens a query.
    pub(crate) fn at_query_in_parentheses(&self) -> bool {
        self.at("(") && self.query_follows(0)
    }

    /// Whether a query begins behind the parentheses that many places on. `((SELECT 1) + 1)` and `((SELECT 1) t)` only
    /// look like one: what stands behind the inner parentheses tells.
    pub(crate) fn query_follows(&self, ahead: usize) -> bool {
        let mut at = ahead;
        while self.at_ahead(at, "(") {
            at += 1;
        }
        if at == ahead {
            return false;
        }
        let keyword = ["SELECT", "WITH", "VALUES", "FROM", "TABLE"].iter().any(|word| self.at_word_ahead(at, word));
        let next = self.peek_at(at + 1);
        let continues = !matches!(next.kind, Kind::End) && ![",", ")", ".", "="].contains(&next.text.as_str());
        keyword && continues && (ahead + 1..at).all(|inner| self.behind_parentheses(inner).is_none_or(goes_on_as_query))
    }

    fn case(&mut self) -> Parsed<Expression> {
        self.expect_word("CASE")?;
        let subject = if self.at_word("WHEN") { None } else { Some(self.expression()?) };
        let mut arguments = Vec::new();
        while self.accept_word("WHEN") {
            let condition = self.expression()?;
            arguments.push(match &subject {
                Some(subject) => call("==", vec![subject.clone(), condition]),
                None => condition,
            });
            self.expect_word("THEN")?;
            arguments.push(self.expression()?);
        }
        if arguments.is_empty() {
            return self.fail();
        }
        if self.accept_word("ELSE") {
            arguments.push(self.expression()?);
        }
        self.expect_word("END")?;
        Ok(call("when", arguments))
    }

    fn cast(&mut self) -> Parsed<Expression> {
        let attempt = self.advance().text.eq_ignore_ascii_case("TRY_CAST");
        self.expect("(")?;
        let expr = self.expression()?;
        self.expect_word("AS")?;
        let data_type = self.data_type()?;
        self.expect(")")?;
        let mode = if attempt { cast::EvalMode::Try } else { cast::EvalMode::Unspecified };
        Ok(cast_to(expr, data_type, mode))
    }

    pub(super) fn parameter_marker(&mut self) -> Parsed<Expression> {
        let at = self.peek().start;
        let value = if self.accept("?") {
            self.markers_used += 1;
            self.parameters.positional.get(self.markers_used - 1).cloned()
        } else {
            self.expect(":")?;
            let name = self.identifier()?;
            self.parameters.named.get(&name).cloned()
        };
        value.ok_or_else(|| {
            let marker = &self.source[at..self.last_end()];
            let position = format!("_{}", self.markers_used.saturating_sub(1));
            let name = if marker == "?" { &position } else { marker.trim_start_matches(':') };
            let span = (at, self.last_end());
            SyntaxError::refused(spark_error!("UNBOUND_SQL_PARAMETER", name = name), span)
        })
    }
}

/// Whether a query in parentheses can go on with this token, as a query.
fn goes_on_as_query(token: &Token) -> bool {
    const WORDS: [&str; 11] = [
        "UNION",
        "EXCEPT",
        "MINUS",
        "SETMINUS",
        "INTERSECT",
        "ORDER",
        "CLUSTER",
        "DISTRIBUTE",
        "SORT",
        "LIMIT",
        "OFFSET",
    ];
    match token.kind {
        Kind::Symbol => token.text == ")",
        Kind::Word => WORDS.iter().any(|word| token.text.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

/// A cast; without a mode the session decides what an impossible one does.
pub(crate) fn cast_to(expr: Expression, data_type: DataType, mode: cast::EvalMode) -> Expression {
    expression(ExprType::Cast(Box::new(Cast {
        expr: Some(Box::new(expr)),
        cast_to_type: Some(cast::CastToType::Type(data_type)),
        eval_mode: mode.into(),
    })))
}

/// Functions that Spark calls without parentheses. (It takes a column of that name first, which nobody has; `user`,
/// which people do have, stays a column for the analyzer to look up.)
fn is_niladic(name: &str) -> bool {
    ["current_date", "current_time", "current_timestamp", "current_user"]
        .iter()
        .any(|function| function.eq_ignore_ascii_case(name))
}
