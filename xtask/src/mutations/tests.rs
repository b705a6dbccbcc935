//! The places of the mutations, and how a test's output is read.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_place_is_there_once() {
    for mutation in MUTATIONS {
        let original = fs::read_to_string(root().join(mutation.file)).unwrap_or_default();
        if let Err(error) = all_made(mutation.file, original) {
            panic!("{error}");
        }
        assert_ne!(mutation.from, mutation.to, "{}", mutation.name);
    }
}

#[test]
fn names_are_different_words() {
    let names: BTreeSet<_> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
    assert_eq!(names.len(), MUTATIONS.len());
    assert!(names.iter().all(|name| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')));
    assert!(SWITCH.contains(VARIABLE));
}

#[test]
fn who_noticed_is_read_from_what_tests_say() {
    let said = "\
of 3 questions these are not as they should be:
windows: tumbling, count(*) [append]: differs
      batch: 3
    spark      row: x
joins: near, left [append]: differs
test result: FAILED. 0 passed; 1 failed; 0 ignored
";
    let failed = failed_in(said, Tests::Streams).expect("it is a result");
    assert_eq!(failed, ["windows: tumbling, count(*) [append]", "joins: near, left [append]"]);
    let said = "test plan::a ... ok\ntest plan::b ... FAILED\ntest result: FAILED. 1 passed; 1 failed;\n";
    assert_eq!(failed_in(said, Tests::Engine("plan")).expect("it is a result"), ["plan::b"]);
    let said = "test result: ok. 5 passed; 0 failed; 0 ignored\n";
    assert_eq!(failed_in(said, Tests::Streams).expect("it is a result"), Vec::<String>::new());
    for said in ["a panic elsewhere\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n", "killed by a signal"] {
        assert_eq!(failed_in(said, Tests::Streams).expect("it is a result"), ["all of them"]);
    }
}

#[test]
fn tests_that_were_not_run_notice_nothing() {
    let none = failed_in("test result: ok. 0 passed; 0 failed; 0 ignored\n", Tests::Engine("nobody"));
    assert!(none.is_err_and(|error| error.to_string().contains("no test has such a name")));
}
