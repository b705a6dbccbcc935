//! Replays the answers that Apache Spark gave (`tests/golden/functions/*.txt`) through parser, analyzer and execution.
//!
//! Cases in which we knowingly differ stand, with the reason, in `golden/functions/differences.tsv`; one that has come
//! to agree fails the test too, so that the list stays true.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray;
use futures::{FutureExt, TryStreamExt};
use millstream_core::{ConnectorRegistry, Error, MemoryLedger, QuerySettings, Result};
use millstream_engine::Work;
use millstream_sql::parser::{Statement, parse_statement};
use millstream_sql::{AnalysisContext, Catalog, NamedRelation, analyze, collect_stream};
use millstream_testing::ManualClock;

#[derive(Debug)]
struct NoNames;

impl Catalog for NoNames {
    fn relation(&self, _name: &[String]) -> Result<Option<NamedRelation>> {
        Ok(None)
    }

    fn relation_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(hash))
    }
}

pub(crate) fn context(ansi: bool) -> AnalysisContext {
    AnalysisContext {
        settings: QuerySettings { time_zone: chrono_tz::Europe::Berlin, ansi, ..QuerySettings::default() },
        user: "tester".to_owned(),
        database: "default".to_owned(),
        conf: BTreeMap::new(),
        connectors: Arc::new(ConnectorRegistry::default()),
        catalog: Arc::new(NoNames),
        memory: MemoryLedger::unlimited(),
        cores: 2,
        work: Work::uninterrupted(MemoryLedger::unlimited()),
        clock: ManualClock::new(),
    }
}

/// The rows of the table that aggregates are asked about; dev/conformance/record_functions.py has it too.
pub(crate) const TABLE: &str = "VALUES (1, 1.5D, 'a', true, 1.10BD), (2, NULL, 'b', false, 2.25BD), (NULL, 2.5D, 'a', NULL, NULL), \
                     (4, -1.0D, NULL, true, -3.00BD) AS t(i, d, s, b, n)";

pub(crate) async fn answer(expression: &str, family: &str, context: &AnalysisContext) -> Result<String> {
    let table = if family == "aggregate" { TABLE } else { "(SELECT 1)" };
    let analyzed = |shown: &str| {
        let text = format!("SELECT {shown} FROM (SELECT {expression} AS r FROM {table})");
        match parse_statement(&text)? {
            Statement::Query(relation) => analyze(&relation, context),
            Statement::Command(_) => Err(Error::invalid("not a query")),
        }
    };
    let schema = analyzed("r")?.schema;
    let data_type = simple_string(schema.field(0).data_type());
    let nullable = if schema.field(0).is_nullable() { "" } else { " not null" };
    let plan = analyzed(if data_type == "binary" { "hex(r)" } else { "CAST(r AS STRING)" })?;
    let batches: Vec<_> = collect_stream(&plan, context).await?.try_collect().await?;
    let mut values = Vec::new();
    for batch in &batches {
        let texts = batch.column(0).as_string::<i32>();
        values.extend(texts.iter().map(|text| text.map_or("NULL".to_owned(), |text| format!("={}", escape(text)))));
    }
    Ok(format!("{data_type}{nullable}\t{}", values.join("|")))
}

/// Spark's name of a type, written down here once more so that the product's is tested too.
fn simple_string(data_type: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::{DataType, IntervalUnit};
    match data_type {
        DataType::Null => "void".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(_, None) => "timestamp_ntz".to_owned(),
        DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(element) => format!("array<{}>", simple_string(element.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}:{}", field.name(), simple_string(field.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) => {
                format!("map<{},{}>", simple_string(entry[0].data_type()), simple_string(entry[1].data_type()))
            }
            other => format!("map of {other}"),
        },
        other => other.to_string(),
    }
}

/// The exception's Java class, without package and `Spark`.
pub(crate) fn exception_name(error: &Error) -> &'static str {
    let class = error.exception().hierarchy()[0].rsplit('.').next().expect("a class has a name");
    class.strip_prefix("Spark").unwrap_or(class)
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/functions").join(name)
}

/// All recorded answers, each with the name of its family.
pub(crate) fn golden_files() -> Vec<(String, String)> {
    let folder = golden("");
    let paths = std::fs::read_dir(folder).expect("the golden files").map(|entry| entry.expect("an entry").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    texts
        .map(|path| {
            let family = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (family, std::fs::read_to_string(&path).expect("recorded answers"))
        })
        .collect()
}

/// What differs, by mode and expression, with the reason.
fn differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(golden("differences.tsv")).expect("the list of differences");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, '\t');
            let mut part = || parts.next().expect("mode, expression, reason").to_owned();
            (format!("{}\t{}", part(), part()), part())
        })
        .collect()
}

async fn check(family: &str) {
    let text = std::fs::read_to_string(golden(&format!("{family}.txt"))).expect("recorded answers");
    let known = differences();
    let (mut failures, mut cases) = (String::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, '\t');
        let (mode, expression, wanted) =
            (parts.next().expect("a mode"), parts.next().expect("an expression"), parts.next().expect("an answer"));
        cases += 1;
        let (asked, context) = (unescape(expression), context(mode == "ansi"));
        // One that panics takes no other case with it.
        let found = match AssertUnwindSafe(answer(&asked, family, &context)).catch_unwind().await {
            Err(_) => "PANIC".to_owned(),
            Ok(Ok(found)) => found,
            Ok(Err(error)) => match error.class() {
                Some("INTERNAL_ERROR") => format!("ERROR\tINTERNAL_ERROR\t{}", error.message()),
                Some(class) => format!("ERROR\t{class}"),
                // Spark's errors without a class are known by their Java class.
                None => format!("ERROR\t{}", exception_name(&error)),
            },
        };
        let known_to_differ = known.contains_key(&format!("{mode}\t{expression}"));
        if (found == wanted) == known_to_differ {
            let word = if known_to_differ { "agrees now" } else { "differs" };
            writeln!(failures, "{mode}\t{expression}\n    {word}: Spark {wanted}\n    ours {found}").expect("a string");
        }
    }
    assert!(cases > 0, "{family} asks nothing");
    assert!(failures.is_empty(), "of {cases} cases these are not as they should be:\n{failures}");
}

macro_rules! families {
    ($($family:ident)*) => {
        const FAMILIES: &[&str] = &[$(stringify!($family)),*];

        $(#[tokio::test]
        async fn $family() {
            check(stringify!($family)).await;
        })*
    };
}

families! { bounds operators interval cast conditional string format number_format regex hash math date_time json csv collection session aggregate }

#[test]
fn every_golden_file_is_replayed() {
    let mut recorded: Vec<String> = golden_files().into_iter().map(|(family, _)| family).collect();
    recorded.sort();
    let mut replayed = FAMILIES.to_vec();
    replayed.sort_unstable();
    assert_eq!(recorded, replayed);
}

#[test]
fn every_difference_is_one_of_a_recorded_case() {
    let texts = golden_files();
    let lines = || texts.iter().flat_map(|(_, text)| text.lines());
    for known in differences().keys() {
        assert!(lines().any(|line| line.starts_with(&format!("{known}\t"))), "no case: {known}");
    }
}
