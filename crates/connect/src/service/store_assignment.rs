//! Rows of a query as those of a table: which column goes where, and by which cast (Spark: `TableOutputResolver` with
//! ANSI store assignment).

use millstream_core::{Error, Result, spark_error};
use millstream_sql::parser::simple_string;
use millstream_sql::{Analyzed, schema_to_proto};
use spark_connect_proto::data_type::{Kind, StructField};
use spark_connect_proto::expression::{
    Alias, Cast, ExprType, Literal, UnresolvedAttribute, cast, literal::LiteralType,
};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{DataType, Expression, Project, Relation, ToDf};

use super::table_statement::Partition;
use crate::warehouse::TableName;

/// How columns of a query find those of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// The first is the first.
    Position,
    /// By name in any case; a column that the query does not have is NULL.
    Name,
    /// By name, and the query has them all (`saveAsTable`).
    WholeName,
}

/// The query with the table's columns, in their order and types.
///
/// # Errors
/// Spark's, for columns that are missing or too many, and for types that lose something by being what they are.
pub(super) fn as_rows_of(
    table: &TableName,
    columns: &[StructField],
    query: Relation,
    analyzed: &Analyzed,
    (matching, partition): (Matching, &Partition),
) -> Result<Relation> {
    let Some(Kind::Struct(given)) = schema_to_proto(&analyzed.schema).kind else {
        return Err(Error::internal("a schema that is no struct"));
    };
    let given = given.fields;
    let fixed = |name: &str| partition.fixed().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let free: Vec<_> = columns.iter().filter(|column| fixed(&column.name).is_none()).cloned().collect();
    check_count(table, &free, &given, matching)?;
    let mut expressions = Vec::with_capacity(columns.len());
    let mut places = 0..;
    for column in columns {
        if let Some((_, value)) = fixed(&column.name) {
            expressions.push(constant(column, value));
            continue;
        }
        let place = places.next().unwrap_or_default();
        let found = match matching {
            Matching::Position => Some(place),
            Matching::Name | Matching::WholeName => {
                given.iter().position(|field| field.name.to_lowercase() == column.name.to_lowercase())
            }
        };
        if found.is_none() && matching == Matching::WholeName {
            let names: Vec<_> = given.iter().map(|field| field.name.as_str()).collect();
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1162", col = column.name, inputColumns = names.join(", ")));
        }
        expressions.push(assigned(table, column, found.map(|place| (place, &given[place])))?);
    }
    // Names of a query may be there twice; places are not.
    let names = (0..given.len()).map(place_name).collect();
    let renamed = ToDf { input: Some(Box::new(query)), column_names: names };
    let input = Relation { common: None, rel_type: Some(RelType::ToDf(Box::new(renamed))) };
    let project = Project { input: Some(Box::new(input)), expressions };
    Ok(Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) })
}

fn place_name(place: usize) -> String {
    format!("_{place}")
}

fn check_count(table: &TableName, columns: &[StructField], given: &[StructField], matching: Matching) -> Result<()> {
    let names =
        |fields: &[StructField]| fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ");
    let (table_columns, data_columns) = (names(columns), names(given));
    match matching {
        Matching::WholeName if given.len() != columns.len() => Err(spark_error!(
            "_LEGACY_ERROR_TEMP_1161",
            tableName = table.quoted().replace('`', ""),
            existingTableSchema = struct_text(columns),
            querySchema = struct_text(given),
        )),
        Matching::Name => {
            let names: Vec<_> = given.iter().map(|field| field.name.to_lowercase()).collect();
            if let Some(twice) = (1..names.len()).find(|place| names[..*place].contains(&names[*place])) {
                let (table, column) = (table.quoted(), format!("`{}`", given[twice].name));
                return Err(spark_error!(
                    "INCOMPATIBLE_DATA_FOR_TABLE.AMBIGUOUS_COLUMN_NAME",
                    tableName = table,
                    colName = column
                ));
            }
            let known = |field: &&StructField| {
                !columns.iter().any(|column| column.name.to_lowercase() == field.name.to_lowercase())
            };
            let extra: Vec<_> = given.iter().filter(known).map(|field| format!("`{}`", field.name)).collect();
            if extra.is_empty() {
                return Ok(());
            }
            Err(spark_error!(
                "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
                tableName = table.quoted(),
                extraColumns = extra.join(", ")
            ))
        }
        Matching::Position if given.len() < columns.len() => Err(spark_error!(
            "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS",
            tableName = table.quoted(),
            tableColumns = table_columns,
            dataColumns = data_columns,
        )),
        Matching::Position if given.len() > columns.len() => Err(spark_error!(
            "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS",
            tableName = table.quoted(),
            tableColumns = table_columns,
            dataColumns = data_columns,
        )),
        Matching::Position | Matching::WholeName => Ok(()),
    }
}

