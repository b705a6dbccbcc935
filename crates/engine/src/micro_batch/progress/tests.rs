use super::*;

#[test]
fn times_are_in_utc_with_milliseconds() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_795_258_649_192, "2026-11-21T10:57:29.192Z"),
        // Spark 4.2, of the first and last event times that there can be.
        (i64::MAX.div_euclid(1000), "+294247-01-10T04:00:54.775Z"),
        (i64::MIN.div_euclid(1000), "+290309-12-21T19:59:05.224Z"),
    ] {
        assert_eq!(timestamp(ms), text);
    }
}

#[test]
fn rates_are_rows_by_seconds() {
    assert!((per_second(100, Duration::from_millis(113)) - 884.955_752_212_389_4).abs() < 1e-9);
    assert!(!per_second(1, Duration::ZERO).is_finite());
}
