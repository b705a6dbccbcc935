//! Row groups of ten rows, and what filters leave of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use millstream_core::ScanFilter;
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::properties::WriterProperties;

use super::row_groups;

/// Three groups: `n` 0 to 29, `s` the same as texts of two digits, `d` the same halved with a NaN in the last group,
/// `o` NULL but in the second group.
fn metadata() -> ArrowReaderMetadata {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30));
    let s: ArrayRef = Arc::new(StringArray::from_iter_values((0..30).map(|value| format!("{value:02}"))));
    let half = |value: i32| if value == 25 { f64::NAN } else { f64::from(value) / 2.0 };
    let d: ArrayRef = Arc::new(Float64Array::from_iter_values((0..30).map(half)));
    let o: ArrayRef =
        Arc::new((0..30).map(|value| Some(value).filter(|value| (10..20).contains(value))).collect::<Int64Array>());
    let rows = RecordBatch::try_from_iter([("n", n), ("s", s), ("d", d), ("o", o)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    ArrowReaderMetadata::load(&Bytes::from(out), ArrowReaderOptions::new()).unwrap()
}

#[test]
fn a_group_without_a_row_that_may_pass_is_not_read() {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let metadata = metadata();
    let kept = |column: usize, test: ColumnTest| {
        row_groups(metadata.metadata(), |filter| Some(filter.column), &[ScanFilter { column, test }])
    };
    let compare = |column, comparison, literal| kept(column, ColumnTest::Compare(comparison, literal));
    assert_eq!(compare(0, Equal, Literal::Integer(10)), [1]);
    assert_eq!(compare(0, Less, Literal::Integer(10)), [0]);
    assert_eq!(compare(0, LessOrEqual, Literal::Integer(10)), [0, 1]);
    assert_eq!(compare(0, Greater, Literal::Integer(19)), [2]);
    assert_eq!(compare(0, GreaterOrEqual, Literal::Integer(19)), [1, 2]);
    assert_eq!(compare(0, Equal, Literal::Integer(99)), [] as [usize; 0]);
    assert_eq!(compare(1, Equal, Literal::Text("15".into())), [1]);
    assert_eq!(kept(0, ColumnTest::In(vec![Literal::Integer(3), Literal::Integer(27)])), [0, 2]);
    // NaN is greater than every number, and statistics do not know it.
    assert_eq!(compare(2, Greater, Literal::Double(100.0)), [0, 1, 2]);
    assert_eq!(compare(2, Less, Literal::Double(4.0)), [0]);
    assert_eq!(kept(3, ColumnTest::IsNotNull), [1]);
    assert_eq!(kept(3, ColumnTest::IsNull), [0, 2]);
    // A literal of another type says nothing.
    assert_eq!(compare(0, Equal, Literal::Text("1".into())), [0, 1, 2]);
}
