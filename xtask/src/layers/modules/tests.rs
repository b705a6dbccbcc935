//! Into each module of each table every arrow is planted that its row forbids, in every form that Rust has for it.

use std::path::{Path, PathBuf};

use super::{ROOT, RootNames, TABLES, Table, file_findings, findings, root_names};

const UPPER_AND_LOWER: Table =
    Table { package: "engine", sources: "src", rows: &[("upper", &["lower"]), ("lower", &[]), ("lower::deep", &[])] };

/// A file deep in a module, from which `super::super` is the module.
fn file_in(module: &str) -> PathBuf {
    PathBuf::from(format!("{}/planted/deep.rs", module.replace("::", "/")))
}

/// Every way to name an item of the module `to` in a file of [`file_in`] the module `from`.
fn ways_to_name(from: &str, to: &str) -> Vec<String> {
    let depth = from.split("::").count() + 2;
    let climb = "super::".repeat(depth);
    vec![
        format!("use crate::{to}::Planted;"),
        format!("use crate::{to};"),
        format!("use crate::{to}::*;"),
        format!("use std::{{fmt, io}};\nuse crate::{{{from}::Own, {to}::{{self, Planted}}}};"),
        format!("fn f() -> Option<crate::{to}::Planted> {{ None }}"),
        format!("fn f() {{ trace!(\"{{}}\", crate::{to}::PLANTED) }}"),
        format!("use {climb}{to}::Planted;"),
        format!("use super::{{{}{to}::Planted, Own}};", "super::".repeat(depth - 1)),
    ]
}

fn found(table: &Table, names: &RootNames, inside: &Path, text: &str) -> Vec<String> {
    file_findings(table, names, inside, text).unwrap()
}

#[test]
fn each_forbidden_arrow_is_found_in_each_form() {
    let mut planted = 0;
    for table in TABLES {
        for (from, allowed) in table.rows {
            for (to, _) in table.rows.iter().filter(|(to, _)| to != from && !allowed.contains(to)) {
                for text in ways_to_name(from, to) {
                    let found = found(table, &RootNames::new(), &file_in(from), &text);
                    let arrow = format!("{}::{from} must not name {to}", table.package);
                    assert!(found.len() == 1 && found[0].ends_with(&arrow), "{text} in {from}: {found:?}");
                    planted += 1;
                }
            }
        }
    }
    assert!(planted > 1_000, "only {planted} arrows are forbidden");
}

#[test]
fn no_allowed_arrow_is_found() {
    for table in TABLES {
        for (from, allowed) in table.rows {
            for to in allowed.iter().chain([from]) {
                for text in ways_to_name(from, to) {
                    assert_eq!(found(table, &RootNames::new(), &file_in(from), &text), [""; 0], "{text} in {from}");
                }
            }
        }
    }
}

#[test]
fn what_a_row_allows_has_a_row() {
    for table in TABLES {
        let known = |name: &&str| *name == ROOT || table.rows.iter().any(|(row, _)| row == name);
        for (row, allowed) in table.rows {
            assert_eq!(allowed.iter().find(|name| !known(name)), None, "{}::{row}", table.package);
        }
    }
}

/// Modules that need each other, because they are the two halves of a thing: to be mended, not to be added to.
const CIRCLES: [(&str, &str); 4] = [
    ("core::connector", "sink"),
    ("core::sink", "connector"),
    ("core::condition", "error"),
    ("core::error", "condition"),
];

#[test]
fn the_arrows_go_one_way() {
    let mut circles = Vec::new();
    // The table of functions lists the families, and each of them is written in terms of an entry.
    for table in TABLES.iter().filter(|table| table.package != "functions") {
        let allowed = |module: &str| table.rows.iter().find(|(row, _)| *row == module).map_or(&[][..], |(_, to)| *to);
        for (from, direct) in table.rows {
            for to in *direct {
                let mut reached = vec![*to];
                for at in 0.. {
                    let Some(module) = reached.get(at).copied() else { break };
                    let new: Vec<_> = allowed(module).iter().filter(|next| !reached.contains(next)).copied().collect();
                    reached.extend(new);
                }
                if reached.contains(from) {
                    circles.push((format!("{}::{from}", table.package), *to));
                }
            }
        }
    }
    circles.sort();
    let mut known = CIRCLES.map(|(from, to)| (from.to_owned(), to));
    known.sort();
    assert_eq!(circles, known);
}

#[test]
fn a_name_of_the_root_is_followed_to_where_it_is_defined() {
    let names = root_names("mod upper;\npub use upper::deep::Thing;\npub struct Own;").unwrap();
    let text = "use crate::Thing;\nuse super::super::super::Own;";
    assert_eq!(
        found(&UPPER_AND_LOWER, &names, &file_in("lower"), text),
        [
            "  engine/lower/planted/deep.rs:1: engine::lower must not name upper",
            "  engine/lower/planted/deep.rs:2: engine::lower must not name lib",
        ]
    );
}

#[test]
fn a_row_below_another_is_a_module_of_its_own() {
    let text = "use crate::lower::Thing;";
    assert_eq!(
        found(&UPPER_AND_LOWER, &RootNames::new(), Path::new("lower/deep.rs"), text),
        ["  engine/lower/deep.rs:1: engine::lower::deep must not name lower"]
    );
    let text = "use crate::lower::deep::Thing;";
    assert_eq!(
        found(&UPPER_AND_LOWER, &RootNames::new(), Path::new("lower.rs"), text),
        ["  engine/lower.rs:1: engine::lower must not name lower::deep"]
    );
}

#[test]
fn a_module_without_a_row_and_a_row_without_a_module_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("src");
    std::fs::create_dir_all(sources.join("new")).unwrap();
    for file in ["lib.rs", "upper.rs", "lower.rs", "new.rs", "new/inner.rs"] {
        std::fs::write(sources.join(file), "//! A module.\n").unwrap();
    }
    assert_eq!(
        findings(&UPPER_AND_LOWER, folder.path()).unwrap(),
        [
            "  engine::new::inner has no row in xtask/src/layers/modules.rs",
            "  engine::new has no row in xtask/src/layers/modules.rs",
            "  engine::lower::deep has a row and no file",
        ]
    );
}
