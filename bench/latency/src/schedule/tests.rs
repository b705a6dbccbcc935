use super::*;

#[test]
fn ticks_share_the_rate_out() {
    let check = |rate, dues: [u64; 4]| {
        let schedule = Schedule::new(rate, 1, Duration::ZERO, None);
        assert_eq!([0, 1, 2, 3].map(|tick| schedule.due(tick)), dues, "{rate} rows a second");
        assert_eq!(schedule.due(1999), rate, "a second has 2000 ticks");
        assert_eq!(schedule.due(5000), rate, "no more than all");
    };
    check(2000, [1, 2, 3, 4]);
    check(10_000, [5, 10, 15, 20]);
    check(3000, [1, 3, 4, 6]);
    check(500, [0, 0, 0, 1]);
}

#[test]
fn a_burst_multiplies_the_rate_while_it_lasts() {
    let (begin, end) = (Duration::from_millis(1), Duration::from_millis(2));
    let schedule = Schedule::new(2000, 1, Duration::ZERO, Some(Burst { begin, end, factor: 100 }));
    // Two ticks before it, two in it, and one after it.
    assert_eq!([0, 1, 2, 3, 4].map(|tick| schedule.due(tick)), [1, 2, 102, 202, 203]);
    assert_eq!(schedule.rows, 2000 + 2 * 99);
    assert_eq!(schedule.due(1999), schedule.rows);
}

#[test]
fn keys_share_the_rows() {
    let schedule = Schedule { rate: 1, rows: 2003, skip: Duration::ZERO, burst: None };
    assert_eq!([0, 2, 3, 999].map(|user| schedule.rows_of(user)), [3, 3, 2, 2]);
    assert_eq!((0..KEYS).map(|user| schedule.rows_of(user)).sum::<u64>(), 2003);
}
