//! Spark's error conditions: what each is called, and what it says.
//!
//! `conditions.tsv` has a line for every condition that Millstream raises: its class with the sub-class, what the
//! caller should do, the JVM exceptions under which Spark raises it (the usual one first), its SQLSTATE, and its
//! message with `<name>` for each parameter. [`spark_error!`](crate::spark_error) makes an error of a line. It is
//! checked while the calling crate is compiled: a class that is not in the table, a parameter that the message lacks
//! and one that was forgotten are errors of the compiler. `conformance/conditions.py` compares the table with Spark's
//! own list.
//!
//! Hints are not here: they are Millstream's, and are added to the error.

mod arithmetic;

use std::collections::BTreeMap;
use std::fmt::Display;

pub use self::arithmetic::{arithmetic_overflow, decimal_out_of_range};
use crate::error::{Error, ErrorKind, SparkException};

const TABLE: &str = include_str!("conditions.tsv");

/// The setting that makes Spark's arithmetic fail instead of giving NULL, as messages name it.
pub const ANSI_ENABLED: &str = "\"spark.sql.ansi.enabled\"";

/// The root of Spark's documentation, for messages that point into it (`<docroot>`).
pub const DOCROOT: &str = "https://spark.apache.org/docs/latest";

/// Stands for the SQLSTATE of a condition that has none.
const NO_SQL_STATE: &str = "-";

static CONDITIONS: [Condition; row_count()] = read_table();

/// An error condition of Spark's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    class: &'static str,
    kind: ErrorKind,
    /// Separated by commas.
    exceptions: &'static str,
    sql_state: &'static str,
    template: &'static str,
}

/// An error of Spark's, by its class and the parameters of its message.
///
/// ```
/// use millstream_core::spark_error;
/// let error = spark_error!("DIVIDE_BY_ZERO", config = "\"spark.sql.ansi.enabled\"");
/// assert_eq!(error.sql_state(), Some("22012"));
/// assert!(error.message().starts_with("Division by zero."));
/// ```
///
/// A class that is not in the table, a parameter that was forgotten, and one that the message does not have:
///
/// ```compile_fail
/// millstream_core::spark_error!("DIVIDE_BY_NOTHING", config = "");
/// ```
/// ```compile_fail
/// millstream_core::spark_error!("DIVIDE_BY_ZERO");
/// ```
/// ```compile_fail
/// millstream_core::spark_error!("DIVIDE_BY_ZERO", config = "", divisor = "0");
/// ```
///
/// Where Spark's message speaks of something that Millstream does not have, the class stands over a text of our own:
///
/// ```
/// let error = millstream_core::spark_error!("UNABLE_TO_ACQUIRE_MEMORY": "the state needs 10 bytes more");
/// assert_eq!(error.to_string(), "[UNABLE_TO_ACQUIRE_MEMORY] the state needs 10 bytes more");
/// ```
#[macro_export]
macro_rules! spark_error {
    ($class:literal $(, $parameter:ident = $value:expr)* $(,)?) => {{
        const CONDITION: $crate::condition::Condition =
            $crate::condition::Condition::with_parameters($class, &[$($crate::condition::parameter_name(stringify!($parameter))),*]);
        CONDITION.error(&[$(($crate::condition::parameter_name(stringify!($parameter)), &$value as &dyn ::std::fmt::Display)),*])
    }};
    ($class:literal: $text:expr) => {{
        const CONDITION: $crate::condition::Condition = $crate::condition::Condition::of($class);
        CONDITION.in_our_words($text)
    }};
}

