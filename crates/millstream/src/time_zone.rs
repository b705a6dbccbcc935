//! The machine's time zone, which is `spark.sql.session.timeZone` of a session that sets none, as in Spark.

use std::path::Path;

/// The zone's IANA name; UTC where the machine does not say.
pub(crate) fn of_machine() -> String {
    let from_environment = std::env::var("TZ").ok().filter(|zone| !zone.is_empty());
    let from_link = || std::fs::read_link("/etc/localtime").ok().and_then(|path| zone_of_link(&path));
    let from_file = || std::fs::read_to_string("/etc/timezone").ok();
    let zone = from_environment.or_else(from_link).or_else(from_file).unwrap_or_default();
    let zone = zone.trim().trim_start_matches(':');
    if is_name(zone) { zone.to_owned() } else { "UTC".to_owned() }
}

fn zone_of_link(target: &Path) -> Option<String> {
    let target = target.to_str()?;
    target.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
}

/// `TZ` may also hold a rule (`CET-1CEST`) or a path, which are no names.
fn is_name(zone: &str) -> bool {
    zone == "UTC" || zone == "GMT" || (zone.contains('/') && !zone.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_names_the_zone() {
        let zone = |target| zone_of_link(Path::new(target));
        assert_eq!(zone("/usr/share/zoneinfo/Europe/Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone("../usr/share/zoneinfo/Etc/UTC").as_deref(), Some("Etc/UTC"));
        assert_eq!(zone("/elsewhere"), None);
    }

    #[test]
    fn rules_and_paths_are_no_names() {
        for (text, expected) in
            [("Asia/Tokyo", true), ("UTC", true), ("CET-1CEST", false), ("/etc/x", false), ("", false)]
        {
            assert_eq!(is_name(text), expected, "{text}");
        }
    }
}
