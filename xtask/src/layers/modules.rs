//! Which module of a package may name which other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::paths::{exported_macros, named_paths, root_imports};

/// The modules of one package and their arrows. The crate's root wires them and may name all.
pub(super) struct Table {
    /// The name by which a finding calls the package.
    pub(super) package: &'static str,
    /// Where its sources lie, from the root of the repository.
    pub(super) sources: &'static str,
    pub(super) rows: &'static [Row],
}

/// A module, and the other modules that it may name. A row `a::b` takes `a::b` and what is below it out of the row `a`.
pub(super) type Row = (&'static str, &'static [&'static str]);

/// What a row calls the items that the crate's root defines itself.
const ROOT: &str = "lib";

/// What a family of functions may name: the ground of the crate, and the families that are listed.
macro_rules! family {
    ($($other:literal),*) => {
        &[
            "argument", "call", "cast", "coercion", "columns", "data_type", "entry", "failure", "kernel", "room", "sql_form", "typed_expr",
            $($other),*
        ]
    };
}

pub(super) const TABLES: &[Table] = &[
    Table {
        package: "core",
        sources: "crates/core/src",
        rows: &[
            (
                "connector",
                &[
                    "clock",
                    "condition",
                    "error",
                    "known_options",
                    "memory",
                    "nearest",
                    "options",
                    "output_mode",
                    "query",
                    "scan_filter",
                    "settings",
                    "sink",
                    "source",
                    "source_log",
                ],
            ),
            ("sink", &["connector", "error", "output_mode", "query", "source"]),
            ("source", &["decode", "error", "offset", "scan_filter"]),
            ("decode", &["error"]),
            ("progress", &["query"]),
            ("options", &["condition", "error", "interval"]),
            ("interval", &["condition", "error"]),
            ("known_options", &["nearest", "options"]),
            ("memory", &["condition", "error"]),
            ("offset", &["condition", "error"]),
            ("output_mode", &["condition", "error"]),
            ("condition", &["error"]),
            ("error", &["condition", "query_context"]),
            ("backoff", &["error"]),
            ("clock", &[]),
            ("disk", &[]),
            ("nearest", &[]),
            ("query", &[]),
            ("query_context", &[]),
            ("random", &[]),
            ("scan_filter", &[]),
            ("settings", &[]),
            ("source_log", &["error"]),
            ("trigger", &[]),
        ],
    },
    Table {
        package: "formats",
        sources: "crates/formats/src",
        rows: &[
            ("csv", &["columns", "date_time_pattern", "calendar", "datetime", "decimal", "json", "text"]),
            ("json", &["columns", "decimal", "text", "datetime"]),
            ("json_text", &["text", "datetime"]),
            ("partition_name", &[]),
            ("csv_text", &["json_patterns", "json_text", "text"]),
            ("schema_json", &["json_text", "text"]),
            ("json_patterns", &["json", "json_text", "date_time_pattern", "calendar", "datetime"]),
            ("date_time_pattern", &["calendar", "datetime"]),
            ("calendar", &["datetime"]),
            ("show", &["text"]),
            ("text", &["datetime"]),
            ("datetime", &[]),
            ("columns", &[]),
            ("decimal", &[]),
        ],
    },
    Table {
        package: "kafka",
        sources: "crates/kafka/src",
        rows: &[
            ("admin", &["address", "client", "connection", "error", "metadata"]),
            (
                "fetcher",
                &[
                    "address",
                    "buffers",
                    "client",
                    "config",
                    "connection",
                    "error",
                    "fetch_response",
                    "fetched",
                    "list_offsets",
                    "metadata",
                ],
            ),
            ("group_offsets", &["client", "coordinator", "error", "metadata", "producer"]),
            (
                "producer",
                &[
                    "address",
                    "buffers",
                    "client",
                    "compression",
                    "config",
                    "connection",
                    "coordinator",
                    "error",
                    "metadata",
                    "record_batch",
                ],
            ),
            ("list_offsets", &["address", "client", "connection", "error", "metadata"]),
            ("coordinator", &["address", "client", "error"]),
            ("client", &["address", "config", "connection", "error", "metadata"]),
            ("connection", &["address", "config", "error", "security"]),
            ("config", &["error", "security"]),
            ("security", &["address", "error", "wire"]),
            ("metadata", &["address"]),
            ("fetched", &["buffers", "error", "record_batch"]),
            ("record_batch", &["compression", "error", "wire"]),
            ("fetch_response", &["wire"]),
            ("address", &["error"]),
            ("error", &["wire"]),
            ("buffers", &[]),
            ("compression", &["buffers"]),
            ("wire", &[]),
        ],
    },
    Table {
        package: "broker",
        sources: "crates/broker/src",
        rows: &[
            (
                "broker",
                &[
                    "clock",
                    "config",
                    "connection",
                    "error",
                    "fetch_session",
                    "group",
                    "journal",
                    "log",
                    "shared",
                    "topics",
                    "transaction",
                ],
            ),
            ("connection", &["api", "response", "shared"]),
            (
                "api",
                &[
                    "batch",
                    "clock",
                    "fetch_session",
                    "group",
                    "journal",
                    "log",
                    "partition",
                    "response",
                    "shared",
                    "topic_config",
                    "topics",
                    "transaction",
                ],
            ),
            ("shared", &["config", "fetch_session", "group", "journal", "log", "topics", "transaction"]),
            ("transaction", &["batch", "clock", "group", "journal", "topics"]),
            ("group", &["journal"]),
            ("topics", &["journal", "log", "partition", "topic_config"]),
            ("partition", &["batch", "log"]),
            ("log", &["batch", "records", "response", "topic_config"]),
            ("records", &["batch"]),
            ("batch", &[]),
            ("clock", &[]),
            ("config", &[]),
            ("error", &[]),
            ("fetch_session", &[]),
            ("journal", &[]),
            ("response", &[]),
            ("topic_config", &[]),
        ],
    },
    Table {
        package: "connectors",
        sources: "crates/connectors/src",
        rows: &[
            ("checkpoint", &[]),
            ("console", &[]),
            ("drain", &[]),
            ("file", &[]),
            // A batch that is in the output already is read to its end, as the noop sink reads all.
            ("kafka", &["drain"]),
            ("memory", &[]),
            ("noop", &["drain"]),
            ("rate", &[]),
            ("socket", &[]),
        ],
    },
    Table {
        package: "engine",
        sources: "crates/engine/src",
        rows: &[
            ("query", &["micro_batch", "checkpoint", "run"]),
            ("micro_batch", &["checkpoint", "plan", "state", "watermark", "batch_context", "run", "work", "error"]),
            ("checkpoint", &["run", "error"]),
            ("plan", &["operators", "state", "watermark", "functions", "batch_context", "run", "work", "error"]),
            ("operators", &["state", "watermark", "batch_context", "error", "functions"]),
            ("state", &["error"]),
            ("watermark", &["batch_context", "error"]),
            ("functions", &["state", "error"]),
            ("batch_context", &["error"]),
            ("run", &["work"]),
            ("work", &[]),
            ("error", &[]),
        ],
    },
    Table {
        package: "functions",
        sources: "crates/functions/src",
        rows: &[
            (
                "table",
                &[
                    "entry",
                    "aggregate",
                    "collection",
                    "conditional",
                    "conversion",
                    "csv",
                    "date_time",
                    "generator",
                    "hash",
                    "json",
                    "math",
                    "operators",
                    "session",
                    "string",
                    "window",
                    "window_time",
                ],
            ),
            ("aggregate", family!["collection", "hash"]),
            ("collection", family!["string"]),
            ("conditional", family!["operators"]),
            ("conversion", family!["date_time", "string"]),
            ("unbuilt", &[]),
            ("csv", family![]),
            ("date_time", family![]),
            ("generator", family![]),
            ("hash", family![]),
            ("json", family!["generator"]),
            ("math", family![]),
            ("operators", family![]),
            ("session", family![]),
            ("string", family!["conditional", "hash"]),
            ("window", family!["collection"]),
            ("window_time", family!["operators"]),
            ("argument", &["call", "cast", "coercion", "data_type", "failure", "typed_expr"]),
            ("coercion", &["cast", "data_type", "typed_expr"]),
            ("cast", &["columns", "data_type", "failure", "kernel", "typed_expr"]),
            ("kernel", &["call", "failure", "room", "typed_expr"]),
            ("columns", &["failure"]),
            ("room", &[]),
            ("failure", &["call", "data_type"]),
            ("entry", &["call", "failure", "sql_form", "typed_expr"]),
            ("call", &["sql_form", "typed_expr"]),
            ("sql_form", &["typed_expr"]),
            ("typed_expr", &[]),
            ("data_type", &[]),
        ],
    },
    Table {
        package: "sql",
        sources: "crates/sql/src",
        rows: &[
            ("analyzer", &["data_type", "grouping_sets", "nesting", "parser", "session"]),
            ("data_type", &["parser"]),
            ("parser", &["grouping_sets", "nesting"]),
            ("grouping_sets", &[]),
            ("nesting", &[]),
            ("session", &[]),
        ],
    },
    Table {
        package: "connect",
        sources: "crates/connect/src",
        rows: &[
            ("server", &["sql_session", "service", "session", "to_proto", "warehouse", "error", ROOT]),
            ("sql_session", &["service", "session", "to_proto", "error", ROOT]),
            ("service", &["session", "to_proto", "warehouse", "error", ROOT]),
            ("session", &["to_proto", "warehouse", "error", ROOT]),
            ("warehouse", &[]),
            ("batch_threads", &["error"]),
            ("to_proto", &["error"]),
            ("error", &[]),
        ],
    },
];

/// Every arrow that a table forbids, every module without a row, and every row without a module.
pub(super) fn findings(table: &Table, root: &Path) -> Result<Vec<String>> {
    let sources = root.join(table.sources);
    let files = crate::tidy::rust_files(&sources)?;
    let root_file = if sources.join("lib.rs").exists() { "lib.rs" } else { "main.rs" };
    let mut names = root_names(&fs::read_to_string(sources.join(root_file))?)?;
    let mut texts = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&sources)?;
        if inside == Path::new(root_file) || crate::tidy::is_test(inside) {
            continue;
        }
        let text = fs::read_to_string(file)?;
        names.extend(exported_macros(&text)?.into_iter().map(|name| (name, module_of(inside))));
        texts.push((inside, text));
    }
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (inside, text) in texts {
        seen.extend(row_of(table, &module_of(inside)));
        let found = file_findings(table, &names, inside, &text).with_context(|| inside.display().to_string())?;
        findings.extend(found);
    }
    let rows = table.rows.iter().map(|(module, _)| *module);
    let gone = rows.filter(|row| !seen.contains(row));
    findings.extend(gone.map(|row| format!("  {}::{row} has a row and no file", table.package)));
    Ok(findings)
}

