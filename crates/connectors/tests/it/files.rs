//! What is read from files, against what Apache Spark 4.2 read from the same ones (`conformance/files`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use millstream_connectors::file::FileConnector;
use millstream_connectors::file::formats::FORMATS;
use millstream_core::{Connector, Error, FileSplits, QuerySettings, ReadRequest, ScanColumn, SourceConfig};
use millstream_formats::text::{cast_to_string, simple_string};
use millstream_testing::{read_request, source_config};
use serde_json::Value;

const ANSWERS: &str = include_str!("../../../../conformance/files/answers.jsonl");
const DIFFERENCES: &str = include_str!("../../../../conformance/files/differences.tsv");

fn write(folder: &Path, files: &Value) {
    for (name, content) in files.as_object().expect("as recorded") {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("as recorded")).expect("as recorded");
        let bytes = match content.as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(content["base64"].as_str().expect("as recorded")).expect("as recorded"),
        };
        std::fs::write(path, bytes).expect("as recorded");
    }
}

/// A type out of Spark's short text of it.
fn data_type(text: &str) -> DataType {
    let inside = |name: &str| text.strip_prefix(name).and_then(|rest| rest.strip_suffix('>'));
    if let Some(element) = inside("array<") {
        return DataType::List(Arc::new(Field::new_list_field(data_type(element), true)));
    }
    if let Some((key, value)) = inside("map<").and_then(|entry| entry.split_once(',')) {
        let entry = [Field::new("key", data_type(key), false), Field::new("value", data_type(value), true)];
        let entries = Field::new("entries", DataType::Struct(entry.into_iter().collect()), false);
        return DataType::Map(Arc::new(entries), false);
    }
    if let Some(fields) = inside("struct<") {
        let field = |text: &str| {
            let (name, of) = text.split_once(':').expect("as recorded");
            Field::new(name, data_type(of), true)
        };
        return DataType::Struct(fields.split(',').map(field).collect());
    }
    if let Some(size) = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
        let (digits, scale) = size.split_once(',').expect("as recorded");
        return DataType::Decimal128(digits.parse().expect("as recorded"), scale.parse().expect("as recorded"));
    }
    match text {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        other => unreachable!("the type {other}"),
    }
}

fn config(folder: &Path, question: &Value) -> SourceConfig {
    let dir = folder.to_str().expect("as recorded");
    let paths: Vec<String> = match &question["path"] {
        Value::Array(several) => {
            several.iter().map(|path| format!("{dir}/{}", path.as_str().expect("as recorded"))).collect()
        }
        one => vec![format!("{dir}/{}", one.as_str().unwrap_or_default())],
    };
    let mut options = vec![("paths".to_owned(), serde_json::to_string(&paths).expect("as recorded"))];
    for (name, value) in question["options"].as_object().into_iter().flatten() {
        options.push((name.clone(), value.as_str().expect("as recorded").replace("$DIR", dir)));
    }
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = question["fields"].as_array().map(|fields| {
        let field = |field: &Value| {
            Field::new(
                field[0].as_str().expect("as recorded"),
                data_type(field[1].as_str().expect("as recorded")),
                true,
            )
        };
        Arc::new(Schema::new(fields.iter().map(field).collect::<Fields>()))
    });
    let conf = |name: &str| question["conf"][name].as_str();
    let bytes = |name: &str, default| conf(name).map_or(default, |bytes| bytes.parse().expect("as recorded"));
    let whole = FileSplits::default();
    let settings = QuerySettings {
        file_splits: FileSplits {
            max_bytes: bytes("spark.sql.files.maxPartitionBytes", whole.max_bytes),
            open_cost: bytes("spark.sql.files.openCostInBytes", whole.open_cost),
            min_parts: conf("spark.sql.files.minPartitionNum").map(|number| number.parse().expect("as recorded")),
        },
        case_sensitive: conf("spark.sql.caseSensitive") == Some("true"),
        infers_partition_types: conf("spark.sql.sources.partitionColumnTypeInference.enabled") != Some("false"),
        ignores_corrupt_files: conf("spark.sql.files.ignoreCorruptFiles") == Some("true"),
        ..QuerySettings::default()
    };
    SourceConfig { user_schema: given, settings, ..source_config(&options) }
}

/// A column as Spark's cast to STRING has it.
fn cells(array: &ArrayRef) -> Vec<Value> {
    let texts = cast_to_string(array.as_ref(), chrono_tz::UTC).expect("as recorded");
    texts.iter().map(|text| text.map_or(Value::Null, Value::from)).collect()
}

