//! Arrow columns under construction that can be cut back to an earlier length.
//!
//! A record is decoded straight into the columns; when it turns out to be malformed, or another way of reading it must
//! be tried, what it has left behind is cut off again.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, NullArray, NullBufferBuilder,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use millstream_core::error::{Error, Result};

/// A column and which of its rows are NULL.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) values: Values,
    valid: NullBufferBuilder,
}

/// One kind for each of Spark's types.
#[derive(Debug)]
pub(crate) enum Values {
    Void,
    Boolean(BooleanBufferBuilder),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Decimal { values: Vec<i128>, precision: u8, scale: i8 },
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    TimestampNtz(Vec<i64>),
    String(Bytes),
    Binary(Bytes),
    Struct { fields: Fields, columns: Vec<Column> },
    List { field: FieldRef, offsets: Vec<i32>, element: Box<Column> },
    Map { field: FieldRef, offsets: Vec<i32>, keys: Box<Column>, values: Box<Column> },
}

/// Byte strings, one after the other.
#[derive(Debug)]
pub(crate) struct Bytes {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

impl Bytes {
    fn new() -> Self {
        Self { offsets: vec![0], data: Vec::new() }
    }

    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.data.truncate(self.offsets[len] as usize);
    }

    #[inline]
    fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.seal();
    }

    #[inline]
    fn seal(&mut self) {
        // Beyond 2 GiB the offset is wrong; `Column::check_size` refuses the column before it is finished.
        self.offsets.push(self.data.len() as i32);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let (rows, bytes) = (self.offsets.len(), self.data.len());
        let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(rows));
        self.offsets.push(0);
        // The next batch is likely to be as large.
        let data = std::mem::replace(&mut self.data, Vec::with_capacity(bytes));
        (OffsetBuffer::new(offsets.into()), Buffer::from_vec(data))
    }
}

fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let rows = values.len();
    std::mem::replace(values, Vec::with_capacity(rows))
}

impl Values {
    fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Null => Self::Void,
            DataType::Boolean => Self::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Int8 => Self::Int8(Vec::new()),
            DataType::Int16 => Self::Int16(Vec::new()),
            DataType::Int32 => Self::Int32(Vec::new()),
            DataType::Int64 => Self::Int64(Vec::new()),
            DataType::Float32 => Self::Float32(Vec::new()),
            DataType::Float64 => Self::Float64(Vec::new()),
            DataType::Decimal128(precision, scale) => {
                Self::Decimal { values: Vec::new(), precision: *precision, scale: *scale }
            }
            DataType::Date32 => Self::Date(Vec::new()),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
                Self::Timestamp(Vec::new())
            }
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::TimestampNtz(Vec::new()),
            DataType::Utf8 => Self::String(Bytes::new()),
            DataType::Binary => Self::Binary(Bytes::new()),
            DataType::Struct(fields) => {
                let columns = fields.iter().map(|field| Column::new(field.data_type())).collect::<Result<_>>()?;
                Self::Struct { fields: fields.clone(), columns }
            }
            DataType::List(field) => {
                let element = Box::new(Column::new(field.data_type())?);
                Self::List { field: Arc::clone(field), offsets: vec![0], element }
            }
            DataType::Map(field, _) => match field.data_type() {
                DataType::Struct(entry) if entry.len() == 2 && *entry[0].data_type() == DataType::Utf8 => Self::Map {
                    field: Arc::clone(field),
                    offsets: vec![0],
                    keys: Box::new(Column::new(&DataType::Utf8)?),
                    values: Box::new(Column::new(entry[1].data_type())?),
                },
                _ => return Err(Error::invalid("a map that is read from JSON must have STRING keys")),
            },
            other => return Err(Error::unsupported(format!("reading {other} from JSON"))),
        })
    }
}

impl Column {
    pub(crate) fn new(data_type: &DataType) -> Result<Self> {
        Ok(Self { values: Values::new(data_type)?, valid: NullBufferBuilder::new(0) })
    }

    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Says that the value just pushed is one.
    #[inline]
    pub(crate) fn append_valid(&mut self) {
        self.valid.append_non_null();
    }

    #[inline]
    pub(crate) fn append_bytes(&mut self, value: &[u8]) {
        if let Values::String(bytes) | Values::Binary(bytes) = &mut self.values {
            bytes.push(value);
            self.valid.append_non_null();
        }
    }

