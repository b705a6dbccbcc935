//! Compiled regular expressions, and Spark's errors for those that cannot be used.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_core::error::ErrorKind;
use millstream_core::{Error, Result, spark_error};

use crate::failure::sql_value;
use millstream_java_regex::{JavaRegex, LimitError, PatternError, Wanted};

/// A pattern, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pattern: String,
    pub(crate) regex: JavaRegex,
}

impl Compiled {
    /// The pattern as it was written.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The error of a match that was given up.
    pub(crate) fn given_up(&self, text: &str, error: LimitError) -> Error {
        let Self { pattern, .. } = self;
        let message = format!(
            "the regular expression '{pattern}' was given up on a text of {} characters: {error}",
            text.chars().count()
        );
        Error::data(message).with_hint("quantifiers within quantifiers try every way to share the text between them")
    }

    /// The parts of a text as Spark's `split` has them: a pattern without a character splits off each character, but
    /// nothing behind the last.
    pub(crate) fn split<'t>(&'t self, text: &'t str, limit: i32) -> Result<Vec<Cow<'t, str>>> {
        if self.pattern.is_empty() && !text.is_empty() {
            let most = usize::try_from(limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX);
            let places = text.char_indices().map(|(at, _)| at).take(most);
            let ends = text.char_indices().map(|(at, _)| at).skip(1).take(most - 1).chain([text.len()]);
            return Ok(places.zip(ends).map(|(from, to)| Cow::Borrowed(&text[from..to])).collect());
        }
        self.regex.matcher(text, Wanted::Span).split(limit).map_err(|error| self.given_up(text, error))
    }
}

/// How Spark refuses a pattern.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// INVALID_PARAMETER_VALUE.PATTERN, with the function's name.
    Parameter(&'static str),
    /// Java's `PatternSyntaxException` as it is.
    Java,
}

/// The pattern of the row before, compiled: it mostly is the pattern of all rows.
#[derive(Debug)]
pub(crate) struct Patterns {
    refusal: Refusal,
    last: Option<Arc<Compiled>>,
}

impl Patterns {
    /// Patterns whose errors name this function.
    pub(crate) fn of(function: &'static str) -> Self {
        Self { refusal: Refusal::Parameter(function), last: None }
    }

    /// Patterns whose errors are Java's.
    pub(crate) fn with_java_errors() -> Self {
        Self { refusal: Refusal::Java, last: None }
    }

    /// The compiled pattern.
    pub(crate) fn get(&mut self, pattern: &str) -> Result<&Compiled> {
        if self.last.as_ref().is_none_or(|last| last.pattern != pattern) {
            let compiled = compiled(pattern).map_err(|error| refused(pattern, &error, self.refusal))?;
            self.last = Some(compiled);
        }
        self.last.as_deref().ok_or_else(|| Error::internal("a pattern was not kept"))
    }
}

/// How many patterns are kept for the batches to come.
const KEPT: usize = 64;

/// A longer pattern is compiled again for each batch, which bounds what is kept.
const KEPT_BYTES_MAX: usize = 4096;

/// Compiles a pattern, or takes the one that was compiled for another batch.
fn compiled(pattern: &str) -> std::result::Result<Arc<Compiled>, PatternError> {
    /// The patterns that were asked for last, the newest at the end.
    static KNOWN: Mutex<Vec<Arc<Compiled>>> = Mutex::new(Vec::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut known = known();
        if let Some(at) = known.iter().position(|one| one.pattern == pattern) {
            let compiled = known.remove(at);
            known.push(Arc::clone(&compiled));
            return Ok(compiled);
        }
    }
    let compiled = Arc::new(Compiled { pattern: pattern.to_owned(), regex: JavaRegex::new(pattern)? });
    if pattern.len() <= KEPT_BYTES_MAX {
        let mut known = known();
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push(Arc::clone(&compiled));
    }
    Ok(compiled)
}

fn refused(pattern: &str, error: &PatternError, refusal: Refusal) -> Error {
    match (error, refusal) {
        (PatternError::Unsupported(_) | PatternError::TooDeep, _) => Error::unsupported(error.message(pattern)),
        (PatternError::Syntax { .. }, Refusal::Java) => java_error(pattern, error),
        (PatternError::Syntax { .. }, Refusal::Parameter(function)) => spark_error!(
            "INVALID_PARAMETER_VALUE.PATTERN",
            parameter = "`regexp`",
            functionName = format!("`{function}`"),
            value = sql_value(pattern),
        )
        .with_hint(error.message(pattern)),
    }
}

/// A `PatternSyntaxException`, which is an `IllegalArgumentException`.
fn java_error(pattern: &str, error: &PatternError) -> Error {
    use millstream_core::error::SparkException;
    Error::new(ErrorKind::Data, error.message(pattern)).with_exception(SparkException::IllegalArgument)
}
