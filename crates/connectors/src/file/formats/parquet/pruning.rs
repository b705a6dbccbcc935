//! Which row groups may have a row that is wanted, by their statistics.

use millstream_core::ScanFilter;
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal};
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

/// The row groups that are read: all but those of which a filter says that no row passes. `root` finds a filter's
/// column among the file's.
pub(super) fn row_groups(
    metadata: &ParquetMetaData,
    root: impl Fn(&ScanFilter) -> Option<usize>,
    filters: &[ScanFilter],
) -> Vec<usize> {
    let filters: Vec<_> = filters.iter().filter_map(|filter| Some((root(filter)?, &filter.test))).collect();
    let kept = |group: &RowGroupMetaData| filters.iter().all(|(root, test)| may_pass(group, *root, test));
    (0..metadata.num_row_groups()).filter(|place| kept(metadata.row_group(*place))).collect()
}

fn may_pass(group: &RowGroupMetaData, root: usize, test: &ColumnTest) -> bool {
    let leaf = (0..group.num_columns()).find(|leaf| group.schema_descr().get_column_root_idx(*leaf) == root);
    let Some(column) = leaf.map(|leaf| group.column(leaf)) else { return true };
    let is_plain = column.column_descr().max_rep_level() == 0 && column.column_descr().path().parts().len() == 1;
    let Some(statistics) = column.statistics().filter(|_| is_plain) else { return true };
    let nulls = statistics.null_count_opt();
    let only_nulls = nulls.is_some_and(|nulls| nulls == column.num_values() as u64);
    match test {
        ColumnTest::IsNull => nulls != Some(0),
        ColumnTest::IsNotNull => !only_nulls,
        ColumnTest::Compare(comparison, literal) => {
            !only_nulls && may_compare(column, statistics, *comparison, literal)
        }
        ColumnTest::In(literals) => {
            let may_equal = |literal| may_compare(column, statistics, Comparison::Equal, literal);
            !only_nulls && literals.iter().any(may_equal)
        }
    }
}

/// The least and the greatest value beside the literal, in one type.
enum Bounds<'a> {
    Integers(i64, i64, i64),
    Texts(&'a [u8], &'a [u8], &'a [u8]),
    /// The greatest value is not known: NaN is greater than all, and in no statistics.
    Doubles(f64, f64),
}

fn may_compare(
    column: &ColumnChunkMetaData,
    statistics: &Statistics,
    comparison: Comparison,
    literal: &Literal,
) -> bool {
    let within = |least: bool, greatest: bool| match comparison {
        Comparison::Equal => least && greatest,
        Comparison::Less | Comparison::LessOrEqual => least,
        Comparison::Greater | Comparison::GreaterOrEqual => greatest,
    };
    let or_equal = matches!(comparison, Comparison::Equal | Comparison::LessOrEqual | Comparison::GreaterOrEqual);
    match bounds(column.column_descr(), statistics, literal) {
        None => true,
        Some(Bounds::Integers(least, greatest, value)) => {
            within(least < value || (or_equal && least == value), greatest > value || (or_equal && greatest == value))
        }
        Some(Bounds::Texts(least, greatest, value)) => {
            within(least < value || (or_equal && least == value), greatest > value || (or_equal && greatest == value))
        }
        Some(Bounds::Doubles(least, value)) => within(least < value || (or_equal && least == value), true),
    }
}

fn bounds<'a>(column: &ColumnDescriptor, statistics: &'a Statistics, literal: &'a Literal) -> Option<Bounds<'a>> {
    let per_unit = match column.logical_type_ref() {
        None => 1,
        Some(LogicalType::Date | LogicalType::String) => 1,
        Some(LogicalType::Integer(integer)) if integer.is_signed => 1,
        Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::MICROS => 1,
        Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::MILLIS => 1000,
        Some(_) => return None,
    };
    if column.logical_type_ref().is_none() && column.converted_type() != parquet::basic::ConvertedType::NONE {
        return None;
    }
    let value = match literal {
        Literal::Integer(value) | Literal::Timestamp(value) => Some(*value),
        Literal::Date(days) => Some(i64::from(*days)),
        _ => None,
    };
    match statistics {
        Statistics::Int32(bounds) => {
            Some(Bounds::Integers(i64::from(*bounds.min_opt()?), i64::from(*bounds.max_opt()?), value?))
        }
        Statistics::Int64(bounds) => {
            let scaled = |bound: &i64| bound.checked_mul(per_unit);
            Some(Bounds::Integers(scaled(bounds.min_opt()?)?, scaled(bounds.max_opt()?)?, value?))
        }
        Statistics::ByteArray(bounds) if !statistics.is_min_max_deprecated() => {
            let Literal::Text(text) = literal else { return None };
            Some(Bounds::Texts(bounds.min_opt()?.data(), bounds.max_opt()?.data(), text.as_bytes()))
        }
        Statistics::Double(bounds) => {
            let Literal::Double(value) = literal else { return None };
            plain_double(*bounds.min_opt()?, *value)
        }
        Statistics::Float(bounds) => {
            let Literal::Double(value) = literal else { return None };
            plain_double(f64::from(*bounds.min_opt()?), *value)
        }
        _ => None,
    }
}

fn plain_double<'a>(least: f64, value: f64) -> Option<Bounds<'a>> {
    (!least.is_nan() && !value.is_nan()).then_some(Bounds::Doubles(least, value))
}

#[cfg(test)]
mod tests;
