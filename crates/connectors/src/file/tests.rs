//! Against what Apache Spark 4.2 read from the same files.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;
use millstream_core::{BinaryStyle, Connector, ReadRequest, Result, SourceConfig};
use millstream_formats::text::{Style, ValueText};
use millstream_testing::{read_request, source_config};
use tempfile::TempDir;

use super::FileConnector;
use super::formats::FORMATS;

/// The connector of a format.
fn files(format: &str) -> FileConnector {
    FileConnector(*FORMATS.iter().find(|one| one.names().contains(&format)).unwrap())
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn config(path: &Path, options: &[(&str, &str)], user_schema: Option<SchemaRef>) -> SourceConfig {
    let options = [options, &[("path", path.to_str().unwrap())]].concat();
    SourceConfig { user_schema, ..source_config(&options) }
}

/// The rows, each as its cells joined by bars.
async fn read(connector: &dyn Connector, config: SourceConfig) -> Result<Vec<String>> {
    let reader = connector.open_batch(config)?;
    let request = ReadRequest { batch_rows: 2, ..read_request(reader.schema().fields().len()) };
    let mut rows = Vec::new();
    for stream in reader.scan(request).await? {
        for batch in stream.try_collect::<Vec<_>>().await? {
            assert!(batch.num_rows() <= 2);
            let cells: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| {
                    ValueText::new(column.as_ref(), chrono_tz::UTC, Style::Show(BinaryStyle::default())).unwrap()
                })
                .collect();
            rows.extend((0..batch.num_rows()).map(|row| {
                let texts = cells.iter().map(|cell| {
                    let mut text = String::new();
                    cell.push(&mut text, row);
                    text
                });
                texts.collect::<Vec<_>>().join("|")
            }));
        }
    }
    Ok(rows)
}

fn sample() -> TempDir {
    folder(&[
        ("t/a.txt", b"one\ntwo\r\nthree"),
        ("t/b.txt", b"x\n\ny\n"),
        ("t/_hidden.txt", b"no"),
        ("t/.hid", b"no"),
        ("t/sub/c.txt", b"sub\n"),
        ("t/empty.txt", b""),
        ("ls.txt", b"a;b;;c"),
        ("cr.txt", b"a\rb\n\xff\nlast"),
        ("mixed.txt", b"a\rb\nc\r\r\nd\r"),
        ("p/k=1/f.txt", b"pone"),
        ("e/_x", b""),
    ])
}

#[tokio::test]
async fn lines_of_files_folders_and_globs() {
    let folder = sample();
    let check = async |path: &str, options: &[(&str, &str)], expected: &[&str]| {
        let rows = read(&files("text"), config(&folder.path().join(path), options, None)).await.unwrap();
        assert_eq!(rows, expected, "{path} {options:?}");
    };
    let both = ["one", "two", "three", "x", "", "y"];
    check("t", &[], &both).await;
    check("t/", &[], &both).await;
    check("t/*.txt", &[], &both).await;
    check("t/{a,b}.txt", &[], &both).await;
    check("t/[ab].txt", &[], &both).await;
    check("t/?.txt", &[], &both).await;
    check("t/_hidden.txt", &[], &[]).await;
    check("e", &[], &[]).await;
    check("p/*", &[], &["pone"]).await;
    check("cr.txt", &[], &["a", "b", "\u{fffd}", "last"]).await;
    check("mixed.txt", &[], &["a", "b", "c", "", "d"]).await;
    check("ls.txt", &[("lineSep", ";;")], &["a;b", "c"]).await;
    check("ls.txt", &[("lineSep", ";")], &["a", "b", "", "c"]).await;
    check("t", &[("lineSep", ";")], &["one\ntwo\r\nthree", "x\n\ny\n"]).await;
    check("t", &[("lineSep", "\n")], &["one", "two\r", "three", "x", "", "y"]).await;
    check("t", &[("wholetext", "true")], &["one\ntwo\r\nthree", "x\n\ny\n"]).await;
    check("t", &[("recursiveFileLookup", "true")], &["one", "two", "three", "x", "", "y", "sub"]).await;
    check("t", &[("pathGlobFilter", "a*")], &["one", "two", "three"]).await;
    check("ls.txt", &[("pathGlobFilter", "a*")], &[]).await;
}

#[tokio::test]
async fn a_missing_path_is_named() {
    let folder = sample();
    for name in ["nope", "t/nope*"] {
        let path = folder.path().join(name);
        let error = read(&files("text"), config(&path, &[], None)).await.unwrap_err();
        assert_eq!(error.class(), Some("PATH_NOT_FOUND"));
        assert_eq!(error.message(), format!("Path does not exist: file:{}.", path.display()));
    }
    let error = read(&files("text"), config(&folder.path().join("p"), &[], None)).await.unwrap_err();
    assert_eq!(error.class(), Some("UNSUPPORTED_FEATURE"));
}

#[tokio::test]
async fn a_schema_may_rename_the_column_of_text() {
    let folder = sample();
    let schema = |fields: &[(&str, DataType)]| {
        let fields: Vec<_> =
            fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
        Some(Arc::new(Schema::new(fields)))
    };
    let path = folder.path().join("ls.txt");
    assert_eq!(read(&files("text"), config(&path, &[], schema(&[("x", DataType::Utf8)]))).await.unwrap(), ["a;b;;c"]);
    let check = |user_schema, class| {
        let error = files("text").source_schema(&config(&path, &[], user_schema)).unwrap_err();
        assert_eq!(error.class(), Some(class));
    };
    check(schema(&[("x", DataType::Int32)]), "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE");
    check(schema(&[("x", DataType::Utf8), ("y", DataType::Utf8)]), "_LEGACY_ERROR_TEMP_1290");
}

#[tokio::test]
async fn json_records_a_line() {
    let lines = b"{\"a\":1,\"b\":\"x\"}\n{\"a\":\"q\"}\n\nbad\n{\"a\":2,\"b\":\"y\",\"c\":[1]}\n";
    let folder = folder(&[("j/a.json", lines)]);
    let schema = || {
        let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)];
        Some(Arc::new(Schema::new(fields)))
    };
    let check = async |mode: &str, expected: &[&str]| {
        let config = config(&folder.path().join("j"), &[("mode", mode)], schema());
        assert_eq!(read(&files("json"), config).await.unwrap(), expected, "{mode}");
    };
    check("PERMISSIVE", &["1|x", "NULL|NULL", "NULL|NULL", "2|y"]).await;
    check("DROPMALFORMED", &["1|x", "2|y"]).await;
    let failing = config(&folder.path().join("j"), &[("mode", "FAILFAST")], schema());
    assert_eq!(
        read(&files("json"), failing).await.unwrap_err().class(),
        Some("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    );
    assert!(files("json").source_schema(&config(folder.path(), &[], None)).is_err());
}
