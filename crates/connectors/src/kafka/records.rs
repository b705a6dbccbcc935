//! Rows as Kafka records: the columns that the sink looks at, Spark's checks of their types, and each row's parts
//! without a copy (Spark: `KafkaWriter.validateQuery`, `KafkaRowWriter`).
//!
//! `value` is required; `key`, `topic`, `partition` and `headers` are optional; others are not looked at. Names are
//! compared exactly, as Spark does here. In queries whose keys may go, a row whose key has gone is a tombstone.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, Int32Array, LargeBinaryArray};
use arrow::array::{LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use millstream_core::{DELETE, Error, Result, spark_error};
use millstream_formats::text::simple_string;

/// Where the columns stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordColumns {
    key: Option<usize>,
    value: usize,
    /// None where the option `topic` names one for all rows.
    topic: Option<usize>,
    partition: Option<usize>,
    headers: Option<usize>,
    /// What has become of the row's key, where keys may go.
    operation: Option<usize>,
}

impl RecordColumns {
    /// Finds and checks them.
    pub(crate) fn find(schema: &Schema, topic_is_given: bool) -> Result<Self> {
        let find = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        let optional = |name: &str, fits: fn(&DataType) -> bool, wanted: &str| -> Result<Option<usize>> {
            let Some(index) = find(name) else { return Ok(None) };
            check(schema.field(index), name, fits, wanted).map(|()| Some(index))
        };
        let topic = if topic_is_given { None } else { optional("topic", is_text, "string")? };
        if topic.is_none() && !topic_is_given {
            return Err(refused(
                "topic option required when no 'topic' attribute is present. Use the topic option for setting a topic.",
            ));
        }
        let key = optional("key", is_bytes, "string or binary")?;
        let value = optional("value", is_bytes, "string or binary")?
            .ok_or_else(|| refused("Required attribute 'value' not found"))?;
        let headers = optional("headers", is_headers, "array<struct<key:string,value:binary>>")?;
        let partition = optional("partition", |found| *found == DataType::Int32, "int")?;
        Ok(Self { key, value, topic, partition, headers, operation: None })
    }

    /// The same columns where the last one of the schema says of each row whether its key has gone. Such a row becomes
    /// a tombstone, a record with a key and no value.
    pub(crate) fn with_deletes(self, schema: &Schema) -> Result<Self> {
        if self.key.is_none() {
            let message = "keys of this query may go, and Kafka knows what has gone by its key: 'key' is not found";
            return Err(refused(message).with_hint("select the key of the result as a column 'key', as text or bytes"));
        }
        Ok(Self { operation: schema.fields().len().checked_sub(1), ..self })
    }

    /// The parts of each row of a batch.
    pub(crate) fn of<'a>(&self, batch: &'a RecordBatch) -> Result<RowParts<'a>> {
        let bytes = |index: usize| Bytes::of(batch.column(index));
        Ok(RowParts {
            key: self.key.map(bytes).transpose()?,
            value: bytes(self.value)?,
            topic: self.topic.map(bytes).transpose()?,
            partition: self.partition.and_then(|index| batch.column(index).as_primitive_opt::<Int32Type>()),
            headers: self.headers.map(|index| Headers::of(batch.column(index))).transpose()?,
            operation: self.operation.and_then(|index| batch.column(index).as_string_opt()),
        })
    }
}

fn check(field: &Field, name: &str, fits: fn(&DataType) -> bool, wanted: &str) -> Result<()> {
    if fits(field.data_type()) {
        return Ok(());
    }
    let found = simple_string(field.data_type());
    Err(refused(&format!("{name} attribute unsupported type {found}. {name} must be a(n) {wanted}")))
}

/// Spark's class for what the sink's columns may not be.
fn refused(message: &str) -> Error {
    spark_error!("_LEGACY_ERROR_TEMP_3080", msg = message)
}

