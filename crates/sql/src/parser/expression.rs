//! Expressions: operators by Spark's precedence, down to [`Parser::primary`].
//!
//! From loose to tight: OR, AND, NOT, predicates (BETWEEN, IN, LIKE, IS …), comparison, `|`, `^`, `&`, shifts, `+ -
//! ||`, `* / % DIV`, signs. A predicate is not an operand of another, as in Spark: `a IS NULL = b` is a syntax error.

use spark_connect_proto::Expression;
use spark_connect_proto::SubqueryExpression;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{ExprType, Literal};
use spark_connect_proto::subquery_expression::SubqueryType;

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::extension::StarExcept;
use super::message::{alias, balanced, boolean, call, expression, string};
use super::token::Kind;

/// Binary operators with their binding power and the function that Spark calls for them.
const OPERATORS: [(&str, u8, &str); 24] = [
    ("=", 1, "=="),
    ("==", 1, "=="),
    ("<=>", 1, "<=>"),
    ("<>", 1, "!="),
    ("!=", 1, "!="),
    ("<", 1, "<"),
    ("<=", 1, "<="),
    ("!>", 1, "<="),
    (">", 1, ">"),
    (">=", 1, ">="),
    ("!<", 1, ">="),
    ("|", 2, "|"),
    ("^", 3, "^"),
    ("&", 4, "&"),
    ("<<", 5, "<<"),
    (">>", 5, ">>"),
    (">>>", 5, ">>>"),
    ("+", 6, "+"),
    ("-", 6, "-"),
    ("||", 6, "concat"),
    ("*", 7, "*"),
    ("/", 7, "/"),
    ("%", 7, "%"),
    ("DIV", 7, "div"),
];

/// Signs bind tighter than any binary operator.
const SIGN: u8 = 8;

