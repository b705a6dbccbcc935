//! Each package is given, in a made-up `cargo metadata`, each dependency that its row forbids.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{LAYERS, Layer, findings};

const LIBRARY_IN_BETWEEN: &str = "in-between";

/// Metadata of a workspace that has every package of the table, where only `package` uses something: `dependency`, by
/// way of a library, as a dependency of the given kind (`null` is a normal one).
fn workspace(package: &str, dependency: &str, kind: &Value) -> Value {
    let members: Vec<&str> = LAYERS.iter().map(|layer| layer.package).collect();
    let mut names: BTreeSet<&str> = members.iter().copied().collect();
    names.extend([LIBRARY_IN_BETWEEN, dependency]);
    let uses = |name: &str| match name {
        name if name == package => vec![(LIBRARY_IN_BETWEEN, kind)],
        LIBRARY_IN_BETWEEN => vec![(dependency, &Value::Null)],
        _ => vec![],
    };
    let node = |name: &str| {
        let deps: Vec<Value> =
            uses(name).iter().map(|(to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]})).collect();
        json!({"id": name, "deps": deps})
    };
    json!({
        "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
        "workspace_members": members,
        "resolve": {"nodes": names.iter().map(|name| node(name)).collect::<Vec<_>>()},
    })
}

/// Everything that a row forbids: the libraries it names, and the packages of the workspace that it does not name.
fn forbidden(layer: &Layer) -> BTreeSet<&'static str> {
    let packages = LAYERS.iter().map(|other| other.package);
    let foreign = packages.filter(|package| *package != layer.package && !layer.may_use.contains(package));
    foreign.chain(layer.never.iter().copied()).collect()
}

#[test]
fn each_forbidden_dependency_is_found() {
    for layer in LAYERS {
        let forbidden = forbidden(layer);
        assert!(!forbidden.is_empty(), "{} may use everything", layer.package);
        for dependency in forbidden {
            let found = findings(&workspace(layer.package, dependency, &Value::Null)).unwrap();
            assert_eq!(found, [format!("  {} must not use {dependency}: {}", layer.package, layer.because)]);
        }
    }
}

#[test]
fn what_a_row_allows_and_what_only_tests_use_is_not_found() {
    for layer in LAYERS {
        for dependency in layer.may_use {
            assert_eq!(findings(&workspace(layer.package, dependency, &Value::Null)).unwrap(), [""; 0]);
        }
        for dependency in forbidden(layer) {
            assert_eq!(findings(&workspace(layer.package, dependency, &json!("dev"))).unwrap(), [""; 0]);
        }
    }
}

#[test]
fn a_package_without_a_row_is_found() {
    let mut metadata = workspace("millstream-core", "serde", &Value::Null);
    metadata["packages"].as_array_mut().unwrap().push(json!({"id": "new", "name": "millstream-new"}));
    metadata["workspace_members"].as_array_mut().unwrap().push(json!("new"));
    assert_eq!(findings(&metadata).unwrap(), ["  millstream-new has no row in xtask/src/layers/packages.rs"]);
}
