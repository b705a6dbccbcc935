//! What the columns of files are: those inside them, those of their folders, and `_metadata`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use chrono_tz::Tz;
use millstream_core::source::METADATA_COLUMN;
use millstream_core::{Error, FileSplits, MemoryLedger, Result, ScanColumn, ScanFilter, SourceConfig, spark_error};
use millstream_formats::csv::value_of_text;
use millstream_formats::text::simple_string;

use super::format::{FileDecoder, FileRows, Wanted};
use super::found_file::FoundFile;
use super::part::{self, FilePart};
use super::partition_filter::PartitionFilter;
use super::tolerance::Tolerance;

/// Where a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The decoder's column.
    File(usize),
    /// The folder's column.
    Folder(usize),
    /// The file itself.
    Metadata,
}

/// Files of one format as rows.
#[derive(Debug, Clone)]
pub(super) struct FileTable {
    schema: SchemaRef,
    origins: Vec<Origin>,
    partitions: Vec<Field>,
    decoder: Arc<dyn FileDecoder>,
    zone: Tz,
    tolerance: Tolerance,
    splits: FileSplits,
    cores: usize,
    memory: MemoryLedger,
}

/// What is wanted of each file.
#[derive(Debug, Clone)]
pub(super) struct TableScan {
    columns: Vec<usize>,
    wanted: Wanted,
}

/// The type of `_metadata`.
fn metadata_fields() -> Fields {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Fields::from(vec![
        Field::new("file_path", DataType::Utf8, false),
        Field::new("file_name", DataType::Utf8, false),
        Field::new("file_size", DataType::Int64, false),
        Field::new("file_block_start", DataType::Int64, false),
        Field::new("file_block_length", DataType::Int64, false),
        Field::new("file_modification_time", time, false),
    ])
}

