use std::time::Duration;

use super::*;

/// Adds results that are read at 900 ns, where the sender began at 100 ns.
fn check(expect: Expect, rows: u64, results: &[&str]) -> Result<Tally> {
    let schedule = Schedule { rate: 1, rows, skip: Duration::from_nanos(200), burst: None };
    let mut tally = Tally::new(expect, schedule);
    for result in results {
        tally.add(result.as_bytes(), (100, 900))?;
    }
    Ok(tally)
}

#[test]
fn complete_when_every_row_is_there_and_none_before_the_skip_counts() {
    let results = [r#"{"id":1,"sent":299}"#, r#"{"id":0,"sent":300}"#, r#"{"id":2,"sent":850}"#];
    assert!(!check(Expect::All, 3, &results[..2]).expect("valid").is_complete());
    let tally = check(Expect::All, 3, &results).expect("valid");
    assert!(tally.is_complete());
    let results: Vec<_> = tally.into_results().iter().map(|row| (row.due_ns, row.latency_ns)).collect();
    assert_eq!(results, [(200, 600), (750, 50)]);
}

#[test]
fn a_filtered_row_is_neither_wanted_nor_allowed() {
    let nine: Vec<_> = (0..9).map(|id| format!(r#"{{"id":{id},"sent":500}}"#)).collect();
    let nine: Vec<_> = nine.iter().map(String::as_str).collect();
    assert!(check(Expect::NineOfTen, 10, &nine).expect("valid").is_complete());
    let refused = check(Expect::NineOfTen, 10, &[r#"{"id":9,"sent":500}"#]).expect_err("filtered");
    assert_eq!(refused.to_string(), "row 9 should have been filtered out");
}

#[test]
fn counts_grow_to_what_was_sent() {
    let results = [r#"{"n":1,"user":"u0","sent":500}"#, r#"{"n":2,"user":"u1","sent":500}"#];
    assert_eq!(check(Expect::Counts, 1002, &results).expect("valid").progress(), (3, 1002));
    let check_refused = |results: &[&str], message: &str| {
        assert_eq!(check(Expect::Counts, 1002, results).expect_err("wrong").to_string(), message);
    };
    check_refused(&[results[1], results[1]], "user 1 was counted 2 times after 2, of 2");
    check_refused(&[r#"{"n":2,"user":"u2","sent":500}"#], "user 2 was counted 2 times after 0, of 1");
}

#[test]
fn what_was_not_sent_is_refused() {
    let check_refused = |results: &[&str], message: &str| {
        assert_eq!(check(Expect::All, 3, results).expect_err("wrong").to_string(), message);
    };
    check_refused(&[r#"{"id":1,"sent":500}"#, r#"{"id":1,"sent":500}"#], "row 1 came twice, or was never sent");
    check_refused(&[r#"{"id":3,"sent":500}"#], "row 3 came twice, or was never sent");
    check_refused(&[r#"{"id":1,"sent":901}"#], "a result came before it was sent");
}
