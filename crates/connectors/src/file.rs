//! Files, read as a whole: `text` (a row a line) and `json` (a record a line).
//!
//! Options of both: `path` (a file, a folder or a glob; several as a JSON list in `paths`), `pathGlobFilter`,
//! `recursiveFileLookup`, `lineSep`. A file is read while it is pulled; files come in the order of their names.
//!
//! Deliberately not here yet: streamed reading, writing, folders that are partitions (`k=v`; they are refused),
//! compressed files, other encodings than UTF-8 and guessing a schema.

mod json;
mod lines;
mod listing;
mod text;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use futures::StreamExt;
use futures::stream;
use millstream_core::{BatchStream, Connector, Error, Options, Result, ScanColumn, SourceConfig};

pub use self::json::JsonFiles;
use self::lines::{LineReader, Separator};
pub use self::text::TextFiles;

/// What the options say of the files.
#[derive(Debug, Clone)]
struct Files {
    paths: Vec<PathBuf>,
    separator: Separator,
}

impl Files {
    fn open(config: &SourceConfig) -> Result<Self> {
        let options = &config.options;
        check_encoding(options)?;
        Ok(Self { paths: listing::list(options)?, separator: Separator::from_options(options)? })
    }

    /// Streams over all files, at most `max_streams`. `batch` makes columns of some lines of a file.
    fn scan<B>(self, batch_rows: usize, max_streams: usize, batch: B) -> Vec<BatchStream>
    where
        B: Fn(&[Vec<u8>]) -> Result<RecordBatch> + Clone + Send + 'static,
    {
        let streams = self.paths.len().min(max_streams).max(1);
        let mut shares = vec![Vec::new(); streams];
        for (index, path) in self.paths.into_iter().enumerate() {
            shares[index % streams].push(path);
        }
        let separator = self.separator;
        shares
            .into_iter()
            .map(|paths| {
                let (separator, batch) = (separator.clone(), batch.clone());
                stream::iter(paths)
                    .flat_map(move |path| file_stream(path, separator.clone(), batch_rows.max(1), batch.clone()))
                    .boxed()
            })
            .collect()
    }
}

/// One file. Reading blocks, so it happens on the threads that may.
fn file_stream<B>(path: PathBuf, separator: Separator, batch_rows: usize, batch: B) -> BatchStream
where
    B: Fn(&[Vec<u8>]) -> Result<RecordBatch> + Clone + Send + 'static,
{
    let reader = LineReader::new(path, separator);
    stream::try_unfold(reader, move |mut reader| {
        let batch = batch.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let lines = reader.read(batch_rows)?;
                if lines.is_empty() {
                    return Ok(None);
                }
                Ok(Some((batch(&lines)?, reader)))
            });
            read.await.map_err(|error| Error::internal("reading a file was broken off").with_source(error))?
        }
    })
    .boxed()
}

fn check_encoding(options: &Options) -> Result<()> {
    match options.get("encoding").or_else(|| options.get("charset")) {
        Some(name) if !name.eq_ignore_ascii_case("UTF-8") => {
            Err(Error::unsupported(format!("Reading files in the encoding '{name}' is not supported by Millstream.")))
        }
        _ => Ok(()),
    }
}

/// The wanted columns of a batch whose columns are `arrays`.
fn project(columns: &[ScanColumn], schema: &SchemaRef, arrays: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
    let mut wanted = Vec::with_capacity(columns.len());
    for column in columns {
        match column {
            ScanColumn::Plain(index) if *index < arrays.len() => wanted.push(*index),
            other => return Err(Error::internal(format!("files have no column {other:?}"))),
        }
    }
    let fields: Vec<_> = wanted.iter().map(|&index| Arc::clone(&schema.fields()[index])).collect();
    let arrays = wanted.iter().map(|&index| Arc::clone(&arrays[index])).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

/// Spark streams files; here they are read as they are, once.
fn no_stream(connector: &dyn Connector, what: &str) -> Error {
    let format = connector.names()[0];
    Error::unsupported(format!("{what} '{format}' files as a stream is not supported by Millstream."))
        .with_hint("a batch query reads them, and a topic of Kafka is a stream")
}

#[cfg(test)]
mod tests;
