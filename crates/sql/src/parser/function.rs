//! Function calls: arguments, the forms with keywords inside the parentheses, FILTER, and OVER.

use spark_connect_proto::Expression;
use spark_connect_proto::NamedArgumentExpression;
use spark_connect_proto::expression::ExprType;

use super::cursor::Parser;
use super::error::Parsed;
use super::extension::QualifiedCall;
use super::message::{call, expression, string};
use super::token::Kind;

/// Units that `dateadd(HOUR, 1, ts)` and its kin take as a bare word.
const UNITS: [&str; 11] =
    ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DAYOFYEAR", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"];

fn is_struct(name: &[String]) -> bool {
    matches!(name, [function] if function.eq_ignore_ascii_case("struct"))
}

/// What stands in a call's parentheses.
enum Form {
    /// Keywords between the arguments: the call is complete.
    Keywords(Expression),
    /// Arguments with commas, of which the first may have been read.
    Plain(Option<Expression>),
}

impl Parser<'_> {
    /// The call of a function whose name has been read.
    pub(crate) fn call(&mut self, name: Vec<String>) -> Parsed<Expression> {
        self.expect("(")?;
        let form = match name.as_slice() {
            [function] => self.keyword_form(&function.to_ascii_lowercase())?,
            _ => Form::Plain(None),
        };
        let first = match form {
            Form::Keywords(expr) => return self.qualify_call(expr),
            Form::Plain(first) => first,
        };
        let distinct = first.is_none() && self.at_word("DISTINCT") && self.starts_arguments(1);
        if distinct || (first.is_none() && self.at_word("ALL") && self.starts_arguments(1)) {
            self.advance();
        }
        let mut arguments: Vec<Expression> = first.into_iter().collect();
        if (arguments.is_empty() && !self.at(")")) || (!arguments.is_empty() && self.accept(",")) {
            let argument = if is_struct(&name) { Self::field } else { Self::argument };
            arguments.extend(self.list(argument)?);
        }
        let ignore_nulls = self.null_treatment();
        self.expect(")")?;
        let mut function = call(&super::message::qualified(&name), arguments);
        if let Some(ExprType::UnresolvedFunction(function)) = &mut function.expr_type {
            function.is_distinct = distinct;
        }
        if ignore_nulls == Some(true) {
            function =
                QualifiedCall { function: Some(Box::new(function)), ignore_nulls: true, ..Default::default() }.into();
        }
        self.qualify_call(function)
    }

    /// Whether an argument begins at that token: DISTINCT and ALL may also be columns.
    fn starts_arguments(&self, ahead: usize) -> bool {
        self.starts_expression(ahead) && !self.at_ahead(ahead, "(")
            || self.at_ahead(ahead, "(") && !self.at_ahead(1, ".")
    }

    /// An argument: an expression, or `name => expression`.
    pub(crate) fn argument(&mut self) -> Parsed<Expression> {
        if self.at_ahead(1, "=>") {
            let key = self.identifier()?;
            self.expect("=>")?;
            let value = Some(Box::new(self.expression()?));
            let argument = NamedArgumentExpression { key, value };
            return Ok(expression(ExprType::NamedArgumentExpression(Box::new(argument))));
        }
        // `struct(a AS b)`; Spark refuses a name elsewhere when it resolves the function.
        self.named_expression_in_call()
    }

    /// A field of `struct(a, b AS c, d e)`.
    fn field(&mut self) -> Parsed<Expression> {
        if self.at_ahead(1, "=>") { self.argument() } else { self.named_expression() }
    }

    fn named_expression_in_call(&mut self) -> Parsed<Expression> {
        let expr = self.expression()?;
        if self.at_word("AS") {
            self.advance();
            let name = self.identifier()?;
            return Ok(super::message::alias(expr, vec![name]));
        }
        Ok(expr)
    }

    /// Functions with a grammar of their own; the opening parenthesis has been read. Nothing is read twice, or calls in
    /// calls would take exponential time.
    fn keyword_form(&mut self, function: &str) -> Parsed<Form> {
        match function {
            "extract" if self.at_word_ahead(1, "FROM") => self.extract_form(),
            "dateadd" | "date_add" | "datediff" | "date_diff" | "timestampadd" | "timestampdiff"
                if UNITS.iter().any(|unit| self.at_word(unit)) && self.at_ahead(1, ",") =>
            {
                self.unit_form(function)
            }
            "trim" if self.at_any_word(&["BOTH", "LEADING", "TRAILING"]) && self.side_follows() => self.trim_side(),
            "substring" | "substr" | "position" | "overlay" | "trim" if !self.at(")") && !self.at_ahead(1, "=>") => {
                // IN would make a predicate of `position(x IN (y))`.
                let first = if function == "position" { self.value()? } else { self.argument()? };
                match function {
                    "position" if self.accept_word("IN") => self.position_form(first),
                    "trim" if self.accept_word("FROM") => self.trim_form("trim", Some(first)),
                    "overlay" if self.accept_word("PLACING") => self.overlay_form(first),
                    "substring" | "substr" if self.accept_word("FROM") => self.substring_form(first),
                    _ => Ok(Form::Plain(Some(first))),
                }
            }
            _ => Ok(Form::Plain(None)),
        }
    }

    /// `extract(YEAR FROM ts)`
    fn extract_form(&mut self) -> Parsed<Form> {
        let field = self.identifier()?;
        self.expect_word("FROM")?;
        let source = self.value()?;
        self.form("extract", vec![string(field), source])
    }

    /// `substring(s FROM 2 FOR 3)`
    fn substring_form(&mut self, text: Expression) -> Parsed<Form> {
        let mut arguments = vec![text, self.value()?];
        if self.accept_word("FOR") {
            arguments.push(self.value()?);
        }
        self.form("substring", arguments)
    }

    /// `position(x IN s)`
    fn position_form(&mut self, part: Expression) -> Parsed<Form> {
        let arguments = vec![part, self.value()?];
        self.form("locate", arguments)
    }

    /// Whether BOTH, LEADING or TRAILING is said rather than a column named so.
    fn side_follows(&self) -> bool {
        self.at_word_ahead(1, "FROM") || self.starts_expression(1)
    }

    /// `trim(LEADING 'x' FROM s)`
    fn trim_side(&mut self) -> Parsed<Form> {
        let function = match self.advance().text.to_ascii_uppercase().as_str() {
            "LEADING" => "ltrim",
            "TRAILING" => "rtrim",
            _ => "trim",
        };
        let characters = if self.at_word("FROM") { None } else { Some(self.value()?) };
        self.expect_word("FROM")?;
        self.trim_form(function, characters)
    }

    /// Spark's functions take the characters to trim before the text.
    fn trim_form(&mut self, function: &str, characters: Option<Expression>) -> Parsed<Form> {
        let text = self.value()?;
        self.form(function, characters.into_iter().chain([text]).collect())
    }

    /// `overlay(s PLACING r FROM 2 FOR 3)`
    fn overlay_form(&mut self, text: Expression) -> Parsed<Form> {
        let mut arguments = vec![text, self.value()?];
        self.expect_word("FROM")?;
        arguments.push(self.value()?);
        if self.accept_word("FOR") {
            arguments.push(self.value()?);
        }
        self.form("overlay", arguments)
    }

    /// `dateadd(HOUR, 1, ts)`: with a unit, the functions are those of timestamps.
    fn unit_form(&mut self, function: &str) -> Parsed<Form> {
        let unit = self.identifier()?;
        self.expect(",")?;
        let first = self.value()?;
        self.expect(",")?;
        let second = self.value()?;
        let name = if function.ends_with("add") { "timestampadd" } else { "timestampdiff" };
        self.form(name, vec![string(unit), first, second])
    }

    fn form(&mut self, function: &str, arguments: Vec<Expression>) -> Parsed<Form> {
        self.expect(")")?;
        Ok(Form::Keywords(call(function, arguments)))
    }

    fn null_treatment(&mut self) -> Option<bool> {
        if self.accept_words(&["IGNORE", "NULLS"]) {
            return Some(true);
        }
        self.accept_words(&["RESPECT", "NULLS"]).then_some(false)
    }

    /// What may follow the parentheses: WITHIN GROUP, FILTER, IGNORE NULLS, OVER.
    fn qualify_call(&mut self, function: Expression) -> Parsed<Expression> {
        let mut qualified = QualifiedCall::default();
        if self.at_words(&["WITHIN", "GROUP"]) {
            self.advance();
            self.advance();
            self.expect("(")?;
            self.expect_word("ORDER")?;
            self.expect_word("BY")?;
            qualified.within_group = self.list(Self::sort_item)?;
            self.expect(")")?;
        }
        if self.at_word("FILTER") && self.at_ahead(1, "(") {
            self.advance();
            self.expect("(")?;
            self.expect_word("WHERE")?;
            qualified.filter = Some(Box::new(self.expression()?));
            self.expect(")")?;
        }
        qualified.ignore_nulls = self.null_treatment() == Some(true);
        let mut expr = function;
        if qualified != QualifiedCall::default() {
            qualified.function = Some(Box::new(expr));
            expr = qualified.into();
        }
        let over = self.at_word("OVER")
            && (self.at_ahead(1, "(") || matches!(self.peek_at(1).kind, Kind::Word | Kind::Quoted));
        if over { self.over(expr) } else { Ok(expr) }
    }
}
