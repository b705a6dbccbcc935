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

#[test]
fn a_burst_is_over_when_rows_are_as_quick_as_before_it() {
    let ms = |ms: u64| ms * 1_000_000;
    let rows = |due_ms: std::ops::Range<u64>, latency_ms: u64| {
        due_ms.map(move |due| Timed { due_ns: ms(due), latency_ns: ms(latency_ms) })
    };
    // 2 ms at rest, 300 ms in the burst and for 50 ms after it; one slow row in a later window does not count.
    let mut results: Vec<_> = rows(0..100, 2).chain(rows(100..250, 300)).chain(rows(250..400, 2)).collect();
    results.push(Timed { due_ns: ms(260), latency_ns: ms(90) });
    let (begin, end) = (Duration::from_millis(100), Duration::from_millis(200));
    let report = burst(&results, Burst { begin, end, factor: 10 });
    assert_eq!(report["before_p50_ms"].as_f64(), Some(2.0));
    assert_eq!(report["longest_ms"].as_f64(), Some(300.0));
    // Windows of 20 ms: the third holds as many quick rows as slow ones.
    assert_eq!(report["usual_again_after_ms"].as_u64(), Some(40));
}
