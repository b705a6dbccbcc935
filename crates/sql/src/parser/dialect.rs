//! How Spark's SQL text is cut into tokens: sqlparser's [`SparkSqlDialect`] with what Spark's lexer does beside it.
//!
//! Only the tokenizer asks this dialect. Grammar rules are not here: Spark has (without ANSI's reserved words) hardly a
//! reserved word, its own operator precedence, and errors that name the offending token, so the grammar is ours.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, SparkSqlDialect};

/// Spark's lexical rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SparkDialect;

impl Dialect for SparkDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<SparkSqlDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        SparkSqlDialect.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        SparkSqlDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        SparkSqlDialect.is_identifier_part(ch)
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    /// `1a` is a name, and `3Y`, `1.5BD` come as one token.
    fn supports_numeric_prefix(&self) -> bool {
        true
    }
}
