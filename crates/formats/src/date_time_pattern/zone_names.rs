//! English names of time zones, as the JDK under Spark has them (`zone_names.tsv`, `zones_of_names.tsv`; recorded by
//! `dev/conformance/ZoneNames.java`).

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, TimeZone};
use chrono_tz::{OffsetComponents, Tz};

use crate::datetime::within_rules;

use super::item::Style;

/// By zone its names: short ones of standard time, of summer time and of both, and the long ones likewise.
static NAMES: LazyLock<HashMap<&'static str, [&'static str; 6]>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for line in lines(include_str!("zone_names.tsv")) {
        let mut parts = line.split('\t');
        let row: [&str; 6] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        parts.next().unwrap_or_default().split(' ').for_each(|zone| {
            names.insert(zone, row);
        });
    }
    names
});

/// The zones that short and long names are read as.
static ZONES: LazyLock<[Vec<(&'static str, Tz)>; 2]> = LazyLock::new(|| {
    ["short", "long"].map(|style| {
        let rows =
            lines(include_str!("zones_of_names.tsv")).filter_map(|line| line.strip_prefix(style)?.strip_prefix('\t'));
        rows.filter_map(|row| {
            let (name, zone) = row.split_once('\t')?;
            Some((name, zone.parse().ok()?))
        })
        .collect()
    })
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// A zone's name at a moment; its id if it has none. A generic name is that of all seasons.
pub(super) fn name(zone: Tz, style: Style, generic: bool, utc_s: i64) -> &'static str {
    let Some(names) = NAMES.get(zone.name()) else { return zone.name() };
    let season = match (generic, is_summer(zone, utc_s)) {
        (true, _) => 2,
        (false, summer) => usize::from(summer),
    };
    names[season + if style == Style::Full { 3 } else { 0 }]
}

/// The longest name with which the text begins: its length by `prefix`, and its zone.
pub(super) fn zone_at(text: &str, style: Style, prefix: fn(&str, &str) -> Option<usize>) -> Option<(usize, Tz)> {
    let known = ZONES[usize::from(style == Style::Full)].iter();
    known.filter_map(|(name, zone)| Some((prefix(text, name)?, *zone))).max_by_key(|(length, _)| *length)
}

/// Returns `true` if clocks are ahead of the zone's standard time. Where the zone database says that clocks go back in
/// winter, the JDK says that they go forward in summer.
fn is_summer(zone: Tz, utc_s: i64) -> bool {
    let Some(utc) = DateTime::from_timestamp(within_rules(zone, utc_s).0, 0) else { return false };
    let ahead_s = zone.offset_from_utc_datetime(&utc.naive_utc()).dst_offset().num_seconds();
    let goes_back = match zone {
        Tz::Europe__Dublin | Tz::Eire => utc_s >= -37_242_000, // 1968-10-27
        Tz::Africa__Casablanca | Tz::Africa__El_Aaiun => utc_s >= 1_540_692_000, // 2018-10-28
        Tz::Africa__Windhoek => (764_200_800..1_508_810_400).contains(&utc_s), // 1994-03-20 to 2017-10-24
        _ => false,
    };
    if goes_back { ahead_s == 0 } else { ahead_s > 0 }
}
