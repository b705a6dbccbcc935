use super::*;

fn newest(count: u64) -> Option<u64> {
    count.checked_sub(1)
}

/// Every combination of up to five batches, against what the four numbers mean.
#[test]
fn every_combination_is_planned_or_refused() {
    let mut planned = 0;
    for code in 0..6_u64.pow(4) {
        let [n, c, s, m] = [0, 1, 2, 3].map(|place| code / 6_u64.pow(place) % 6);
        let known = Known {
            newest_offsets: newest(n),
            newest_commit: newest(c),
            newest_state: newest(s),
            newest_in_sink: newest(m),
        };
        let possible = c <= n && m <= n && s <= c.max(m);
        let Ok(plan) = plan(known) else {
            assert!(!possible, "{known:?} was refused");
            continue;
        };
        assert!(possible, "{known:?} was planned");
        planned += 1;
        for batch in 0..6 {
            let in_state = batch < s;
            let in_sink = batch < c || batch < m;
            let is_logged = batch < n;
            assert_eq!(plan.muted.contains(&batch), is_logged && !in_state && in_sink, "{known:?} muted {batch}");
            assert_eq!(plan.real.contains(&batch), is_logged && !in_sink, "{known:?} real {batch}");
        }
    }
    assert!(planned > 100);
}

#[test]
fn the_cases_of_a_crash() {
    let cases = [
        ("nothing yet", (None, None, None, None), (0..0, 0..0)),
        ("stopped in peace", (Some(4), Some(4), Some(4), None), (5..5, 5..5)),
        ("died while batch 4 ran", (Some(4), Some(3), Some(3), None), (4..4, 4..5)),
        ("died in the first batch", (Some(0), None, None, None), (0..0, 0..1)),
        ("the sink has batch 4, the log no commit of it", (Some(4), Some(3), Some(3), Some(4)), (4..5, 5..5)),
        ("state is behind", (Some(4), Some(3), Some(1), Some(3)), (2..4, 4..5)),
    ];
    for (name, (n, c, s, m), (muted, real)) in cases {
        let known = Known { newest_offsets: n, newest_commit: c, newest_state: s, newest_in_sink: m };
        assert_eq!(plan(known).unwrap(), RecoveryPlan { muted, real }, "{name}");
    }
}

#[test]
fn an_old_copy_of_a_checkpoint_is_refused() {
    let known =
        Known { newest_offsets: Some(2), newest_commit: Some(2), newest_state: Some(2), newest_in_sink: Some(5) };
    assert!(plan(known).unwrap_err().message().contains("older than the sink"));
}
