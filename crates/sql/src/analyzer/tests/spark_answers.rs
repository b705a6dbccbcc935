//! Plans recorded with Spark's answers to them (`record.py`): schema, rows or error must be the same.

use arrow::datatypes::DataType;
use base64::Engine;
use futures::TryStreamExt;
use millstream_core::{QuerySettings, Result};
use millstream_functions::data_type::simple_string;
use prost::Message;
use spark_connect_proto::Relation;

use super::fixture::context;
use super::rows::rows;
use crate::analyzer::{analyze, collect_stream};
use crate::session::AnalysisContext;

#[derive(Default)]
struct Case {
    name: String,
    plan: String,
    schema: String,
    rows: Vec<String>,
    error: Option<String>,
    settings: QuerySettings,
    lenient: bool,
}

fn cases(text: &str) -> Vec<Case> {
    text.split("\n\n")
        .map(|block| {
            let mut case = Case::default();
            for line in block.lines() {
                match line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")) {
                    ("case", rest) => case.name = rest.to_owned(),
                    ("plan", rest) => case.plan = rest.to_owned(),
                    ("setting", "lenient=true") => case.lenient = true,
                    ("setting", rest) => set(&mut case.settings, rest),
                    ("schema", rest) => case.schema = rest.to_owned(),
                    ("row", rest) => case.rows.push(rest.to_owned()),
                    ("error", rest) => case.error = Some(rest.replace("\\n", "\n")),
                    other => panic!("a line that record.py does not write: {other:?}"),
                }
            }
            case
        })
        .collect()
}

fn set(settings: &mut QuerySettings, text: &str) {
    match text.split_once('=').expect("a setting and its value") {
        ("zone", zone) => settings.time_zone = zone.parse().expect("a time zone"),
        ("ansi", flag) => settings.ansi = flag == "true",
        other => panic!("a setting that record.py does not write: {other:?}"),
    }
}

async fn answer(relation: &Relation, case: &Case) -> Result<(String, Vec<String>)> {
    let executed = case.name.starts_with("collect");
    let mut context = AnalysisContext { settings: case.settings, ..context() };
    if case.lenient {
        context.conf.insert("spark.sql.analyzer.strictDataFrameColumnResolution".to_owned(), "false".to_owned());
    }
    let analyzed = analyze(relation, &context)?;
    let schema = simple_string(&DataType::Struct(analyzed.schema.fields().clone()));
    if analyzed.is_streaming && !executed {
        return Ok((schema, Vec::new()));
    }
    let batches: Vec<_> = collect_stream(&analyzed, &context).await?.try_collect().await?;
    Ok((schema, batches.iter().flat_map(rows).collect()))
}

/// What differs from Spark's answer, if anything.
async fn difference(case: &Case) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(&case.plan).expect("base64");
    let relation = Relation::decode(bytes.as_slice()).expect("a relation");
    match (answer(&relation, case).await, &case.error) {
        (Ok((schema, _)), None) if schema != case.schema => {
            Some(format!("schema {schema}, Spark's is {}", case.schema))
        }
        (Ok((_, mut rows)), None) => {
            let mut expected = case.rows.clone();
            if !case.name.starts_with("ordered: ") {
                rows.sort();
                expected.sort();
            }
            (rows != expected).then(|| format!("rows {rows:#?}, Spark's are {expected:#?}"))
        }
        (Ok(_), Some(error)) => Some(format!("an answer, Spark says {error}")),
        (Err(error), Some(expected)) => {
            let message = without_place(&error.to_spark_message());
            (message != *expected).then(|| format!("error {message}\n   Spark's is {expected}"))
        }
        (Err(error), None) => Some(format!("error {error:?}")),
    }
}

/// The message without what record.py cuts off: where in the program it is.
fn without_place(message: &str) -> String {
    ["; line ", "\n== SQL"].iter().fold(message, |text, cut| text.split(cut).next().unwrap_or_default()).to_owned()
}

fn check(family: &str, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = cases(text);
    assert!(!all.is_empty(), "{family} has no cases");
    let mut failures = Vec::new();
    for case in &all {
        if let Some(difference) = runtime.block_on(difference(case)) {
            failures.push(format!("{}: {difference}", case.name));
        }
    }
    assert!(failures.is_empty(), "{family}: {} of {} differ\n{}", failures.len(), all.len(), failures.join("\n"));
}

#[test]
fn projections() {
    check("project", include_str!("spark/project.txt"));
}

#[test]
fn filters_and_sorts() {
    check("filter_sort", include_str!("spark/filter_sort.txt"));
}

#[test]
fn aggregates() {
    check("aggregate", include_str!("spark/aggregate.txt"));
}

#[test]
fn joins_and_set_operations() {
    check("join_set", include_str!("spark/join_set.txt"));
}

#[test]
fn generators_missing_values_and_sql() {
    check("other", include_str!("spark/other.txt"));
}

#[test]
fn names_and_types() {
    check("names", include_str!("spark/names.txt"));
}

#[test]
fn settings_of_the_session() {
    check("settings", include_str!("spark/settings.txt"));
}

#[test]
fn streams() {
    check("stream", include_str!("spark/stream.txt"));
}

#[test]
fn sessions_and_pivots() {
    check("sessions", include_str!("spark/sessions.txt"));
}

#[test]
fn order_of_rows() {
    check("order", include_str!("spark/order.txt"));
}

#[test]
fn references_by_plan_id() {
    check("references", include_str!("spark/references.txt"));
}

#[test]
fn kinds_of_references() {
    check("reference_kinds", include_str!("spark/reference_kinds.txt"));
}

#[test]
fn refused_or_answered() {
    check("refused", include_str!("spark/refused.txt"));
}

#[test]
fn answers_and_names() {
    check("answers", include_str!("spark/answers.txt"));
}
