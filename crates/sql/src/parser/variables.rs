//! `${…}` in SQL text (Spark: `VariableSubstitution`).

use std::borrow::Cow;

use millstream_core::{Error, Result};

use crate::nesting::too_complex;

/// The text with values in the places of `${key}`, `${prefix:key}`, and of variables within these. The prefixes
/// `spark`, `sparkconf`, `hivevar` and `hiveconf` mean the session's settings, as none does; a setting that nobody set
/// is empty. `env` is the server's environment. What has no value otherwise stays as it is.
///
/// # Errors
/// A variable that contains itself, and `${system:…}`, for there is no Java machine. `FAILED_TO_PARSE_TOO_COMPLEX` for
/// variables in one another without end, and values that make the text too long.
pub fn with_variables<'t>(text: &'t str, setting: &dyn Fn(&str) -> Option<String>) -> Result<Cow<'t, str>> {
    if !text.contains("${") || setting("spark.sql.variable.substitute").is_some_and(|on| on == "false") {
        return Ok(Cow::Borrowed(text));
    }
    let mut substitution = Substitution { setting, within: Vec::new(), values: 0, bytes: 0 };
    substitution.of(text).map(Cow::Owned)
}

/// Variables in one another beyond this are refused.
const DEPTH_MAX: usize = 100;

/// More values in one text are refused: values that each have another twice would double them with every step.
const VALUES_MAX: usize = 100_000;

/// Values of more bytes together are refused.
const BYTES_MAX: usize = 64 << 20;

/// What has to be known of the text around a variable.
struct Substitution<'s> {
    setting: &'s dyn Fn(&str) -> Option<String>,
    /// The variables in whose values the place is.
    within: Vec<String>,
    /// How many values were put in, one inside another counted each, and their bytes.
    values: usize,
    bytes: usize,
}

impl Substitution<'_> {
    fn of(&mut self, text: &str) -> Result<String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            result.push_str(&rest[..at]);
            let Some(reference) = reference(&rest[at + 2..]) else {
                result.push_str("${");
                rest = &rest[at + 2..];
                continue;
            };
            let whole = &rest[at..at + 2 + reference.len() + 1];
            rest = &rest[at + whole.len()..];
            if self.within.iter().any(|outer| outer == reference) {
                return Err(Error::illegal_argument(format!(
                    "requirement failed: Circular reference in {text}: {reference}"
                )));
            }
            match value(reference, self.setting)? {
                Some(value) => result.push_str(&self.inside(reference, &value)?),
                None => result.push_str(whole),
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    /// A variable's value with the values of variables in it.
    fn inside(&mut self, reference: &str, value: &str) -> Result<String> {
        self.values += 1;
        self.bytes += value.len();
        if self.within.len() == DEPTH_MAX || self.values > VALUES_MAX || self.bytes > BYTES_MAX {
            return Err(too_complex(format!(
                "variables may be {DEPTH_MAX} in one another, and a text may have {VALUES_MAX} values of {BYTES_MAX} bytes"
            )));
        }
        self.within.push(reference.to_owned());
        let substituted = self.of(value);
        self.within.pop();
        substituted
    }
}

/// What stands before the closing brace: at least one character, and no white space.
fn reference(after: &str) -> Option<&str> {
    let first = after.chars().next()?;
    let end = first.len_utf8() + after[first.len_utf8()..].find('}')?;
    (!after[..end].contains(char::is_whitespace)).then(|| &after[..end])
}

fn value(reference: &str, setting: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>> {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let of_settings = |key: &str| Ok(Some(setting(key).unwrap_or_default()));
    match reference.split_once(':').filter(|(prefix, key)| is_word(prefix) && !key.is_empty()) {
        None => of_settings(reference),
        Some(("spark" | "sparkconf" | "hivevar" | "hiveconf", key)) => of_settings(key),
        Some(("env", name)) => Ok(std::env::var(name).ok()),
        Some(("system", _)) => Err(Error::unsupported(format!(
            "The feature is not supported: The variable ${{{reference}}} is a property of a Java machine."
        ))),
        Some(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