/// What is wrong with one file, whose place below the sources is `inside`.
fn file_findings(table: &Table, names: &RootNames, inside: &Path, text: &str) -> Result<Vec<String>> {
    let module = module_of(inside);
    let (package, shown) = (table.package, inside.display());
    let Some(own) = row_of(table, &module) else {
        return Ok(vec![format!("  {package}::{} has no row in xtask/src/layers/modules.rs", module.join("::"))]);
    };
    let (_, allowed) = table.rows.iter().find(|(row, _)| *row == own).context("a row was found by its name")?;
    let mut findings = BTreeSet::new();
    for path in named_paths(text, &module)? {
        let named =
            row_of(table, &path.segments).or_else(|| row_of(table, names.get(path.segments.first()?)?)).unwrap_or(ROOT);
        if named != own && !allowed.contains(&named) {
            findings.insert(format!("  {package}/{shown}:{}: {package}::{own} must not name {named}", path.line));
        }
    }
    Ok(findings.into_iter().collect())
}

/// What the crate's root has under a name of its own, exported macros too, by that name: the path where it is defined.
type RootNames = BTreeMap<String, Vec<String>>;

fn root_names(text: &str) -> Result<RootNames> {
    let imports = root_imports(text)?;
    Ok(imports.into_iter().filter_map(|path| Some((path.segments.last()?.clone(), path.segments))).collect())
}

/// The path of the module whose head is the file `inside`.
fn module_of(inside: &Path) -> Vec<String> {
    inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// The row that a module or an item belongs to: the longest that its path begins with.
fn row_of(table: &Table, path: &[String]) -> Option<&'static str> {
    let begins = |row: &str| row.split("::").enumerate().all(|(at, part)| path.get(at).is_some_and(|own| own == part));
    table.rows.iter().map(|(row, _)| *row).filter(|row| begins(row)).max_by_key(|row| row.len())
}

#[cfg(test)]
mod tests;
