//! Group keys as bytes: compared, hashed and written to the checkpoint as they are.
//!
//! The format is ours and fixed, because it decides in which shard a key lies and stands in every checkpoint.
//! A key of several columns is a list of *leaves*: each column, and under a struct column each of its fields.
//!
//! ```text
//! key      = bitmap fixed* variable*
//! bitmap   = one bit per leaf, least significant first, 1 = NULL; whole bytes
//! fixed    = the value of each leaf of fixed width, little endian, zero when NULL
//! variable = for each STRING, BINARY, ARRAY or MAP leaf: length (u32, little endian), bytes; length 0 when NULL
//! ```
//!
//! An array or a map is one leaf, with the bytes that it has as a value (`nested.rs`). Maps are equal here if they have
//! the same entries in the same order: who groups by maps sorts them first, as Spark does
//! (`InsertMapSortInGroupingExpressions`).
//!
//! Equality is Spark's: NULL equals NULL, every NaN is the same NaN, −0.0 is 0.0. The hash is XXH3 (64 bits, seed 0) of
//! the key. Order means nothing here. Machines are little endian, or `ByteOrder` below would have to swap.

mod nested;

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, BinaryArray, BooleanBufferBuilder, StructArray, make_array};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use millstream_core::{Error, Result};

use super::value_codec::check_type;
use nested::is_nested;

#[cfg(target_endian = "big")]
compile_error!("group keys are little endian, and columns are copied into them as they lie in memory");

/// Encodes and decodes the keys of one operator.
#[derive(Debug)]
pub struct KeyCodec {
    columns: Vec<FieldRef>,
    leaves: Vec<Leaf>,
    /// Bitmap and fixed leaves together.
    fixed_bytes: usize,
    /// Number of leaves of variable length.
    variable_leaves: usize,
}

#[derive(Debug)]
struct Leaf {
    data_type: DataType,
    kind: LeafKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeafKind {
    /// A struct: only its bit in the bitmap.
    Struct,
    /// A value of so many bytes at this place in the key.
    Fixed { at: usize, width: usize },
    /// The n-th value of variable length.
    Variable(usize),
}

/// Where a key has its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimePlace {
    leaf: usize,
    at: usize,
}

/// The keys of a batch, one after the other.
#[derive(Debug, Default)]
pub struct EncodedKeys {
    count: usize,
    bytes: Vec<u8>,
    /// Where each key begins, and the end of the last; empty when all have the same length.
    starts: Vec<u32>,
    stride: usize,
}

impl EncodedKeys {
    /// The number of keys.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The key of a row.
    #[inline]
    pub fn key(&self, row: usize) -> &[u8] {
        if self.starts.is_empty() {
            &self.bytes[row * self.stride..][..self.stride]
        } else {
            &self.bytes[self.starts[row] as usize..self.starts[row + 1] as usize]
        }
    }
}

impl KeyCodec {
    /// A codec for keys of these columns.
    ///
    /// # Errors
    /// A type that cannot be grouped by here.
    pub fn try_new(columns: Vec<FieldRef>) -> Result<Self> {
        let mut leaves = Vec::new();
        for column in &columns {
            add_leaves(column, &mut leaves)?;
        }
        let (mut at, mut variable_leaves) = (leaves.len().div_ceil(8), 0);
        for leaf in &mut leaves {
            match &mut leaf.kind {
                LeafKind::Struct => {}
                LeafKind::Fixed { at: place, width } => {
                    *place = at;
                    at += *width;
                }
                LeafKind::Variable(index) => {
                    *index = variable_leaves;
                    variable_leaves += 1;
                }
            }
        }
        Ok(Self { columns, leaves, fixed_bytes: at, variable_leaves })
    }

    /// Whether there are no key columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The length of every key, if all have the same.
    pub(crate) fn stride(&self) -> Option<usize> {
        (self.variable_leaves == 0).then_some(self.fixed_bytes)
    }