    pub(crate) fn append_null(&mut self) {
        match &mut self.values {
            Values::Void => {}
            Values::Boolean(values) => values.append(false),
            Values::Int8(values) => values.push(0),
            Values::Int16(values) => values.push(0),
            Values::Int32(values) | Values::Date(values) => values.push(0),
            Values::Int64(values) | Values::Timestamp(values) | Values::TimestampNtz(values) => values.push(0),
            Values::Float32(values) => values.push(0.0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal { values, .. } => values.push(0),
            Values::String(bytes) | Values::Binary(bytes) => bytes.seal(),
            Values::Struct { columns, .. } => columns.iter_mut().for_each(Self::append_null),
            Values::List { offsets, .. } | Values::Map { offsets, .. } => {
                let last = offsets[offsets.len() - 1];
                offsets.push(last);
            }
        }
        self.valid.append_null();
    }

    /// Closes a list or map whose elements have been appended.
    pub(crate) fn seal(&mut self) {
        match &mut self.values {
            Values::List { offsets, element, .. } => offsets.push(element.len() as i32),
            Values::Map { offsets, keys, .. } => offsets.push(keys.len() as i32),
            _ => {}
        }
        self.valid.append_non_null();
    }

    /// Cuts off everything from row `len` on, begun rows included.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.valid.truncate(len);
        match &mut self.values {
            Values::Void => {}
            Values::Boolean(values) => values.truncate(len),
            Values::Int8(values) => values.truncate(len),
            Values::Int16(values) => values.truncate(len),
            Values::Int32(values) | Values::Date(values) => values.truncate(len),
            Values::Int64(values) | Values::Timestamp(values) | Values::TimestampNtz(values) => values.truncate(len),
            Values::Float32(values) => values.truncate(len),
            Values::Float64(values) => values.truncate(len),
            Values::Decimal { values, .. } => values.truncate(len),
            Values::String(bytes) | Values::Binary(bytes) => bytes.truncate(len),
            Values::Struct { columns, .. } => columns.iter_mut().for_each(|column| column.truncate(len)),
            Values::List { offsets, element, .. } => {
                offsets.truncate(len + 1);
                element.truncate(offsets[len] as usize);
            }
            Values::Map { offsets, keys, values, .. } => {
                offsets.truncate(len + 1);
                keys.truncate(offsets[len] as usize);
                values.truncate(offsets[len] as usize);
            }
        }
    }

    /// Refuses a column that has outgrown its 32-bit offsets.
    pub(crate) fn check_size(&self) -> Result<()> {
        let largest = match &self.values {
            Values::String(bytes) | Values::Binary(bytes) => bytes.data.len(),
            Values::Struct { columns, .. } => return columns.iter().try_for_each(Self::check_size),
            Values::List { element, .. } => {
                element.check_size()?;
                element.len()
            }
            Values::Map { keys, values, .. } => {
                keys.check_size()?;
                values.check_size()?;
                keys.len()
            }
            _ => 0,
        };
        if i32::try_from(largest).is_ok() {
            return Ok(());
        }
        Err(Error::data(format!("a decoded column has outgrown 2 GiB: {largest}"))
            .with_hint("bound the batch with maxOffsetsPerTrigger"))
    }

    /// The array of all rows; the column starts over.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        let rows = self.len();
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Void => Arc::new(NullArray::new(rows)),
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int8(values) => Arc::new(Int8Array::new(take(values).into(), nulls)),
            Values::Int16(values) => Arc::new(Int16Array::new(take(values).into(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::new(take(values).into(), nulls)),
            Values::Int64(values) => Arc::new(Int64Array::new(take(values).into(), nulls)),
            Values::Float32(values) => Arc::new(Float32Array::new(take(values).into(), nulls)),
            Values::Float64(values) => Arc::new(Float64Array::new(take(values).into(), nulls)),
            Values::Decimal { values, precision, scale } => {
                let array = Decimal128Array::new(take(values).into(), nulls);
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Values::Date(values) => Arc::new(Date32Array::new(take(values).into(), nulls)),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::new(take(values).into(), nulls).with_timezone("UTC"))
            }
            Values::TimestampNtz(values) => Arc::new(TimestampMicrosecondArray::new(take(values).into(), nulls)),
            Values::String(bytes) => {
                let (offsets, data) = bytes.take();
                Arc::new(StringArray::try_new(offsets, data, nulls)?)
            }
            Values::Binary(bytes) => {
                let (offsets, data) = bytes.take();
                Arc::new(BinaryArray::try_new(offsets, data, nulls)?)
            }
            Values::Struct { fields, columns } => finish_struct(fields, columns, nulls, rows)?,
            Values::List { field, offsets, element } => {
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                Arc::new(ListArray::try_new(Arc::clone(field), offsets, element.finish()?, nulls)?)
            }
            Values::Map { field, offsets, keys, values } => {
                let offsets = OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
                let DataType::Struct(entry) = field.data_type() else {
                    return Err(Error::internal("a map without entries"));
                };
                let entries = StructArray::try_new(entry.clone(), vec![keys.finish()?, values.finish()?], None)?;
                Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, false)?)
            }
        })
    }
}

fn finish_struct(fields: &Fields, columns: &mut [Column], nulls: Option<NullBuffer>, rows: usize) -> Result<ArrayRef> {
    if columns.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows, nulls)));
    }
    let arrays = columns.iter_mut().map(Column::finish).collect::<Result<_>>()?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), arrays, nulls)?))
}

/// The same type with everything in it nullable, as what is read from outside must be.
pub(crate) fn nullable(data_type: &DataType) -> DataType {
    let inner = |field: &Field| Arc::new(field.clone().with_data_type(nullable(field.data_type())).with_nullable(true));
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| inner(field)).collect()),
        DataType::List(field) => DataType::List(inner(field)),
        DataType::Map(field, sorted) => match field.data_type() {
            DataType::Struct(entry) if entry.len() == 2 => {
                let entry = Fields::from(vec![Arc::clone(&entry[0]), inner(&entry[1])]);
                let entries = field.as_ref().clone().with_data_type(DataType::Struct(entry));
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}
