//! `df.to(schema)`: columns by name, in the schema's order, types and metadata (Spark: `Project.matchSchema`).

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_functions::data_type::{is_numeric, map_entry, sql_name};
use millstream_functions::{TypedExpr, coercion};
use spark_connect_proto::ToSchema;

use super::super::expression::{Item, required};
use super::super::resolved_relation::ResolvedRelation;
use super::super::scope::Scope;
use super::super::{Analyzer, error};
use crate::data_type::{METADATA_KEY, schema_from_proto};

impl Analyzer<'_> {
    pub(super) fn reshaped(&mut self, one: &ToSchema) -> Result<ResolvedRelation> {
        let input = self.input(one.input.as_deref())?;
        let schema = schema_from_proto(required(one.schema.as_ref())?)?;
        let scope = Scope::over(&input);
        let mut items = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let value = match scope.find(std::slice::from_ref(field.name()), self.context)? {
                Some((column, _)) => {
                    let given = Field::new(&column.name, column.data_type.clone(), column.nullable);
                    check(&given, field, &[field.name().clone()])?;
                    coercion::coerce_to(column.reference(), field.data_type(), &self.context.settings)?
                }
                None if field.is_nullable() => {
                    let null = ScalarValue::try_from(field.data_type()).map_err(from_datafusion)?;
                    TypedExpr::literal(null, "NULL")
                }
                None => {
                    let known = input.columns.iter().map(|column| vec![column.name.clone()]).collect();
                    return Err(error::unresolved_column(std::slice::from_ref(field.name()), known));
                }
            };
            let metadata = field.metadata().get(METADATA_KEY).cloned();
            items.push(Item { metadata, ..Item::new(field.name(), value) });
        }
        self.select_values(input, items)
    }
}

/// Whether a column can take the shape of a field: never from NULL to NOT NULL, never to a type that it is not stored
/// as.
fn check(given: &Field, wanted: &Field, path: &[String]) -> Result<()> {
    if given.is_nullable() && !wanted.is_nullable() {
        return Err(spark_error!("NULLABLE_COLUMN_OR_FIELD", name = error::sql_id(path)));
    }
    let within = |name: &str| [path, &[name.to_owned()]].concat();
    match (given.data_type(), wanted.data_type()) {
        (DataType::Struct(from), DataType::Struct(to)) => {
            if from.len() != to.len() || from.iter().zip(to).any(|(one, other)| one.name() != other.name()) {
                return Err(Error::unsupported(
                    "The feature is not supported: to() with other fields inside of a column is not supported.",
                ));
            }
            from.iter().zip(to).try_for_each(|(one, other)| check(one, other, &within(other.name())))
        }
        (DataType::List(from), DataType::List(to)) => check(from, to, &within("element")),
        (DataType::Map(from, _), DataType::Map(to, _)) => match (map_entry(from), map_entry(to)) {
            (Some((from_key, from_value)), Some((to_key, to_value))) => {
                check(from_key, to_key, &within("key"))?;
                check(from_value, to_value, &within("value"))
            }
            _ => Err(Error::internal("a map without entries")),
        },
        (from, to) if from == to || can_store(from, to) => Ok(()),
        (from, to) => Err(spark_error!(
            "INVALID_COLUMN_OR_FIELD_DATA_TYPE",
            name = error::sql_id(path),
            type = format!("\"{}\"", sql_name(from)),
            expectedType = format!("\"{}\"", sql_name(to)),
        )),
    }
}

/// Whether Spark stores values of one type in a column of the other (`Cast.canANSIStoreAssign`).
fn can_store(from: &DataType, to: &DataType) -> bool {
    let is_time = |one: &DataType| matches!(one, DataType::Date32 | DataType::Timestamp(_, _));
    match (from, to) {
        (DataType::Null, _) => true,
        (one, DataType::Utf8) => !one.is_nested(),
        (one, other) => (is_numeric(one) && is_numeric(other)) || (is_time(one) && is_time(other)),
    }
}
