//! The arrows of ARCHITECTURE.md as a table: which package may depend on which, and which module of the engine may name
//! which other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A package, what of ours it may use, and which libraries it must never see.
struct Layer {
    package: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const LAYERS: &[Layer] = &[
    Layer {
        package: "millstream-core",
        may_use: &[],
        never: &["tokio", "datafusion", "tonic", "kafka-protocol"],
        because: "core is words and pure functions; it does no I/O and starts no task",
    },
    Layer {
        package: "millstream-kafka",
        may_use: &[],
        never: &["arrow", "datafusion", "tonic"],
        because: "the Kafka client knows Kafka's wire and nothing of Millstream",
    },
    Layer {
        package: "millstream-connectors",
        may_use: &["millstream-core", "millstream-kafka"],
        never: &["datafusion", "datafusion-expr", "tonic", "apache-spark-connect-proto"],
        because: "a connector speaks Arrow and offsets, and never sees a plan",
    },
    Layer {
        package: "millstream-broker",
        may_use: &["millstream-kafka"],
        never: &["arrow", "datafusion", "tonic"],
        because: "the broker speaks Kafka's wire to any client and knows nothing of Millstream",
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
        may_use: &["millstream-core", "millstream-engine"],
        never: &["tonic", "kafka-protocol", "axum"],
        because: "the simulation gives the engine a world, and no more",
    },
    Layer {
        package: "millstream-sql",
        may_use: &["millstream-core", "millstream-engine"],
        never: &["kafka-protocol"],
        because: "the analyzer resolves connectors by name and never links one",
    },
    Layer {
        package: "millstream-connect",
        may_use: &["millstream-core", "millstream-engine", "millstream-sql"],
        never: &["kafka-protocol"],
        because: "the front door never sees a record of a running query",
    },
];

/// A module of the engine and the other modules of the engine that it may name.
const ENGINE_MODULES: &[(&str, &[&str])] = &[
    ("query", &["micro_batch", "checkpoint", "plan", "state", "watermark", "batch_context", "error"]),
    ("micro_batch", &["query", "checkpoint", "plan", "state", "watermark", "batch_context", "error"]),
    ("checkpoint", &["query", "error"]),
    ("plan", &["query", "operators", "state", "watermark", "functions", "batch_context", "error"]),
    ("operators", &["state", "watermark", "batch_context", "error", "functions"]),
    ("state", &["error"]),
    ("watermark", &["batch_context", "error"]),
    ("functions", &["error"]),
    ("batch_context", &["error"]),
    ("error", &[]),
];

/// Every edge that should not be there, as a line for a person.
pub(crate) fn findings() -> Result<Vec<String>> {
    let mut findings = package_findings(&metadata()?)?;
    findings.extend(module_findings(&crate::root().join("crates/engine/src"))?);
    Ok(findings)
}

fn metadata() -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(crate::root())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
}

fn package_findings(metadata: &Value) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for layer in LAYERS {
        for dependency in normal_dependencies(metadata, layer.package)? {
            let foreign = dependency.starts_with("millstream") && !layer.may_use.contains(&dependency.as_str());
            if foreign || layer.never.contains(&dependency.as_str()) {
                findings.push(format!("  {} must not use {dependency}: {}", layer.package, layer.because));
            }
        }
    }
    Ok(findings)
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

fn module_findings(engine: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (module, allowed) in ENGINE_MODULES {
        for file in crate::tidy::rust_files(engine)? {
            let inside = file.strip_prefix(engine)?;
            let belongs = inside.starts_with(module) || inside == Path::new(module).with_extension("rs");
            if !belongs || inside.ends_with("tests.rs") || inside.iter().any(|part| part == "tests") {
                continue;
            }
            let text = fs::read_to_string(&file)?;
            for (number, named) in named_modules(&text) {
                let known = ENGINE_MODULES.iter().any(|(name, _)| *name == named);
                if known && named != *module && !allowed.contains(&named) {
                    findings.push(format!("  {}:{number}: engine::{module} must not name {named}", inside.display()));
                }
            }
        }
    }
    Ok(findings)
}

/// The first path segment after each `crate::`, with its line number.
fn named_modules(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).flat_map(|(index, line)| {
        line.split("crate::").skip(1).map(move |rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (index + 1, &rest[..end])
        })
    })
}
