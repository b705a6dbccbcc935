//! What is collected takes no more than it has to.

use arrow::array::Int64Array;
use arrow::datatypes::Int64Type;

use super::*;

#[test]
fn repetitions_do_not_pile_up() {
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, false)));
    let mut collected = Collected::new(&list, true);
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..8192).map(|row| row % 100)));
    for _ in 0..100 {
        collected.push(&values).unwrap();
    }
    assert!(collected.count < 2 * THIN_OUT_FIRST, "{} values are held", collected.count);
    let once = collected.values().unwrap();
    assert_eq!(once.as_primitive::<Int64Type>().values().to_vec(), (0..100).collect::<Vec<i64>>());
}
