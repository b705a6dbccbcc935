//! What a query takes over from its session when it starts: it stays as it was, whatever the session does later.

use chrono_tz::Tz;

/// Session settings that change the meaning of a plan or the text of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuerySettings {
    /// `spark.sql.session.timeZone`
    pub time_zone: Tz,
    /// `spark.sql.ansi.enabled`
    pub ansi: bool,
    /// `spark.sql.caseSensitive`
    pub case_sensitive: bool,
}

impl Default for QuerySettings {
    /// Spark 4's defaults, in UTC.
    fn default() -> Self {
        Self { time_zone: Tz::UTC, ansi: true, case_sensitive: false }
    }
}