/// The name of a parameter as messages have it: one that is a word of Rust is written `r#type`.
pub const fn parameter_name(written: &'static str) -> &'static str {
    match written.as_bytes() {
        [b'r', b'#', ..] => written.split_at(2).1,
        _ => written,
    }
}

impl Condition {
    /// The condition of this class. To be called in a constant, so that a class outside the table does not compile.
    ///
    /// # Panics
    /// If there is no such class.
    pub const fn of(class: &str) -> Self {
        let mut row = 0;
        while row < CONDITIONS.len() {
            if is_same(CONDITIONS[row].class, class) {
                return CONDITIONS[row];
            }
            row += 1;
        }
        panic!("crates/core/src/conditions.tsv has no such class")
    }

    /// The same, for a message that is filled with these parameters. To be called in a constant.
    ///
    /// # Panics
    /// If there is no such class, or its message has other parameters.
    pub const fn with_parameters(class: &str, parameters: &[&str]) -> Self {
        let condition = Self::of(class);
        let mut index = 0;
        while index < parameters.len() {
            if !condition.has(parameters[index]) {
                panic!("the message of this class has no such parameter: see crates/core/src/conditions.tsv");
            }
            index += 1;
        }
        let mut rest = condition.template;
        while let Some((_, parameter, after)) = next_parameter(rest) {
            if !is_among(parameter, parameters) {
                panic!("the message of this class has a parameter more: see crates/core/src/conditions.tsv");
            }
            rest = after;
        }
        condition
    }

    /// The error, with its message filled from the parameters.
    pub fn error(self, parameters: &[(&str, &dyn Display)]) -> Error {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        match self.fill(&parameters) {
            Ok(message) => Error::of_condition(self, message, parameters),
            Err(missing) => {
                debug_assert!(false, "the message of {} lacks a value for <{missing}>", self.class);
                Error::internal(format!("the message of {} lacks a value for <{missing}>", self.class))
            }
        }
    }

    /// The error under this class with a message that is not Spark's.
    pub fn in_our_words(self, text: impl Into<String>) -> Error {
        Error::of_condition(self, text.into(), BTreeMap::new())
    }

    /// The class, with the sub-class behind a dot.
    pub fn class(self) -> &'static str {
        self.class
    }

    /// What the caller should do.
    pub fn kind(self) -> ErrorKind {
        self.kind
    }

    /// The SQLSTATE, if the condition has one.
    pub fn sql_state(self) -> Option<&'static str> {
        Some(self.sql_state).filter(|state| *state != NO_SQL_STATE)
    }

    /// The JVM exception under which Spark usually raises it.
    pub fn exception(self) -> SparkException {
        self.exceptions().next().unwrap_or(SparkException::Spark)
    }

    /// All JVM exceptions under which Spark raises it.
    pub fn exceptions(self) -> impl Iterator<Item = SparkException> {
        self.exceptions.split(',').filter_map(SparkException::named)
    }

    /// The message, or the name of the first parameter without a value. Values are not looked at for placeholders.
    fn fill(self, parameters: &BTreeMap<String, String>) -> Result<String, &'static str> {
        let mut message = String::with_capacity(self.template.len());
        let mut rest = self.template;
        while let Some((before, parameter, after)) = next_parameter(rest) {
            push_unescaped(&mut message, before);
            message.push_str(parameters.get(parameter).ok_or(parameter)?);
            rest = after;
        }
        push_unescaped(&mut message, rest);
        Ok(message)
    }

    const fn has(self, wanted: &str) -> bool {
        let mut rest = self.template;
        while let Some((_, parameter, after)) = next_parameter(rest) {
            if is_same(parameter, wanted) {
                return true;
            }
            rest = after;
        }
        false
    }

    const fn read(line: &'static str) -> Self {
        let (class, rest) = cut(line, b'\t');
        let (kind, rest) = cut(rest, b'\t');
        let (exceptions, rest) = cut(rest, b'\t');
        let (sql_state, template) = cut(rest, b'\t');
        let Some(kind) = ErrorKind::named(kind) else { panic!("conditions.tsv has a kind that does not exist") };
        Self { class, kind, exceptions, sql_state, template }
    }
}

const fn row_count() -> usize {
    let (_, mut rest) = cut(TABLE, b'\n');
    let mut count = 0;
    while !rest.is_empty() {
        (_, rest) = cut(rest, b'\n');
        count += 1;
    }
    count
}

const fn read_table<const ROWS: usize>() -> [Condition; ROWS] {
    // The first line names the columns.
    let (_, rest) = cut(TABLE, b'\n');
    let (first, mut rest) = cut(rest, b'\n');
    let mut conditions = [Condition::read(first); ROWS];
    let mut row = 1;
    while row < ROWS {
        let line;
        (line, rest) = cut(rest, b'\n');
        conditions[row] = Condition::read(line);
        row += 1;
    }
    conditions
}

/// What stands before the first separator, and what behind it.
const fn cut(text: &str, separator: u8) -> (&str, &str) {
    let mut at = 0;
    while at < text.len() {
        if text.as_bytes()[at] == separator {
            let (before, after) = text.split_at(at);
            return (before, after.split_at(1).1);
        }
        at += 1;
    }
    (text, "")
}

/// What stands before the first `<parameter>`, its name, and what stands behind it. A name is one word: `<name STRING>`
/// and `< 0 or >` are text.
const fn next_parameter(template: &str) -> Option<(&str, &str, &str)> {
    let bytes = template.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        if bytes[start] == b'<' {
            let mut end = start + 1;
            while end < bytes.len() && (bytes[end].is_ascii_alphanumeric() || bytes[end] == b'_') {
                end += 1;
            }
            if end > start + 1 && end < bytes.len() && bytes[end] == b'>' {
                let (before, rest) = template.split_at(start);
                let (parameter, after) = rest.split_at(1).1.split_at(end - start - 1);
                return Some((before, parameter, after.split_at(1).1));
            }
        }
        start += 1;
    }
    None
}

const fn is_same(left: &str, right: &str) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left.as_bytes()[at] != right.as_bytes()[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_among(wanted: &str, names: &[&str]) -> bool {
    let mut index = 0;
    while index < names.len() {
        if is_same(wanted, names[index]) {
            return true;
        }
        index += 1;
    }
    false
}

/// The table writes a line break as `\n` and a space at the end as `\s`; no message has a backslash of its own.
fn push_unescaped(message: &mut String, text: &str) {
    let mut parts = text.split('\\');
    message.push_str(parts.next().unwrap_or_default());
    for part in parts {
        message.push(if part.starts_with('s') { ' ' } else { '\n' });
        message.push_str(part.get(1..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