/// What `name` selects: a column, a field of one, or the digits of a binary.
fn selected(name: &str, batch: &BTreeMap<String, ArrayRef>) -> Vec<Value> {
    if let Some(inner) = name.strip_prefix("hex(").and_then(|rest| rest.strip_suffix(')')) {
        let bytes = batch[inner].as_binary::<i32>();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        return bytes.iter().map(|bytes| bytes.map_or(Value::Null, |bytes| Value::from(hex(bytes)))).collect();
    }
    match name.split_once('.') {
        Some((column, field)) => cells(batch[column].as_struct().column_by_name(field).expect("as recorded")),
        None => cells(&batch[name]),
    }
}

/// The column that a selection reads.
fn column_of(name: &str) -> &str {
    let name = name.strip_prefix("hex(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(name);
    name.split('.').next().unwrap_or(name)
}

async fn ask(folder: &Path, question: &Value) -> Result<Value, Error> {
    let format = question["format"].as_str().expect("as recorded");
    let connector = FileConnector(*FORMATS.iter().find(|one| one.names().contains(&format)).expect("as recorded"));
    let reader = connector.open_batch(config(folder, question))?;
    let schema = reader.schema();
    let shown: Vec<_> = schema.fields().iter().filter(|field| field.metadata().is_empty()).collect();
    let columns: Vec<Value> =
        shown.iter().map(|field| serde_json::json!([field.name(), simple_string(field.data_type())])).collect();
    let names: Vec<String> = match question["select"].as_array() {
        Some(names) => names.iter().map(|name| name.as_str().expect("as recorded").to_owned()).collect(),
        None => shown.iter().map(|field| field.name().clone()).collect(),
    };
    let mut wanted: Vec<usize> =
        names.iter().map(|name| schema.index_of(column_of(name)).expect("as recorded")).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let columns_wanted = wanted.iter().map(|column| ScanColumn::Plain(*column)).collect();
    let request = ReadRequest { columns: columns_wanted, batch_rows: 2, ..read_request(0) };
    let mut rows = Vec::new();
    for stream in reader.scan(request).await? {
        for batch in stream.try_collect::<Vec<_>>().await? {
            let named: BTreeMap<String, ArrayRef> = wanted
                .iter()
                .zip(batch.columns())
                .map(|(column, array)| (schema.field(*column).name().clone(), Arc::clone(array)))
                .collect();
            let cells: Vec<_> = names.iter().map(|name| selected(name, &named)).collect();
            rows.extend(
                (0..batch.num_rows()).map(|row| cells.iter().map(|cells| cells[row].clone()).collect::<Vec<_>>()),
            );
        }
    }
    rows.sort_by_key(|row| {
        row.iter().map(|cell| (cell.is_null(), cell.as_str().unwrap_or_default().to_owned())).collect::<Vec<_>>()
    });
    Ok(serde_json::json!({ "columns": columns, "rows": rows }))
}

/// The question without its answer, by which the list of differences names it.
fn name_of(question: &Value) -> String {
    let mut question = question.clone();
    for part in ["answer", "fields"] {
        question.as_object_mut().expect("as recorded").shift_remove(part);
    }
    if question.get("write").is_some() {
        // What was written says enough.
        question["files"].take();
    }
    question.to_string()
}

#[tokio::test]
async fn files_are_read_as_spark_reads_them() {
    let listed: BTreeMap<&str, &str> = DIFFERENCES.lines().skip(1).filter_map(|line| line.split_once('\t')).collect();
    let mut met = 0;
    let mut faults = Vec::new();
    let mut asked = 0;
    for line in ANSWERS.lines() {
        let question: Value = serde_json::from_str(line).expect("as recorded");
        let folder = tempfile::tempdir().expect("as recorded");
        write(folder.path(), &question["files"]);
        let ours = match ask(folder.path(), &question).await {
            Ok(answer) => answer,
            Err(error) => serde_json::json!({ "error": error.class(), "message": error.message() }),
        };
        let ours: Value = ours
            .to_string()
            .replace(folder.path().to_str().expect("as recorded"), "$DIR")
            .parse()
            .expect("as recorded");
        let answer = &question["answer"];
        // Of errors the condition counts, and the message where there is no condition.
        let same = match answer.get("error") {
            Some(Value::Null) => ours.get("error").is_some(),
            Some(condition) => ours.get("error") == Some(condition),
            None => ours == *answer,
        };
        asked += 1;
        let name = name_of(&question);
        match (same, listed.contains_key(name.as_str())) {
            (true, false) => {}
            (false, true) => met += 1,
            (true, true) => faults.push(format!("{name}\n  is listed as a difference, and is none")),
            (false, false) => faults.push(format!("{name}\n  spark {answer}\n  ours  {ours}")),
        }
    }
    assert!(faults.is_empty(), "{} of {asked}:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(met, listed.len(), "a difference is listed that nobody asked for");
}
