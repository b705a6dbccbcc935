//! Statements about tables beside what Apache Spark answered: `conformance/tables`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use serde_json::{Value, json};
use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::{ResponseType, SqlCommandResult};
use spark_connect_proto::expression::{ExprType, UnresolvedAttribute};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::save_table::TableSaveMethod;
use spark_connect_proto::write_operation::{SaveMode, SaveTable, SaveType};
use spark_connect_proto::write_operation_v2::Mode;
use spark_connect_proto::{Expression, Relation, Sql, SqlCommand, WriteOperation, WriteOperationV2};
use tonic::Status;

use crate::client::{Client, batches, relation};

const RECORDED: &str = include_str!("../../../../conformance/tables/recorded.jsonl");

/// Statements that are knowingly answered in another way: question, number of the statement in it, statement, reason.
const DIFFERENCES: &str = include_str!("../../../../conformance/tables/differences.tsv");

#[tokio::test]
async fn statements_are_answered_as_by_spark() {
    let questions: Vec<Value> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut known: HashMap<(&str, usize, &str), &str> = DIFFERENCES.lines().filter_map(difference).collect();
    let mut wrong = Vec::new();
    for question in &questions {
        let name = question["name"].as_str().unwrap();
        let client = Client::start().await;
        let folder = tempfile::tempdir().unwrap();
        for (number, asked) in question["statements"].as_array().unwrap().iter().enumerate() {
            let statement = asked["statement"].as_str().unwrap();
            let found = ask(&client, asked, folder.path()).await;
            match (found, known.remove(&(name, number + 1, statement))) {
                (Some(found), None) => wrong.push(format!("{name}\t{}\t{statement}{found}", number + 1)),
                (None, Some(_)) => {
                    wrong.push(format!("{name}\t{}\t{statement}\n  agrees now, take it off the list", number + 1));
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }
    assert!(known.is_empty(), "differences without a statement: {known:?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn difference(line: &'static str) -> Option<((&'static str, usize, &'static str), &'static str)> {
    let mut fields = line.split('\t');
    Some(((fields.next()?, fields.next()?.parse().ok()?, fields.next()?), fields.next()?))
}

/// What differs from the recorded answer, if anything.
async fn ask(client: &Client, asked: &Value, folder: &Path) -> Option<String> {
    let warehouse = client.threads.warehouse.path();
    let places = [("{dir}", folder), ("{warehouse}", warehouse)].map(|(name, path)| (name, path.to_str().unwrap()));
    let put = |text: &str| places.iter().fold(text.to_owned(), |text, (name, path)| text.replace(name, path));
    let taken = |text: String| places.iter().fold(text, |text, (name, path)| text.replace(path, name));
    let statement = put(asked["statement"].as_str().unwrap());
    let answer = match statement.split_once(' ') {
        Some((what, rest)) if what.starts_with('@') => other(client, what, rest).await,
        _ => sql(client, &statement).await,
    };
    match (answer, asked["message"].as_str()) {
        (Ok(rows), None) => {
            let here = taken(rows.to_string());
            let expected = json!({ "columns": asked["columns"], "rows": asked["rows"] }).to_string();
            let same = here == expected || (asked["columns"] == json!([]) && rows["columns"] == json!([]));
            (!same).then(|| format!("\n  here  {here}\n  Spark {expected}"))
        }
        (Ok(rows), Some(expected)) => Some(format!("\n  here  {}\n  Spark {expected}", taken(rows.to_string()))),
        (Err(error), None) => Some(format!("\n  here  {}\n  Spark has no error", taken(error.message().to_owned()))),
        (Err(error), Some(expected)) => {
            let text = taken(error.message().to_owned());
            let text = text.lines().next().unwrap_or_default().split(" SQLSTATE: ").next().unwrap_or_default();
            // What the JVM raised, and no condition, is an error here too.
            let same = text.starts_with(expected) || expected.starts_with("An error occurred while calling");
            (!same).then(|| format!("\n  here  {text}\n  Spark {expected}"))
        }
    }
}

/// The columns and rows of a statement.
async fn sql(client: &Client, statement: &str) -> Result<Value, Status> {
    let input = Some(query(statement));
    let answers = client.command(CommandType::SqlCommand(SqlCommand { input, ..SqlCommand::default() })).await?;
    let found = answers.into_iter().find_map(|answer| match answer.response_type {
        Some(ResponseType::SqlCommandResult(SqlCommandResult { relation })) => relation,
        _ => None,
    });
    let answers = client.run(found.unwrap().rel_type.unwrap()).await?;
    let rows = batches(&answers);
    let columns: Vec<_> = rows[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows: Vec<Vec<String>> = rows.iter().flat_map(cells).collect();
    if statement.starts_with("select") {
        rows.sort();
    }
    Ok(json!({ "columns": columns, "rows": rows }))
}

fn query(text: &str) -> Relation {
    relation(RelType::Sql(Sql { query: text.to_owned(), ..Sql::default() }))
}

fn cells(batch: &RecordBatch) -> Vec<Vec<String>> {
    let cell = |column: usize, row: usize| {
        let column = arrow::compute::cast(batch.column(column), &DataType::Utf8).unwrap();
        if column.is_null(row) { "NULL".to_owned() } else { column.as_string::<i32>().value(row).to_owned() }
    };
    (0..batch.num_rows()).map(|row| (0..batch.num_columns()).map(|column| cell(column, row)).collect()).collect()
}

/// What is no SQL: see `record.py`.
async fn other(client: &Client, what: &str, rest: &str) -> Result<Value, Status> {
    let (head, tail) = rest.split_once(": ").unwrap_or((rest, ""));
    let words: Vec<_> = head.split(' ').collect();
    let path = Path::new(words[0]);
    let mut rows = json!([]);
    match what {
        "@file" => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{tail}\n")).unwrap();
        }
        "@remove" if path.is_dir() => fs::remove_dir_all(path).unwrap(),
        "@remove" => fs::remove_file(path)
            .map_err(|_| Status::not_found(format!("[Errno 2] No such file or directory: '{head}'")))?,
        "@exists" => rows = json!([[path.exists().to_string()]]),
        _ => write(client, what, &words, tail).await?,
    }
    Ok(json!({ "columns": null, "rows": rows }))
}

async fn write(client: &Client, what: &str, words: &[&str], text: &str) -> Result<(), Status> {
    let input = Some(query(text));
    let format = words.get(2).map(|word| (*word).to_owned());
    let command = if what == "@v2" {
        let mode = match words[0] {
            "create" => Mode::Create,
            "append" => Mode::Append,
            "overwrite" => Mode::Overwrite,
            "overwritePartitions" => Mode::OverwritePartitions,
            "replace" => Mode::Replace,
            _ => Mode::CreateOrReplace,
        };
        let column = |name: &&str| {
            let attribute = UnresolvedAttribute { unparsed_identifier: (*name).to_owned(), ..Default::default() };
            Expression { common: None, expr_type: Some(ExprType::UnresolvedAttribute(attribute)) }
        };
        CommandType::WriteOperationV2(WriteOperationV2 {
            input,
            table_name: words[1].to_owned(),
            provider: format,
            partitioning_columns: words.iter().skip(3).map(column).collect(),
            mode: mode.into(),
            ..WriteOperationV2::default()
        })
    } else {
        let mode = match words[0] {
            "append" => SaveMode::Append,
            "overwrite" => SaveMode::Overwrite,
            _ => SaveMode::ErrorIfExists,
        };
        let insert = what == "@insert";
        let method = if insert { TableSaveMethod::InsertInto } else { TableSaveMethod::SaveAsTable };
        let table = SaveTable { table_name: words[1].to_owned(), save_method: method.into() };
        CommandType::WriteOperation(WriteOperation {
            input,
            source: format,
            mode: mode.into(),
            save_type: Some(SaveType::Table(table)),
            partitioning_columns: words.iter().skip(3).map(|word| (*word).to_owned()).collect(),
            ..WriteOperation::default()
        })
    };
    client.command(command).await.map(drop)
}
