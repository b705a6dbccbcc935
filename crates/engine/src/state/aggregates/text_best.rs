//! The least and the greatest of texts and of binary values.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use millstream_core::{Error, Result};

use super::Argument;
use super::cells::{Cell, Form};
use crate::state::codec::{Reader, put_bytes};
use crate::state::shard::Assignment;

/// The least or the greatest text, compared as bytes (Spark: UTF8_BINARY).
#[derive(Debug)]
pub(super) struct TextBest {
    pub(super) is_least: bool,
    /// Whether what is read from a checkpoint must be UTF-8.
    pub(super) is_text: bool,
}

impl TextBest {
    #[inline]
    fn is_better(&self, new: &[u8], old: &[u8]) -> bool {
        if self.is_least { new < old } else { new > old }
    }
}

type TextCell = Option<Box<[u8]>>;

impl Cell for TextCell {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, |text| text.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(text) = self {
            put_bytes(out, text);
        }
    }
}

impl Form for TextBest {
    type Cell = TextCell;

    fn update(
        &self,
        cells: &mut [TextCell],
        argument: &Argument,
        rows: Assignment<'_>,
        heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_binary::<i32>();
        argument.for_each(rows, |row, group| {
            let (cell, new) = (&mut cells[group], values.value(row));
            if cell.as_ref().is_none_or(|old| self.is_better(new, old)) {
                *heap_bytes += new.len() as isize - cell.heap_bytes() as isize;
                *cell = Some(new.into());
            }
        });
        Ok(())
    }

    fn merge(&self, cell: &mut TextCell, other: &TextCell) -> Result<()> {
        if let Some(new) = other
            && cell.as_ref().is_none_or(|old| self.is_better(new, old))
        {
            *cell = Some(new.clone());
        }
        Ok(())
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a TextCell> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(cells.map(|cell| cell.as_deref()).collect::<BinaryArray>()))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<TextCell> {
        match reader.array()? {
            [0] => return Ok(None),
            [1] => {}
            [other] => return Err(Error::data(format!("a value in the state begins with {other}, not with 0 or 1"))),
        }
        let bytes = reader.bytes()?;
        if self.is_text && std::str::from_utf8(bytes).is_err() {
            return Err(Error::data("a value in the state is not text"));
        }
        Ok(Some(bytes.into()))
    }
}
