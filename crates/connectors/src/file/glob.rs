//! Hadoop's globs: `*`, `?`, `[…]` and `{a,b}`.

use millstream_core::{Error, Result};
use regex::Regex;

/// Whether a part of a path is a pattern.
pub(super) fn is_pattern(part: &str) -> bool {
    part.contains(['*', '?', '[', '{'])
}

/// One part of a glob as a regular expression.
pub(super) fn glob(pattern: &str) -> Result<Regex> {
    let mut expression = String::from("^");
    let (mut depth, mut class) = (0, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            ']' if class => {
                class = false;
                expression.push(']');
            }
            '-' | '^' if class => expression.push(character),
            '*' if !class => expression.push_str(".*"),
            '?' if !class => expression.push('.'),
            '[' if !class => {
                class = true;
                expression.push('[');
            }
            '{' if !class => {
                depth += 1;
                expression.push_str("(?:");
            }
            '}' if !class && depth > 0 => {
                depth -= 1;
                expression.push(')');
            }
            ',' if !class && depth > 0 => expression.push('|'),
            '\\' => expression.extend(characters.next().map(|next| regex::escape(&next.to_string()))),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression)
        .map_err(|error| Error::illegal_argument(format!("'{pattern}' is no file pattern")).with_source(error))
}
