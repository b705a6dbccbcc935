use super::*;

/// `key=value`, or `key` for a record without a value.
fn row(text: &str) -> Row {
    match text.split_once('=') {
        Some((key, value)) => (Some(key.into()), Some(value.into())),
        None => (Some(text.into()), None),
    }
}

/// The differences of an output, as a person reads them. Rows lie at the offsets 0, 1 … of one partition.
fn check(comparison: Comparison, seen: &[&str], due: &[&str], expected: &[&str]) {
    let at = |(offset, text): (usize, &&str)| OutputRow { row: row(text), partition: 3, offset: offset as i64 };
    let seen: Vec<_> = seen.iter().enumerate().map(at).collect();
    let due: Vec<_> = due.iter().map(|text| row(text)).collect();
    let found: Vec<_> = compare(comparison, &seen, &due).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{seen:?} where {due:?} is due");
}

#[test]
fn all_rows_count_each_as_often_as_it_is_due() {
    let check = |seen: &[&str], expected: &[&str]| check(Comparison::Rows, seen, &["a=1", "a=2", "a=2"], expected);
    check(&["a=2", "a=1", "a=2"], &[]);
    check(&["a=2", "a=1"], &["lost: key a, value 2"]);
    check(&["a=1", "a=2", "a=1", "a=2"], &["doubled: key a, value 1, at offset 2 of partition 3"]);
    check(
        &["a=1", "b=2", "a=2", "a=2"],
        &["different: key b, value 2, where no such row is due, at offset 1 of partition 3"],
    );
    check(&[], &["lost: key a, value 1", "lost: key a, value 2"]);
}

#[test]
fn only_the_newest_row_of_a_key_counts() {
    let check = |seen: &[&str], expected: &[&str]| check(Comparison::Newest, seen, &["a=1", "a=2", "b=5"], expected);
    check(&["a=9", "b=5", "a=2"], &[]);
    check(&["a=2", "b=5", "a=3"], &["different: key a, value 3 instead of 2, at offset 2 of partition 3"]);
    check(&["a=2"], &["lost: key b, value 5"]);
    // A record without a value deletes its key.
    check(&["c=0", "a=2", "c", "b=5"], &[]);
    check(&["a=2", "b=5", "b"], &["lost: key b, value 5"]);
    check(&["a=2", "b=5", "c=0"], &["different: key c, value 0, where no such row is due, at offset 2 of partition 3"]);
}

#[test]
fn some_keys_replace_and_others_do_not() {
    let comparison = Comparison::NewestOf("n ");
    check(comparison, &["n a=1", "a=1", "n a=2"], &["n a=2", "a=1"], &[]);
    check(
        comparison,
        &["n a=2", "a=1", "a=1"],
        &["n a=2", "a=1"],
        &["doubled: key a, value 1, at offset 2 of partition 3"],
    );
}

#[test]
fn numbers_of_a_key_grow() {
    let seen = ["a=1", "b=1", "a=1", "a=3", "a=2"].map(row);
    let at = |(offset, row): (usize, &Row)| OutputRow { row: row.clone(), partition: 0, offset: offset as i64 };
    let seen: Vec<_> = seen.iter().enumerate().map(at).collect();
    let texts = |may_repeat| {
        let found = out_of_order(seen.iter(), may_repeat);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let shrunk = "different: key a, value 2 after 3, at offset 4 of partition 0";
    assert_eq!(texts(false), ["different: key a, value 1 after 1, at offset 2 of partition 0", shrunk]);
    assert_eq!(texts(true), [shrunk]);
}
