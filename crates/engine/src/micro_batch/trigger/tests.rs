use super::*;

#[test]
fn the_next_multiple_lies_after_the_moment() {
    for (moment_ms, interval_ms, next_ms) in [
        (0, 1000, 1000),
        (999, 1000, 1000),
        (1000, 1000, 2000),
        (1001, 1000, 2000),
        (-1, 1000, 0),
        (1_795_258_649_192, 10_000, 1_795_258_650_000),
    ] {
        let interval = Duration::from_millis(interval_ms);
        assert_eq!(next_multiple_ms(moment_ms, interval), next_ms, "{moment_ms} by {interval_ms}");
    }
}