    /// The key's types, as they stand in a fingerprint.
    pub(crate) fn describe(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.data_type().to_string()).collect()
    }

    /// Where the event time of key column `column` is: the column itself, or the end of a window.
    pub fn event_time_place(&self, column: usize) -> Result<EventTimePlace> {
        let before: usize = self.columns[..column].iter().map(|field| leaf_count(field.data_type())).sum();
        let leaf = match self.columns[column].data_type() {
            DataType::Struct(fields) => {
                let end = fields.iter().position(|field| field.name() == "end");
                end.map(|end| {
                    before + 1 + fields[..end].iter().map(|field| leaf_count(field.data_type())).sum::<usize>()
                })
            }
            _ => Some(before),
        };
        match leaf.map(|leaf| (leaf, &self.leaves[leaf])) {
            Some((leaf, Leaf { data_type: DataType::Timestamp(..), kind: LeafKind::Fixed { at, .. } })) => {
                Ok(EventTimePlace { leaf, at: *at })
            }
            _ => Err(Error::internal("the event time of a group key is neither a timestamp nor a window")),
        }
    }

    /// Encodes the rows of these key columns.
    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<EncodedKeys> {
        let mut arrays = Vec::with_capacity(self.leaves.len());
        for (column, field) in columns.iter().zip(&self.columns) {
            let column = if column.data_type() == field.data_type() {
                Arc::clone(column)
            } else {
                cast(column, field.data_type())?
            };
            flatten(&column, None, &mut arrays);
        }
        let mut keys = if self.variable_leaves == 0 {
            EncodedKeys {
                count: rows,
                bytes: vec![0; rows * self.fixed_bytes],
                starts: vec![],
                stride: self.fixed_bytes,
            }
        } else {
            self.encode_variable(&arrays, rows)?
        };
        for (index, (leaf, (array, nulls))) in self.leaves.iter().zip(&arrays).enumerate() {
            if let LeafKind::Fixed { at, width } = leaf.kind {
                let values = fixed_values(array, width)?;
                write_fixed(&mut keys, &values, (at, width));
            }
            if let Some(nulls) = nulls.as_ref().filter(|nulls| nulls.null_count() > 0) {
                write_nulls(&mut keys, nulls, (index, leaf.kind));
            }
        }
        Ok(keys)
    }

    /// Lays out the keys by their lengths and writes the variable parts.
    fn encode_variable(&self, arrays: &[(ArrayRef, Option<NullBuffer>)], rows: usize) -> Result<EncodedKeys> {
        let mut lengths = vec![self.fixed_bytes + 4 * self.variable_leaves; rows];
        let mut values = Vec::with_capacity(self.variable_leaves);
        for (leaf, (array, nulls)) in self.leaves.iter().zip(arrays) {
            if matches!(leaf.kind, LeafKind::Variable(_)) {
                let binary = variable_values(array)?;
                for (row, length) in lengths.iter_mut().enumerate() {
                    if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                        *length += binary.value_length(row) as usize;
                    }
                }
                values.push((binary, nulls.clone()));
            }
        }
        let mut starts = Vec::with_capacity(rows + 1);
        let mut end = 0_usize;
        starts.push(0);
        for length in lengths {
            end += length;
            starts
                .push(u32::try_from(end).map_err(|_| Error::data("the group keys of one batch take more than 4 GB"))?);
        }
        let mut bytes = vec![0; end];
        let mut cursors: Vec<usize> = starts[..rows].iter().map(|&start| start as usize + self.fixed_bytes).collect();
        for (binary, nulls) in &values {
            for (row, cursor) in cursors.iter_mut().enumerate() {
                let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                let value = if valid { binary.value(row) } else { &[] };
                bytes[*cursor..][..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
                bytes[*cursor + 4..][..value.len()].copy_from_slice(value);
                *cursor += 4 + value.len();
            }
        }
        Ok(EncodedKeys { count: rows, bytes, starts, stride: 0 })
    }

    /// The event time (µs) in a key; NULL is never late.
    #[inline]
    pub fn event_time_us(key: &[u8], place: EventTimePlace) -> Option<i64> {
        if is_null(key, place.leaf) {
            return None;
        }
        let bytes = key[place.at..place.at + 8].try_into().expect("a key has all of its fixed part");
        Some(i64::from_le_bytes(bytes))
    }

    /// Says whether these bytes, read from a checkpoint, are a key of this codec.
    pub(crate) fn check(&self, key: &[u8]) -> Result<()> {
        let mut rest =
            key.get(self.fixed_bytes..).ok_or_else(|| Error::data("a group key in the state is too short"))?;
        for leaf in self.leaves.iter().filter(|leaf| matches!(leaf.kind, LeafKind::Variable(_))) {
            let (value, after) = split_value(rest).ok_or_else(|| Error::data("a group key in the state is cut off"))?;
            if leaf.data_type == DataType::Utf8 && std::str::from_utf8(value).is_err() {
                return Err(Error::data("a group key in the state is not text"));
            }
            if is_nested(&leaf.data_type) && !value.is_empty() {
                nested::read(&leaf.data_type, std::iter::once(Some(value)))?;
            }
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(Error::data("a group key in the state is too long")) }
    }

    /// The columns of these keys.
    pub fn decode(&self, keys: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        let mut next_leaf = 0;
        self.columns.iter().map(|column| self.decode_column(column, keys, &mut next_leaf)).collect()
    }

    fn decode_column(&self, field: &Field, keys: &[&[u8]], next_leaf: &mut usize) -> Result<ArrayRef> {
        let index = *next_leaf;
        *next_leaf += 1;
        let mut validity = BooleanBufferBuilder::new(keys.len());
        keys.iter().for_each(|key| validity.append(!is_null(key, index)));
        let nulls = Some(NullBuffer::new(validity.finish())).filter(|nulls| nulls.null_count() > 0);
        match (self.leaves[index].kind, field.data_type()) {
            (LeafKind::Struct, DataType::Struct(fields)) => {
                let children = fields.iter().map(|field| self.decode_column(field, keys, next_leaf));
                Ok(Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    children.collect::<Result<_>>()?,
                    nulls,
                    keys.len(),
                )?))
            }
            (LeafKind::Fixed { at, width }, data_type) => decode_fixed(keys, (at, width), (data_type, nulls)),
            (LeafKind::Variable(nth), data_type) => {
                let values = keys.iter().enumerate().map(|(row, key)| {
                    let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                    valid.then(|| variable_value(&key[self.fixed_bytes..], nth)).flatten()
                });
                if is_nested(data_type) {
                    return nested::read(data_type, values);
                }
                let binary: ArrayRef = Arc::new(BinaryArray::from_iter(values));
                Ok(cast(&binary, data_type)?)
            }
            (LeafKind::Struct, other) => Err(Error::internal(format!("a struct leaf has type {other}"))),
        }
    }
}

