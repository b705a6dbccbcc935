//! Regular expressions.
//!
//! Spark's are Java's; ours are the `regex` crate's, which match in linear time and know the same classes, groups,
//! quantifiers and flags, with these differences: no look-around, no back-references, no possessive quantifiers and
//! atomic groups. A pattern with one of those is refused by name. `\d`, `\w`, `\s` and `\b` are ASCII, as in Java.

use millstream_core::{Error, Result, spark_error};
use regex::Regex;

use crate::failure::sql_value;

/// The pattern of the row before, compiled: it mostly is the pattern of all rows.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Option<(String, Regex)>);

impl Patterns {
    /// The compiled pattern.
    pub(crate) fn get(&mut self, pattern: &str, compile: impl FnOnce(&str) -> Result<Regex>) -> Result<&Regex> {
        if self.0.as_ref().is_none_or(|(known, _)| known != pattern) {
            self.0 = Some((pattern.to_owned(), compile(pattern)?));
        }
        self.0.as_ref().map(|(_, regex)| regex).ok_or_else(|| Error::internal("a pattern was not kept"))
    }
}

/// A pattern in Java's syntax, for this function.
pub(crate) fn java_regex(pattern: &str, function: &str) -> Result<Regex> {
    let ascii = ascii_classes(pattern);
    Regex::new(&ascii).map_err(|error| {
        let shown = error.to_string();
        let beyond = ["look-around", "backreferences"].iter().any(|word| shown.contains(word))
            || ["*+", "++", "?+", "}+", "(?>"].iter().any(|text| pattern.contains(text));
        if beyond {
            return Error::unsupported(format!(
                "The regular expression '{pattern}' uses look-around, a back-reference, a possessive quantifier or an \
                 atomic group, which are not supported."
            ));
        }
        spark_error!(
            "INVALID_PARAMETER_VALUE.PATTERN",
            parameter = "`regexp`",
            functionName = format!("`{function}`"),
            value = sql_value(pattern),
        )
        .with_source(error)
    })
}

/// Java's `\d`, `\w`, `\s`, `\b` mean ASCII, the crate's mean Unicode.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars().peekable();
    let mut depth = 0;
    while let Some(letter) = letters.next() {
        if letter == '[' {
            depth += 1;
        } else if letter == ']' && depth > 0 {
            depth -= 1;
        }
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let Some(class) = letters.next() else {
            out.push(letter);
            break;
        };
        let inside = depth > 0;
        match class {
            'd' => out.push_str(if inside { "0-9" } else { "[0-9]" }),
            'D' => out.push_str("[^0-9]"),
            'w' => out.push_str(if inside { "a-zA-Z0-9_" } else { "[a-zA-Z0-9_]" }),
            'W' => out.push_str("[^a-zA-Z0-9_]"),
            's' => out.push_str(if inside { " \\t\\n\\x0B\\f\\r" } else { "[ \\t\\n\\x0B\\f\\r]" }),
            'S' => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
            'b' if !inside => out.push_str("(?-u:\\b)"),
            'Q' => {
                let rest: String = letters.by_ref().collect();
                let (quoted, behind) = rest.split_once("\\E").unwrap_or((&rest, ""));
                out.push_str(&regex::escape(quoted));
                out.push_str(&ascii_classes(behind));
            }
            'Z' => out.push_str("\\n?\\z"),
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out
}
