//! Columns that are in the names of folders: `k=v` (Spark: `partitionBy`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use chrono_tz::Tz;
use millstream_core::{QuerySettings, Result, spark_error};
use millstream_formats::partition_name::{NO_VALUE, escaped};
use millstream_formats::text::{Style, ValueText, simple_string, sql_name};

use super::check;

/// Which columns are in the names of folders.
#[derive(Debug, Clone)]
pub(super) struct Partitions {
    /// Their places among the columns, and the names of their folders before `=`.
    columns: Vec<(usize, String)>,
    /// The places of the others.
    data: Vec<usize>,
    data_schema: SchemaRef,
    zone: Tz,
}

/// Rows of one partition.
pub(super) struct Part {
    /// The folder, below that of the write; nothing without partitions.
    pub(super) folder: String,
    /// The columns that are in the file.
    pub(super) rows: RecordBatch,
}

impl Partitions {
    /// Finds the columns.
    ///
    /// # Errors
    /// Spark's, for a name that no column has or that is there twice, for a type that no folder can be called by, and
    /// where no column is left for the files.
    pub(super) fn new(schema: &SchemaRef, names: &[String], zone: Tz, settings: &QuerySettings) -> Result<Self> {
        check::no_duplicates(names.iter().map(String::as_str), settings)?;
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let place = place_of(schema, name, settings.case_sensitive).ok_or_else(|| not_found(schema, name))?;
            let data_type = schema.field(place).data_type();
            if !check::is_atomic(data_type) {
                let shown = format!("\"{}\"", sql_name(&check::nullable(data_type)));
                return Err(spark_error!("INVALID_PARTITION_COLUMN_DATA_TYPE", r#type = shown));
            }
            columns.push((place, escaped(name)));
        }
        let data: Vec<_> =
            (0..schema.fields().len()).filter(|place| columns.iter().all(|(taken, _)| taken != place)).collect();
        if data.is_empty() && !columns.is_empty() {
            return Err(spark_error!("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
        }
        let data_schema = Arc::new(schema.project(&data)?);
        Ok(Self { columns, data, data_schema, zone })
    }

    /// The columns that are in the files.
    pub(super) fn data_schema(&self) -> SchemaRef {
        Arc::clone(&self.data_schema)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The rows by partition, in the order in which partitions come first.
    pub(super) fn split(&self, rows: &RecordBatch) -> Result<Vec<Part>> {
        let data: Vec<ArrayRef> = self.data.iter().map(|place| Arc::clone(rows.column(*place))).collect();
        if self.is_empty() {
            return Ok(vec![Part { folder: String::new(), rows: self.batch(data, rows.num_rows())? }]);
        }
        let (folders, places) = self.folders(rows)?;
        if let [folder] = folders.as_slice() {
            return Ok(vec![Part { folder: folder.clone(), rows: self.batch(data, rows.num_rows())? }]);
        }
        let parts = folders.into_iter().zip(places).map(|(folder, places)| {
            let count = places.len();
            let places = UInt32Array::from(places);
            let taken = data.iter().map(|column| take(column, &places, None)).collect::<Result<_, _>>()?;
            Ok(Part { folder, rows: self.batch(taken, count)? })
        });
        parts.collect()
    }

    /// The folders of the rows, and which rows belong to each.
    fn folders(&self, rows: &RecordBatch) -> Result<(Vec<String>, Vec<Vec<u32>>)> {
        let texts =
            self.columns.iter().map(|(place, _)| ValueText::new(rows.column(*place).as_ref(), self.zone, Style::Cast));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let mut known: HashMap<String, usize> = HashMap::new();
        let (mut folders, mut places): (Vec<String>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        let mut folder = String::new();
        for row in 0..rows.num_rows() {
            folder.clear();
            for ((place, name), text) in self.columns.iter().zip(&texts) {
                if !folder.is_empty() {
                    folder.push('/');
                }
                folder.push_str(name);
                folder.push('=');
                let mut value = String::new();
                if rows.column(*place).is_valid(row) {
                    text.push(&mut value, row);
                }
                folder.push_str(&if value.is_empty() { NO_VALUE.to_owned() } else { escaped(&value) });
            }
            let index = match known.entry(folder.clone()) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    folders.push(folder.clone());
                    places.push(Vec::new());
                    *entry.insert(folders.len() - 1)
                }
            };
            places[index].push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        Ok((folders, places))
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.data_schema), columns, &options)?)
    }
}

fn place_of(schema: &Schema, name: &str, case_sensitive: bool) -> Option<usize> {
    schema.fields().iter().position(|field| {
        field.name() == name || (!case_sensitive && field.name().to_lowercase() == name.to_lowercase())
    })
}

fn not_found(schema: &Schema, name: &str) -> millstream_core::Error {
    let shown = simple_string(&DataType::Struct(schema.fields().clone()));
    spark_error!("_LEGACY_ERROR_TEMP_1155", col = name, schemaCatalog = shown)
}
