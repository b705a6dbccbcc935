//! `parquet`: columns in row groups, with Spark's schema in the footer.
//!
//! TIMESTAMP is written as INT64 of microseconds, where Spark's default is INT96; every reader takes both. Intervals
//! are numbers that Spark's schema says the meaning of. Deliberately not here: zstd, which would need a C toolchain,
//! brotli and lzo.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, SchemaRef};
use millstream_core::{Error, Options, Result, spark_error};
use millstream_formats::schema_json::schema_json;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::check;
use crate::file::format::{FileEncoder, FileEncoding, WriteConfig};

/// Where Spark looks for the types that a column of Parquet cannot say.
const SCHEMA_KEY: &str = "org.apache.spark.sql.parquet.row.metadata";

/// The release of Spark whose meaning of types the schema has.
const VERSION_KEY: (&str, &str) = ("org.apache.spark.version", "4.2.0");

/// A row group that takes more is written.
const ROW_GROUP_BYTES: usize = 32 * 1024 * 1024;

/// Writes rows as Parquet.
pub(in crate::file) fn encoder(config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
    check::types(&config.schema, "Parquet", |data_type| !check::has_calendar_interval(data_type))?;
    check::no_duplicates(config.schema.fields().iter().map(|field| field.name().as_str()), &config.settings)?;
    let (compression, extension) = codec(&config.options)?;
    let metadata = vec![
        KeyValue::new(VERSION_KEY.0.to_owned(), VERSION_KEY.1.to_owned()),
        KeyValue::new(SCHEMA_KEY.to_owned(), schema_json(config.schema.fields())?),
    ];
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_coerce_types(true)
        .set_key_value_metadata(Some(metadata))
        .build();
    let stored = Arc::new(Schema::new(stored_fields(config.schema.fields())));
    Ok(Arc::new(ParquetEncoder { stored, properties, extension }))
}

/// `compression`, and what the name of a file says of it.
fn codec(options: &Options) -> Result<(Compression, &'static str)> {
    let name = options.get("compression").or_else(|| options.get("parquet.compression")).unwrap_or("snappy");
    Ok(match name.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => (Compression::UNCOMPRESSED, ".parquet"),
        "snappy" => (Compression::SNAPPY, ".snappy.parquet"),
        "gzip" => (Compression::GZIP(Default::default()), ".gz.parquet"),
        "lz4" => (Compression::LZ4, ".lz4hadoop.parquet"),
        "lz4_raw" => (Compression::LZ4_RAW, ".lz4raw.parquet"),
        refused @ ("zstd" | "brotli" | "lzo") => {
            return Err(Error::unsupported(format!(
                "Writing Parquet files with the codec '{refused}' is not supported by Millstream."
            ))
            .with_hint("snappy, gzip, lz4, lz4_raw and none are"));
        }
        _ => {
            return Err(spark_error!(
                "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION",
                codecName = name,
                availableCodecs = "brotli, uncompressed, lzo, snappy, lz4_raw, none, zstd, lz4, gzip",
            ));
        }
    })
}

/// The types that are in the file.
fn stored_fields(fields: &Fields) -> Fields {
    fields.iter().map(|field| Field::clone(field).with_data_type(stored_type(field.data_type()))).collect()
}

fn stored_type(data_type: &DataType) -> DataType {
    let inner = |field: &Arc<Field>| Arc::new(Field::clone(field).with_data_type(stored_type(field.data_type())));
    match data_type {
        DataType::Interval(IntervalUnit::YearMonth) => DataType::Int32,
        DataType::Duration(_) => DataType::Int64,
        DataType::Struct(fields) => DataType::Struct(stored_fields(fields)),
        DataType::List(element) => DataType::List(inner(element)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    }
}

#[derive(Debug)]
struct ParquetEncoder {
    stored: SchemaRef,
    properties: WriterProperties,
    extension: &'static str,
}

impl FileEncoder for ParquetEncoder {
    fn extension(&self) -> String {
        self.extension.to_owned()
    }

    fn start(&self, out: Box<dyn Write + Send>) -> Result<Box<dyn FileEncoding>> {
        // Arrow's own schema says nothing that Spark's does not.
        let options = ArrowWriterOptions::new().with_properties(self.properties.clone()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&self.stored), options).map_err(failed)?;
        Ok(Box::new(ParquetFile { stored: Arc::clone(&self.stored), writer }))
    }
}

struct ParquetFile {
    stored: SchemaRef,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl FileEncoding for ParquetFile {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let columns = rows.columns().iter().zip(self.stored.fields());
        let columns: Vec<ArrayRef> = columns
            .map(|(column, field)| match column.data_type() == field.data_type() {
                true => Ok(Arc::clone(column)),
                false => Ok(make_array(stored(column.to_data(), field.data_type())?)),
            })
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let stored = RecordBatch::try_new_with_options(Arc::clone(&self.stored), columns, &options)?;
        self.writer.write(&stored).map_err(failed)?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.writer.memory_size()
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.writer.close().map(drop).map_err(failed)
    }
}

/// The same values under the type that they have in the file.
fn stored(values: ArrayData, to: &DataType) -> Result<ArrayData> {
    let parts: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => Vec::new(),
    };
    let children = values.child_data().iter().cloned().zip(parts).map(|(child, to)| stored(child, to));
    let children = children.collect::<Result<Vec<_>>>()?;
    Ok(values.into_builder().data_type(to.clone()).child_data(children).build()?)
}

fn failed(error: parquet::errors::ParquetError) -> Error {
    Error::unavailable(format!("cannot write a Parquet file: {error}")).with_source(error)
}
