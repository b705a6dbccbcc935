//! Rows as values: each entry keeps one row of columns.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use millstream_core::{Error, Result};

use super::Values;
use crate::state::codec::{Reader, put_bytes, put_i64};
use crate::state::lifetime::FOREVER;
use crate::state::value_codec::{check_type, put_value, read_values};

/// Turns rows of columns into bytes and back.
#[derive(Debug)]
pub struct RowCodec {
    columns: Vec<FieldRef>,
    /// Bytes in front of the columns, which are the operator's own.
    head_bytes: usize,
}

impl RowCodec {
    /// A codec for rows of these columns.
    ///
    /// # Errors
    /// A type that cannot be kept in state.
    pub fn try_new(columns: Vec<FieldRef>) -> Result<Self> {
        columns.iter().try_for_each(|column| check_type(column.data_type()))?;
        Ok(Self { columns, head_bytes: 0 })
    }

    /// The same codec for rows with so many bytes in front, which are the operator's own.
    pub fn with_head(self, head_bytes: usize) -> Self {
        Self { head_bytes, ..self }
    }

    /// Appends the row at `index` of these columns; what stands in front, the operator appends before.
    pub fn encode(&self, columns: &[ArrayRef], index: usize, out: &mut Vec<u8>) -> Result<()> {
        columns.iter().try_for_each(|column| put_value(out, column, index))
    }

    /// The columns of these rows.
    pub fn decode<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let mut readers = Vec::with_capacity(rows.size_hint().0);
        for row in rows {
            let mut reader = Reader::new(row);
            reader.take(self.head_bytes)?;
            readers.push(reader);
        }
        let read = |column: &FieldRef| read_values(column.data_type(), &mut readers);
        let columns = self.columns.iter().map(read).collect::<Result<Vec<_>>>()?;
        if readers.iter().any(|reader| !reader.is_empty()) {
            return Err(Error::data("a row in the state is longer than its columns"));
        }
        Ok(columns)
    }

    fn types(&self) -> impl Iterator<Item = &DataType> {
        self.columns.iter().map(|column| column.data_type())
    }
}

/// One row an entry, and when the entry ends where the store's lifetime asks the value.
#[derive(Debug, Default)]
pub struct Rows {
    rows: Vec<Box<[u8]>>,
    ends_us: Vec<i64>,
    row_bytes: usize,
}

impl Rows {
    /// The row of an entry, for [`RowCodec::decode`].
    #[inline]
    pub fn row(&self, entry: u32) -> &[u8] {
        &self.rows[entry as usize]
    }

    /// Gives an entry a row, and says when the entry ends (µs); `None` if never.
    pub fn set(&mut self, entry: u32, row: &[u8], end_us: Option<i64>) {
        let place = &mut self.rows[entry as usize];
        self.row_bytes = self.row_bytes + row.len() - place.len();
        *place = row.into();
        self.ends_us[entry as usize] = end_us.unwrap_or(FOREVER);
    }
}

impl Values for Rows {
    type Layout = RowCodec;

    fn new(_layout: &RowCodec) -> Self {
        Self::default()
    }

    fn push_empty(&mut self) {
        self.rows.push(Box::default());
        self.ends_us.push(FOREVER);
    }

    fn push_from(&mut self, other: &Self, entry: u32) {
        let row = other.rows[entry as usize].clone();
        self.row_bytes += row.len();
        self.rows.push(row);
        self.ends_us.push(other.ends_us[entry as usize]);
    }

    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32) {
        let (place, row) = (&mut self.rows[entry as usize], &other.rows[other_entry as usize]);
        self.row_bytes = self.row_bytes + row.len() - place.len();
        place.clone_from(row);
        self.ends_us[entry as usize] = other.ends_us[other_entry as usize];
    }

    fn truncate(&mut self, entries: usize) {
        self.row_bytes -= self.rows.iter().skip(entries).map(|row| row.len()).sum::<usize>();
        self.rows.truncate(entries);
        self.ends_us.truncate(entries);
    }

    fn bytes(&self) -> usize {
        size_of::<Box<[u8]>>() * self.rows.capacity() + 8 * self.ends_us.capacity() + self.row_bytes
    }

    fn write(&self, entry: u32, out: &mut Vec<u8>) {
        put_i64(out, self.ends_us[entry as usize]);
        put_bytes(out, &self.rows[entry as usize]);
    }

    fn push_read(&mut self, layout: &RowCodec, reader: &mut Reader<'_>) -> Result<()> {
        let end_us = reader.i64()?;
        let row = reader.bytes()?;
        // Checked here, so that what is read later cannot fail.
        layout.decode(std::iter::once(row))?;
        self.row_bytes += row.len();
        self.rows.push(row.into());
        self.ends_us.push(end_us);
        Ok(())
    }

    fn describe(layout: &RowCodec) -> Vec<String> {
        let head = (layout.head_bytes > 0).then(|| format!("{} bytes of the operator", layout.head_bytes));
        head.into_iter().chain(layout.types().map(DataType::to_string)).collect()
    }

    #[inline]
    fn end_us(&self, entry: u32) -> Option<i64> {
        Some(self.ends_us[entry as usize])
    }

    fn written_end_us(_layout: &RowCodec, reader: &mut Reader<'_>) -> Result<i64> {
        reader.i64()
    }
}
