//! Names with dots and backticks, as `df["a.`b.c`"]` writes them (Spark: `UnresolvedAttribute.parseAttributeName`).

use millstream_core::{Error, Result, spark_error};

/// The parts of a name: ``a.`b.c` `` is `a` and `b.c`.
pub fn parse_name(text: &str) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    let mut closed = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('`', true) if chars.peek() == Some(&'`') => {
                chars.next();
                part.push('`');
            }
            ('`', true) => (quoted, closed) = (false, true),
            ('`', false) if part.is_empty() && !closed => quoted = true,
            ('.', false) if !part.is_empty() || closed => {
                parts.push(std::mem::take(&mut part));
                closed = false;
            }
            ('`' | '.', false) => return Err(syntax_error(text)),
            (_, false) if closed => return Err(syntax_error(text)),
            (other, _) => part.push(other),
        }
    }
    if quoted || (part.is_empty() && !closed) {
        return Err(syntax_error(text));
    }
    parts.push(part);
    Ok(parts)
}

fn syntax_error(text: &str) -> Error {
    spark_error!("INVALID_ATTRIBUTE_NAME_SYNTAX", name = text)
}

#[cfg(test)]
mod tests;