fn add_leaves(field: &Field, leaves: &mut Vec<Leaf>) -> Result<()> {
    let data_type = field.data_type();
    let kind = match data_type {
        DataType::Struct(_) => LeafKind::Struct,
        DataType::Utf8 | DataType::Binary => LeafKind::Variable(0),
        nested if is_nested(nested) => {
            check_type(nested)?;
            LeafKind::Variable(0)
        }
        // Nothing but its bit; one byte keeps every leaf of a kind.
        DataType::Boolean | DataType::Null => LeafKind::Fixed { at: 0, width: 1 },
        other => match other.primitive_width() {
            Some(width) if width <= 16 => LeafKind::Fixed { at: 0, width },
            _ => return Err(Error::unsupported(format!("grouping a stream by a column of type {other}"))),
        },
    };
    leaves.push(Leaf { data_type: data_type.clone(), kind });
    if let DataType::Struct(fields) = data_type {
        for field in fields {
            add_leaves(field, leaves)?;
        }
    }
    Ok(())
}

fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => 1 + fields.iter().map(|field| leaf_count(field.data_type())).sum::<usize>(),
        _ => 1,
    }
}

/// The leaves of a column, each with the NULLs of the structs around it.
fn flatten(column: &ArrayRef, around: Option<&NullBuffer>, leaves: &mut Vec<(ArrayRef, Option<NullBuffer>)>) {
    let nulls = NullBuffer::union(around, column.logical_nulls().as_ref());
    leaves.push((Arc::clone(column), nulls.clone()));
    if let Some(fields) = column.as_struct_opt() {
        for field in fields.columns() {
            flatten(field, nulls.as_ref(), leaves);
        }
    }
}

