//! The numbers of rows that lie in order, and which of them are shown.

use std::collections::BTreeMap;
use std::fmt;

use super::place::Place;

/// How rows are numbered, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Each row has a number of its own.
    RowNumber,
    /// Rows that are equal in the order have one number, and use up as many as there are rows.
    Rank,
    /// Rows that are equal in the order have one number, and use up that one.
    DenseRank,
}

impl fmt::Display for Numbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowNumber => "row_number",
            Self::Rank => "rank",
            Self::DenseRank => "dense_rank",
        })
    }
}

/// Which rows of a key are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) numbering: Numbering,
    /// The least number that is shown.
    pub(crate) first: i64,
    /// The greatest number that is shown.
    pub(crate) last: i64,
    /// The number itself is a column of the output.
    pub(crate) has_number: bool,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} to ", self.numbering, self.first)?;
        if self.last == i64::MAX { f.write_str("the last") } else { write!(f, "{}", self.last) }
    }
}

impl Shown {
    /// What is shown of an entry at a place: numbers, and how often the row is there with each. Where numbers are no
    /// column, all stand under the number 0.
    fn of(&self, place: Place) -> Vec<(i64, i64)> {
        let (first, last) = (self.first.max(place.first), self.last);
        match self.numbering {
            Numbering::RowNumber => {
                let last = last.min(place.first.saturating_add(place.count - 1));
                match self.has_number {
                    true => (first..=last).map(|number| (number, 1)).collect(),
                    false => vec![(0, (last.saturating_sub(first).saturating_add(1)).max(0))],
                }
            }
            Numbering::Rank | Numbering::DenseRank => {
                let is_shown = place.first >= self.first && place.first <= last;
                let number = if self.has_number { place.first } else { 0 };
                vec![(number, if is_shown { place.count } else { 0 })]
            }
        }
    }

    /// What an entry gives that moves from one place to another: numbers, and how often the row comes with each (above
    /// zero) or goes (below).
    pub(super) fn difference(&self, before: Place, after: Place) -> Vec<(i64, i64)> {
        if (before.first, before.count) == (after.first, after.count) {
            return vec![];
        }
        let mut turns = BTreeMap::new();
        let came = self.of(after);
        let went = self.of(before).into_iter().map(|(number, rows)| (number, -rows));
        for (number, rows) in went.chain(came) {
            *turns.entry(number).or_insert(0) += rows;
        }
        turns.into_iter().filter(|(_, rows)| *rows != 0).collect()
    }
}

/// Numbers rows that come in order.
#[derive(Debug)]
pub(super) struct Numbers {
    numbering: Numbering,
    /// Rows so far.
    rows: i64,
    /// The number of the newest row.
    newest: i64,
    /// The order of the newest row.
    order: Option<Vec<u8>>,
}

impl Numbers {
    pub(super) fn new(numbering: Numbering) -> Self {
        Self { numbering, rows: 0, newest: 0, order: None }
    }

    /// The number of the next row, or of the first of so many that are equal.
    pub(super) fn next(&mut self, order: &[u8], rows: i64) -> i64 {
        let is_new = self.order.as_deref() != Some(order);
        self.newest = match self.numbering {
            Numbering::RowNumber => self.rows + 1,
            Numbering::Rank if is_new => self.rows + 1,
            Numbering::DenseRank if is_new => self.newest + 1,
            Numbering::Rank | Numbering::DenseRank => self.newest,
        };
        self.rows = self.rows.saturating_add(rows);
        if is_new {
            self.order = Some(order.to_vec());
        }
        self.newest
    }

    /// The number that a row has at least which comes behind all of these and is equal to none.
    pub(super) fn next_least(&self) -> i64 {
        match self.numbering {
            Numbering::RowNumber | Numbering::Rank => self.rows + 1,
            Numbering::DenseRank => self.newest + 1,
        }
    }
}

#[cfg(test)]
mod tests;
