//! A session's configuration: what was set, over Spark's defaults, with Spark's refusals.
//!
//! As in Spark, any unknown `spark.*` key may be set and is kept. Known keys are checked; static keys and keys of a
//! cluster's processes are refused.

mod entries;

use std::collections::BTreeMap;

use millstream_core::condition::DOCROOT;
use millstream_core::interval::parse_duration;
use millstream_core::{BinaryStyle, Error, FileSplits, MemoryLedger, QuerySettings, Reservation, Result, spark_error};
use millstream_engine::plan::STRICT_SPARK;

use self::entries::{Entry, FALLBACKS, Kind, MIN_PARTITIONS, PROCESS_PREFIXES, STATIC_KEYS, known};
use crate::SessionDefaults;

const WAREHOUSE: &str = "spark.sql.warehouse.dir";
const TIME_ZONE: &str = "spark.sql.session.timeZone";
/// How `show()` prints BINARY.
const PARTITION_TYPES: &str = "spark.sql.sources.partitionColumnTypeInference.enabled";
pub(crate) const BINARY_STYLE: &str = "spark.sql.binaryOutputStyle";

/// What a setting takes beside its key and its value.
const SETTING_BYTES: usize = 64;

/// What a session has set, counted in the memory ledger.
#[derive(Debug)]
pub(crate) struct Conf {
    set: BTreeMap<String, String>,
    room: Reservation,
    /// What holds where nobody set it.
    defaults: SessionDefaults,
}

impl Conf {
    /// A configuration in which nothing is set.
    pub(crate) fn new(defaults: SessionDefaults, memory: &MemoryLedger, session: &str) -> Self {
        let room = memory.reservation(format!("what session {session} has set"));
        Self { set: BTreeMap::new(), room, defaults }
    }

    /// Sets what another session has set.
    pub(crate) fn copy(&mut self, other: &Self) -> Result<()> {
        self.room.resize(other.room.bytes())?;
        self.set = other.set.clone();
        Ok(())
    }

    /// The value or Spark's default; `None` for a key that Spark knows without a value. A key that neither Spark nor
    /// the session knows is an error.
    pub(crate) fn get(&self, key: &str) -> Result<Option<String>> {
        match self.find(key) {
            Some(value) => Ok(Some(value)),
            None if known(key).is_some() => Ok(None),
            None => Err(not_found(key)),
        }
    }

    /// The value or Spark's default, if there is one.
    pub(crate) fn find(&self, key: &str) -> Option<String> {
        if let Some(value) = self.set.get(key) {
            return Some(value.clone());
        }
        if key == TIME_ZONE {
            return Some(self.defaults.time_zone.clone());
        }
        if key == WAREHOUSE {
            let folder = std::path::absolute(&self.defaults.warehouse);
            return folder.ok().map(|folder| format!("file:{}", folder.display()));
        }
        if key == STRICT_SPARK {
            return Some(self.defaults.strict_spark.to_string());
        }
        if let Some((_, older)) = FALLBACKS.iter().find(|(newer, _)| *newer == key) {
            return self.find(older);
        }
        known(key).and_then(|entry| entry.default).map(str::to_owned)
    }

