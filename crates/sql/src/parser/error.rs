//! Spark's parse errors: class, message, place and the quoted text.
//!
//! The grammar raises a [`SyntaxError`] with a byte offset; the text is added once, at the entry points, in
//! [`SyntaxError::into_error`]. Which words Spark's generated parser names in a message follows from its look-ahead, so
//! the offending token can differ from Spark's in texts with more than one mistake.

use millstream_core::error::{Error, ErrorKind, SparkException};

/// What is wrong, before the text around it is known.
#[derive(Debug, Clone)]
pub(crate) struct SyntaxError(Box<Problem>);

#[derive(Debug, Clone)]
struct Problem {
    class: String,
    sql_state: &'static str,
    message: String,
    parameters: Vec<(&'static str, String)>,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// The message says nothing about where.
    Nowhere,
    /// The text is shown whole.
    Text,
    /// `(line 1, pos 7)`: the parser stopped at this byte.
    At(usize),
    /// `; line 1 pos 7`: the parser's tree is refused.
    Analysis(usize),
    /// `== SQL (line 1, position 8) ==`: the parser understood these bytes, and refuses them.
    Span(usize, usize),
}

/// The grammar's result.
pub(crate) type Parsed<T> = Result<T, SyntaxError>;

impl SyntaxError {
    fn new(class: &str, sql_state: &'static str, message: impl Into<String>, place: Place) -> Self {
        let message = message.into();
        Self(Box::new(Problem { class: class.to_owned(), sql_state, message, parameters: Vec::new(), place }))
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.parameters.push((name, value.into()));
        self
    }

    /// The text cannot go on with this token.
    pub(crate) fn near(token: &str, at: usize) -> Self {
        Self::near_with_hint(token, at, "")
    }

    /// The statement was complete before this token.
    pub(crate) fn extra_input(token: &str, at: usize) -> Self {
        Self::near_with_hint(token, at, &format!(": extra input '{token}'"))
    }

    /// Only one token could have stood before this one.
    pub(crate) fn missing(token: &str, expected: &str, at: usize) -> Self {
        Self::near_with_hint(token, at, &format!(": missing '{expected}'"))
    }

    fn near_with_hint(token: &str, at: usize, hint: &str) -> Self {
        let shown = if token.is_empty() { "end of input".to_owned() } else { format!("'{token}'") };
        Self::new("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near {shown}{hint}."), Place::At(at))
            .with("error", shown)
            .with("hint", hint)
    }

    /// There is nothing to parse.
    pub(crate) fn empty_statement(at: usize) -> Self {
        Self::new("PARSE_EMPTY_STATEMENT", "42617", "Syntax error, unexpected empty statement.", Place::At(at))
    }

    /// A comment that does not end.
    pub(crate) fn unclosed_comment() -> Self {
        let message = "Found an unclosed bracketed comment. Please, append */ at the end of the comment.";
        Self::new("UNCLOSED_BRACKETED_COMMENT", "42601", message, Place::Text)
    }

    /// A value that its typed literal cannot have, such as `DATE 'x'`.
    pub(crate) fn typed_literal(type_name: &str, value: &str, span: (usize, usize)) -> Self {
        let message = format!("The value of the typed literal \"{type_name}\" is invalid: '{value}'.");
        Self::new("INVALID_TYPED_LITERAL", "42604", message, Place::Span(span.0, span.1))
            .with("valueType", format!("\"{type_name}\""))
            .with("value", format!("'{value}'"))
    }

    /// A name before a string literal that is no type with literals.
    pub(crate) fn unsupported_typed_literal(type_name: &str, span: (usize, usize)) -> Self {
        let types = r#""DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP", "INTERVAL", "X", "TIME""#;
        let message = format!("Literals of the type \"{type_name}\" are not supported. Supported types are {types}.");
        Self::new("UNSUPPORTED_TYPED_LITERAL", "0A000", message, Place::Span(span.0, span.1))
            .with("unsupportedType", format!("\"{type_name}\""))
            .with("supportedTypes", types)
    }

