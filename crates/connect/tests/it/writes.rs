//! Batch writes beside what Apache Spark wrote: `conformance/writes`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::{GzDecoder, ZlibDecoder};
use serde_json::Value;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::{SaveMode, SaveType};
use spark_connect_proto::{Sql, WriteOperation};

use crate::client::{Client, relation};

const RECORDED: &str = include_str!("../../../../conformance/writes/recorded.jsonl");

/// Questions that are knowingly answered in another way, with the reason.
const DIFFERENCES: &str = include_str!("../../../../conformance/writes/differences.tsv");

type Files = BTreeMap<String, Vec<Option<String>>>;

#[tokio::test]
async fn files_are_those_that_spark_writes() {
    let client = Client::start().await;
    let mut known: HashMap<&str, &str> = DIFFERENCES.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut wrong = Vec::new();
    for line in RECORDED.lines() {
        let question: Value = serde_json::from_str(line).unwrap();
        let name = question["name"].as_str().unwrap();
        let difference = ask(&client, &question).await;
        match (difference, known.remove(name)) {
            (Some(difference), None) => wrong.push(format!("{name}: {difference}")),
            (None, Some(_)) => wrong.push(format!("{name}: agrees now, take it off the list")),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    assert!(known.is_empty(), "differences without a question: {known:?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What differs from the recorded answer, if anything.
async fn ask(client: &Client, question: &Value) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("out");
    let path = folder.to_str().unwrap();
    let mut failed = None;
    for step in question["steps"].as_array().unwrap() {
        failed = client.command(CommandType::WriteOperation(write(step, path))).await.err();
    }
    let Some(expected) = question.get("message").and_then(Value::as_str) else {
        let files = match failed {
            None => files(&folder),
            Some(error) => return Some(format!("an error: {}", error.message())),
        };
        let expected: Files = serde_json::from_value(question["files"].clone()).unwrap();
        return (files != expected).then(|| format!("\n  here  {files:?}\n  Spark {expected:?}"));
    };
    let Some(error) = failed else { return Some(format!("no error, but Spark has {expected}")) };
    let text = error.message().replace(path, "{path}");
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" SQLSTATE: ").next().unwrap_or_default();
    // What the JVM raised, and no condition, is an error here too.
    let same = expected.starts_with(text) || expected.starts_with("An error occurred while calling");
    (!same).then(|| format!("\n  here  {text}\n  Spark {expected}"))
}

fn write(step: &Value, path: &str) -> WriteOperation {
    let sql = Sql { query: step["sql"].as_str().unwrap().to_owned(), ..Sql::default() };
    let mode = match step["mode"].as_str().unwrap() {
        "append" => SaveMode::Append,
        "overwrite" => SaveMode::Overwrite,
        "ignore" => SaveMode::Ignore,
        _ => SaveMode::ErrorIfExists,
    };
    WriteOperation {
        input: Some(relation(RelType::Sql(sql))),
        source: Some(step["format"].as_str().unwrap().to_owned()),
        mode: mode.into(),
        save_type: Some(SaveType::Path(path.to_owned())),
        partitioning_columns: serde_json::from_value(step["by"].clone()).unwrap(),
        options: serde_json::from_value(step["options"].clone()).unwrap(),
        ..WriteOperation::default()
    }
}

/// The files of a folder; of a name that differs in its random part alone the contents are a list.
fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            found.entry(without_id(name)).or_default().push(content(&path));
        }
    }
    found.values_mut().for_each(|contents| contents.sort());
    found
}

fn without_id(name: &str) -> String {
    match name.split_once("part-00000-") {
        Some((before, after)) => format!("{before}part-00000-ID{}", &after[36..]),
        None => name.to_owned(),
    }
}

/// The bytes as Latin-1, unpacked; of Parquet nothing.
fn content(path: &Path) -> Option<String> {
    let mut bytes = fs::read(path).unwrap();
    let mut unpacked = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => return None,
        Some("gz") => _ = GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap(),
        Some("deflate") => _ = ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap(),
        _ => unpacked.append(&mut bytes),
    }
    Some(unpacked.iter().map(|byte| char::from(*byte)).collect())
}