fn is_text(found: &DataType) -> bool {
    matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(found: &DataType) -> bool {
    is_text(found) || is_binary(found)
}

fn is_binary(found: &DataType) -> bool {
    matches!(found, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

fn is_headers(found: &DataType) -> bool {
    let DataType::List(item) = found else { return false };
    let DataType::Struct(fields) = item.data_type() else { return false };
    let [key, value] = &fields[..] else { return false };
    key.name() == "key" && is_text(key.data_type()) && value.name() == "value" && is_binary(value.data_type())
}

/// A column of strings or bytes.
#[derive(Debug, Clone, Copy)]
enum Bytes<'a> {
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
}

impl<'a> Bytes<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::LargeUtf8 => Self::LargeText(array.as_string()),
            DataType::Utf8View => Self::TextView(array.as_string_view()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view()),
            other => {
                return Err(Error::internal(format!("a column of type {other} came where text or bytes were planned")));
            }
        })
    }

    #[inline]
    fn get(self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Text(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::LargeText(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::TextView(array) => array.is_valid(row).then(|| array.value(row).as_bytes()),
            Self::Binary(array) => array.is_valid(row).then(|| array.value(row)),
            Self::LargeBinary(array) => array.is_valid(row).then(|| array.value(row)),
            Self::BinaryView(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of headers.
#[derive(Debug, Clone, Copy)]
struct Headers<'a> {
    lists: &'a ListArray,
    names: Bytes<'a>,
    values: Bytes<'a>,
}

impl<'a> Headers<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        let unplanned = || Error::internal("a column came that is not the headers that were planned");
        let lists = array.as_list_opt::<i32>().ok_or_else(unplanned)?;
        let items = lists.values().as_struct_opt().ok_or_else(unplanned)?;
        Ok(Self { lists, names: Bytes::of(items.column(0))?, values: Bytes::of(items.column(1))? })
    }
}

/// Name and value of a header.
pub(crate) type HeaderParts<'a> = (&'a [u8], Option<&'a [u8]>);

/// The parts of a batch's rows, borrowed.
#[derive(Debug)]
pub(crate) struct RowParts<'a> {
    key: Option<Bytes<'a>>,
    value: Bytes<'a>,
    topic: Option<Bytes<'a>>,
    partition: Option<&'a Int32Array>,
    headers: Option<Headers<'a>>,
    operation: Option<&'a StringArray>,
}

impl<'a> RowParts<'a> {
    #[inline]
    pub(crate) fn key(&self, row: usize) -> Option<&'a [u8]> {
        self.key.and_then(|column| column.get(row))
    }

    #[inline]
    pub(crate) fn value(&self, row: usize) -> Option<&'a [u8]> {
        let is_deleted = self.operation.is_some_and(|operation| operation.value(row) == DELETE);
        if is_deleted { None } else { self.value.get(row) }
    }

    /// The row's own topic, where the option does not give one for all.
    #[inline]
    pub(crate) fn topic(&self, row: usize) -> Result<&'a str> {
        let bytes = self.topic.and_then(|column| column.get(row)).ok_or_else(null_topic)?;
        std::str::from_utf8(bytes).map_err(|_| Error::internal("a string column holds bytes that are no text"))
    }

    #[inline]
    pub(crate) fn partition(&self, row: usize) -> Option<i32> {
        self.partition.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    }

    /// Replaces `into` by the row's headers.
    #[inline]
    pub(crate) fn headers(&self, row: usize, into: &mut Vec<HeaderParts<'a>>) -> Result<()> {
        into.clear();
        let Some(headers) = self.headers.filter(|headers| headers.lists.is_valid(row)) else { return Ok(()) };
        let offsets = headers.lists.value_offsets();
        for item in offsets[row] as usize..offsets[row + 1] as usize {
            let name =
                headers.names.get(item).ok_or_else(|| Error::data("a header without a key cannot be written"))?;
            into.push((name, headers.values.get(item)));
        }
        Ok(())
    }
}

#[cold]
fn null_topic() -> Error {
    spark_error!("KAFKA_NULL_TOPIC_IN_DATA")
}

#[cfg(test)]
mod tests;
