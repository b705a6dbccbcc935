//! What Apache Spark says of errors (`record_contexts.py`): class, SQLSTATE, parameters, the places in the program, and
//! how the message ends. What is known to differ stands with its reason in `spark/context_differences.tsv`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use futures::TryStreamExt;
use millstream_core::query_context::QueryContext;
use millstream_core::{Error, Result};
use prost::Message;
use serde_json::{Value, json};
use spark_connect_proto::Relation;

use super::fixture::context;
use crate::analyzer::{analyze, collect_stream};
use crate::parser::{Command, Statement, name_view, parse_statement};
use crate::session::{AnalysisContext, Catalog, NamedRelation};

#[derive(Debug, Default)]
struct Views(BTreeMap<String, Relation>);

impl Catalog for Views {
    fn relation(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        let [name] = name else { return Ok(None) };
        Ok(self.0.get(name).map(|view| NamedRelation::View(Box::new(view.clone()))))
    }

    fn relation_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(hash))
    }
}

impl Views {
    fn create(&mut self, statement: &str) {
        let Ok(Statement::Command(Command::CreateView { name, mut query, .. })) = parse_statement(statement) else {
            panic!("no view: {statement}")
        };
        name_view(&mut query, &name);
        self.0.insert(name, *query);
    }
}

async fn answer(plan: &str, context: &AnalysisContext) -> Result<()> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(plan).expect("base64");
    let relation = Relation::decode(bytes.as_slice()).expect("a relation");
    let analyzed = analyze(&relation, context)?;
    collect_stream(&analyzed, context).await?.try_collect::<Vec<_>>().await.map(drop)
}

/// What a client learns of an error, in the form of the records.
fn said(error: &Error) -> Value {
    let contexts: Vec<Value> = error.query_context().into_iter().map(place).collect();
    let message = error.to_spark_message();
    let message = message.split("\nhint: ").next().unwrap_or_default();
    let tail = message.rsplit_once("SQLSTATE: ").map_or("", |(_, tail)| &tail[5..]);
    json!({
        "class": error.class(), "state": error.sql_state(), "contexts": contexts, "tail": tail.trim_end(),
        "parameters": error.parameters().collect::<BTreeMap<_, _>>(),
    })
}

fn place(context: &QueryContext) -> Value {
    match context {
        QueryContext::Sql(sql) => {
            let (kind, name) = sql.text.object.clone().unwrap_or_default();
            json!({
                "object": [kind, name], "from": sql.start_index(), "to": sql.stop_index(),
                "fragment": sql.fragment(), "summary": context.summary(),
            })
        }
        QueryContext::DataFrame(call) => {
            json!({ "fragment": call.fragment, "callSite": call.call_site, "summary": context.summary() })
        }
        QueryContext::Unknown => json!({ "object": ["", ""], "from": -1, "to": -1, "fragment": "", "summary": "" }),
    }
}

/// The parts of two answers that differ.
fn differences(case: &Value, ours: &Result<()>) -> Vec<String> {
    let spark = |part: &str| case.get(part).cloned().unwrap_or(Value::Null);
    let ours = ours.as_ref().err().map(said).unwrap_or_default();
    let mut lines = Vec::new();
    for part in ["class", "state", "parameters", "contexts", "tail"] {
        let mut theirs = spark(part);
        if let (Some(tail), "tail") = (theirs.as_str(), part) {
            theirs = json!(tail.trim_end());
        }
        let ours = ours.get(part).cloned().unwrap_or(Value::Null);
        if ours != theirs {
            lines.push(format!("    {part}\n      spark      {theirs}\n      millstream {ours}"));
        }
    }
    lines
}

#[test]
fn errors_say_where_in_the_program_they_come_from() {
    let known: BTreeMap<&str, &str> =
        include_str!("spark/context_differences.tsv").lines().filter_map(|line| line.split_once('\t')).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut views, mut asked, mut wrong) = (Views::default(), 0, Vec::new());
    for line in include_str!("spark/contexts.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        if let Some(view) = case["view"].as_str() {
            views.create(view);
            continue;
        }
        let name = case["name"].as_str().expect("a case has a name");
        let context = AnalysisContext { catalog: Arc::new(Views(views.0.clone())), ..context() };
        let ours = runtime.block_on(answer(case["plan"].as_str().expect("a case has a plan"), &context));
        let different = differences(&case, &ours);
        match (different.is_empty(), known.contains_key(name)) {
            (false, false) => wrong.push(format!("{name}\n{}", different.join("\n"))),
            (true, true) => wrong.push(format!("{name}\n    agrees now: take it off context_differences.tsv")),
            (true, false) | (false, true) => {}
        }
        asked += 1;
    }
    assert!(asked > 400, "the file is whole");
    assert!(wrong.is_empty(), "{} of {asked} are wrong\n{}", wrong.len(), wrong.join("\n"));
}
