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

impl Parser<'_> {
    /// The call of a function whose name has been read.
    pub(crate) fn call(&mut self, name: Vec<String>) -> Parsed<Expression> {
        self.expect("(")?;
        if let [function] = name.as_slice()
            && let Some(expr) = self.keyword_form(&function.to_ascii_lowercase())?
        {
            return self.qualify_call(expr);
        }
        let distinct = self.at_word("DISTINCT") && self.starts_arguments(1) && self.accept_word("DISTINCT");
        if !distinct && self.at_word("ALL") && self.starts_arguments(1) {
            self.advance();
        }
        let arguments = if self.at(")") { Vec::new() } else { self.list(Self::argument)? };
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

    fn named_expression_in_call(&mut self) -> Parsed<Expression> {
        let expr = self.expression()?;
        if self.at_word("AS") {
            self.advance();
            let name = self.identifier()?;
            return Ok(super::message::alias(expr, vec![name]));
        }
        Ok(expr)
    }

    /// Functions with a grammar of their own; the opening parenthesis has been read. `None` leaves the cursor where it is.
    fn keyword_form(&mut self, function: &str) -> Parsed<Option<Expression>> {
        let start = self.position();
        let found = match function {
            "extract" => self.extract_form()?,
            "substring" | "substr" => self.substring_form(function)?,
            "position" => self.position_form()?,
            "trim" => self.trim_form()?,
            "overlay" => self.overlay_form()?,
            "dateadd" | "date_add" | "datediff" | "date_diff" | "timestampadd" | "timestampdiff" => {
                self.unit_form(function)?
            }
            _ => None,
        };
        if found.is_none() {
            self.rewind(start);
        }
        Ok(found)
    }

    /// `extract(YEAR FROM ts)`
    fn extract_form(&mut self) -> Parsed<Option<Expression>> {
        if !self.at_word_ahead(1, "FROM") {
            return Ok(None);
        }
        let field = self.identifier()?;
        self.expect_word("FROM")?;
        let source = self.value()?;
        self.expect(")")?;
        Ok(Some(call("extract", vec![string(field), source])))
    }

    /// `substring(s FROM 2 FOR 3)`
    fn substring_form(&mut self, function: &str) -> Parsed<Option<Expression>> {
        let Ok(text) = self.value() else { return Ok(None) };
        if !self.accept_word("FROM") {
            return Ok(None);
        }
        let mut arguments = vec![text, self.value()?];
        if self.accept_word("FOR") {
            arguments.push(self.value()?);
        }
        self.expect(")")?;
        Ok(Some(call(function, arguments)))
    }

    /// `position(x IN s)`
    fn position_form(&mut self) -> Parsed<Option<Expression>> {
        let Ok(part) = self.value() else { return Ok(None) };
        if !self.accept_word("IN") {
            return Ok(None);
        }
        let arguments = vec![part, self.value()?];
        self.expect(")")?;
        Ok(Some(call("locate", arguments)))
    }

    /// `trim(LEADING 'x' FROM s)`
    fn trim_form(&mut self) -> Parsed<Option<Expression>> {
        let side = ["BOTH", "LEADING", "TRAILING"].into_iter().find(|side| self.at_word(side));
        if side.is_some() && (self.starts_expression(1) || self.at_word_ahead(1, "FROM")) {
            self.advance();
        }
        let characters = if self.at_word("FROM") {
            None
        } else {
            let Ok(characters) = self.value() else { return Ok(None) };
            Some(characters)
        };
        if !self.accept_word("FROM") {
            return Ok(None);
        }
        let text = self.value()?;
        self.expect(")")?;
        // Spark's functions take the characters to trim before the text.
        let arguments = characters.into_iter().chain([text]).collect();
        let function = match side {
            Some("LEADING") => "ltrim",
            Some("TRAILING") => "rtrim",
            _ => "trim",
        };
        Ok(Some(call(function, arguments)))
    }

    /// `overlay(s PLACING r FROM 2 FOR 3)`
    fn overlay_form(&mut self) -> Parsed<Option<Expression>> {
        let Ok(text) = self.value() else { return Ok(None) };
        if !self.accept_word("PLACING") {
            return Ok(None);
        }
        let mut arguments = vec![text, self.value()?];
        self.expect_word("FROM")?;
        arguments.push(self.value()?);
        if self.accept_word("FOR") {
            arguments.push(self.value()?);
        }
        self.expect(")")?;
        Ok(Some(call("overlay", arguments)))
    }

    /// `dateadd(HOUR, 1, ts)`: with a unit, the functions are those of timestamps.
    fn unit_form(&mut self, function: &str) -> Parsed<Option<Expression>> {
        let unit = UNITS.iter().any(|unit| self.at_word(unit)) && self.at_ahead(1, ",");
        if !unit {
            return Ok(None);
        }
        let unit = self.identifier()?;
        self.expect(",")?;
        let first = self.value()?;
        self.expect(",")?;
        let second = self.value()?;
        self.expect(")")?;
        let name = if function.ends_with("add") { "timestampadd" } else { "timestampdiff" };
        Ok(Some(call(name, vec![string(unit), first, second])))
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
