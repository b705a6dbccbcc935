//! What valgrind wrote is added up, and every kind of difference is found.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{differences, tally};

#[test]
fn lines_are_ours_and_the_rest_is_a_librarys() {
    let text = "desc: whatever\ncmd: program 1 2\nevents: Ir\nfl=???\nfn=memcpy\n0 100\nfl=/src/a.rs\nfn=f\n10 7\n11 3\n\
                fl=/rustc/library/core/src/iter.rs\n5 2\nsummary: 112\n";
    let count = tally(text).unwrap();
    assert_eq!((count.ours, count.all), (12, 112));
    assert!(tally("fl=???\nfn=memcpy\n0 100\n").is_err_and(|error| error.to_string().contains("nothing of ours")));
}

#[test]
fn three_percent_are_allowed() {
    let committed = BTreeMap::from([("row".to_owned(), json!({"ours": 1000, "all": 5000}))]);
    let found = |now: Value| {
        let now: Map<String, Value> = [("row".to_owned(), now)].into_iter().collect();
        differences(&committed, &now)
    };
    assert_eq!(found(json!({"ours": 1030, "all": 4850})), [""; 0]);
    assert_eq!(found(json!({"ours": 1031, "all": 5000})), ["  row, ours: 1031, before 1000 (+3.1 %)"]);
    assert_eq!(found(json!({"ours": 1000, "all": 4849})), ["  row, all: 4849, before 5000 (-3.0 %)"]);
}

#[test]
fn a_measure_that_came_or_went_is_found() {
    let committed = BTreeMap::from([("old".to_owned(), json!({"ours": 1, "all": 2}))]);
    let counted: Map<String, Value> = [("new".to_owned(), json!({"ours": 3, "all": 4}))].into_iter().collect();
    assert_eq!(
        differences(&committed, &counted),
        [
            "  old, ours: nothing, before 1",
            "  old, all: nothing, before 2",
            "  new, ours: 3, before nothing",
            "  new, all: 4, before nothing",
        ]
    );
}
