//! The options that a format takes, and those that most likely are slips.

use crate::nearest::nearest;
use crate::options::Options;

/// The options that a format takes, for reading and for writing. It ignores others, as Spark does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownOptions {
    /// The names of the options.
    pub names: &'static [&'static str],
    /// Options whose names begin so are handed on to somebody who knows them.
    pub prefix: Option<&'static str>,
}

/// An option that means nothing to a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownOption<'a> {
    /// The name of the option as the user wrote it.
    pub name: &'a str,
    /// The option that was most likely meant.
    pub meant: Option<&'static str>,
}

impl KnownOptions {
    /// Options that are the query's rather than the format's, where both stand together; and where files lie.
    pub const OF_QUERIES: [&str; 7] =
        ["outputMode", "trigger", "queryName", "checkpointLocation", "checkpoint.sync", "path", "paths"];

    /// Options with these names alone.
    pub const fn of(names: &'static [&'static str]) -> Self {
        Self { names, prefix: None }
    }

    /// The options that mean nothing to the format; `more` are names that mean something to whoever uses it.
    pub fn unknown<'a>(&self, options: &'a Options, more: &[&'static str]) -> Vec<UnknownOption<'a>> {
        let names = || self.names.iter().chain(more).copied();
        let is_known = |name: &str| {
            let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
            self.prefix.is_some_and(begins) || names().any(|known| known.eq_ignore_ascii_case(name))
        };
        let unknown = options.iter().filter(|(name, _)| !is_known(name));
        unknown.map(|(name, _)| UnknownOption { name, meant: nearest(name, names()) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_named_with_what_was_meant() {
        let known = KnownOptions { names: &["startingOffsets", "subscribe"], prefix: Some("kafka.") };
        let names = ["SUBSCRIBE", "Kafka.anything", "kafka", "path", "startingOffset", "triger", "zone"];
        let options: Options = names.map(|name| (name, "x")).into_iter().collect();
        let unknown = known.unknown(&options, &["path", "trigger"]);
        let unknown: Vec<_> = unknown.iter().map(|option| (option.name, option.meant)).collect();
        let expected =
            [("kafka", None), ("startingOffset", Some("startingOffsets")), ("triger", Some("trigger")), ("zone", None)];
        assert_eq!(unknown, expected);
    }
}
