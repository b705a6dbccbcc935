//! Any cut of a file gives the rows that one read gives.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, Int32Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{Connector, FileSplits, QuerySettings, ReadRequest, SourceConfig};
use millstream_testing::{read_request, source_config};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::file::FileConnector;
use crate::file::formats::FORMATS;

/// The rows of `path` in parts of at most `bytes`.
fn read(path: &Path, format: &str, options: &[(&str, &str)], bytes: u64, batch_rows: usize) -> RecordBatch {
    let connector = FileConnector(*FORMATS.iter().find(|known| known.names().contains(&format)).unwrap());
    let file_splits = FileSplits { max_bytes: bytes, open_cost: 0, min_parts: Some(1) };
    let options: Vec<_> = options.iter().copied().chain([("path", path.to_str().unwrap())]).collect();
    let fields: &[_] = match format {
        "csv" => &[("a", DataType::Utf8), ("b", DataType::Utf8)],
        "json" => &[("a", DataType::Int64), ("_corrupt_record", DataType::Utf8)],
        "parquet" => &[("n", DataType::Int32)],
        _ => &[("value", DataType::Utf8)],
    };
    let schema =
        Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>());
    let reader = connector.open_batch(SourceConfig {
        user_schema: Some(Arc::new(schema)),
        settings: QuerySettings { file_splits, ..QuerySettings::default() },
        ..source_config(&options)
    });
    let reader = reader.unwrap();
    let request = ReadRequest { batch_rows, max_streams: 3, ..read_request(fields.len()) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches: Vec<RecordBatch> = runtime
        .block_on(async { stream::iter(reader.scan(request).await.unwrap()).flatten().try_collect().await.unwrap() });
    let schema = Arc::new(reader.schema().project(&(0..fields.len()).collect::<Vec<_>>()).unwrap());
    concat_batches(&schema, &batches).unwrap()
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("b,c"),
        Just("\n"),
        Just("\r\n"),
        Just("\r"),
        Just("\""),
        Just("|"),
        Just(" "),
        Just("é"),
        Just("{\"a\":1}\n"),
        Just("#"),
        Just("ab"),
        Just("\u{feff}"),
        Just("一二三"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn lines_are_the_same_however_a_file_is_cut(
        text in pieces(),
        bytes in 1_u64..40,
        batch_rows in 1_usize..5,
        separator in prop_oneof![Just(None), Just(Some("|")), Just(Some("ab")), Just(Some("\r\n")), Just(Some("aa"))],
        format in prop_oneof![Just("text"), Just("csv"), Just("json")],
        header in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut options = Vec::new();
        // Spark takes line separators of CSV with one character alone.
        if let Some(separator) = separator.filter(|separator| format != "csv" || separator.len() == 1) {
            options.push(("lineSep", separator));
        }
        let header = format == "csv" && header;
        if header {
            options.push(("header", "true"));
        }
        let text = if header { format!("h{}{text}", separator.filter(|text| text.len() == 1).unwrap_or("\n")) } else { text };
        std::fs::write(&path, &text).unwrap();
        prop_assert_eq!(read(&path, format, &options, bytes, batch_rows), read(&path, format, &options, 1 << 20, 100));
    }

    #[test]
    fn each_part_is_in_one_stream_and_in_order(
        lengths in prop::collection::vec(0_u64..5_000_000, 0..20),
        most in 1_usize..9,
    ) {
        let file = |length| FoundFile { path: "f".into(), size: length, modified_ms: 0, partition: Vec::new() };
        let parts: Vec<_> = lengths.iter().map(|length| FilePart::whole(file(*length))).collect();
        let shares = shares(&parts, most);
        prop_assert_eq!(shares.iter().cloned().flatten().collect::<Vec<_>>(), (0..parts.len()).collect::<Vec<_>>());
        assert!(shares.len() <= most && (parts.is_empty() || shares.iter().all(|share| !share.is_empty())));
    }
}

#[test]
fn row_groups_are_read_once_however_a_file_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.parquet");
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]));
    let few = WriterProperties::builder().set_max_row_group_row_count(Some(7)).build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), Arc::clone(&schema), Some(few)).unwrap();
    let numbers = Int32Array::from_iter_values(0..100);
    writer.write(&RecordBatch::try_new(schema, vec![Arc::new(numbers.clone())]).unwrap()).unwrap();
    writer.close().unwrap();
    for bytes in [1, 10, 100, 333, 1000, 1 << 20] {
        let rows = read(&path, "parquet", &[], bytes, 5);
        assert_eq!(rows.column(0).as_primitive::<Int32Type>(), &numbers, "in parts of {bytes} bytes");
    }
}

#[test]
fn streams_share_the_bytes_of_a_large_file() {
    let file = FoundFile { path: "f".into(), size: 100 << 20, modified_ms: 0, partition: Vec::new() };
    let parts = parts(&[file], &FileSplits::default(), 2, |_| true);
    // Two cores: (100 + 4) / 2 MiB.
    assert_eq!(parts.iter().map(|part| part.length >> 20).collect::<Vec<_>>(), [52, 48]);
    assert_eq!(shares(&parts, 2), [0..1, 1..2]);
}
