//! The options of a source or sink: names in any letter case, typed getters, errors that name the option.
//!
//! Spark: `CaseInsensitiveMap`. The case in which the user wrote a name is kept, because `kafka.*` settings are handed
//! on.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::interval::parse_duration;

/// Options as the user wrote them, looked up without regard to letter case. A later value replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    by_lower_name: BTreeMap<String, (String, String)>,
}

impl Options {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option; the same name in another letter case is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.by_lower_name.insert(name.to_ascii_lowercase(), (name, value.into()));
    }

    /// The value as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.by_lower_name.get(&name.to_ascii_lowercase()).map(|(_, value)| value.as_str())
    }

    /// Whether the option is set.
    pub fn contains(&self, name: &str) -> bool {
        self.by_lower_name.contains_key(&name.to_ascii_lowercase())
    }

    /// All options as `(name as written, value)`, ordered by lower-case name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_lower_name.values().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Options whose name begins with `prefix` (in any case), with the prefix taken off the name as written.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.by_lower_name.values().filter_map(move |(name, value)| {
            let (head, tail) = name.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some((tail, value.as_str()))
        })
    }

    /// The value, or an error that names the missing option.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| Error::illegal_argument(format!("option '{name}' must be specified")))
    }

    /// `true` or `false` in any case.
    pub fn get_bool(&self, name: &str) -> Result<Option<bool>> {
        self.parsed(name, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole number of at least 1.
    pub fn get_positive(&self, name: &str) -> Result<Option<u64>> {
        self.parsed(name, "a positive integer", |text| text.parse().ok().filter(|&value: &u64| value > 0))
    }

    /// A whole number.
    pub fn get_u64(&self, name: &str) -> Result<Option<u64>> {
        self.parsed(name, "a non-negative integer", |text| text.parse().ok())
    }

    /// A time span: Spark's `10 seconds`, `15m`, or a bare number of milliseconds.
    pub fn get_duration(&self, name: &str) -> Result<Option<Duration>> {
        self.parsed(name, "a time span such as '10 seconds' or '500ms'", |text| {
            text.parse().ok().map(Duration::from_millis).or_else(|| parse_duration(text).ok())
        })
    }

    fn parsed<T>(&self, name: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match parse(text.trim()) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::illegal_argument(format!("option '{name}' is '{text}', but must be {wanted}"))),
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Options {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut options = Self::new();
        for (name, value) in pairs {
            options.insert(name, value);
        }
        options
    }
}

#[cfg(test)]
mod tests;
