//! What a batch read need not fetch, by the filters of its query: partitions, and what lies before and behind a range
//! of offsets or before a time.
//!
//! A stream is read whole: a batch's range is logged before it is planned, and Spark counts its rows before they are
//! filtered.

use std::collections::BTreeMap;
use std::ops::Range;

use millstream_core::scan_filter::{ColumnTest, Comparison, Literal, ScanFilter};
use millstream_kafka::TopicPartition;

use super::columns::{OFFSET, PARTITION, TIMESTAMP, TOPIC};

/// The offsets that are to be read of each partition.
pub(crate) type Ranges = BTreeMap<TopicPartition, Range<i64>>;

/// The ranges without what fails a filter on topic, partition or offset.
pub(crate) fn prune(ranges: Ranges, filters: &[ScanFilter]) -> Ranges {
    let narrowed = ranges.into_iter().filter_map(|(partition, range)| {
        let passes = |filter: &ScanFilter| match filter.column {
            TOPIC => passes(&filter.test, |literal| match literal {
                Literal::Text(name) => Some((*partition.topic).cmp(name.as_str())),
                _ => None,
            }),
            PARTITION => passes(&filter.test, |literal| match literal {
                Literal::Integer(number) => Some(i64::from(partition.partition).cmp(number)),
                _ => None,
            }),
            _ => true,
        };
        if !filters.iter().all(passes) {
            return None;
        }
        let offsets = filters.iter().filter(|filter| filter.column == OFFSET);
        let range = offsets.fold(range, |range, filter| narrow(range, &filter.test));
        (!range.is_empty()).then_some((partition, range))
    });
    narrowed.collect()
}

/// The first millisecond whose rows can pass the filters on the timestamp, if any filter says so. Only a beginning is
/// of use: timestamps need not ascend, so what lies behind a row that is too late may be in time.
pub(crate) fn first_timestamp_ms(filters: &[ScanFilter]) -> Option<i64> {
    let first = |filter: &ScanFilter| match &filter.test {
        ColumnTest::Compare(Comparison::Equal | Comparison::GreaterOrEqual, Literal::Timestamp(us)) => {
            Some(us.div_euclid(1000) + i64::from(us.rem_euclid(1000) > 0))
        }
        ColumnTest::Compare(Comparison::Greater, Literal::Timestamp(us)) => Some(us.div_euclid(1000) + 1),
        _ => None,
    };
    filters.iter().filter(|filter| filter.column == TIMESTAMP).filter_map(first).max().filter(|first| *first > 0)
}

/// Whether a value can pass the test, given how it compares with a literal, if that is of its type.
fn passes(test: &ColumnTest, compare: impl Fn(&Literal) -> Option<std::cmp::Ordering>) -> bool {
    match test {
        ColumnTest::Compare(comparison, literal) => compare(literal).is_none_or(|ordering| match comparison {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }),
        ColumnTest::In(literals) => literals.iter().any(|literal| compare(literal).is_none_or(|found| found.is_eq())),
        ColumnTest::IsNull => false,
        ColumnTest::IsNotNull => true,
    }
}

/// The part of a range that can pass a test of the offset.
fn narrow(range: Range<i64>, test: &ColumnTest) -> Range<i64> {
    let integers = |literals: &[Literal]| -> Option<Vec<i64>> {
        literals
            .iter()
            .map(|literal| if let Literal::Integer(offset) = literal { Some(*offset) } else { None })
            .collect()
    };
    let (first, behind) = match test {
        ColumnTest::Compare(comparison, Literal::Integer(offset)) => match comparison {
            Comparison::Equal => (*offset, offset.saturating_add(1)),
            Comparison::Less => (i64::MIN, *offset),
            Comparison::LessOrEqual => (i64::MIN, offset.saturating_add(1)),
            Comparison::Greater => (offset.saturating_add(1), i64::MAX),
            Comparison::GreaterOrEqual => (*offset, i64::MAX),
        },
        ColumnTest::In(literals) => match integers(literals) {
            Some(offsets) => {
                let first = offsets.iter().min().copied().unwrap_or(i64::MAX);
                (first, offsets.iter().max().map_or(i64::MIN, |last| last.saturating_add(1)))
            }
            None => return range,
        },
        ColumnTest::IsNull => (i64::MAX, i64::MIN),
        ColumnTest::Compare(..) | ColumnTest::IsNotNull => return range,
    };
    range.start.max(first)..range.end.min(behind)
}

#[cfg(test)]
mod tests;