/// The values of a column of variable length as bytes.
fn variable_values(array: &ArrayRef) -> Result<BinaryArray> {
    if is_nested(array.data_type()) {
        return nested::written(array);
    }
    Ok(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
}

/// The values of a column as bytes, floats in the one form that stands for all equal to them.
fn fixed_values(array: &ArrayRef, width: usize) -> Result<Buffer> {
    let array = match array.data_type() {
        DataType::Boolean => cast(array, &DataType::Int8)?,
        DataType::Null => return Ok(Buffer::from(vec![0_u8; array.len()])),
        _ => nested::normal(array)?,
    };
    let data = array.to_data();
    Ok(data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width))
}

fn write_fixed(keys: &mut EncodedKeys, values: &Buffer, (at, width): (usize, usize)) {
    match width {
        1 => write_width::<1>(keys, values, at),
        2 => write_width::<2>(keys, values, at),
        4 => write_width::<4>(keys, values, at),
        8 => write_width::<8>(keys, values, at),
        _ => write_width::<16>(keys, values, at),
    }
}

fn write_nulls(keys: &mut EncodedKeys, nulls: &NullBuffer, (index, kind): (usize, LeafKind)) {
    for row in 0..nulls.len() {
        if nulls.is_null(row) {
            let start = if keys.starts.is_empty() { row * keys.stride } else { keys.starts[row] as usize };
            keys.bytes[start + index / 8] |= 1 << (index % 8);
            if let LeafKind::Fixed { at, width } = kind {
                keys.bytes[start + at..][..width].fill(0);
            }
        }
    }
}

fn write_width<const WIDTH: usize>(keys: &mut EncodedKeys, values: &Buffer, at: usize) {
    let (values, _) = values.as_slice().as_chunks::<WIDTH>();
    if keys.starts.is_empty() {
        for (key, value) in keys.bytes.chunks_exact_mut(keys.stride).zip(values) {
            key[at..at + WIDTH].copy_from_slice(value);
        }
    } else {
        for (&start, value) in keys.starts.iter().zip(values) {
            keys.bytes[start as usize + at..][..WIDTH].copy_from_slice(value);
        }
    }
}

#[inline]
fn is_null(key: &[u8], leaf: usize) -> bool {
    key[leaf / 8] & (1 << (leaf % 8)) != 0
}

fn decode_fixed(
    keys: &[&[u8]],
    (at, width): (usize, usize),
    (data_type, nulls): (&DataType, Option<NullBuffer>),
) -> Result<ArrayRef> {
    if *data_type == DataType::Null {
        return Ok(arrow::array::new_null_array(data_type, keys.len()));
    }
    let mut bytes = Vec::with_capacity(keys.len() * width);
    keys.iter().for_each(|key| bytes.extend_from_slice(&key[at..at + width]));
    let stored = if *data_type == DataType::Boolean { &DataType::Int8 } else { data_type };
    let data = ArrayData::builder(stored.clone()).len(keys.len()).add_buffer(Buffer::from(bytes)).nulls(nulls);
    let array = make_array(data.align_buffers(true).build()?);
    if stored == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
}

fn split_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn variable_value(mut bytes: &[u8], nth: usize) -> Option<&[u8]> {
    for _ in 0..nth {
        bytes = split_value(bytes)?.1;
    }
    split_value(bytes).map(|(value, _)| value)
}

#[cfg(test)]
mod tests;
