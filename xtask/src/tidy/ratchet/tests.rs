//! Each rule sees what breaks it, and nothing else.

use std::path::PathBuf;

use super::super::Source;
use super::{RATCHETS, empty_names, findings, long_comments, long_prose, missing_head, short_docs, tuple_parameters};

#[test]
fn comments_and_prose_that_are_too_long() {
    let columns = |count: usize| "x".repeat(count);
    let text = format!("// {}\n   // {}\nlet a = \"{}\";\n", columns(117), columns(114), columns(200));
    assert_eq!(long_comments(&text).unwrap(), [0usize; 0]);
    assert_eq!(long_comments(&format!("{text}/// {}", columns(117))).unwrap(), [4]);
    let page = format!("{}\n| {} |\n```\n{}\n```\n{}\n", columns(150), columns(200), columns(200), columns(151));
    assert_eq!(long_prose(&page).unwrap(), [6]);
}

#[test]
fn documentation_that_is_a_word_or_two() {
    let text = "/// Time.\na: u8,\n/// The time.\nb: u8,\n/// The event time.\nc: u8,\n/// Long as it is, this ends with\n/// a line.\nd: u8,";
    assert_eq!(short_docs(text).unwrap(), [1, 3]);
}

#[test]
fn names_that_say_nothing() {
    let text =
        "fn f(of: u8) {\n    let one = 1;\n    for it in 0..1 {}\n    a.map(|one| one);\n    one + of::it(one);\n}";
    assert_eq!(empty_names(text).unwrap(), [1, 2, 3, 4]);
}

#[test]
fn tuples_in_place_of_parameters() {
    let text = "fn f((a, b): (u8, u8), c: (u8, u8)) {}\nfn g<T>(\n    &self,\n    (a, b): (T, T),\n) {}\nfn h() { f((1, 2), (3, 4)) }";
    assert_eq!(tuple_parameters(text).unwrap(), [1, 4]);
}

#[test]
fn a_file_without_a_head() {
    assert_eq!(missing_head("//! A head.\n").unwrap(), [0usize; 0]);
    assert_eq!(missing_head("use a::b;\n").unwrap(), [1]);
}

#[test]
fn one_place_more_than_before_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let rust = RATCHETS.iter().find(|ratchet| ratchet.rule.starts_with("documentation")).unwrap();
    let source = |count: usize| Source {
        path: PathBuf::from("a.rs"),
        text: format!("//! A head.\n{}", "/// Time.\nstatic A: u8 = 1;\n".repeat(count)),
    };
    assert_eq!(findings(&[source(rust.most)], folder.path()).unwrap(), [""; 0]);
    let found = findings(&[source(rust.most + 1)], folder.path()).unwrap();
    assert!(found[0].contains(rust.rule), "{found:?}");
    assert_eq!(found.len(), 1 + rust.most + 1, "each place is named where git knows of no change");
}
