use super::*;

fn newest(count: u64) -> Option<u64> {
    count.checked_sub(1)
}

/// Every combination of up to five batches, against what the numbers mean.
#[test]
fn every_combination_is_planned_or_refused() {
    let mut planned = 0;
    for code in 0..6_u64.pow(4) * 4 {
        let [n, c, s, m] = [0, 1, 2, 3].map(|place| code / 6_u64.pow(place) % 6);
        let kind = code / 6_u64.pow(4);
        let (is_repeatable, has_prepared) = (kind.is_multiple_of(2), kind < 2);
        let known = Known {
            newest_offsets: newest(n),
            newest_commit: newest(c),
            newest_state: newest(s),
            newest_in_sink: newest(m),
            prepared: has_prepared.then_some(c),
            is_repeatable,
        };
        // What is prepared is state as soon as the sink has shown it, if nothing is missing before it.
        let s_with_prepared = if has_prepared && s == c && m > c { s + 1 } else { s };
        let loses = !is_repeatable && s_with_prepared < c.max(m);
        let possible = c <= n && m <= n && s <= c.max(m) && !loses;
        let Ok(plan) = plan(known) else {
            assert!(!possible, "{known:?} was refused");
            continue;
        };
        assert!(possible, "{known:?} was planned");
        planned += 1;
        assert_eq!(plan.settles_prepared, s_with_prepared > s, "{known:?}");
        assert!(is_repeatable || plan.muted.is_empty(), "{known:?} would be rebuilt");
        for batch in 0..6 {
            let in_state = batch < s_with_prepared;
            let in_sink = batch < c || batch < m;
            let is_logged = batch < n;
            assert_eq!(plan.muted.contains(&batch), is_logged && !in_state && in_sink, "{known:?} muted {batch}");
            assert_eq!(plan.real.contains(&batch), is_logged && !in_sink, "{known:?} real {batch}");
        }
    }
    assert!(planned > 400);
}

/// What is known of a query whose state is repeatable: n, c, s, m.
fn known(n: Option<u64>, c: Option<u64>, s: Option<u64>, m: Option<u64>) -> Known {
    Known {
        newest_offsets: n,
        newest_commit: c,
        newest_state: s,
        newest_in_sink: m,
        prepared: None,
        is_repeatable: true,
    }
}

#[test]
fn the_cases_of_a_crash() {
    let cases = [
        ("nothing yet", known(None, None, None, None), (0..0, 0..0)),
        ("stopped in peace", known(Some(4), Some(4), Some(4), None), (5..5, 5..5)),
        ("died while batch 4 ran", known(Some(4), Some(3), Some(3), None), (4..4, 4..5)),
        ("died in the first batch", known(Some(0), None, None, None), (0..0, 0..1)),
        ("the sink has batch 4, the log no commit of it", known(Some(4), Some(3), Some(3), Some(4)), (4..5, 5..5)),
        ("state is behind", known(Some(4), Some(3), Some(1), Some(3)), (2..4, 4..5)),
    ];
    for (name, known, (muted, real)) in cases {
        assert_eq!(plan(known).unwrap(), RecoveryPlan { settles_prepared: false, muted, real }, "{name}");
    }
}

#[test]
fn the_cases_of_a_crash_where_a_batch_comes_out_differently() {
    let varying =
        |m, prepared: Option<u64>| Known { is_repeatable: false, prepared, ..known(Some(4), Some(3), Some(3), m) };
    let planned =
        |settles_prepared, real: Range<u64>| RecoveryPlan { settles_prepared, muted: real.start..real.start, real };
    assert_eq!(plan(varying(Some(3), None)).unwrap(), planned(false, 4..5), "died before it was prepared");
    assert_eq!(plan(varying(Some(3), Some(4))).unwrap(), planned(false, 4..5), "died before the sink had it");
    assert_eq!(plan(varying(None, Some(4))).unwrap(), planned(false, 4..5), "the sink does not know: it gets it again");
    assert_eq!(plan(varying(Some(4), Some(4))).unwrap(), planned(true, 5..5), "died before its commit");
    let lost = plan(varying(Some(4), None)).unwrap_err();
    assert!(lost.message().contains("has lost the state of batch 4"), "{lost}");
}

#[test]
fn an_old_copy_of_a_checkpoint_is_refused() {
    assert!(plan(known(Some(2), Some(2), Some(2), Some(5))).unwrap_err().message().contains("older than the sink"));
}
