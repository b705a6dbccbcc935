//! Which conditions are bounds of a number.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, cast, lit};
use datafusion::prelude::col;

use super::{Bounds, bounded};

fn bounds_of(condition: &Expr) -> Option<(i64, i64)> {
    let fields = vec![(None, Arc::new(Field::new("n", DataType::UInt64, false)))];
    let schema = DFSchema::new_with_metadata(fields, HashMap::new()).unwrap();
    let all = bounded(condition, &schema);
    assert!(all.iter().all(|(column, _)| *column == 0));
    let both = all.into_iter().map(|(_, bounds)| bounds).reduce(Bounds::and);
    both.map(|bounds| (bounds.first, bounds.last))
}

#[test]
fn comparisons_with_constants_are_bounds() {
    assert_eq!(bounds_of(&col("n").lt_eq(lit(3_u64))), Some((i64::MIN, 3)));
    assert_eq!(bounds_of(&col("n").lt(lit(3_i32))), Some((i64::MIN, 2)));
    assert_eq!(bounds_of(&col("n").eq(lit(2_i32))), Some((2, 2)));
    assert_eq!(bounds_of(&lit(5_i64).gt(col("n"))), Some((i64::MIN, 4)));
    assert_eq!(bounds_of(&col("n").between(lit(2_i64), lit(4_i64))), Some((2, 4)));
    let both = col("n").gt(lit(1_i64)).and(cast(col("n"), DataType::Int32).lt_eq(lit(9_i32)));
    assert_eq!(bounds_of(&both), Some((2, 9)));
}

#[test]
fn what_may_let_other_numbers_pass_is_no_bound() {
    assert_eq!(bounds_of(&col("n").lt_eq(lit(3_i64)).or(lit(true))), None);
    assert_eq!(bounds_of(&col("n").not_between(lit(2_i64), lit(4_i64))), None);
    assert_eq!(bounds_of(&col("n").not_eq(lit(2_i64))), None);
    assert_eq!(bounds_of(&(col("n") % lit(3_u64)).lt_eq(lit(1_i64))), None);
    // 257 would be 1.
    assert_eq!(bounds_of(&cast(col("n"), DataType::Int8).lt_eq(lit(3_i8))), None);
}
