//! JSON with a schema: what `from_json` means, as a decoder from bytes to Arrow.
//!
//! A record that looks like an earlier one goes the quick way ([`fast`]); everything else goes the general way
//! ([`convert`]), which takes the same steps as Spark's reader, errors included. Both write straight into the columns.
//!
//! Deliberately not here: intervals, TIME and VARIANT within JSON, date and time patterns (they are handed in as
//! [`TextParser`]s), and `DROPMALFORMED`, because a column cannot drop rows.

mod convert;
#[cfg(test)]
pub(crate) mod ddl;
mod failure;
mod fast;
mod generator;
mod infer;
mod options;
mod path;
mod scalars;
mod tokens;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Fields};

use self::convert::{Read, append_fields, append_single, append_value};
use self::fast::Templates;
pub use self::infer::{InferenceOptions, JsonInference, infer_type};
pub use self::options::{JsonOptions, JsonSyntax, ParseMode, TextParser};
pub use self::path::{JsonPath, JsonTexts};
use self::tokens::{Bad, Buffers, Token, Tokens};
use millstream_core::decode::{ValueDecoder, ValueDecoding};
use millstream_core::error::{Error, Result};
use millstream_core::spark_error;

use crate::columns::{Column, Values, nullable};

/// Decodes JSON texts into values of one type.
#[derive(Debug, Clone)]
pub struct JsonDecoder {
    data_type: DataType,
    corrupt: Option<usize>,
    options: Arc<JsonOptions>,
    /// What tasks that have ended knew of the records' shapes. A stream's batches are tasks one after the other, often
    /// of a single record.
    known: Arc<Mutex<Vec<Templates>>>,
}

impl JsonDecoder {
    /// A decoder to STRUCT of these fields.
    pub fn new(fields: &Fields, options: JsonOptions) -> Result<Self> {
        Self::of_type(&DataType::Struct(fields.clone()), options)
    }

