use super::*;

fn check(text: &str, months: i32, days: i32, microseconds: i64) {
    assert_eq!(parse_interval(text).unwrap(), CalendarInterval { months, days, microseconds }, "{text}");
}

#[test]
fn units_signs_and_fractions() {
    check("10 minutes", 0, 0, 600_000_000);
    check("INTERVAL 1 Hour 30 minutes", 0, 0, 5_400_000_000);
    check("1.5 seconds", 0, 0, 1_500_000);
    check("-1 day +2 hours", 0, -1, 7_200_000_000);
    check("1 year 2 months 1 week", 14, 7, 0);
    check("5m", 0, 0, 300_000_000);
    check("500ms", 0, 0, 500_000);
    check("0 seconds", 0, 0, 0);
}

#[test]
fn nonsense_is_refused_by_name() {
    for text in ["", "interval", "10", "ten minutes", "1.5 minutes", "5 fortnights", "1..2 seconds", "minutes 5"] {
        let error = parse_interval(text).unwrap_err();
        assert_eq!(error.class(), Some("CANNOT_PARSE_INTERVAL"), "{text}");
    }
}

#[test]
fn months_have_31_days_in_a_delay_and_no_fixed_length() {
    let interval = parse_interval("1 month 1 day").unwrap();
    assert_eq!(interval.fixed_us(), None);
    assert_eq!(interval.delay_us(), Some(32 * DAY_US));
}

#[test]
fn a_time_span_is_not_negative() {
    assert!(parse_duration("-5 seconds").is_err());
    assert_eq!(parse_duration("2 hours").unwrap(), Duration::from_secs(7200));
}
