//! Each rule finds what breaks it.

use std::path::PathBuf;

use super::{BANNED, Source, breaches};

fn found(path: &str, text: &str) -> Vec<String> {
    breaches(&Source { path: PathBuf::from(path), text: text.to_owned() })
}

#[test]
fn names_and_heads_of_files() {
    assert_eq!(found("crates/a/src/b.rs", "//! A head.\n"), [""; 0]);
    assert_eq!(
        found("crates/a/src/b/mod.rs", "//! A head.\n"),
        ["  crates/a/src/b/mod.rs: a module's head lies beside its folder: b.rs"]
    );
    assert_eq!(found("crates/a/src/utils.rs", "//! A head.\n"), ["  crates/a/src/utils.rs: name it for what is in it"]);
    assert_eq!(found("crates/a/src/common/b.rs", "//! A head.\n").len(), 1);
    assert_eq!(
        found("crates/a/src/b.rs", "use a::b;\n"),
        ["  crates/a/src/b.rs: opens without //!, which says what the file is"]
    );
    assert_eq!(found("docs/b.md", "# A page\n"), [""; 0]);
}

#[test]
fn words_that_may_not_stand() {
    for (word, instead) in BANNED {
        let text = format!("//! A head.\n\n{word}\n");
        assert_eq!(found("crates/a/src/b.rs", &text), [format!("  crates/a/src/b.rs:3: '{word}': {instead}")]);
    }
}