    /// A number beyond the type that its suffix names.
    pub(crate) fn numeric_range(value: &str, range: NumericRange, span: (usize, usize)) -> Self {
        let NumericRange { type_name, low, high } = range;
        let message = format!(
            "Numeric literal {value} is outside the valid range for {type_name} with minimum value of {low} and \
             maximum value of {high}. Please adjust the value accordingly."
        );
        Self::new("INVALID_NUMERIC_LITERAL_RANGE", "22003", message, Place::Span(span.0, span.1))
            .with("rawStrippedQualifier", value)
            .with("typeName", type_name)
            .with("minValue", low)
            .with("maxValue", high)
    }

    /// Months and days in one interval; Spark has no class for it.
    pub(crate) fn mixed_interval(text: &str, span: (usize, usize)) -> Self {
        let message = format!("Cannot mix year-month and day-time fields: {text}.");
        Self::new("", "", message, Place::Span(span.0, span.1))
    }

    /// A value of an interval that is no number.
    pub(crate) fn interval_number(value: &str, span: (usize, usize)) -> Self {
        let message = format!(
            "Can only use numbers in the interval value part for multiple unit value pairs interval form, but got \
             invalid value: {value}."
        );
        Self::new("_LEGACY_ERROR_TEMP_0026", "", message, Place::Span(span.0, span.1))
    }

    /// What Spark's analyzer refuses, but needs no more than the text to be seen.
    pub(crate) fn analysis(class: &str, sql_state: &'static str, message: impl Into<String>, at: usize) -> Self {
        Self::new(class, sql_state, message, Place::Analysis(at))
    }

    /// A type that Spark does not have.
    pub(crate) fn data_type(name: &str, span: (usize, usize)) -> Self {
        let message = format!("Unsupported data type \"{name}\".");
        Self::new("UNSUPPORTED_DATATYPE", "0A000", message, Place::Span(span.0, span.1))
            .with("typeName", format!("\"{name}\""))
    }

    /// `ARRAY` or the like without its element types.
    pub(crate) fn incomplete_type(name: &str, span: (usize, usize)) -> Self {
        let needed = match name {
            "MAP" => "a key type and a value type. For example: \"MAP<TIMESTAMP, INT>\"",
            "STRUCT" => "at least one field type. For example: \"STRUCT<name STRING, phone DECIMAL(10, 0)>\"",
            _ => "an element type. For example: \"ARRAY<INT>\"",
        };
        let message = format!(
            "Incomplete complex type: The definition of \"{name}\" type is incomplete. You must provide {needed}."
        );
        let class = format!("INCOMPLETE_TYPE_DEFINITION.{name}");
        Self::new(&class, "42K01", message, Place::Span(span.0, span.1))
    }

    /// A decimal type with more digits than Spark has room for.
    pub(crate) fn decimal_precision(precision: i32) -> Self {
        Self::decimal_digits(i64::from(precision), Place::Nowhere)
    }

    /// A decimal literal with more digits than Spark has room for.
    pub(crate) fn decimal_literal(precision: i64, span: (usize, usize)) -> Self {
        Self::decimal_digits(precision, Place::Span(span.0, span.1))
    }

    fn decimal_digits(precision: i64, place: Place) -> Self {
        let message = format!("Decimal precision {precision} exceeds max precision 38.");
        Self::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003", message, place)
            .with("precision", precision.to_string())
            .with("maxPrecision", "38")
    }

    /// In a schema Spark points at the start of what it refuses rather than underlining it.
    pub(crate) fn at_its_start(mut self) -> Self {
        if let Place::Span(start, _) = self.0.place {
            self.0.place = Place::At(start);
        }
        self
    }

    /// A dash in a name without backticks.
    pub(crate) fn identifier(name: &str, at: usize) -> Self {
        let message = format!(
            "The unquoted identifier {name} is invalid and must be back quoted as: `{name}`.\n\
             Unquoted identifiers can only contain ASCII letters ('a' - 'z', 'A' - 'Z'), digits ('0' - '9'), and \
             underbar ('_').\nUnquoted identifiers must also not start with a digit.\nDifferent data sources and \
             meta stores may impose additional restrictions on valid identifiers."
        );
        Self::new("INVALID_IDENTIFIER", "42602", message, Place::At(at)).with("ident", name)
    }

