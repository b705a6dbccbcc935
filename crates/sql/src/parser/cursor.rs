//! The token cursor that the grammar's methods are written on, and what they remember while they run.

use std::collections::HashMap;

use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{ExprType, Literal, Window};
use spark_connect_proto::{Expression, Relation};

use super::error::{Parsed, SyntaxError};
use super::token::{Kind, Token, tokenize};
use millstream_core::spark_error;

/// Nesting of parentheses, subqueries and types beyond this is refused.
const DEPTH_MAX: usize = 1200;

/// Trees higher than this are refused, because whoever walks one goes as deep: nesting, and the links of chains such as
/// `a + b + c`, each of which puts the ones before it a level deeper.
const HEIGHT_MAX: usize = 2400;

/// More operands of AND or OR in one statement are refused. They are halved here, but an optimizer makes a chain of
/// them.
const CONDITIONS_MAX: usize = 6000;

/// Reads one text. Each grammar rule is a method in the file named for it.
pub(crate) struct Parser<'a> {
    pub(crate) source: &'a str,
    tokens: Vec<Token>,
    /// For each token that opens a parenthesis, the one that closes it; 0 for all others.
    closing: Vec<usize>,
    index: usize,
    depth: usize,
    /// Of the highest tree that was read since the rule around it began.
    height: usize,
    conditions: usize,
    /// Parameters of the lambda functions around the cursor.
    pub(crate) lambda_parameters: Vec<String>,
    /// Plans of the subqueries in expressions, one list per query around the cursor.
    pub(crate) subqueries: Vec<Vec<Relation>>,
    /// Windows of the WINDOW clauses around the cursor.
    pub(crate) windows: Vec<NamedWindows>,
    /// What the WINDOW clauses of the queries that begin at these tokens say.
    pub(crate) known_windows: HashMap<usize, Vec<(String, Window)>>,
    /// Values for `:name` and `?`.
    pub(crate) parameters: Parameters,
    plan_ids_used: i64,
    /// `?` read so far.
    pub(crate) markers_used: usize,
}

/// Values for the parameter markers of a statement (`spark.sql(text, args = …)`).
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// For `:name`.
    pub named: HashMap<String, Expression>,
    /// For `?`, in order.
    pub positional: Vec<Expression>,
}

/// The windows of one WINDOW clause. It stands behind the expressions that use it, so a query that needs it is read
/// twice.
#[derive(Default)]
pub(crate) struct NamedWindows {
    pub(crate) specs: HashMap<String, Window>,
    pub(crate) missing: Option<(String, usize)>,
}

/// The state of a parser that reading changes.
pub(crate) struct Checkpoint {
    index: usize,
    plans: usize,
    plan_ids_used: i64,
    markers_used: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(source: &'a str, parameters: Parameters) -> Parsed<Self> {
        let tokens = tokenize(source)?;
        Ok(Self {
            source,
            closing: closing_parentheses(&tokens)?,
            tokens,
            index: 0,
            depth: 0,
            height: 0,
            conditions: 0,
            lambda_parameters: Vec::new(),
            subqueries: vec![Vec::new()],
            windows: Vec::new(),
            known_windows: HashMap::new(),
            parameters,
            plan_ids_used: 0,
            markers_used: 0,
        })
    }