    /// What was set, in order, for those whose key begins with `prefix`.
    pub(crate) fn all(&self, prefix: Option<&str>) -> Vec<(String, String)> {
        let prefix = prefix.unwrap_or_default();
        self.set
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone()))
            .collect()
    }

    /// What was set, and of the defaults the one of ours that a query cannot know.
    pub(crate) fn for_queries(&self) -> BTreeMap<String, String> {
        let mut values = self.set.clone();
        if self.defaults.strict_spark {
            values.entry(STRICT_SPARK.to_owned()).or_insert_with(|| true.to_string());
        }
        values
    }

    /// Sets a key, after Spark's checks.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<()> {
        check_modifiable(key)?;
        if let Some(entry) = known(key) {
            entry.check(value)?;
        }
        let present = self.set.get(key).map_or(0, |present| bytes_of(key, present));
        self.room.resize(self.room.bytes() - present + bytes_of(key, value))?;
        self.set.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// A key's value, or what the caller would have instead, in the place of Spark's default and even where it is none.
    pub(crate) fn get_or(&self, key: &str, default: Option<String>) -> Result<Option<String>> {
        if let (Some(entry), Some(default)) = (known(key), &default) {
            entry.check(default)?;
        }
        Ok(self.set.get(key).cloned().or(default))
    }

    /// Back to the default.
    pub(crate) fn unset(&mut self, key: &str) -> Result<()> {
        check_modifiable(key)?;
        if let Some(value) = self.set.remove(key) {
            self.room.shrink(bytes_of(key, &value));
        }
        Ok(())
    }

    /// `RESET`: back to all defaults.
    pub(crate) fn clear(&mut self) {
        self.set.clear();
        self.room.shrink(self.room.bytes());
    }

    /// Whether `set` of a *known* key may succeed (Spark answers false for unknown keys).
    pub(crate) fn is_modifiable(key: &str) -> bool {
        check_modifiable(key).is_ok() && known(key).is_some()
    }

    /// The settings that change the meaning of a plan.
    pub(crate) fn query_settings(&self) -> Result<QuerySettings> {
        let zone = self.find(TIME_ZONE).unwrap_or_default();
        Ok(QuerySettings {
            time_zone: zone_name(&zone).parse().map_err(|_| invalid_zone(&zone))?,
            ansi: self.is_true("spark.sql.ansi.enabled"),
            case_sensitive: self.is_true("spark.sql.caseSensitive"),
            infers_partition_types: self
                .find(PARTITION_TYPES)
                .is_none_or(|value| !value.trim().eq_ignore_ascii_case("false")),
            infers_stream_schema: self.is_true("spark.sql.streaming.schemaInference"),
            ignores_missing_files: self.is_true("spark.sql.files.ignoreMissingFiles"),
            ignores_corrupt_files: self.is_true("spark.sql.files.ignoreCorruptFiles"),
            file_splits: self.file_splits(),
            binary: self.find(BINARY_STYLE).and_then(|name| BinaryStyle::named(&name)).unwrap_or_default(),
        })
    }

    fn file_splits(&self) -> FileSplits {
        let default = FileSplits::default();
        let bytes = |key: &str| size(&self.find(key)?).and_then(|bytes| u64::try_from(bytes).ok());
        FileSplits {
            max_bytes: bytes("spark.sql.files.maxPartitionBytes").unwrap_or(default.max_bytes),
            open_cost: bytes("spark.sql.files.openCostInBytes").unwrap_or(default.open_cost),
            min_parts: self.find(MIN_PARTITIONS).and_then(|number| number.trim().parse().ok()),
        }
    }

    fn is_true(&self, key: &str) -> bool {
        self.find(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}

fn bytes_of(key: &str, value: &str) -> usize {
    key.len() + value.len() + SETTING_BYTES
}

impl Entry {
    fn check_name(&self, value: &str, names: &str) -> Result<()> {
        if names.split(", ").any(|name| name.eq_ignore_ascii_case(value)) {
            return Ok(());
        }
        Err(spark_error!(
            "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS",
            confName = self.key,
            confValue = value,
            confOptions = names,
        ))
    }

    fn check(&self, value: &str) -> Result<()> {
        let trimmed = value.trim();
        let (fits, wanted) = match self.kind {
            // A static key is refused before anyone looks at its value.
            Kind::Text | Kind::Static => (true, "string"),
            Kind::Bool => (matches!(trimmed.to_ascii_lowercase().as_str(), "true" | "false"), "boolean"),
            Kind::Int | Kind::PositiveInt => (trimmed.parse::<i32>().is_ok(), "int"),
            Kind::Long => (trimmed.parse::<i64>().is_ok(), "long"),
            Kind::Double => (trimmed.parse::<f64>().is_ok(), "double"),
            Kind::Bytes(wanted) => (size(trimmed).is_some(), wanted),
            Kind::Milliseconds => (is_time(trimmed), "time in MILLISECONDS"),
            Kind::Seconds => (is_time(trimmed), "time in SECONDS"),
            Kind::OneOf(names) => return self.check_name(value, names),
            Kind::Zone => return zone_of(value).map(|_| ()),
        };
        if !fits {
            return Err(spark_error!(
                "INVALID_CONF_VALUE.TYPE_MISMATCH",
                confName = self.key,
                confValue = value,
                confType = wanted,
            ));
        }
        if self.kind == Kind::PositiveInt && trimmed.parse::<i32>().is_ok_and(|number| number <= 0) {
            return Err(spark_error!(
                "INVALID_CONF_VALUE.REQUIREMENT",
                confName = self.key,
                confValue = value,
                confRequirement = match self.key {
                    MIN_PARTITIONS => "The min partition number must be a positive integer".to_owned(),
                    key => format!("The value of {key} must be positive"),
                },
            ));
        }
        Ok(())
    }
}

/// `10`, `64k`, `10MB`, `-1`: a number of bytes with Java's units.
fn size(value: &str) -> Option<i64> {
    let lower = value.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let units = [["", "b"], ["k", "kb"], ["m", "mb"], ["g", "gb"], ["t", "tb"], ["p", "pb"]];
    let power = units.iter().position(|names| names.contains(&&lower[number.len()..]))?;
    number.parse::<i64>().ok().map(|number| number.saturating_mul(1 << (10 * power)))
}

/// The text of `chrono-tz`'s zone for one of Spark's zone ids.
fn zone_of(value: &str) -> Result<String> {
    let name = zone_name(value);
    let known = QuerySettings { time_zone: name.parse().map_err(|_| invalid_zone(value))?, ..QuerySettings::default() };
    Ok(known.time_zone.to_string())
}

/// `GMT+8`, `UTC+08:00`, `+08:00` and `Z` are names of the zones with a fixed offset, whose own names count westward.
fn zone_name(value: &str) -> String {
    if value == "Z" {
        return "UTC".to_owned();
    }
    let offset = value.strip_prefix("GMT").or_else(|| value.strip_prefix("UTC")).unwrap_or(value);
    let (sign, digits) = match offset.split_at_checked(1) {
        Some(("+", digits)) => ('-', digits),
        Some(("-", digits)) => ('+', digits),
        _ => return value.to_owned(),
    };
    let hours = digits.strip_suffix(":00").unwrap_or(digits);
    match hours.parse::<u8>() {
        Ok(0) => "UTC".to_owned(),
        Ok(hours) => format!("Etc/GMT{sign}{hours}"),
        Err(_) => value.to_owned(),
    }
}

fn is_time(value: &str) -> bool {
    value.parse::<i64>().is_ok() || parse_duration(value).is_ok()
}

fn check_modifiable(key: &str) -> Result<()> {
    if STATIC_KEYS.contains(&key) || known(key).is_some_and(|entry| entry.kind == Kind::Static) {
        return Err(spark_error!("CANNOT_MODIFY_STATIC_CONFIG", key = format!("\"{key}\"")));
    }
    if PROCESS_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        return Err(spark_error!("CANNOT_MODIFY_CONFIG", key = format!("\"{key}\""), docroot = DOCROOT));
    }
    Ok(())
}

fn not_found(key: &str) -> Error {
    spark_error!("SQL_CONF_NOT_FOUND", sqlConf = format!("\"{key}\""))
}

fn invalid_zone(value: &str) -> Error {
    spark_error!("INVALID_CONF_VALUE.TIME_ZONE", confName = TIME_ZONE, confValue = value)
}

#[cfg(test)]
mod tests;
