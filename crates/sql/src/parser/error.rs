//! Spark's parse errors: class, message, place and the quoted text.
//!
//! The grammar raises a [`SyntaxError`] with a byte offset; the text is added once, at the entry points, in
//! [`SyntaxError::into_error`]. Which words Spark's generated parser names in a message follows from its look-ahead, so
//! the offending token can differ from Spark's in texts with more than one mistake.

use std::sync::Arc;

use millstream_core::error::{Error, SparkException, TextPlace};
use millstream_core::query_context::{QueryContext, SqlContext, SqlText};
use millstream_core::spark_error;

use crate::grouping_sets;

/// What is wrong, before the text around it is known.
#[derive(Debug)]
pub(crate) struct SyntaxError(Box<Problem>);

#[derive(Debug)]
struct Problem {
    error: Error,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// The message says nothing about where.
    Nowhere,
    /// The text is shown whole, and the trouble begins at this byte.
    Text(usize),
    /// `(line 1, pos 7)`: the parser stopped at this byte.
    At(usize),
    /// `; line 1 pos 7`: the parser's tree is refused.
    Analysis(usize),
    /// The parser understood these bytes, and refuses them: they are the error's query context.
    Span(usize, usize),
}

/// The grammar's result.
pub(crate) type Parsed<T> = Result<T, SyntaxError>;

impl SyntaxError {
    fn new(error: Error, place: Place) -> Self {
        Self(Box::new(Problem { error, place }))
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
        Self::new(spark_error!("PARSE_SYNTAX_ERROR", error = shown, hint = hint), Place::At(at))
    }

    /// There is nothing to parse.
    pub(crate) fn empty_statement(at: usize) -> Self {
        Self::new(spark_error!("PARSE_EMPTY_STATEMENT"), Place::At(at))
    }

    /// A comment that does not end.
    pub(crate) fn unclosed_comment(at: usize) -> Self {
        Self::new(spark_error!("UNCLOSED_BRACKETED_COMMENT"), Place::Text(at))
    }

    /// A value that its typed literal cannot have, such as `DATE 'x'`.
    pub(crate) fn typed_literal(type_name: &str, value: &str, span: (usize, usize)) -> Self {
        let (value_type, value) = (format!("\"{type_name}\""), format!("'{value}'"));
        let error = spark_error!("INVALID_TYPED_LITERAL", valueType = value_type, value = value);
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// A name before a string literal that is no type with literals.
    pub(crate) fn unsupported_typed_literal(type_name: &str, span: (usize, usize)) -> Self {
        let error = spark_error!(
            "UNSUPPORTED_TYPED_LITERAL",
            unsupportedType = format!("\"{type_name}\""),
            supportedTypes = r#""DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP", "INTERVAL", "X", "TIME""#,
        );
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// A number beyond the type that its suffix names.
    pub(crate) fn numeric_range(value: &str, range: NumericRange, span: (usize, usize)) -> Self {
        let NumericRange { type_name, low, high } = range;
        let error = spark_error!(
            "INVALID_NUMERIC_LITERAL_RANGE",
            rawStrippedQualifier = value,
            typeName = type_name,
            minValue = low,
            maxValue = high,
        );
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// Months and days in one interval.
    pub(crate) fn mixed_interval(text: &str, span: (usize, usize)) -> Self {
        Self::new(spark_error!("_LEGACY_ERROR_TEMP_0029", literal = text), Place::Span(span.0, span.1))
    }

    /// A value of an interval that is no number.
    pub(crate) fn interval_number(value: &str, span: (usize, usize)) -> Self {
        Self::new(spark_error!("_LEGACY_ERROR_TEMP_0026", value = value), Place::Span(span.0, span.1))
    }

    /// What Spark's analyzer refuses, but needs no more than the text to be seen.
    pub(crate) fn analysis(error: Error, at: usize) -> Self {
        Self::new(error, Place::Analysis(at))
    }

    /// A type that Spark does not have.
    pub(crate) fn data_type(name: &str, span: (usize, usize)) -> Self {
        let error = spark_error!("UNSUPPORTED_DATATYPE", typeName = format!("\"{name}\""));
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// `ARRAY` or the like without its element types.
    pub(crate) fn incomplete_type(name: &str, span: (usize, usize)) -> Self {
        let error = match name {
            "MAP" => spark_error!("INCOMPLETE_TYPE_DEFINITION.MAP"),
            "STRUCT" => spark_error!("INCOMPLETE_TYPE_DEFINITION.STRUCT"),
            // Spark puts the angle brackets into the parameter.
            _ => spark_error!("INCOMPLETE_TYPE_DEFINITION.ARRAY", elementType = "<INT>"),
        };
        Self::new(error, Place::Span(span.0, span.1))
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
        let error = spark_error!("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", precision = precision, maxPrecision = "38");
        Self::new(error, place)
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
        Self::new(spark_error!("INVALID_IDENTIFIER", ident = name), Place::At(at))
    }

    /// A row of VALUES with another number of columns than the first.
    pub(crate) fn inline_table((width, found, row): (usize, usize, usize), span: (usize, usize)) -> Self {
        let error = spark_error!(
            "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
            expectedNumCols = width,
            actualNumCols = found,
            rowIndex = row,
        );
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// `IN ()`
    pub(crate) fn empty_in(span: (usize, usize)) -> Self {
        Self::new(spark_error!("INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE"), Place::Span(span.0, span.1))
    }

    /// An escape string of LIKE that is not one character.
    pub(crate) fn escape(text: &str, span: (usize, usize)) -> Self {
        let error = spark_error!("INVALID_ESC", invalidEscape = format!("'{text}'"));
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// What is wrong with a part of the text.
    pub(crate) fn refused(error: Error, span: (usize, usize)) -> Self {
        Self::new(error, Place::Span(span.0, span.1))
    }

    /// Grouping sets beyond the bound.
    pub(crate) fn too_many_grouping_sets(at: usize) -> Self {
        Self::new(grouping_sets::too_many().with_exception(SparkException::Parse), Place::At(at))
    }

    /// Spark understands this text, Millstream does not.
    pub(crate) fn unsupported(what: &str, at: usize) -> Self {
        let error = Error::unsupported(format!("{what} is not supported.")).with_exception(SparkException::Parse);
        Self::new(error, Place::At(at))
    }

    /// The error with the text quoted as Spark quotes it.
    pub(crate) fn into_error(self, source: &str) -> Error {
        let Problem { error, place } = *self.0;
        let mut error = error.with_location(place.quote(source));
        if let Place::Span(start, end) = place {
            let text = Arc::new(SqlText { text: source.to_owned(), object: None });
            error = error.with_query_context(|| QueryContext::Sql(SqlContext { text, part: start..end }));
        }
        match place.offset() {
            Some(offset) => error.with_place(TextPlace { text: source.to_owned(), offset }),
            None => error,
        }
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
    /// The byte at which the trouble begins.
    fn offset(self) -> Option<usize> {
        match self {
            Self::Nowhere => None,
            Self::Text(at) | Self::At(at) | Self::Analysis(at) | Self::Span(at, _) => Some(at),
        }
    }

    fn quote(self, source: &str) -> String {
        match self {
            // A span is said by the error's context.
            Self::Nowhere | Self::Span(_, _) => String::new(),
            Self::Text(_) => format!("\n== SQL ==\n{source}"),
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
        }
    }
}

/// The line counted from one, and the characters before the offset in it.
fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at.min(source.len())];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count())
}
