//! The settings of a topic: Kafka's names and defaults, checked when they are set.
//!
//! A setting that a single node cannot follow (replication, tiering) is taken, kept and shown, as Kafka's tools expect.

use std::collections::BTreeMap;
use std::str::FromStr;

/// How a value must look. The numbers are those of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// A setting that exists.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// The values that there are, for settings that are not numbers.
    one_of: &'static [&'static str],
    /// The least value, for numbers.
    least: i64,
}

const fn number(name: &'static str, kind: Kind, default: &'static str, least: i64) -> Setting {
    Setting { name, default, kind, one_of: &[], least }
}

const fn choice(name: &'static str, kind: Kind, default: &'static str, one_of: &'static [&'static str]) -> Setting {
    Setting { name, default, kind, one_of, least: 0 }
}

/// All settings of a topic, by name.
pub(crate) const SETTINGS: &[Setting] = &[
    choice("cleanup.policy", Kind::List, "delete", &["delete", "compact"]),
    choice(
        "compression.type",
        Kind::String,
        "producer",
        &["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"],
    ),
    number("delete.retention.ms", Kind::Long, "86400000", 0),
    number("file.delete.delay.ms", Kind::Long, "60000", 0),
    number("flush.messages", Kind::Long, "9223372036854775807", 1),
    number("flush.ms", Kind::Long, "9223372036854775807", 0),
    number("index.interval.bytes", Kind::Int, "4096", 0),
    number("max.compaction.lag.ms", Kind::Long, "9223372036854775807", 1),
    number("max.message.bytes", Kind::Int, "1048588", 0),
    number("message.timestamp.after.max.ms", Kind::Long, "9223372036854775807", 0),
    number("message.timestamp.before.max.ms", Kind::Long, "9223372036854775807", 0),
    choice("message.timestamp.type", Kind::String, "CreateTime", &["CreateTime", "LogAppendTime"]),
    number("min.cleanable.dirty.ratio", Kind::Double, "0.5", 0),
    number("min.compaction.lag.ms", Kind::Long, "0", 0),
    number("min.insync.replicas", Kind::Int, "1", 1),
    choice("preallocate", Kind::Boolean, "false", &["true", "false"]),
    choice("remote.storage.enable", Kind::Boolean, "false", &["false"]),
    number("retention.bytes", Kind::Long, "-1", -1),
    number("retention.ms", Kind::Long, "604800000", -1),
    number("segment.bytes", Kind::Int, "1073741824", 1 << 20),
    number("segment.index.bytes", Kind::Int, "10485760", 4),
    number("segment.jitter.ms", Kind::Long, "0", 0),
    number("segment.ms", Kind::Long, "604800000", 1),
    choice("unclean.leader.election.enable", Kind::Boolean, "false", &["true", "false"]),
];

/// The setting of this name.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// Whether it can have this value; else why not.
    fn check(&self, value: &str) -> Result<(), String> {
        let wrong = |why: &str| Err(format!("Invalid value {value} for configuration {}: {why}", self.name));
        match self.kind {
            Kind::Boolean | Kind::String | Kind::List => {
                let mut values = value.split(',').map(str::trim).filter(|one| !one.is_empty());
                let one_only = self.kind == Kind::List || value.split(',').count() == 1;
                let known = |one: &str| self.one_of.iter().any(|known| known.eq_ignore_ascii_case(one));
                if one_only && values.all(known) && (self.kind == Kind::List || !value.is_empty()) {
                    return Ok(());
                }
                wrong(&format!("String must be one of: {}", self.one_of.join(", ")))
            }
            Kind::Double => match value.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(()),
                _ => wrong("must be a number from 0 to 1"),
            },
            Kind::Int | Kind::Long => match value.parse::<i64>() {
                Ok(number) if number < self.least => wrong(&format!("Value must be at least {}", self.least)),
                Ok(number) if self.kind == Kind::Long || i32::try_from(number).is_ok() => Ok(()),
                _ => wrong("Not a number of this type"),
            },
        }
    }
}

/// What was set for a topic, and what follows from it and the defaults.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicConfig {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) compact: bool,
    pub(crate) delete: bool,
    pub(crate) append_time: bool,
    pub(crate) max_message_bytes: usize,
    pub(crate) timestamp_before_max_ms: i64,
    pub(crate) timestamp_after_max_ms: i64,
    /// −1: no limit.
    pub(crate) retention_bytes: i64,
    /// −1: no limit.
    pub(crate) retention_ms: i64,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    pub(crate) flush_messages: i64,
    pub(crate) flush_ms: i64,
    pub(crate) min_compaction_lag_ms: i64,
    pub(crate) delete_retention_ms: i64,
    pub(crate) min_cleanable_dirty_ratio: f64,
}

impl TopicConfig {
    /// Checks all of it; the error is for a person.
    pub(crate) fn new(set: BTreeMap<String, String>) -> Result<Self, String> {
        for (name, value) in &set {
            setting(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?.check(value)?;
        }
        let policies = value_of(&set, "cleanup.policy");
        Ok(Self {
            compact: policies.contains("compact"),
            delete: policies.contains("delete"),
            append_time: value_of(&set, "message.timestamp.type").eq_ignore_ascii_case("LogAppendTime"),
            max_message_bytes: parsed(&set, "max.message.bytes"),
            timestamp_before_max_ms: parsed(&set, "message.timestamp.before.max.ms"),
            timestamp_after_max_ms: parsed(&set, "message.timestamp.after.max.ms"),
            retention_bytes: parsed(&set, "retention.bytes"),
            retention_ms: parsed(&set, "retention.ms"),
            segment_bytes: parsed(&set, "segment.bytes"),
            segment_ms: parsed(&set, "segment.ms"),
            flush_messages: parsed(&set, "flush.messages"),
            flush_ms: parsed(&set, "flush.ms"),
            min_compaction_lag_ms: parsed(&set, "min.compaction.lag.ms"),
            delete_retention_ms: parsed(&set, "delete.retention.ms"),
            min_cleanable_dirty_ratio: parsed(&set, "min.cleanable.dirty.ratio"),
            set,
        })
    }

    /// The value of a setting, as text.
    pub(crate) fn value(&self, setting: &Setting) -> &str {
        self.set.get(setting.name).map_or(setting.default, String::as_str)
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self::new(BTreeMap::new()).expect("the defaults are valid")
    }
}

fn value_of<'a>(set: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    let default = || setting(name).map_or("", |setting| setting.default);
    set.get(name).map_or_else(default, String::as_str)
}

fn parsed<T: FromStr + Default>(set: &BTreeMap<String, String>, name: &str) -> T {
    value_of(set, name).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests;
