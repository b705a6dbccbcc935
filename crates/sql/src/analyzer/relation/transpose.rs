//! `transpose`: rows become columns, named by one of the columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, make_comparator, new_empty_array};
use arrow::compute::{SortOptions, concat};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{is_numeric, sql_name};
use millstream_functions::{CastMode, cast, coercion};
use spark_connect_proto::Transpose;

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::expression::Item;
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;

const MAX_VALUES_CONF: &str = "spark.sql.transposeMaxValues";
const MAX_VALUES: usize = 500;

impl Analyzer<'_> {
    pub(super) fn transpose(&mut self, transpose: &Transpose) -> Result<ResolvedRelation> {
        let input = self.input(transpose.input.as_deref())?.visible()?;
        let index = match transpose.index_columns.as_slice() {
            [] => match input.columns.first() {
                Some(first) => first.clone(),
                None => return self.rows(&Arc::new(Schema::empty()), Vec::new()),
            },
            [index] => {
                let value = self.expression(index, Scope::over(&input))?;
                let named = input.columns.iter().find(|column| is_column(&value.expr, column));
                named.cloned().ok_or_else(|| invalid_index("Index column must be an atomic attribute".to_owned()))?
            }
            _ => return Err(Error::unsupported("transpose() by more than one column is not supported.")),
        };
        if index.data_type.is_nested() {
            let shown = catalog_type(&index.data_type);
            return Err(invalid_index(format!("Index column must be of atomic type, but found: {shown}")));
        }
        let others: Vec<Attribute> =
            input.columns.iter().filter(|column| column.column != index.column).cloned().collect();
        let common = common_type(&others)?;
        let max = self.context.conf(MAX_VALUES_CONF, "").parse().unwrap_or(MAX_VALUES);
        let rows = self.rows_to_transpose(input, &index, (&others, &common), max)?;
        let rows = self.data(rows)?;
        if rows.num_rows() > max {
            return Err(spark_error!("TRANSPOSE_EXCEED_ROW_LIMIT", maxValues = max, config = MAX_VALUES_CONF));
        }
        let (schema, columns) = transposed(&rows, &others, &common)?;
        self.rows(&Arc::clone(&schema), vec![RecordBatch::try_new(schema, columns)?])
    }

    /// The index, its text, and the other columns under one type; rows without an index are left out.
    fn rows_to_transpose(
        &mut self,
        input: ResolvedRelation,
        index: &Attribute,
        (others, common): (&[Attribute], &DataType),
        max: usize,
    ) -> Result<ResolvedRelation> {
        let key = Expr::Column(Column::new_unqualified(&index.column));
        let bounded = LogicalPlanBuilder::from(input.plan.clone())
            .filter(key.is_not_null())
            .and_then(|plan| plan.limit(0, Some(max.saturating_add(1))))
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion)?;
        let zone = self.context.settings.time_zone;
        let name = cast(index.reference(), &DataType::Utf8, CastMode::Ansi, zone)?;
        let mut items = vec![Item::pass(index), Item::new(index.name.as_str(), name)];
        for column in others {
            let value = coercion::coerce_to(column.reference(), common, &self.context.settings)?;
            items.push(Item::new(column.name.as_str(), value));
        }
        self.select_values(input.with_plan(bounded), items)
    }
}

fn is_column(expr: &Expr, column: &Attribute) -> bool {
    matches!(expr, Expr::Column(found) if found.name == column.column)
}

fn transposed(rows: &RecordBatch, others: &[Attribute], common: &DataType) -> Result<(Arc<Schema>, Vec<ArrayRef>)> {
    let names = rows.column(1).as_string::<i32>();
    let keys = StringArray::from_iter_values(others.iter().map(|column| column.name.as_str()));
    let mut fields = vec![Field::new("key", DataType::Utf8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(keys)];
    for row in in_order(rows.column(0))? {
        fields.push(Field::new(names.value(row), common.clone(), true));
        let values: Vec<ArrayRef> = rows.columns()[2..].iter().map(|column| column.slice(row, 1)).collect();
        let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
        columns.push(if values.is_empty() { new_empty_array(common) } else { concat(&values)? });
    }
    Ok((Arc::new(Schema::new(fields)), columns))
}

/// The rows in the order of the index; those with one index stay as they came.
fn in_order(index: &ArrayRef) -> Result<Vec<usize>> {
    let compare = make_comparator(index, index, SortOptions::default())?;
    let mut rows: Vec<usize> = (0..index.len()).collect();
    rows.sort_by(|left, right| compare(*left, *right));
    Ok(rows)
}

/// The type that all columns take without a loss (Spark: `findTightestCommonType`); text where there are none.
fn common_type(columns: &[Attribute]) -> Result<DataType> {
    let mut types = columns.iter().map(|column| &column.data_type);
    let Some(first) = types.next() else { return Ok(DataType::Utf8) };
    let mut common = first.clone();
    for data_type in types {
        common = tightest(&common, data_type)?;
    }
    Ok(common)
}

fn tightest(left: &DataType, right: &DataType) -> Result<DataType> {
    let precedence =
        [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::Float32, DataType::Float64];
    let rank = |data_type: &DataType| precedence.iter().position(|known| known == data_type);
    match (left, right) {
        _ if left == right => Ok(left.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Ok(other.clone()),
        (DataType::List(left), DataType::List(right)) => {
            let nullable = left.is_nullable() || right.is_nullable();
            Ok(DataType::new_list(tightest(left.data_type(), right.data_type())?, nullable))
        }
        _ => match rank(left).zip(rank(right)) {
            Some((left, right)) => Ok(precedence[left.max(right)].clone()),
            None if is_plain(left) || is_plain(right) => Err(spark_error!(
                "TRANSPOSE_NO_LEAST_COMMON_TYPE",
                dt1 = format!("\"{}\"", sql_name(left)),
                dt2 = format!("\"{}\"", sql_name(right)),
            )),
            None => Err(Error::unsupported("transpose() of columns of these types is not supported.")),
        },
    }
}

/// A number, a text or a truth value, which has no common type with anything of another kind.
fn is_plain(data_type: &DataType) -> bool {
    is_numeric(data_type) || matches!(data_type, DataType::Utf8 | DataType::Boolean | DataType::Binary)
}

fn invalid_index(reason: String) -> Error {
    spark_error!("TRANSPOSE_INVALID_INDEX_COLUMN", reason = reason)
}

/// A nested type as Spark's classes print themselves.
fn catalog_type(data_type: &DataType) -> String {
    match data_type {
        DataType::List(element) => {
            format!("ArrayType({},{})", catalog_type(element.data_type()), element.is_nullable())
        }
        DataType::Struct(fields) => {
            let field = |field: &Arc<Field>| {
                let inner = catalog_type(field.data_type());
                format!("StructField({},{inner},{})", field.name(), field.is_nullable())
            };
            format!("StructType({})", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        DataType::Map(entries, _) => match millstream_functions::data_type::map_entry(entries) {
            Some((key, value)) => {
                let (from, to) = (catalog_type(key.data_type()), catalog_type(value.data_type()));
                format!("MapType({from},{to},{})", value.is_nullable())
            }
            None => "MapType".to_owned(),
        },
        DataType::Int32 => "IntegerType".to_owned(),
        DataType::Int64 => "LongType".to_owned(),
        DataType::Int16 => "ShortType".to_owned(),
        DataType::Int8 => "ByteType".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DecimalType({precision},{scale})"),
        other => {
            let name = sql_name(other).to_lowercase();
            let (head, tail) = name.split_at(name.len().min(1));
            format!("{}{tail}Type", head.to_uppercase())
        }
    }
}