    /// A decoder to STRUCT, ARRAY or MAP with STRING keys. The decoded type is nullable throughout.
    ///
    /// # Errors
    /// A type that cannot be read from JSON, a column for corrupt records that is no STRING, `DROPMALFORMED`.
    pub fn of_type(data_type: &DataType, options: JsonOptions) -> Result<Self> {
        if options.mode == ParseMode::DropMalformed {
            return Err(spark_error!("PARSE_MODE_UNSUPPORTED", funcName = "`from_json`", mode = "DROPMALFORMED"));
        }
        let mut corrupt = None;
        match data_type {
            DataType::Struct(fields) => {
                corrupt = fields.iter().position(|field| *field.name() == options.corrupt_record_column);
                if let Some(field) = corrupt.map(|index| &fields[index])
                    && *field.data_type() != DataType::Utf8
                {
                    return Err(failure::corrupt_column_type(field));
                }
            }
            DataType::List(_) | DataType::Map(_, _) => {}
            other => return Err(Error::invalid(format!("from_json gives STRUCT, ARRAY or MAP, not {other}"))),
        }
        let data_type = nullable(data_type);
        Column::new(&data_type)?;
        Ok(Self { data_type, corrupt, options: Arc::new(options), known: Arc::default() })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Templates>> {
        // Shapes are added and taken as a whole, so a panic between leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ValueDecoder for JsonDecoder {
    fn data_type(&self) -> DataType {
        self.data_type.clone()
    }

    fn start(&self) -> Box<dyn ValueDecoding> {
        let column = Column::new(&self.data_type).expect("the type was checked when the decoder was made");
        Box::new(JsonDecoding {
            decoder: self.clone(),
            column,
            rows: 0,
            templates: self.known().pop().unwrap_or_default(),
            buffers: Buffers::default(),
        })
    }

    /// Where a bad value in one field shows in no other: not with a column for corrupt records, not in `FAILFAST`.
    fn prune(&self, fields: &[usize]) -> Option<Arc<dyn ValueDecoder>> {
        let DataType::Struct(all) = &self.data_type else { return None };
        if self.corrupt.is_some() || self.options.mode != ParseMode::Permissive {
            return None;
        }
        let kept: Fields = fields.iter().map(|&index| all.get(index).map(Arc::clone)).collect::<Option<_>>()?;
        let (data_type, options) = (DataType::Struct(kept), Arc::clone(&self.options));
        Some(Arc::new(Self { data_type, corrupt: None, options, known: Arc::default() }))
    }
}

/// One task's work with a [`JsonDecoder`].
struct JsonDecoding {
    decoder: JsonDecoder,
    column: Column,
    rows: usize,
    templates: Templates,
    buffers: Buffers,
}

impl Drop for JsonDecoding {
    fn drop(&mut self) {
        self.decoder.known().push(std::mem::take(&mut self.templates));
    }
}

impl ValueDecoding for JsonDecoding {
    fn append(&mut self, value: Option<&[u8]>) -> Result<()> {
        let row = self.rows;
        self.rows += 1;
        let Some(bytes) = value else {
            self.column.append_null();
            return Ok(());
        };
        if let Values::Struct { columns, .. } = &mut self.column.values
            && self.templates.append(bytes, columns, row, &self.decoder.options)
        {
            self.column.append_valid();
            return Ok(());
        }
        let text = java_text(bytes);
        if text.chars().all(|character| character <= ' ') {
            self.column.append_null();
            return Ok(());
        }
        if matches!(self.column.values, Values::Struct { .. }) {
            self.append_struct(&text, row)
        } else {
            self.append_collection(&text)
        }
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.column.check_size()?;
        self.rows = 0;
        self.column.finish()
    }
}

impl JsonDecoding {
    fn append_struct(&mut self, text: &str, row: usize) -> Result<()> {
        let (options, corrupt) = (Arc::clone(&self.decoder.options), self.decoder.corrupt);
        let Values::Struct { fields, columns } = &mut self.column.values else {
            return Err(Error::internal("a struct decoder without columns"));
        };
        let mut hint = 0;
        let mut find = |name: &[u8]| {
            let matches = |index: &usize| fields[*index].name().as_bytes() == name && corrupt != Some(*index);
            let found = Some(hint).filter(|index| *index < fields.len() && matches(index));
            let found = found.or_else(|| (0..fields.len()).find(matches));
            hint = found.map_or(hint, |index| index + 1);
            found
        };
        let mut tokens = Tokens::new(text, options.syntax, &mut self.buffers);
        let first = tokens.next();
        let read = match first {
            Ok(Some(Token::StartObject)) => append_fields(columns, &mut tokens, &options, &mut find),
            _ => Err(Bad),
        };
        if read.is_err() {
            for column in columns.iter_mut() {
                column.truncate(row);
                column.append_null();
            }
        }
        if read == Ok(Read::Whole) {
            self.templates.learn(text, columns, &options, find);
        } else if let Some(index) = corrupt.filter(|_| first != Ok(Some(Token::Null))) {
            columns[index].truncate(row);
            columns[index].append_bytes(text.as_bytes());
        }
        self.column.append_valid();
        if read != Ok(Read::Whole) && options.mode == ParseMode::FailFast {
            let is_array = first == Ok(Some(Token::StartArray));
            return Err(if is_array { failure::array_as_struct(text) } else { self.failed() });
        }
        Ok(())
    }

    fn append_collection(&mut self, text: &str) -> Result<()> {
        let options = Arc::clone(&self.decoder.options);
        let mut tokens = Tokens::new(text, options.syntax, &mut self.buffers);
        let is_list = matches!(self.column.values, Values::List { .. });
        let read = match tokens.next() {
            Ok(Some(Token::StartObject)) if is_list => append_single(&mut self.column, &mut tokens, &options),
            Ok(Some(Token::Null)) | Ok(None) | Err(Bad) => Err(Bad),
            Ok(Some(_)) => append_value(&mut self.column, &mut tokens, &options),
        };
        if read.is_err() {
            self.column.append_null();
        }
        if read != Ok(Read::Whole) && options.mode == ParseMode::FailFast {
            return Err(self.failed());
        }
        Ok(())
    }

    /// The error for the last record, with what could be read of it.
    fn failed(&mut self) -> Error {
        match self.finish() {
            Ok(rows) => failure::malformed(&rows),
            Err(error) => error,
        }
    }
}

/// The text of bytes as the JVM decodes it: what is not UTF-8 becomes U+FFFD, one for a whole surrogate.
fn java_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let chunk = rest.utf8_chunks().next();
        let (valid, invalid) = chunk.map_or(("", rest), |chunk| (chunk.valid(), chunk.invalid()));
        text.push_str(valid);
        rest = &rest[valid.len()..];
        if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            let surrogate = matches!(rest, [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..]);
            rest = &rest[if surrogate { 3 } else { invalid.len() }..];
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
