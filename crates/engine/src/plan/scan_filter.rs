//! Conditions of a plan as filters that a source or reader understands.

use arrow::datatypes::Schema;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator, TableProviderFilterPushDown};
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal, ScanFilter};

/// The filters that say what these conditions say, of those that can be said so. The columns of `schema` are named as
/// the conditions name them.
pub fn scan_filters(conditions: &[Expr], schema: &Schema) -> Vec<ScanFilter> {
    conditions.iter().filter_map(|condition| scan_filter(condition, schema)).collect()
}

/// Which conditions a table takes as filters. The plan keeps all of them above the table, because filters are hints.
pub fn filters_pushed_down(conditions: &[&Expr], schema: &Schema) -> Vec<TableProviderFilterPushDown> {
    let push = |condition: &&Expr| match scan_filter(condition, schema) {
        Some(_) => TableProviderFilterPushDown::Inexact,
        None => TableProviderFilterPushDown::Unsupported,
    };
    conditions.iter().map(push).collect()
}

fn scan_filter(condition: &Expr, schema: &Schema) -> Option<ScanFilter> {
    match condition {
        // The optimizer writes a short IN so.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            either(scan_filter(left, schema)?, scan_filter(right, schema)?)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let comparison = comparison(*op)?;
            let compare = |column: &Expr, literal: &Expr, comparison| {
                let test = ColumnTest::Compare(comparison, literal_of(literal)?);
                Some(ScanFilter { column: index_of(column, schema)?, test })
            };
            compare(left, right, comparison).or_else(|| compare(right, left, comparison.exchanged()))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let literals = list.iter().map(literal_of).collect::<Option<Vec<_>>>()?;
            Some(ScanFilter { column: index_of(expr, schema)?, test: ColumnTest::In(literals) })
        }
        Expr::IsNull(column) => Some(ScanFilter { column: index_of(column, schema)?, test: ColumnTest::IsNull }),
        Expr::IsNotNull(column) => Some(ScanFilter { column: index_of(column, schema)?, test: ColumnTest::IsNotNull }),
        _ => None,
    }
}

/// One filter for two that each name values of the same column.
fn either(left: ScanFilter, right: ScanFilter) -> Option<ScanFilter> {
    let values = |test| match test {
        ColumnTest::Compare(Comparison::Equal, value) => Some(vec![value]),
        ColumnTest::In(values) => Some(values),
        ColumnTest::Compare(..) | ColumnTest::IsNull | ColumnTest::IsNotNull => None,
    };
    let same_column = left.column == right.column;
    let all = [values(left.test)?, values(right.test)?].concat();
    same_column.then_some(ScanFilter { column: left.column, test: ColumnTest::In(all) })
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Equal,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// The index of the column that an expression is, perhaps as a wider integer: that has the same value.
fn index_of(expr: &Expr, schema: &Schema) -> Option<usize> {
    match expr {
        Expr::Column(Column { name, .. }) => schema.index_of(name).ok(),
        Expr::Cast(Cast { expr, field }) if field.data_type().is_signed_integer() => {
            let index = index_of(expr, schema)?;
            let from = schema.field(index).data_type();
            let widens = from.is_signed_integer() && from.primitive_width() <= field.data_type().primitive_width();
            widens.then_some(index)
        }
        _ => None,
    }
}

fn literal_of(expr: &Expr) -> Option<Literal> {
    let Expr::Literal(value, _) = expr else { return None };
    Some(match value {
        ScalarValue::Boolean(Some(value)) => Literal::Boolean(*value),
        ScalarValue::Int8(Some(value)) => Literal::Integer(i64::from(*value)),
        ScalarValue::Int16(Some(value)) => Literal::Integer(i64::from(*value)),
        ScalarValue::Int32(Some(value)) => Literal::Integer(i64::from(*value)),
        ScalarValue::Int64(Some(value)) => Literal::Integer(*value),
        ScalarValue::Float32(Some(value)) => Literal::Double(f64::from(*value)),
        ScalarValue::Float64(Some(value)) => Literal::Double(*value),
        ScalarValue::Utf8(Some(value)) => Literal::Text(value.clone()),
        ScalarValue::Binary(Some(value)) => Literal::Binary(value.clone()),
        ScalarValue::Date32(Some(days)) => Literal::Date(*days),
        // TIMESTAMP alone has a zone; TIMESTAMP_NTZ is another type.
        ScalarValue::TimestampMicrosecond(Some(us), Some(_)) => Literal::Timestamp(*us),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field};
    use datafusion::logical_expr::{cast, col, in_list, lit};

    use super::*;

    fn schema() -> Schema {
        let partition = Field::new("partition", DataType::Int32, true);
        Schema::new(vec![Field::new("topic", DataType::Utf8, true), partition])
    }

    fn compare(column: usize, comparison: Comparison, literal: Literal) -> Vec<ScanFilter> {
        vec![ScanFilter { column, test: ColumnTest::Compare(comparison, literal) }]
    }

    #[test]
    fn comparisons_are_said_with_the_column_on_the_left() {
        let check = |condition: Expr, expected: Vec<ScanFilter>| {
            assert_eq!(scan_filters(&[condition], &schema()), expected);
        };
        let wide = || cast(col("partition"), DataType::Int64);
        check(col("topic").eq(lit("a")), compare(0, Comparison::Equal, Literal::Text("a".to_owned())));
        check(lit(3_i64).lt(wide()), compare(1, Comparison::Greater, Literal::Integer(3)));
        check(wide().lt_eq(lit(3_i64)), compare(1, Comparison::LessOrEqual, Literal::Integer(3)));
        let one_or_two = vec![Literal::Integer(1), Literal::Integer(2)];
        let filter = ScanFilter { column: 1, test: ColumnTest::In(one_or_two) };
        check(in_list(col("partition"), vec![lit(1), lit(2)], false), vec![filter]);
        check(col("topic").is_not_null(), vec![ScanFilter { column: 0, test: ColumnTest::IsNotNull }]);
    }

    #[test]
    fn what_a_filter_cannot_say_stays_in_the_plan_alone() {
        let narrow = cast(col("partition"), DataType::Int16).eq(lit(1_i16));
        let unsayable = [
            narrow,
            in_list(col("partition"), vec![lit(1)], true),
            col("topic").eq(lit(ScalarValue::Utf8(None))),
            col("topic").eq(col("topic")),
            col("other").eq(lit(1)),
            col("topic").not_eq(lit("a")),
            col("topic").eq(lit("a")).or(col("partition").eq(lit(1))),
            col("partition").eq(lit(1)).or(col("partition").gt(lit(2))),
        ];
        assert_eq!(scan_filters(&unsayable, &Arc::new(schema())), []);
        let pushed = filters_pushed_down(&unsayable.iter().collect::<Vec<_>>(), &schema());
        assert!(pushed.iter().all(|pushed| *pushed == TableProviderFilterPushDown::Unsupported));
    }
}
