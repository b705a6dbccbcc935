//! Sets of code points, as sorted ranges that do not touch.

use std::ops::RangeInclusive;

pub(super) const LAST: u32 = 0x10_FFFF;

/// A set of code points. `bmp` is Java's `BmpCharPredicate`: the set was written in a way that shows that it has no
/// character beyond the basic plane, which decides where a search begins (see `matcher.rs`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodeSet {
    ranges: Vec<(u32, u32)>,
    /// The first 128 as bits: most texts are ASCII.
    ascii: u128,
    pub(super) bmp: bool,
}

impl CodeSet {
    /// The set of these ranges, in any order.
    pub(super) fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        let mut ascii = 0;
        for &(from, to) in merged.iter().take_while(|range| range.0 < 128) {
            for point in from..=to.min(127) {
                ascii |= 1_u128 << point;
            }
        }
        Self { ranges: merged, ascii, bmp: false }
    }

    /// The set of one range.
    pub(super) fn range(range: RangeInclusive<u32>) -> Self {
        Self::new(vec![(*range.start(), *range.end())])
    }

    /// The set of single characters.
    pub(super) fn of(points: &[u32]) -> Self {
        Self::new(points.iter().map(|&point| (point, point)).collect())
    }

    /// The same set, known to lie in the basic plane.
    pub(super) fn in_bmp(self) -> Self {
        Self { bmp: true, ..self }
    }

    pub(super) fn contains(&self, point: u32) -> bool {
        if point < 128 {
            return self.ascii >> point & 1 == 1;
        }
        let after = self.ranges.partition_point(|range| range.0 <= point);
        after > 0 && self.ranges[after - 1].1 >= point
    }

    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let both = Self::new(self.ranges.iter().chain(&other.ranges).copied().collect());
        Self { bmp: self.bmp && other.bmp, ..both }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let (mut left, mut right) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
            let (from, to) = (one.0.max(two.0), one.1.min(two.1));
            if from <= to {
                ranges.push((from, to));
            }
            if one.1 < two.1 {
                left.next()
            } else {
                right.next()
            };
        }
        Self { bmp: self.bmp && other.bmp, ..Self::new(ranges) }
    }

    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut from = 0;
        for range in &self.ranges {
            if range.0 > from {
                ranges.push((from, range.0 - 1));
            }
            from = range.1 + 1;
        }
        if from <= LAST {
            ranges.push((from, LAST));
        }
        Self::new(ranges)
    }
}

#[cfg(test)]
mod tests;
