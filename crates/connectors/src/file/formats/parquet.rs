//! `parquet`: columns in row groups, read by name.
//!
//! Only the wanted columns are read, and only the row groups whose statistics let a row pass. Deliberately not here:
//! files packed with Zstandard, Brotli or LZO, which the library reads with C alone; encrypted ones; intervals, TIME
//! and VARIANT.

mod conform;
mod pruning;
mod schema;

use std::fs::File;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use millstream_core::{Error, Reservation, Result, spark_error};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use self::schema::{FileColumns, merged};
use crate::file::format::{FileDecoder, FileEncoder, FileFormat, FileRows, ReadConfig, Wanted, WriteConfig};
use crate::file::found_file::FoundFile;
use crate::file::input::{corrupt_hint, failed};
use crate::file::line_rows::batch_of;
use crate::file::part::FilePart;
use crate::file::write;

/// A page of values and a dictionary, packed and unpacked.
const PAGES_BYTES: usize = 4 << 20;

/// The format of columns.
#[derive(Debug)]
pub(super) struct Parquet;

impl FileFormat for Parquet {
    fn names(&self) -> &'static [&'static str] {
        &["parquet"]
    }

    /// The first file shows the columns; with `mergeSchema` all files do.
    fn infer(&self, files: &[FoundFile], config: &ReadConfig) -> Result<Option<SchemaRef>> {
        let merges = config.options.get_bool("mergeSchema")?.unwrap_or(false);
        let tolerance = config.tolerance()?;
        let mut found: Option<Fields> = None;
        for file in files {
            let Some(loaded) = tolerance.unless_left_out(file, metadata(file, no_footer))? else { continue };
            let columns = FileColumns::of(&loaded, file)?;
            found = Some(match found {
                None => columns.fields,
                Some(before) => merged(&before, &columns.fields, config.settings.case_sensitive)?,
            });
            if !merges {
                break;
            }
        }
        Ok(found.map(|fields| Arc::new(Schema::new(fields))))
    }

    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        schema.fields().iter().try_for_each(|field| schema::check_readable(field))?;
        Ok(Arc::new(ParquetFiles { schema: SchemaRef::clone(schema), case_sensitive: config.settings.case_sensitive }))
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::parquet::encoder(config)
    }

    fn title(&self) -> &'static str {
        "Parquet"
    }

    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("parquet.compression", "spark.sql.parquet.compression.codec"),
            ("maxRecordsPerFile", "spark.sql.files.maxRecordsPerFile"),
            ("partitionOverwriteMode", "spark.sql.sources.partitionOverwriteMode"),
            ("mergeSchema", "spark.sql.parquet.mergeSchema"),
        ]
    }
}

/// What the end of a file says of it.
fn metadata(file: &FoundFile, failure: fn(&FoundFile, ParquetError) -> Error) -> Result<ArrowReaderMetadata> {
    let opened = File::open(&file.path).map_err(|error| failed(file, error))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ArrowReaderMetadata::load(&opened, options).map_err(|error| failure(file, error))
}

/// A file whose columns cannot be told.
fn no_footer(file: &FoundFile, error: ParquetError) -> Error {
    let path = format!("file://{}", file.path.display());
    spark_error!("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER", path = path)
        .with_hint(corrupt_hint(&error))
        .with_source(error)
}

/// A file whose rows cannot be read.
fn unread(file: &FoundFile, error: ParquetError) -> Error {
    let path = format!("file://{}", file.path.display());
    spark_error!("FAILED_READ_FILE.NO_HINT", path = path).with_hint(corrupt_hint(&error)).with_source(error)
}

/// Refuses what only a C library would unpack.
fn check_codecs(metadata: &ParquetMetaData, file: &FoundFile) -> Result<()> {
    let refused =
        |codec: &Compression| matches!(codec, Compression::ZSTD(_) | Compression::BROTLI(_) | Compression::LZO);
    let mut columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    match columns.find_map(|column| Some(column.compression()).filter(refused)) {
        None => Ok(()),
        Some(codec) => {
            let name = format!("{codec:?}");
            let name = name.split('(').next().unwrap_or_default();
            let path = file.path.display();
            Err(Error::unsupported(format!("The codec {name} of '{path}' is not supported by Millstream."))
                .with_hint("snappy, gzip, lz4, lz4_raw and none are"))
        }
    }
}

