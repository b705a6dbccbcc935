use super::*;

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let check = |count: u64, share, expected| {
        let sorted: Vec<_> = (1..=count).collect();
        assert_eq!(percentile(&sorted, share), expected, "{share} of 1 to {count}");
    };
    check(1000, 0.5, 500);
    check(1000, 0.99, 990);
    check(1000, 0.999, 999);
    check(1000, 1.0, 1000);
    check(10, 0.99, 10);
    check(1, 0.5, 1);
    check(0, 0.5, 0);
}

#[test]
fn a_summary_is_in_milliseconds() {
    let summary = summary(vec![3_000_000, 1_000_000, 2_500_000]);
    assert_eq!((summary["samples"].as_u64(), summary["p50_ms"].as_f64()), (Some(3), Some(2.5)));
    assert_eq!(summary["max_ms"].as_f64(), Some(3.0));
}
