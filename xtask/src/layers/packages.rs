//! Which package of the workspace may depend on which, and which libraries it must never link.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A package, what of ours it may use, and which libraries it must never see.
pub(super) struct Layer {
    pub(super) package: &'static str,
    pub(super) may_use: &'static [&'static str],
    pub(super) never: &'static [&'static str],
    pub(super) because: &'static str,
}

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        package: "millstream-core",
        may_use: &[],
        never: &["tokio", "datafusion", "tonic", "kafka-protocol"],
        because: "core is words and pure functions; it does no I/O and starts no task",
    },
    Layer {
        package: "millstream-formats",
        may_use: &["millstream-core"],
        never: &["tokio", "datafusion", "tonic", "kafka-protocol"],
        because: "a format is pure functions between bytes, text and columns",
    },
    Layer {
        package: "millstream-java-regex",
        may_use: &[],
        never: &["tokio", "arrow", "datafusion", "tonic"],
        because: "a pattern is for names of topics as well as for values of rows",
    },
    Layer {
        package: "millstream-kafka",
        may_use: &[],
        never: &["arrow", "datafusion", "tonic"],
        because: "the Kafka client knows Kafka's wire and nothing of Millstream",
    },
    Layer {
        package: "millstream-connectors",
        may_use: &["millstream-core", "millstream-formats", "millstream-java-regex", "millstream-kafka"],
        never: &["datafusion", "datafusion-expr", "tonic", "apache-spark-connect-proto"],
        because: "a connector speaks Arrow and offsets, and never sees a plan",
    },
    Layer {
        package: "millstream-broker",
        may_use: &[],
        never: &["arrow", "datafusion", "tonic"],
        because: "the broker knows nothing of Millstream, and shares no code with the client that it tests",
    },
    Layer {
        package: "millstream-latency",
        may_use: &["millstream-kafka"],
        never: &["arrow", "datafusion", "tonic"],
        because: "the driver measures from outside, with nothing of what it measures but the client",
    },
    Layer {
        package: "millstream-engine",
        may_use: &["millstream-core"],
        never: &["tonic", "apache-spark-connect-proto", "kafka-protocol", "axum"],
        because: "the engine knows no SQL text, no gRPC, no HTTP and no connector",
    },
    Layer {
        package: "millstream-sim",
        may_use: &["millstream-core", "millstream-engine", "millstream-testing"],
        never: &["tonic", "kafka-protocol", "axum"],
        because: "the simulation gives the engine a world, and no more",
    },
    Layer {
        package: "millstream-functions",
        may_use: &["millstream-core", "millstream-formats", "millstream-java-regex", "millstream-engine"],
        never: &["apache-spark-connect-proto", "tonic", "kafka-protocol"],
        because: "a function knows types and columns, and neither SQL text nor the messages of plans",
    },
    Layer {
        package: "millstream-sql",
        may_use: &[
            "millstream-core",
            "millstream-formats",
            "millstream-java-regex",
            "millstream-engine",
            "millstream-functions",
        ],
        never: &["kafka-protocol"],
        because: "the analyzer resolves connectors by name and never links one",
    },
    Layer {
        package: "millstream-connect",
        may_use: &[
            "millstream-core",
            "millstream-formats",
            "millstream-java-regex",
            "millstream-engine",
            "millstream-functions",
            "millstream-sql",
        ],
        never: &["kafka-protocol"],
        because: "the front door never sees a record of a running query",
    },
    Layer {
        package: "millstream",
        may_use: &[
            "millstream-core",
            "millstream-formats",
            "millstream-java-regex",
            "millstream-kafka",
            "millstream-broker",
            "millstream-connectors",
            "millstream-engine",
            "millstream-functions",
            "millstream-sql",
            "millstream-connect",
        ],
        never: &["millstream-test-servers", "millstream-testing"],
        because: "the binary wires all that is shipped, and nothing that only tests need",
    },
    Layer {
        package: "millstream-test-servers",
        may_use: &[],
        never: &["datafusion", "tonic"],
        because: "tests of every crate start servers with it",
    },
    Layer {
        package: "millstream-testing",
        may_use: &["millstream-core"],
        never: &["datafusion", "tonic"],
        because: "tests of every crate that sees Arrow use its doubles",
    },
    Layer {
        package: "millstream-instructions",
        may_use: &[
            "millstream-core",
            "millstream-engine",
            "millstream-formats",
            "millstream-functions",
            "millstream-java-regex",
            "millstream-sql",
            "millstream-testing",
        ],
        never: &["kafka-protocol"],
        because: "the work whose instructions are counted is the engine's and the analyzer's alone",
    },
    Layer {
        package: "xtask",
        may_use: &[],
        never: &["tokio", "arrow", "datafusion"],
        because: "a task starts within a second of a fresh checkout",
    },
];

/// What `cargo metadata` says of the workspace.
pub(super) fn metadata() -> Result<Value> {
    let output = crate::program("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(crate::root())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

/// Every package that links what it must not, and every package of the workspace that has no row.
pub(super) fn findings(metadata: &Value) -> Result<Vec<String>> {
    let members = member_names(metadata)?;
    let mut findings: Vec<String> = members
        .iter()
        .filter(|member| !LAYERS.iter().any(|layer| layer.package == **member))
        .map(|member| format!("  {member} has no row in xtask/src/layers/packages.rs"))
        .collect();
    for layer in LAYERS {
        for dependency in normal_dependencies(metadata, layer.package)? {
            let foreign = members.contains(dependency.as_str()) && !layer.may_use.contains(&dependency.as_str());
            if foreign || layer.never.contains(&dependency.as_str()) {
                findings.push(format!("  {} must not use {dependency}: {}", layer.package, layer.because));
            }
        }
    }
    Ok(findings)
}

/// The names of the packages of the workspace.
fn member_names(metadata: &Value) -> Result<BTreeSet<&str>> {
    let packages = metadata["packages"].as_array().context("no packages in cargo metadata")?;
    let members = metadata["workspace_members"].as_array().context("no workspace in cargo metadata")?;
    let ours = packages.iter().filter(|package| members.contains(&package["id"]));
    Ok(ours.filter_map(|package| package["name"].as_str()).collect())
}

/// The names of all packages that `package` links, directly or not; build and test dependencies are left out.
fn normal_dependencies(metadata: &Value, package: &str) -> Result<BTreeSet<String>> {
    let packages = metadata["packages"].as_array().context("no packages in cargo metadata")?;
    let nodes = metadata["resolve"]["nodes"].as_array().context("no graph in cargo metadata")?;
    let start = packages
        .iter()
        .find(|candidate| candidate["name"] == package)
        .and_then(|found| found["id"].as_str())
        .with_context(|| format!("there is no package {package}"))?;
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(id) = waiting.pop() {
        let node = nodes.iter().find(|node| node["id"] == id).with_context(|| format!("{id} is not in the graph"))?;
        for edge in node["deps"].as_array().into_iter().flatten() {
            let kinds = edge["dep_kinds"].as_array();
            let normal = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
            if let Some(to) = edge["pkg"].as_str().filter(|to| normal && seen.insert((*to).to_owned())) {
                waiting.push(to);
            }
        }
    }
    let linked = packages.iter().filter(|package| package["id"].as_str().is_some_and(|id| seen.contains(id)));
    Ok(linked.filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