    /// A row of VALUES with another number of columns than the first.
    pub(crate) fn inline_table((width, found, row): (usize, usize, usize), span: (usize, usize)) -> Self {
        let message = format!(
            "Invalid inline table. Inline table expected {width} columns but found {found} columns in row {row}."
        );
        Self::new("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "42000", message, Place::Span(span.0, span.1))
    }

    /// `IN ()`
    pub(crate) fn empty_in(span: (usize, usize)) -> Self {
        let message = "Invalid SQL syntax: IN predicate requires at least one value. Empty IN clauses like 'IN ()' are \
                       not allowed. Consider using 'WHERE FALSE' if you need an always-false condition, or provide at \
                       least one value in the IN list.";
        Self::new("INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE", "42000", message, Place::Span(span.0, span.1))
    }

    /// An escape string of LIKE that is not one character.
    pub(crate) fn escape(text: &str, span: (usize, usize)) -> Self {
        let message =
            format!("Found an invalid escape string: '{text}'. The escape string must contain only one character.");
        Self::new("INVALID_ESC", "42604", message, Place::Span(span.0, span.1))
            .with("invalidEscape", format!("'{text}'"))
    }

    /// A class of Spark's with a message of ours, for what the text says about itself.
    pub(crate) fn refused(class: &str, sql_state: &'static str, message: impl Into<String>, at: usize) -> Self {
        Self::new(class, sql_state, message, Place::Span(at, at))
    }

    /// Spark understands this text, Millstream does not.
    pub(crate) fn unsupported(what: &str, at: usize) -> Self {
        Self::new("UNSUPPORTED_FEATURE", "0A000", format!("{what} is not supported."), Place::At(at))
    }

    /// The error with the text quoted as Spark quotes it.
    pub(crate) fn into_error(self, source: &str) -> Error {
        let problem = *self.0;
        let kind = if problem.class == "UNSUPPORTED_FEATURE" { ErrorKind::Unsupported } else { ErrorKind::Invalid };
        let exception = match problem.place {
            Place::Analysis(_) => SparkException::Analysis,
            Place::Nowhere | Place::Text | Place::At(_) | Place::Span(..) => SparkException::Parse,
        };
        let mut error = Error::new(kind, problem.message)
            .with_class(problem.class, exception)
            .with_location(problem.place.quote(source));
        if !problem.sql_state.is_empty() {
            error = error.with_sql_state(problem.sql_state);
        }
        for (name, value) in problem.parameters {
            error = error.with_parameter(name, value);
        }
        error
    }
}

/// The type that a suffix names, and its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumericRange {
    pub(crate) type_name: &'static str,
    pub(crate) low: &'static str,
    pub(crate) high: &'static str,
}

impl Place {
    fn quote(self, source: &str) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::Text => format!("\n== SQL ==\n{source}"),
            Self::Analysis(at) => {
                let (line, column) = line_and_column(source, at);
                format!("; line {line} pos {column}")
            }
            Self::At(at) => {
                let (line, column) = line_and_column(source, at);
                let mut text = format!(" (line {line}, pos {column})\n\n== SQL ==\n");
                for (number, content) in source.split('\n').enumerate() {
                    text.push_str(content);
                    text.push('\n');
                    if number + 1 == line {
                        text.push_str(&"-".repeat(column));
                        text.push_str("^^^\n");
                    }
                }
                text
            }
            Self::Span(start, end) => {
                let (line, column) = line_and_column(source, start);
                let content = source.split('\n').nth(line - 1).unwrap_or_default();
                let width =
                    source.get(start..end).map_or(0, |text| text.split('\n').next().unwrap_or("").chars().count());
                format!(
                    "\n== SQL (line {line}, position {}) ==\n{content}\n{}{}\n",
                    column + 1,
                    " ".repeat(column),
                    "^".repeat(width.max(1)),
                )
            }
        }
    }
}

/// The line counted from one, and the characters before the offset in it.
fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at.min(source.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count())
}