impl Parser<'_> {
    /// An expression with an optional name, as in a select list.
    pub(crate) fn named_expression(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let expr = self.expression_with_name()?;
        Ok(self.placed(start, expr))
    }

    fn expression_with_name(&mut self) -> Parsed<Expression> {
        let expr = self.expression()?;
        if self.accept_word("AS") {
            if self.at("(") {
                let names = self.list_in_parentheses(Self::identifier)?;
                return Ok(alias(expr, names));
            }
            // Spark reads a last AS as the name itself: `SELECT 1 as`.
            if !matches!(self.peek().kind, Kind::Word | Kind::Quoted) {
                return Ok(alias(expr, vec!["as".to_owned()]));
            }
            let name = self.identifier()?;
            self.refuse_dash()?;
            return Ok(alias(expr, vec![name]));
        }
        if self.at("(") {
            let names = self.list_in_parentheses(Self::identifier)?;
            return Ok(alias(expr, names));
        }
        if self.at_alias() || self.at_name_before_from() {
            let name = self.identifier()?;
            return Ok(alias(expr, vec![name]));
        }
        Ok(expr)
    }

    /// Whether a word that begins a join or another clause is just a name here: `SELECT a left FROM t`.
    fn at_name_before_from(&self) -> bool {
        self.peek().kind == Kind::Word && self.at_word_ahead(1, "FROM") && !self.at_word("FROM")
    }

    /// Any expression.
    pub(crate) fn expression(&mut self) -> Parsed<Expression> {
        self.nested(Self::disjunction)
    }

    fn disjunction(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let mut operands = vec![self.beside(Self::conjunction)?];
        while self.at_clause("OR") {
            self.advance();
            self.condition()?;
            operands.push(self.beside(Self::conjunction)?);
        }
        Ok(self.placed(start, balanced("or", operands)))
    }

    fn conjunction(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let mut operands = vec![self.beside(Self::negation)?];
        while self.at_clause("AND") {
            self.advance();
            self.condition()?;
            operands.push(self.beside(Self::negation)?);
        }
        Ok(self.placed(start, balanced("and", operands)))
    }

    fn negation(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let mut negations = 0;
        while self.at("!") || (self.at_word("NOT") && self.starts_expression(1)) {
            self.advance();
            self.link()?;
            negations += 1;
        }
        let mut expr = self.predicate()?;
        for _ in 0..negations {
            expr = call("not", vec![expr]);
        }
        Ok(self.placed(start, expr))
    }

    /// Whether an expression can begin at the token that many places on; tells keywords from columns of their name.
    pub(crate) fn starts_expression(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        match token.kind {
            Kind::Word => !["AND", "OR", "IS", "IN", "LIKE", "BETWEEN", "AS", "FROM"]
                .iter()
                .any(|word| token.text.eq_ignore_ascii_case(word)),
            Kind::Quoted | Kind::Text | Kind::Number | Kind::Hex => true,
            Kind::Symbol => ["(", "-", "+", "~", "!", "*", "?", ":", "["].contains(&token.text.as_str()),
            Kind::Unknown | Kind::End => false,
        }
    }

    /// The place of a predicate is behind its operand, as in Spark: `IN (1, 2)`.
    fn predicate(&mut self) -> Parsed<Expression> {
        let operand = self.value()?;
        let start = self.peek().start;
        let predicate = self.predicate_of(operand)?;
        Ok(self.placed(start, predicate))
    }

    fn predicate_of(&mut self, operand: Expression) -> Parsed<Expression> {
        if self.at_clause("IS") {
            self.advance();
            return self.is_predicate(operand);
        }
        let negated = self.at_word("NOT")
            && ["BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP"].iter().any(|word| self.at_word_ahead(1, word));
        if negated {
            self.advance();
        }
        let result = if self.accept_word("BETWEEN") {
            self.between(operand)?
        } else if self.at_word("IN") && self.at_ahead(1, "(") {
            self.advance();
            self.in_predicate(operand)?
        } else if self.at_any_word(&["LIKE", "ILIKE", "RLIKE", "REGEXP"]) && self.starts_expression(1) {
            return self.like(operand, negated);
        } else {
            return if negated { self.fail() } else { Ok(operand) };
        };
        Ok(if negated { call("not", vec![result]) } else { result })
    }

    fn is_predicate(&mut self, operand: Expression) -> Parsed<Expression> {
        let negated = self.accept_word("NOT");
        if self.accept_word("NULL") || self.accept_word("UNKNOWN") {
            return Ok(call(if negated { "isnotnull" } else { "isnull" }, vec![operand]));
        }
        let result = if self.accept_word("TRUE") {
            call("<=>", vec![operand, boolean(true)])
        } else if self.accept_word("FALSE") {
            call("<=>", vec![operand, boolean(false)])
        } else if self.accept_words(&["DISTINCT", "FROM"]) {
            let other = self.value()?;
            call("not", vec![call("<=>", vec![operand, other])])
        } else {
            return self.fail();
        };
        match (negated, result) {
            (false, result) => Ok(result),
            (true, result) => Ok(without_double_negation(result)),
        }
    }

    fn between(&mut self, operand: Expression) -> Parsed<Expression> {
        let lower = self.value()?;
        if !self.accept_word("AND") {
            return if self.at_end() { self.fail() } else { self.missing("AND") };
        }
        let upper = self.value()?;
        Ok(call("between", vec![operand, lower, upper]))
    }

    fn in_predicate(&mut self, operand: Expression) -> Parsed<Expression> {
        if self.at_query_in_parentheses() {
            let in_subquery_values = row_values(operand);
            let plan_id = self.subquery_plan()?;
            return Ok(subquery(plan_id, SubqueryType::In, in_subquery_values));
        }
        if self.at_ahead(1, ")") {
            let start = self.last_end() - 2;
            self.advance();
            self.advance();
            return Err(SyntaxError::empty_in((start, self.last_end())));
        }
        let mut arguments = vec![operand];
        arguments.extend(self.list_in_parentheses(Self::expression)?);
        Ok(call("in", arguments))
    }

    fn like(&mut self, operand: Expression, negated: bool) -> Parsed<Expression> {
        let not = |test| if negated { call("not", vec![test]) } else { test };
        let start = self.peek().start;
        let keyword = self.advance().text.to_ascii_lowercase();
        let name = if keyword == "regexp" { "rlike" } else { keyword.as_str() };
        let quantified = self.at_any_word(&["ANY", "SOME", "ALL"]) && self.at_ahead(1, "(") && name != "rlike";
        if quantified {
            let all = self.advance().text.eq_ignore_ascii_case("ALL");
            let patterns = self.list_in_parentheses(Self::expression)?;
            if let Some(texts) = patterns.iter().map(text_of).collect::<Option<Vec<_>>>() {
                return Ok(quantified_like((negated, all), name, operand, texts));
            }
            // NOT LIKE ANY asks for a pattern that does not fit, NOT LIKE ALL that none does.
            let terms = patterns.into_iter().map(|pattern| not(call(name, vec![operand.clone(), pattern]))).collect();
            return Ok(balanced(if all { "and" } else { "or" }, terms));
        }
        let mut arguments = vec![operand, self.value()?];
        if name != "rlike" && self.accept_word("ESCAPE") {
            let escape = self.text()?;
            if escape.chars().count() != 1 {
                return Err(SyntaxError::escape(&escape, (start, self.last_end())));
            }
            arguments.push(string(escape));
        }
        Ok(not(call(name, arguments)))
    }

    /// An expression without AND, OR, NOT and predicates.
    pub(crate) fn value(&mut self) -> Parsed<Expression> {
        self.binary(0)
    }

    fn binary(&mut self, above: u8) -> Parsed<Expression> {
        let start = self.peek().start;
        let mut left = self.signed()?;
        while let Some((power, function)) = self.operator().filter(|(power, _)| *power > above) {
            self.advance();
            self.link()?;
            let right = self.binary(power)?;
            let operation = match function {
                "!=" => call("not", vec![call("==", vec![left, right])]),
                function => call(function, vec![left, right]),
            };
            left = self.placed(start, operation);
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(u8, &'static str)> {
        let token = self.peek();
        if !matches!(token.kind, Kind::Symbol | Kind::Word) {
            return None;
        }
        let found = OPERATORS.iter().find(|(symbol, ..)| token.text.eq_ignore_ascii_case(symbol));
        found
            .filter(|_| token.kind == Kind::Symbol || self.starts_expression(1))
            .map(|(_, power, name)| (*power, *name))
    }

    fn signed(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        let function = match self.peek().text.as_str() {
            // `-1` is a literal, so that -128Y and -2147483648 are in range.
            "-" if self.at("-") && self.peek_at(1).kind != Kind::Number => "-",
            "+" if self.at("+") => "positive",
            "~" if self.at("~") => "~",
            _ => return self.primary(),
        };
        self.advance();
        let operand = self.nested(|parser| parser.binary(SIGN))?;
        Ok(self.placed(start, call(function, vec![operand])))
    }

    /// `*`, with the name parts before it, and EXCEPT.
    pub(crate) fn star(&mut self, parts: &[String]) -> Parsed<Expression> {
        let star = super::message::star(parts);
        if !(self.at_word("EXCEPT") && self.at_ahead(1, "(") && !self.query_follows(1)) {
            return Ok(star);
        }
        self.advance();
        let except = self.list_in_parentheses(|parser| Ok(super::message::attribute(&parser.qualified_name()?)))?;
        Ok(StarExcept { star: Some(Box::new(star)), except }.into())
    }

    /// The query in parentheses at the cursor becomes a subquery of the query around it.
    pub(crate) fn subquery_plan(&mut self) -> Parsed<i64> {
        self.expect("(")?;
        let mut plan = self.query()?;
        self.expect(")")?;
        let plan_id = self.next_plan_id();
        plan.common.get_or_insert_default().plan_id = Some(plan_id);
        if let Some(plans) = self.subqueries.last_mut() {
            plans.push(plan);
        }
        Ok(plan_id)
    }
}

/// A subquery expression that names its plan.
pub(crate) fn subquery(plan_id: i64, kind: SubqueryType, in_subquery_values: Vec<Expression>) -> Expression {
    expression(ExprType::SubqueryExpression(SubqueryExpression {
        plan_id,
        subquery_type: kind.into(),
        table_arg_options: None,
        in_subquery_values,
    }))
}

/// `(a, b) IN (SELECT …)` compares several columns.
fn row_values(operand: Expression) -> Vec<Expression> {
    match operand.expr_type {
        Some(ExprType::UnresolvedFunction(function)) if function.function_name == "struct" => function.arguments,
        _ => vec![operand],
    }
}

/// The opposite of an expression; `IS NOT DISTINCT FROM` is `<=>` itself.
fn without_double_negation(expr: Expression) -> Expression {
    match expr.expr_type {
        Some(ExprType::UnresolvedFunction(mut function)) if function.function_name == "not" => {
            function.arguments.pop().unwrap_or_default()
        }
        _ => call("not", vec![expr]),
    }
}

/// The text of a literal that is one.
fn text_of(pattern: &Expression) -> Option<String> {
    match pattern.expr_type.as_ref() {
        Some(ExprType::Literal(Literal { literal_type: Some(LiteralType::String(text)), .. })) => Some(text.clone()),
        _ => None,
    }
}

/// `LIKE ANY` and its kin over constants, each a function of its own. ILIKE compares in lower case.
fn quantified_like((negated, all): (bool, bool), name: &str, operand: Expression, texts: Vec<String>) -> Expression {
    let function = match (negated, all) {
        (false, false) => "likeany",
        (false, true) => "likeall",
        (true, false) => "notlikeany",
        (true, true) => "notlikeall",
    };
    let any_case = name == "ilike";
    let operand = if any_case { call("lower", vec![operand]) } else { operand };
    let texts = texts.into_iter().map(|text| string(if any_case { text.to_lowercase() } else { text }));
    call(function, std::iter::once(operand).chain(texts).collect())
}
