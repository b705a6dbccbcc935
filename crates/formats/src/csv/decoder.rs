//! Records as rows of a schema.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Fields};
use millstream_core::{Error, Result, spark_error};

use super::options::CsvOptions;
use super::record::Record;
use super::scalars;
use crate::columns::{Column, Values};
use crate::json::ParseMode;
use crate::text::{push_internal, simple_string};

/// What to make of each field of a record.
#[derive(Debug, Clone)]
pub struct CsvDecoder {
    options: Arc<CsvOptions>,
    /// The columns that are wanted.
    fields: Fields,
    /// For each of them the field of a record that it is read from; `None` takes the text of malformed records.
    places: Vec<Option<usize>>,
    /// How many fields a record must have; `None` where only some are looked at.
    width: Option<usize>,
}

/// Whether CSV has values of this type.
fn is_readable(data_type: &DataType) -> bool {
    Column::new(data_type).is_ok_and(|column| {
        !matches!(column.values, Values::Void | Values::Struct { .. } | Values::List { .. } | Values::Map { .. })
    })
}

impl CsvDecoder {
    /// A decoder of records with these fields to those at `wanted`, in this order. Like Spark it looks at no other, so
    /// records are measured only where all are wanted.
    ///
    /// # Errors
    /// A type that CSV has no values of, a column for malformed records that is no STRING.
    pub fn new(all: &Fields, wanted: &[usize], options: Arc<CsvOptions>) -> Result<Self> {
        let corrupt = all.iter().position(|field| *field.name() == options.corrupt_record_column);
        if let Some(field) = corrupt.map(|place| &all[place])
            && *field.data_type() != DataType::Utf8
        {
            return Err(spark_error!(
                "INVALID_CORRUPT_RECORD_TYPE",
                columnName = format!("`{}`", field.name()),
                actualType = format!("\"{}\"", simple_string(field.data_type()).to_uppercase()),
            ));
        }
        if let Some(field) = all.iter().find(|field| !is_readable(field.data_type())) {
            return Err(spark_error!(
                "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                format = "CSV",
                columnName = format!("`{}`", field.name()),
                columnType = format!("\"{}\"", simple_string(field.data_type()).to_uppercase()),
            ));
        }
        let place = |column: usize| match corrupt {
            Some(corrupt) if corrupt == column => None,
            Some(corrupt) if corrupt < column => Some(column - 1),
            _ => Some(column),
        };
        let places: Vec<_> = wanted.iter().map(|column| place(*column)).collect();
        let width = all.len() - usize::from(corrupt.is_some());
        let looks_at_all = places.iter().flatten().count() == width;
        let fields = wanted.iter().map(|column| Field::clone(&all[*column]).with_nullable(true)).collect();
        Ok(Self { options, fields, places, width: looks_at_all.then_some(width) })
    }

    /// Whether nothing of a record is looked at, so that every one is a row.
    pub fn counts(&self) -> bool {
        self.fields.is_empty()
    }

    /// Starts a batch.
    pub fn start(&self) -> CsvDecoding {
        let column = |field: &Arc<Field>| Column::new(field.data_type()).expect("the type was checked");
        CsvDecoding { columns: self.fields.iter().map(column).collect(), rows: 0, decoder: self.clone() }
    }
}

/// Rows that are being put together.
#[derive(Debug)]
pub struct CsvDecoding {
    decoder: CsvDecoder,
    columns: Vec<Column>,
    rows: usize,
}

impl CsvDecoding {
    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a record that was read from `input`; `text` is what it looks like there.
    ///
    /// # Errors
    /// The record is malformed, and that is to be an error.
    pub fn append(&mut self, record: &Record, input: &[u8], text: &[u8]) -> Result<()> {
        let options = Arc::clone(&self.decoder.options);
        let mut malformed = self.decoder.width.is_some_and(|width| record.len() != width);
        for (column, place) in self.columns.iter_mut().zip(&self.decoder.places) {
            let Some(place) = *place else { continue };
            match record.get(place, input).map(|field| options.meaning(field)) {
                None => column.append_null(),
                Some(value) if value == options.null.as_bytes() => column.append_null(),
                Some(value) => {
                    if scalars::append(column, value, &options).is_err() {
                        malformed = true;
                        column.append_null();
                    }
                }
            }
        }
        self.end(malformed, text)
    }

    /// Appends a record of which nothing could be read.
    ///
    /// # Errors
    /// Malformed records are to be errors.
    pub fn append_unread(&mut self, text: &[u8]) -> Result<()> {
        let places = self.decoder.places.iter();
        self.columns.iter_mut().zip(places).filter(|(_, place)| place.is_some()).for_each(|(column, _)| {
            column.append_null();
        });
        self.end(true, text)
    }

    fn end(&mut self, malformed: bool, text: &[u8]) -> Result<()> {
        for (column, place) in self.columns.iter_mut().zip(&self.decoder.places) {
            match place {
                None if malformed => column.append_bytes(String::from_utf8_lossy(text).as_bytes()),
                None => column.append_null(),
                Some(_) => {}
            }
        }
        self.rows += 1;
        if !malformed {
            return Ok(());
        }
        match self.decoder.options.mode {
            ParseMode::Permissive => Ok(()),
            ParseMode::DropMalformed => {
                self.rows -= 1;
                let rows = self.rows;
                self.columns.iter_mut().for_each(|column| column.truncate(rows));
                Ok(())
            }
            ParseMode::FailFast => Err(self.malformed()?),
        }
    }

    /// The error for the last record, with what could be read of it.
    fn malformed(&mut self) -> Result<Error> {
        let last = self.rows - 1;
        let columns = self.finish()?;
        let mut texts = Vec::new();
        for column in &columns {
            let mut text = String::new();
            push_internal(&mut text, column, last);
            texts.push(text);
        }
        let record = format!("[{}]", texts.join(","));
        Ok(spark_error!(
            "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
            badRecord = record,
            failFastMode = "FAILFAST"
        ))
    }

    /// The columns of all rows; the decoding starts over.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        self.columns
            .iter_mut()
            .map(|column| {
                column.check_size()?;
                column.finish()
            })
            .collect()
    }
}
