//! Replays how Apache Spark refused statements (`tests/golden/errors.txt`): condition, exception and the message's
//! parameters. The message itself is the condition's template filled with them, and the templates are compared with
//! Spark's by `conformance/conditions.py`.
//!
//! What we knowingly say in another way stands, with the reason, in `golden/errors_differences.tsv`; what has come to
//! agree fails the test too.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt;
use millstream_core::{Error, Result};
use millstream_sql::parser::{Statement, parse_statement};
use millstream_sql::{AnalysisContext, Catalog, NamedRelation, analyze, collect_stream};

use super::functions::{TABLE, context, exception_name};

/// A session that knows the view `t`.
#[derive(Debug)]
struct ViewT(NamedRelation);

impl Catalog for ViewT {
    fn relation(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        Ok(matches!(name, [name] if name == "t").then(|| self.0.clone()))
    }

    fn relation_names(&self) -> Vec<String> {
        vec!["t".to_owned()]
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(hash))
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn not_a_query() -> Error {
    Error::invalid("not a query")
}

fn view() -> Result<NamedRelation> {
    let Statement::Query(relation) = parse_statement(&format!("SELECT * FROM {TABLE}"))? else {
        return Err(not_a_query());
    };
    Ok(NamedRelation::View(Box::new(relation)))
}

async fn run(statement: &str, context: &AnalysisContext) -> Result<()> {
    let Statement::Query(relation) = parse_statement(statement)? else { return Err(not_a_query()) };
    let analyzed = analyze(&relation, context)?;
    let batches: Vec<_> = collect_stream(&analyzed, context).await?.try_collect().await?;
    drop(batches);
    Ok(())
}

fn shown(condition: &str, exception: &str, parameters: &BTreeMap<String, String>) -> String {
    format!("{condition} {exception} {parameters:?}")
}

#[tokio::test]
async fn statements_are_refused_in_sparks_words() {
    let view = view().expect("the view");
    let known = std::fs::read_to_string(golden("errors_differences.tsv")).expect("the list of differences");
    let known: BTreeMap<&str, &str> =
        known.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect();
    let text = std::fs::read_to_string(golden("errors.txt")).expect("recorded errors");
    let (mut failures, mut cases) = (String::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [mode, statement, condition, exception, parameters] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}");
        };
        cases += 1;
        let context = AnalysisContext { catalog: Arc::new(ViewT(view.clone())), ..context(mode == "ansi") };
        let found = match run(statement, &context).await {
            Ok(()) => "an answer".to_owned(),
            Err(error) => {
                let parameters = error.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                shown(error.class().unwrap_or("-"), exception_name(&error), &parameters)
            }
        };
        let parameters = serde_json::from_str(parameters).expect("recorded parameters");
        let wanted = shown(condition, exception.trim_start_matches("Spark"), &parameters);
        if (found == wanted) == known.contains_key(statement) {
            writeln!(failures, "{statement}\n    Spark {wanted}\n    ours  {found}").expect("a string");
        }
    }
    assert!(failures.is_empty(), "of {cases} statements these are not as they should be:\n{failures}");
}
