//! Times as Spark's events spell them.

use millstream_formats::datetime::civil_from_days;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// `2026-01-31T12:00:00.000Z` for milliseconds since the epoch.
pub(crate) fn iso_8601(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil_from_days(days);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        // `date -u -d @1795256401.438 +%FT%T.%3NZ`
        assert_eq!(iso_8601(1_795_256_401_438), "2026-11-21T10:20:01.438Z");
        assert_eq!(iso_8601(-1), "1969-12-31T23:59:59.999Z");
    }
}