#[derive(Debug)]
struct ParquetFiles {
    schema: SchemaRef,
    case_sensitive: bool,
}

impl FileDecoder for ParquetFiles {
    fn can_split(&self, _file: &FoundFile) -> bool {
        true
    }

    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows> {
        let file = &part.file;
        if file.size == 0 {
            // Spark asks for no bytes of a file that has none, and so finds no fault in it.
            return Ok(Box::new(std::iter::empty()));
        }
        let loaded = metadata(file, unread)?;
        check_codecs(loaded.metadata(), file)?;
        let columns = FileColumns::of(&loaded, file)?;
        let schema = Arc::new(self.schema.project(&wanted.columns)?);
        let mut roots = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            roots.push(columns.find(field, self.case_sensitive)?);
        }
        for (field, root) in schema.fields().iter().zip(&roots) {
            if let Some(root) = root {
                conform::check(field, &columns.fields[*root], file)?;
            }
        }
        let stored = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(columns.stored());
        let opened = File::open(&file.path).map_err(|error| failed(file, error))?;
        let loaded = ArrowReaderMetadata::try_new(Arc::clone(loaded.metadata()), stored);
        let loaded = loaded.map_err(|error| unread(file, error))?;
        let mut kept = pruning::row_groups(
            loaded.metadata(),
            |filter| columns.find(self.schema.field(filter.column), self.case_sensitive).ok().flatten(),
            &wanted.filters,
        );
        kept.retain(|group| is_within(loaded.metadata().row_group(*group), part));
        let mask = ProjectionMask::roots(loaded.parquet_schema(), roots.iter().flatten().copied());
        let mut room = wanted.memory.reservation(format!("pages of '{}'", file.path.display()));
        room.resize(page_bytes(loaded.metadata(), &kept, &mask))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, loaded)
            .with_batch_size(wanted.batch_rows.max(1))
            .with_projection(mask)
            .with_row_groups(kept)
            .build()
            .map_err(|error| unread(file, error))?;
        Ok(Box::new(ParquetRows { places: places(&roots), reader, schema, file: file.clone(), _room: room }))
    }
}

/// Whether the middle of a row group is in the part, so that it is read with it.
fn is_within(group: &RowGroupMetaData, part: &FilePart) -> bool {
    let chunks = group.columns().iter().map(|column| column.byte_range());
    let start = group.columns().first().map_or(0, |column| column.byte_range().0);
    let middle = start + chunks.map(|(_, bytes)| bytes).sum::<u64>() / 2;
    (part.start == 0 || part.start <= middle) && (part.is_last() || middle < part.end())
}

/// The pages that are in memory at the same time: of each column that is read a page of values and the dictionary. The
/// bytes of a page stand in the page; writers end one at 1 MiB.
fn page_bytes(metadata: &ParquetMetaData, groups: &[usize], mask: &ProjectionMask) -> usize {
    let group_bytes = |group: &usize| {
        let columns = metadata.row_group(*group).columns().iter().enumerate();
        let read = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
        read.map(|(_, column)| usize::try_from(column.uncompressed_size()).unwrap_or(0).min(PAGES_BYTES)).sum()
    };
    groups.iter().map(group_bytes).max().unwrap_or(0)
}

/// For each wanted column its place among those that are read, which are in the file's order.
fn places(roots: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut read: Vec<usize> = roots.iter().flatten().copied().collect();
    read.sort_unstable();
    read.dedup();
    roots.iter().map(|root| read.binary_search(&(*root)?).ok()).collect()
}

/// The rows of a part of a file.
struct ParquetRows {
    reader: ParquetRecordBatchReader,
    places: Vec<Option<usize>>,
    schema: SchemaRef,
    file: FoundFile,
    /// Counts the pages that are being decoded.
    _room: Reservation,
}

impl ParquetRows {
    fn wanted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let column = |(field, place): (&Arc<Field>, &Option<usize>)| match place {
            Some(place) => conform::conform(batch.column(*place), field.data_type()),
            None => Ok(arrow::array::new_null_array(field.data_type(), batch.num_rows())),
        };
        let columns = self.schema.fields().iter().zip(&self.places).map(column).collect::<Result<_>>()?;
        batch_of(&self.schema, columns, batch.num_rows())
    }
}

impl Iterator for ParquetRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.reader.next()? {
            Ok(batch) => self.wanted(&batch),
            Err(error) => Err(unread(&self.file, ParquetError::from(error))),
        })
    }
}
