//! What stands in front of a row in the state: how often it is there, and what was given of it.

use millstream_core::{Error, Result};

use super::numbering::{Numbering, Shown};

/// Bytes in front of a row.
pub(super) const PLACE_BYTES: usize = 24;

/// Where a row stands among those of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// How often the row is there.
    pub(super) weight: i64,
    /// The number that its first copy was given; 0 where none was, below it where nobody has looked yet.
    pub(super) first: i64,
    /// How many copies were given a number.
    pub(super) count: i64,
}

/// [`Place::first`] of a row that came in the running batch.
const CAME_NOW: i64 = -1;

impl Place {
    /// The place of a row that comes with this weight.
    pub(super) fn new(weight: i64) -> Self {
        Self { weight, first: CAME_NOW, count: 0 }
    }

    /// The place of a row of the state; none where there is no row yet.
    pub(super) fn of(row: &[u8]) -> Result<Option<Self>> {
        if row.is_empty() {
            return Ok(None);
        }
        let part = |at: usize| row.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
        let too_short = || Error::data("a row in the state is shorter than its place");
        let part = |at: usize| part(at).ok_or_else(too_short);
        Ok(Some(Self { weight: part(0)?, first: part(8)?, count: part(16)? }))
    }

    /// The place of a row that comes so often more.
    pub(super) fn with_more(self, weight: i64) -> Result<Self> {
        let weight = self.weight.checked_add(weight).ok_or_else(|| Error::invalid("the weights of a row overflow"))?;
        Ok(Self { weight, ..self })
    }

    /// A batch before has looked at the row and given it no number.
    pub(super) fn is_behind(self) -> bool {
        self.first == 0
    }

    /// The place of a row whose first copy has this number.
    pub(super) fn numbered(self, number: i64, shown: &Shown) -> Self {
        let count = match shown.numbering {
            _ if number > shown.last => 0,
            Numbering::RowNumber => self.weight.min((shown.last - number).saturating_add(1)),
            Numbering::Rank | Numbering::DenseRank => self.weight,
        };
        Self { first: if count > 0 { number } else { 0 }, count, ..self }
    }

    /// The place without copies that have no number.
    pub(super) fn only_given(self) -> Self {
        Self { weight: self.count, ..self }
    }

    /// The place and a row behind it.
    pub(super) fn row(self, row: &[u8]) -> Vec<u8> {
        let parts = [self.weight, self.first, self.count].map(i64::to_le_bytes);
        [&parts.concat(), row].concat()
    }
}

/// A row of the state without its place.
pub(super) fn without(row: &[u8]) -> &[u8] {
    row.get(PLACE_BYTES..).unwrap_or_default()
}
