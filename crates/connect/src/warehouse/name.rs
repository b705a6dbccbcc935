//! Names of tables.

use millstream_core::{Result, spark_error};

use super::{CATALOG, schema_not_found};

/// A table by its database, both in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) database: String,
    pub(crate) table: String,
}

impl TableName {
    /// The name with these parts; without a database it is in the current one. `None` for a name of another catalog.
    pub(crate) fn of(parts: &[String], current: &str) -> Option<Self> {
        let (database, table) = match parts {
            [table] => (current, table),
            [database, table] => (database.as_str(), table),
            [catalog, database, table] if catalog == CATALOG => (database.as_str(), table),
            _ => return None,
        };
        Some(Self { database: database.to_lowercase(), table: table.to_lowercase() })
    }

    /// The name with these parts.
    ///
    /// # Errors
    /// `SCHEMA_NOT_FOUND` for a name of another catalog.
    pub(crate) fn parse(parts: &[String], current: &str) -> Result<Self> {
        Self::of(parts, current).ok_or_else(|| schema_not_found(&parts[..parts.len().saturating_sub(1)].join("`.`")))
    }

    /// Refuses what no table may be called, before anything is written for it.
    ///
    /// # Errors
    /// `INVALID_SCHEMA_OR_RELATION_NAME`
    pub(crate) fn check(&self) -> Result<()> {
        checked(&self.table).map(|_| ())
    }

    /// The name in backticks without the catalog, as the errors of Spark's own catalog have it.
    pub(crate) fn in_catalog(&self) -> String {
        format!("`{}`.`{}`", self.database, self.table)
    }

    /// The whole name in backticks.
    pub(crate) fn quoted(&self) -> String {
        format!("`{CATALOG}`.{}", self.in_catalog())
    }
}

/// Whether a database or table may be called so. It is a part of a path, too.
pub(super) fn is_valid(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name in lower case.
pub(super) fn checked(name: &str) -> Result<String> {
    if is_valid(name) {
        return Ok(name.to_lowercase());
    }
    Err(spark_error!("INVALID_SCHEMA_OR_RELATION_NAME", name = format!("`{name}`")))
}