    /// The token under the cursor.
    pub(crate) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// The token that many places on.
    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.index + ahead).unwrap_or(&self.tokens[self.tokens.len() - 1])
    }

    /// Takes the token under the cursor.
    pub(crate) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != Kind::End {
            self.index += 1;
        }
        token
    }

    pub(crate) fn position(&self) -> usize {
        self.index
    }

    pub(crate) fn rewind(&mut self, position: usize) {
        self.index = position;
    }

    /// What must be put back to read a piece of the text again.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            index: self.index,
            plans: self.subqueries.last().map_or(0, Vec::len),
            plan_ids_used: self.plan_ids_used,
            markers_used: self.markers_used,
        }
    }

    /// Goes back as if nothing had been read since.
    pub(crate) fn restore(&mut self, checkpoint: &Checkpoint) {
        self.index = checkpoint.index;
        self.plan_ids_used = checkpoint.plan_ids_used;
        self.markers_used = checkpoint.markers_used;
        if let Some(plans) = self.subqueries.last_mut() {
            plans.truncate(checkpoint.plans);
        }
    }

    /// Where the last token taken ends.
    pub(crate) fn last_end(&self) -> usize {
        self.index.checked_sub(1).map_or(0, |last| self.tokens[last].end)
    }

    /// Whether the text ends here.
    pub(crate) fn at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.at_word_ahead(0, word)
    }

    pub(crate) fn at_word_ahead(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
    }

    /// Whether these words follow one another from here.
    pub(crate) fn at_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.at_word_ahead(ahead, word))
    }

    pub(crate) fn at_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.at_word(word))
    }

    pub(crate) fn at(&self, symbol: &str) -> bool {
        self.at_ahead(0, symbol)
    }

    pub(crate) fn at_ahead(&self, ahead: usize, symbol: &str) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::Symbol && token.text == symbol
    }

    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        self.accept_words(&[word])
    }

    /// Takes all the words or none.
    pub(crate) fn accept_words(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        if found {
            self.index += words.len();
        }
        found
    }

    pub(crate) fn accept(&mut self, symbol: &str) -> bool {
        let found = self.at(symbol);
        if found {
            self.index += 1;
        }
        found
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.accept_word(word) { Ok(()) } else { self.fail() }
    }

    pub(crate) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.accept(symbol) { Ok(()) } else { self.fail() }
    }

    /// Takes one `>`, also as the first half of `>>`, which ends two types at once.
    pub(crate) fn expect_closing_angle(&mut self) -> Parsed<()> {
        let index = self.index;
        if self.accept(">") {
            return Ok(());
        }
        match self.tokens.get_mut(index) {
            Some(token) if token.kind == Kind::Symbol && matches!(token.text.as_str(), ">>" | ">>>" | ">=") => {
                token.text.remove(0);
                token.start += 1;
                Ok(())
            }
            _ => self.fail(),
        }
    }

    /// Spark's error at the token under the cursor.
    pub(crate) fn fail<T>(&self) -> Parsed<T> {
        let token = self.peek();
        Err(SyntaxError::near(&self.source[token.start..token.end], token.start))
    }

    /// Spark's error where only one token could follow.
    pub(crate) fn missing<T>(&self, expected: &str) -> Parsed<T> {
        let token = self.peek();
        Err(SyntaxError::missing(&self.source[token.start..token.end], expected, token.start))
    }

    /// Valid Spark that is not built here.
    pub(crate) fn unsupported<T>(&self, what: &str) -> Parsed<T> {
        Err(SyntaxError::unsupported(what, self.peek().start))
    }

    /// A name: any word, or one in backticks.
    pub(crate) fn identifier(&mut self) -> Parsed<String> {
        match self.peek().kind {
            Kind::Word | Kind::Quoted => Ok(self.advance().text),
            _ => self.fail(),
        }
    }

    /// A name with its qualifiers, as of a table; a dash in it gets Spark's advice to use backticks.
    pub(crate) fn qualified_name(&mut self) -> Parsed<Vec<String>> {
        if let Some(parts) = self.identifier_clause()? {
            return Ok(parts);
        }
        let mut parts = vec![self.identifier()?];
        loop {
            self.refuse_dash()?;
            if !self.accept(".") {
                return Ok(parts);
            }
            parts.push(self.identifier()?);
        }
    }

    /// `IDENTIFIER('a.b')`, `IDENTIFIER(:name || 'x')`: a name given as a string.
    pub(crate) fn identifier_clause(&mut self) -> Parsed<Option<Vec<String>>> {
        if !(self.at_word("IDENTIFIER") && self.at_ahead(1, "(")) {
            return Ok(None);
        }
        self.index += 2;
        let at = self.peek().start;
        let mut text = String::new();
        loop {
            text.push_str(&self.constant_text()?);
            if !self.accept("||") {
                break;
            }
        }
        self.expect(")")?;
        let parsed = Parser::new(&text, Parameters::default()).and_then(|mut parser| {
            let name = parser.qualified_name()?;
            parser.expect_end(false)?;
            Ok(name)
        });
        parsed.map(Some).map_err(|_| SyntaxError::near(&text, at))
    }

    /// A string, or the parameter that is one.
    fn constant_text(&mut self) -> Parsed<String> {
        if self.peek().kind == Kind::Text {
            return self.text();
        }
        let at = self.peek().start;
        if !self.at(":") && !self.at("?") {
            return self.unsupported("IDENTIFIER of anything but strings and parameters");
        }
        let value = self.parameter_marker()?;
        match value.expr_type {
            Some(ExprType::Literal(Literal { literal_type: Some(LiteralType::String(text)), .. })) => Ok(text),
            _ => Err(SyntaxError::unsupported("IDENTIFIER of a parameter that is no string", at)),
        }
    }

    /// Refuses a dash that was meant as part of the name before it.
    pub(crate) fn refuse_dash(&self) -> Parsed<()> {
        let first = self.peek().start;
        let (mut end, mut offset) = (self.last_end(), 0);
        loop {
            let (dash, next) = (self.peek_at(offset), self.peek_at(offset + 1));
            let is_dash = &self.source[dash.start..dash.end] == "-";
            if !is_dash || dash.start != end || dash.end != next.start || next.kind != Kind::Word {
                break;
            }
            end = next.end;
            offset += 2;
        }
        if offset == 0 {
            return Ok(());
        }
        let start = self.tokens[self.index - 1].start;
        Err(SyntaxError::identifier(&self.source[start..end], first))
    }

    /// A string literal; adjacent ones are one.
    pub(crate) fn text(&mut self) -> Parsed<String> {
        if self.peek().kind != Kind::Text {
            return self.fail();
        }
        let mut text = self.advance().text;
        while self.peek().kind == Kind::Text {
            text.push_str(&self.advance().text);
        }
        Ok(text)
    }

    /// An integer without suffix.
    pub(crate) fn integer(&mut self) -> Parsed<i64> {
        let token = self.peek();
        match (token.kind, token.text.parse()) {
            (Kind::Number, Ok(value)) => {
                self.advance();
                Ok(value)
            }
            _ => self.fail(),
        }
    }

    /// One or more items with commas between them.
    pub(crate) fn list<T>(&mut self, item: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// One or more items in parentheses.
    pub(crate) fn list_in_parentheses<T>(&mut self, item: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("(")?;
        let items = self.list(item)?;
        self.expect(")")?;
        Ok(items)
    }

    /// `(a, b)` or nothing.
    pub(crate) fn optional_names(&mut self) -> Parsed<Vec<String>> {
        if self.at("(") { self.list_in_parentheses(Self::identifier) } else { Ok(Vec::new()) }
    }

    /// Counts a link of a chain such as `a + b + c`, which puts what was read before it a level deeper.
    pub(crate) fn link(&mut self) -> Parsed<()> {
        self.height += 1;
        if self.height <= HEIGHT_MAX { Ok(()) } else { Err(too_complex(self.peek())) }
    }

    /// Counts an operand of AND or OR.
    pub(crate) fn condition(&mut self) -> Parsed<()> {
        self.conditions += 1;
        if self.conditions <= CONDITIONS_MAX { Ok(()) } else { Err(too_complex(self.peek())) }
    }

    /// The token behind the parenthesis that closes the one that many places on, if it is closed.
    pub(crate) fn behind_parentheses(&self, ahead: usize) -> Option<&Token> {
        let closing = self.closing.get(self.index + ahead).filter(|closing| **closing > 0)?;
        self.tokens.get(closing + 1)
    }

    /// Runs a rule that may contain itself.
    pub(crate) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nested_by(1, rule)
    }

    /// Runs a rule that may contain itself and takes as much stack as that many expressions.
    pub(crate) fn nested_by<T>(&mut self, levels: usize, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth + levels > DEPTH_MAX {
            return Err(too_complex(self.peek()));
        }
        self.depth += levels;
        let result = self.beside(|parser| {
            let result = rule(parser);
            parser.link().and(result)
        });
        self.depth -= levels;
        result
    }

    /// Runs a rule whose tree stands beside what was read before, not above it.
    pub(crate) fn beside<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let before = std::mem::take(&mut self.height);
        let result = rule(self);
        self.height = self.height.max(before);
        result
    }

    /// The text must end here; a last semicolon is allowed.
    pub(crate) fn finish(&mut self) -> Parsed<()> {
        let after_semicolon = self.at(";");
        while self.accept(";") {}
        self.expect_end(after_semicolon)
    }

    /// The text must end here.
    pub(crate) fn expect_end(&self, after_semicolon: bool) -> Parsed<()> {
        let token = self.peek();
        if token.kind == Kind::End {
            return Ok(());
        }
        let text = &self.source[token.start..token.end];
        if text == "|>" {
            return self.unsupported("Pipe syntax");
        }
        if after_semicolon || self.peek_at(1).kind == Kind::End {
            return Err(SyntaxError::extra_input(text, token.start));
        }
        Err(SyntaxError::near(text, token.start))
    }

    /// Plan ids of subqueries count down from -1, so that they never meet those of a client.
    pub(crate) fn next_plan_id(&mut self) -> i64 {
        self.plan_ids_used += 1;
        -self.plan_ids_used
    }
}

/// Pairs parentheses by place. It also refuses nesting without end before anything is done for each level.
fn closing_parentheses(tokens: &[Token]) -> Parsed<Vec<usize>> {
    let mut closing = vec![0; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Symbol) {
        match token.text.as_str() {
            "(" if open.len() == DEPTH_MAX => return Err(too_complex(token)),
            "(" => open.push(index),
            ")" => open.pop().into_iter().for_each(|opening| closing[opening] = index),
            _ => {}
        }
    }
    Ok(closing)
}

fn too_complex(token: &Token) -> SyntaxError {
    let hint = format!(
        "at most {DEPTH_MAX} levels of nesting, {HEIGHT_MAX} operators in a row and {CONDITIONS_MAX} operands of AND \
         and OR are read"
    );
    SyntaxError::refused(spark_error!("FAILED_TO_PARSE_TOO_COMPLEX").with_hint(hint), (token.start, token.end))
}
