//! Filters on the columns of folders: a file whose folder has no wanted value is not opened.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use chrono_tz::Tz;
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal};
use millstream_formats::csv::value_of_text;

use super::found_file::FoundFile;

/// A test of one column, whose answer for each value is kept.
#[derive(Debug)]
pub(super) struct PartitionFilter {
    place: usize,
    data_type: DataType,
    zone: Tz,
    test: ColumnTest,
    known: HashMap<Option<String>, bool>,
}

impl PartitionFilter {
    /// A test of the column at `place` among those of folders.
    pub(super) fn new(place: usize, data_type: DataType, zone: Tz, test: ColumnTest) -> Self {
        Self { place, data_type, zone, test, known: HashMap::new() }
    }

    /// Whether rows of the file may pass. What nothing here compares may.
    pub(super) fn may_pass(&mut self, file: &FoundFile) -> bool {
        let value = file.partition.get(self.place).cloned().flatten();
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        let passes = match &value {
            None => matches!(self.test, ColumnTest::IsNull),
            Some(text) => self.text_may_pass(text),
        };
        self.known.insert(value, passes);
        passes
    }

    fn text_may_pass(&self, text: &str) -> bool {
        // A value that is none of its type is found when the file is read.
        let Some(value) = literal(text, &self.data_type, self.zone) else { return true };
        match &self.test {
            ColumnTest::IsNull => false,
            ColumnTest::IsNotNull => true,
            ColumnTest::Compare(comparison, wanted) => {
                compare(&value, wanted).is_none_or(|ordering| holds(*comparison, ordering))
            }
            ColumnTest::In(several) => several.iter().any(|wanted| compare(&value, wanted).is_none_or(Ordering::is_eq)),
        }
    }
}

fn holds(comparison: Comparison, ordering: Ordering) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// How two values compare; `None` where they are of different kinds, or one is no number.
fn compare(left: &Literal, right: &Literal) -> Option<Ordering> {
    match (left, right) {
        (Literal::Boolean(left), Literal::Boolean(right)) => Some(left.cmp(right)),
        (Literal::Integer(left), Literal::Integer(right)) | (Literal::Timestamp(left), Literal::Timestamp(right)) => {
            Some(left.cmp(right))
        }
        (Literal::Double(left), Literal::Double(right)) => left.partial_cmp(right),
        (Literal::Text(left), Literal::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Literal::Binary(left), Literal::Binary(right)) => Some(left.cmp(right)),
        (Literal::Date(left), Literal::Date(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn literal(text: &str, data_type: &DataType, zone: Tz) -> Option<Literal> {
    let array = value_of_text(text, data_type, zone).ok().flatten().filter(|array| array.is_valid(0))?;
    Some(match data_type {
        DataType::Boolean => Literal::Boolean(array.as_boolean().value(0)),
        DataType::Int8 => Literal::Integer(array.as_primitive::<Int8Type>().value(0).into()),
        DataType::Int16 => Literal::Integer(array.as_primitive::<Int16Type>().value(0).into()),
        DataType::Int32 => Literal::Integer(array.as_primitive::<Int32Type>().value(0).into()),
        DataType::Int64 => Literal::Integer(array.as_primitive::<Int64Type>().value(0)),
        DataType::Float32 => Literal::Double(array.as_primitive::<Float32Type>().value(0).into()),
        DataType::Float64 => Literal::Double(array.as_primitive::<Float64Type>().value(0)),
        DataType::Utf8 => Literal::Text(array.as_string::<i32>().value(0).to_owned()),
        DataType::Date32 => Literal::Date(array.as_primitive::<Date32Type>().value(0)),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            Literal::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(0))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
