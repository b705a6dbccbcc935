//! Pairs of rows that have the same key, before the rest of the condition is asked.

use arrow::array::ArrayRef;
use millstream_core::Result;

use super::side::SUB_KEY_BYTES;
use crate::state::RowCodec;

/// Some pairs. A row that is in several of them is kept once.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// The rows of the left and of the right side.
    pub(super) rows: [PairedRows; 2],
    /// The places of both rows of each pair.
    places: [Vec<u32>; 2],
}

/// The rows of one side of some pairs, each once.
#[derive(Debug, Default)]
pub(super) struct PairedRows {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The keys of the rows with their sub-keys, where it matters which rows have met.
    stored: Vec<Box<[u8]>>,
}

impl Pairs {
    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.places[0].len()
    }

    /// Whether there is no pair.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the pair of these places.
    pub(super) fn push(&mut self, places: [u32; 2]) {
        let [left, right] = places;
        self.places[0].push(left);
        self.places[1].push(right);
    }

    /// The places of the rows of one side, pair by pair.
    pub(super) fn places(&self, side: usize) -> &[u32] {
        &self.places[side]
    }
}

impl PairedRows {
    /// Adds a row and gives its place. `stored` is its key with its sub-key, where it matters that the
    /// row has met another.
    pub(super) fn push(&mut self, row: &[u8], stored: Option<(&[u8], &[u8])>) -> u32 {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
        if let Some((key, sub_key)) = stored {
            self.stored.push([key, sub_key].concat().into_boxed_slice());
        }
        (self.ends.len() - 1) as u32
    }

    /// The key and the sub-key of a row that was added with them.
    pub(super) fn stored(&self, place: u32) -> (&[u8], &[u8]) {
        let stored = &self.stored[place as usize];
        stored.split_at(stored.len() - SUB_KEY_BYTES)
    }

    /// The columns of the rows.
    pub(super) fn columns(&self, codec: &RowCodec) -> Result<Vec<ArrayRef>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        codec.decode(starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end]))
    }
}