fn struct_text(fields: &[StructField]) -> String {
    let field = |field: &StructField| format!("{}:{}", field.name, text_of(field.data_type.as_ref()));
    format!("struct<{}>", fields.iter().map(field).collect::<Vec<_>>().join(","))
}

fn text_of(data_type: Option<&DataType>) -> String {
    data_type.map(simple_string).unwrap_or_default()
}

/// One column of the table: a column of the query under its name and type, or NULL.
fn assigned(table: &TableName, column: &StructField, given: Option<(usize, &StructField)>) -> Result<Expression> {
    let to = column.data_type.clone().unwrap_or_default();
    let value = match given {
        None => {
            let null = Literal { literal_type: Some(LiteralType::Null(to)), ..Literal::default() };
            expression(ExprType::Literal(null))
        }
        Some((place, field)) => {
            let from = field.data_type.clone().unwrap_or_default();
            let attribute =
                UnresolvedAttribute { unparsed_identifier: place_name(place), ..UnresolvedAttribute::default() };
            let value = expression(ExprType::UnresolvedAttribute(attribute));
            if simple_string(&from) == simple_string(&to) {
                value
            } else if can_assign(&from, &to) {
                let cast = Cast {
                    expr: Some(Box::new(value)),
                    eval_mode: cast::EvalMode::Ansi.into(),
                    cast_to_type: Some(cast::CastToType::Type(to)),
                };
                expression(ExprType::Cast(Box::new(cast)))
            } else {
                let shown = |data_type: &DataType| format!("\"{}\"", simple_string(data_type).to_uppercase());
                return Err(spark_error!(
                    "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
                    tableName = table.quoted(),
                    colName = format!("`{}`", column.name),
                    srcType = shown(&from),
                    targetType = shown(&to),
                ));
            }
        }
    };
    let alias = Alias { expr: Some(Box::new(value)), name: vec![column.name.clone()], metadata: None };
    Ok(expression(ExprType::Alias(Box::new(alias))))
}

/// The value that PARTITION gives to a column.
fn constant(column: &StructField, value: Option<&str>) -> Expression {
    let to = column.data_type.clone().unwrap_or_default();
    let literal = match value {
        Some(text) => LiteralType::String(text.to_owned()),
        None => LiteralType::Null(to.clone()),
    };
    let literal = Literal { literal_type: Some(literal), ..Literal::default() };
    let cast = Cast {
        expr: Some(Box::new(expression(ExprType::Literal(literal)))),
        eval_mode: cast::EvalMode::Ansi.into(),
        cast_to_type: Some(cast::CastToType::Type(to)),
    };
    let value = Some(Box::new(expression(ExprType::Cast(Box::new(cast)))));
    let alias = Alias { expr: value, name: vec![column.name.clone()], metadata: None };
    expression(ExprType::Alias(Box::new(alias)))
}

fn expression(kind: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(kind) }
}

/// Whether values of a type may be stored as another (Spark: `Cast.canANSIStoreAssign`).
fn can_assign(from: &DataType, to: &DataType) -> bool {
    let (Some(from_kind), Some(to_kind)) = (&from.kind, &to.kind) else { return false };
    match (from_kind, to_kind) {
        _ if simple_string(from) == simple_string(to) => true,
        (Kind::Null(_), _) => true,
        (Kind::Array(from), Kind::Array(to)) => both(&from.element_type, &to.element_type),
        (Kind::Map(from), Kind::Map(to)) => {
            both(&from.key_type, &to.key_type) && both(&from.value_type, &to.value_type)
        }
        (Kind::Struct(from), Kind::Struct(to)) => {
            from.fields.len() == to.fields.len()
                && from.fields.iter().zip(&to.fields).all(|(from, to)| match (&from.data_type, &to.data_type) {
                    (Some(from), Some(to)) => can_assign(from, to),
                    _ => false,
                })
        }
        (from, Kind::String(_)) => !matches!(from, Kind::Array(_) | Kind::Map(_) | Kind::Struct(_)),
        (from, to) => (is_numeric(from) && is_numeric(to)) || (is_date_time(from) && is_date_time(to)),
    }
}

fn both(from: &Option<Box<DataType>>, to: &Option<Box<DataType>>) -> bool {
    matches!((from, to), (Some(from), Some(to)) if can_assign(from, to))
}

fn is_numeric(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Byte(_)
            | Kind::Short(_)
            | Kind::Integer(_)
            | Kind::Long(_)
            | Kind::Float(_)
            | Kind::Double(_)
            | Kind::Decimal(_)
    )
}

fn is_date_time(kind: &Kind) -> bool {
    matches!(kind, Kind::Date(_) | Kind::Timestamp(_) | Kind::TimestampNtz(_))
}