impl FileTable {
    /// A table of the decoder's columns and those of folders. A column that is both has its place among the first and
    /// its values from the folder.
    pub(super) fn new(
        decoder: Arc<dyn FileDecoder>,
        inside: &SchemaRef,
        partitions: Vec<Field>,
        tolerance: Tolerance,
        config: &SourceConfig,
    ) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut origins = Vec::new();
        let same = |left: &Field, right: &Field| left.name().eq_ignore_ascii_case(right.name());
        for (place, field) in inside.fields().iter().enumerate() {
            match partitions.iter().position(|partition| same(partition, field)) {
                Some(folder) => {
                    fields.push(partitions[folder].clone());
                    origins.push(Origin::Folder(folder));
                }
                None => {
                    fields.push(Field::clone(field));
                    origins.push(Origin::File(place));
                }
            }
        }
        for (place, partition) in partitions.iter().enumerate() {
            if !origins.contains(&Origin::Folder(place)) {
                fields.push(partition.clone());
                origins.push(Origin::Folder(place));
            }
        }
        let mark = [(METADATA_COLUMN.to_owned(), String::new())].into();
        fields.push(Field::new("_metadata", DataType::Struct(metadata_fields()), false).with_metadata(mark));
        origins.push(Origin::Metadata);
        Self {
            schema: Arc::new(Schema::new(fields)),
            origins,
            partitions,
            decoder,
            zone: config.settings.time_zone,
            tolerance,
            splits: config.settings.file_splits,
            cores: config.cores,
            memory: config.memory.clone(),
        }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// What a request for these columns asks of each file.
    pub(super) fn scan(&self, columns: &[ScanColumn], filters: &[ScanFilter], batch_rows: usize) -> Result<TableScan> {
        let columns = columns.iter().map(|column| match column {
            ScanColumn::Plain(index) => Ok(*index),
            other @ ScanColumn::Decoded { .. } => Err(Error::internal(format!("files have no column {other:?}"))),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let inside = |index: usize| match self.origins[index] {
            Origin::File(place) => Some(place),
            Origin::Folder(_) | Origin::Metadata => None,
        };
        let filters =
            filters.iter().filter_map(|filter| Some(ScanFilter { column: inside(filter.column)?, ..filter.clone() }));
        let wanted = Wanted {
            columns: columns.iter().filter_map(|index| inside(*index)).collect(),
            filters: filters.collect(),
            batch_rows,
            memory: self.memory.clone(),
        };
        Ok(TableScan { columns, wanted })
    }

    /// The parts of files in which a row may be that passes the filters, as far as the names of folders tell.
    pub(super) fn parts(&self, files: &[FoundFile], filters: &[ScanFilter]) -> Vec<FilePart> {
        let mut filters: Vec<_> = filters.iter().filter_map(|filter| self.partition_filter(filter)).collect();
        let mut kept = |file: &&FoundFile| filters.iter_mut().all(|filter| filter.may_pass(file));
        let files: Vec<_> = files.iter().filter(&mut kept).cloned().collect();
        part::parts(&files, &self.splits, self.cores, |file| self.decoder.can_split(file))
    }

    fn partition_filter(&self, filter: &ScanFilter) -> Option<PartitionFilter> {
        match self.origins[filter.column] {
            Origin::Folder(place) => {
                let data_type = self.partitions[place].data_type().clone();
                Some(PartitionFilter::new(place, data_type, self.zone, filter.test.clone()))
            }
            Origin::File(_) | Origin::Metadata => None,
        }
    }

    /// The rows of a part of a file.
    pub(super) fn open(&self, part: &FilePart, scan: &TableScan) -> Result<FileRows> {
        let file = &part.file;
        let rows = self.tolerance.rows(file, self.decoder.open(part, &scan.wanted))?;
        let fields: Vec<_> = scan.columns.iter().map(|index| Arc::clone(&self.schema.fields()[*index])).collect();
        let schema = Arc::new(Schema::new(fields));
        // A column of the file, or a value for all its rows.
        let mut constants: Vec<Option<ArrayRef>> = Vec::new();
        for index in &scan.columns {
            constants.push(match self.origins[*index] {
                Origin::File(_) => None,
                Origin::Folder(place) => Some(self.partition_value(place, file)?),
                Origin::Metadata => Some(metadata(part)),
            });
        }
        let mut room = self.memory.reservation(format!("rows of '{}'", file.path.display()));
        Ok(Box::new(rows.map(move |batch| {
            let batch = with_constants(&batch?, &constants, &schema)?;
            room.resize(batch.get_array_memory_size())?;
            Ok(batch)
        })))
    }

    /// The folder's value as an array of one row.
    fn partition_value(&self, place: usize, file: &FoundFile) -> Result<ArrayRef> {
        let field = &self.partitions[place];
        let Some(text) = file.partition.get(place).and_then(Option::as_deref) else {
            return Ok(new_null_array(field.data_type(), 1));
        };
        value_of_text(text, field.data_type(), self.zone)?.ok_or_else(|| {
            spark_error!(
                "INVALID_PARTITION_VALUE",
                value = format!("'{text}'"),
                dataType = format!("\"{}\"", simple_string(field.data_type()).to_uppercase()),
                columnName = format!("`{}`", field.name()),
            )
        })
    }
}

fn with_constants(batch: &RecordBatch, constants: &[Option<ArrayRef>], schema: &SchemaRef) -> Result<RecordBatch> {
    let mut inside = batch.columns().iter();
    let first = UInt32Array::from(vec![0; batch.num_rows()]);
    let mut columns = Vec::with_capacity(constants.len());
    for constant in constants {
        columns.push(match constant {
            Some(value) => take(value, &first, None)?,
            None => Arc::clone(inside.next().ok_or_else(|| Error::internal("a decoder has left out a column"))?),
        });
    }
    super::line_rows::batch_of(schema, columns, batch.num_rows())
}

/// What `_metadata` says of a part of a file, as an array of one row.
fn metadata(part: &FilePart) -> ArrayRef {
    let file = &part.file;
    let uri = file.uri();
    let name = uri.rsplit('/').next().unwrap_or_default().to_owned();
    let number = |value: u64| Arc::new(Int64Array::from(vec![value as i64])) as ArrayRef;
    let modified = TimestampMicrosecondArray::from(vec![file.modified_ms * 1000]).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![uri])),
        Arc::new(StringArray::from(vec![name])),
        number(file.size),
        number(part.start),
        number(part.length),
        Arc::new(modified),
    ];
    Arc::new(StructArray::new(metadata_fields(), columns, None))
}
