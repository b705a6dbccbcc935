//! Spark's analysis errors, one constructor each.

use millstream_core::error::SparkException;
use millstream_core::{Error, ErrorKind};

use arrow::datatypes::DataType;
use millstream_functions::data_type::sql_name;

/// Where Spark looks for functions and tables.
const SEARCH_PATH: &str = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";

/// An error to which Spark gives no class to be shown.
pub(crate) fn legacy(class: &str, message: &str) -> Error {
    Error::invalid(message).with_class(class, SparkException::Analysis)
}

fn analysis(class: &str, state: &str, message: String) -> Error {
    Error::invalid(message).with_class(class, SparkException::Analysis).with_sql_state(state)
}

/// Each part in backticks, joined by dots (Spark: `toSQLId`).
pub(crate) fn sql_id(parts: &[String]) -> String {
    parts.iter().map(|part| format!("`{}`", part.replace('`', "``"))).collect::<Vec<_>>().join(".")
}

/// A column that does not exist, with the names that do, nearest first.
pub(crate) fn unresolved_column(parts: &[String], candidates: Vec<Vec<String>>) -> Error {
    unresolved_among_proposals(parts, &propose(parts, candidates))
}

/// A column that does not exist, with the names that do, in this order.
pub(crate) fn unresolved_among_proposals(parts: &[String], proposals: &[String]) -> Error {
    let wanted = sql_id(parts);
    let message = format!("A column, variable, or function parameter with name {wanted} cannot be resolved.");
    let proposal = proposals.join(", ");
    if proposal.is_empty() {
        return analysis("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", message).with_parameter("objectName", wanted);
    }
    analysis(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        "42703",
        format!("{message} Did you mean one of the following? [{proposal}]."),
    )
    .with_parameter("objectName", wanted)
    .with_parameter("proposal", proposal)
}

/// At most five names by edit distance. Spark leaves out a qualifier that all candidates share if the wanted name has none,
/// and measures from the name without backticks to the candidates with them.
fn propose(wanted: &[String], candidates: Vec<Vec<String>>) -> Vec<String> {
    let qualifier = |parts: &Vec<String>| parts[..parts.len() - 1].to_vec();
    let shared = candidates.windows(2).all(|pair| qualifier(&pair[0]) == qualifier(&pair[1]));
    let strip = wanted.len() == 1 && shared;
    let target = wanted.join(".");
    let mut names: Vec<(usize, String)> = candidates
        .into_iter()
        .map(|parts| {
            let shown = sql_id(if strip { &parts[parts.len() - 1..] } else { &parts });
            (edit_distance(&shown, &target), shown)
        })
        .collect();
    names.sort_by_key(|(distance, _)| *distance);
    names.into_iter().take(5).map(|(_, name)| name).collect()
}

/// Levenshtein's distance.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// A name that fits several columns.
pub(crate) fn ambiguous_reference(parts: &[String], candidates: &[Vec<String>]) -> Error {
    let name = sql_id(parts);
    let mut references: Vec<String> = candidates.iter().map(|parts| sql_id(parts)).collect();
    references.sort();
    let references = references.join(", ");
    analysis("AMBIGUOUS_REFERENCE", "42704", format!("Reference {name} is ambiguous, could be: [{references}]."))
        .with_parameter("name", name)
        .with_parameter("referenceNames", format!("[{references}]"))
}

/// A column of another DataFrame that the plan does not contain.
pub(crate) fn foreign_column(parts: &[String]) -> Error {
    let name = format!("\"{}\"", parts.join("."));
    analysis(
        "CANNOT_RESOLVE_DATAFRAME_COLUMN",
        "42704",
        format!(
            "Cannot resolve dataframe column {name}. It's probably because of illegal references like \
             `df1.select(df2.col(\"a\"))`."
        ),
    )
    .with_parameter("name", name)
}

/// A column of a DataFrame that is in the plan twice.
pub(crate) fn ambiguous_foreign_column(parts: &[String]) -> Error {
    let name = format!("\"{}\"", parts.join("."));
    analysis(
        "AMBIGUOUS_COLUMN_REFERENCE",
        "42702",
        format!(
            "Column {name} is ambiguous. It's because you joined several DataFrame together, and some of these \
             DataFrames are the same.\nThis column points to one of the DataFrames but Spark is unable to figure out \
             which one.\nPlease alias the DataFrames with different names via `DataFrame.alias` before joining them,\nand \
             specify the column using qualified name, e.g. `df.alias(\"a\").join(df.alias(\"b\"), col(\"a.id\") > \
             col(\"b.id\"))`."
        ),
    )
    .with_parameter("name", name)
}

/// A struct without such a field.
pub(crate) fn field_not_found(field: &str, fields: &[String]) -> Error {
    let name = sql_id(&[field.to_owned()]);
    let known = fields.iter().map(|name| sql_id(std::slice::from_ref(name))).collect::<Vec<_>>().join(", ");
    analysis("FIELD_NOT_FOUND", "42704", format!("No such struct field {name} in {known}."))
        .with_parameter("fieldName", name)
        .with_parameter("fields", known)
}

/// Several fields of a struct under one name.
pub(crate) fn ambiguous_field(field: &str, count: usize) -> Error {
    let name = sql_id(&[field.to_owned()]);
    analysis(
        "AMBIGUOUS_REFERENCE_TO_FIELDS",
        "42000",
        format!("Ambiguous reference to the field {name}. It appears {count} times in the schema."),
    )
    .with_parameter("field", name)
    .with_parameter("count", count.to_string())
}

/// A field of something that has none.
pub(crate) fn cannot_extract(base: &str, data_type: &DataType) -> Error {
    let other = format!("\"{}\"", sql_name(data_type));
    analysis(
        "INVALID_EXTRACT_BASE_FIELD_TYPE",
        "42000",
        format!("Can't extract a value from \"{base}\". Need a complex type [STRUCT, ARRAY, MAP] but got {other}."),
    )
    .with_parameter("base", format!("\"{base}\""))
    .with_parameter("other", other)
}

/// A function that does not exist.
pub(crate) fn unresolved_routine(name: &str) -> Error {
    let shown = sql_id(&name.split('.').map(str::to_owned).collect::<Vec<_>>());
    Error::new(ErrorKind::Invalid, format!("Cannot resolve routine {shown} on search path {SEARCH_PATH}."))
        .with_class("UNRESOLVED_ROUTINE", SparkException::Analysis)
        .with_sql_state("42883")
        .with_parameter("routineName", shown)
        .with_parameter("searchPath", SEARCH_PATH)
}

/// A table or view that does not exist.
pub fn table_not_found(parts: &[String]) -> Error {
    let name = sql_id(parts);
    Error::not_found(format!(
        "The table or view {name} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
         Search path: {SEARCH_PATH}.\nIf you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with the \
         correct schema and catalog.\nTo tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS."
    ))
    .with_class("TABLE_OR_VIEW_NOT_FOUND", SparkException::Analysis)
    .with_sql_state("42P01")
    .with_parameter("relationName", name)
    .with_parameter("searchPath", SEARCH_PATH)
}

/// A filter that is no boolean.
pub(crate) fn filter_not_boolean(sql: &str, data_type: &DataType) -> Error {
    let (filter, shown) = (format!("\"{sql}\""), format!("\"{}\"", sql_name(data_type)));
    analysis(
        "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
        "42K09",
        format!("Cannot resolve {filter} due to data type mismatch: Filter expression {filter} of type {shown} is not a boolean."),
    )
    .with_parameter("sqlExpr", filter.clone())
    .with_parameter("filter", filter)
    .with_parameter("type", shown)
}

/// A cast that Spark does not have.
pub(crate) fn type_mismatch(class: &str, sql: &str, details: String) -> Error {
    let shown = format!("\"{sql}\"");
    analysis(
        &format!("DATATYPE_MISMATCH.{class}"),
        "42K09",
        format!("Cannot resolve {shown} due to data type mismatch: {details}"),
    )
    .with_parameter("sqlExpr", shown)
}

/// A column outside both the grouping and any aggregate function.
pub(crate) fn missing_aggregation(sql: &str) -> Error {
    let expression = format!("\"{sql}\"");
    let any_value = format!("\"any_value({sql})\"");
    analysis(
        "MISSING_AGGREGATION",
        "42803",
        format!(
            "The non-aggregating expression {expression} is based on columns which are not participating in the GROUP BY \
             clause.\nAdd the columns or the expression to the GROUP BY, aggregate the expression, or use {any_value} if \
             you do not care which of the values within a group is returned."
        ),
    )
    .with_parameter("expression", expression)
    .with_parameter("expressionAnyValue", any_value)
}

/// An aggregate function in GROUP BY.
pub(crate) fn group_by_aggregate(sql: &str) -> Error {
    analysis(
        "GROUP_BY_AGGREGATE",
        "42903",
        format!("Aggregate functions are not allowed in GROUP BY, but found {sql}."),
    )
    .with_parameter("sqlExpr", sql)
}

/// A class without parameters.
pub(crate) fn plain(class: &str, state: &str, message: impl Into<String>) -> Error {
    analysis(class, state, message.into())
}

/// `x.*` of something that is neither a relation nor a struct.
pub(crate) fn star_expand(parts: &[String], known: &[String]) -> Error {
    let (target, columns) = (sql_id(parts), known.join(", "));
    analysis(
        "CANNOT_RESOLVE_STAR_EXPAND",
        "42704",
        format!(
            "Cannot resolve {target}.* given input columns {columns}. Please check that the specified table or struct \
             exists and is accessible in the input columns."
        ),
    )
    .with_parameter("targetString", target)
    .with_parameter("columns", columns)
}

/// The wrong number of column names.
pub(crate) fn arity_mismatch(target: usize, expressions: usize) -> Error {
    analysis(
        "ASSIGNMENT_ARITY_MISMATCH",
        "42802",
        format!(
            "The number of columns or variables assigned or aliased: {target} does not match the number of source \
             expressions: {expressions}."
        ),
    )
    .with_parameter("numTarget", target.to_string())
    .with_parameter("numExpr", expressions.to_string())
}

/// An aggregate in WHERE.
pub(crate) fn invalid_where(sql: &str, aggregates: &str) -> Error {
    let condition = format!("\"{sql}\"");
    analysis(
        "INVALID_WHERE_CONDITION",
        "42903",
        format!(
            "The WHERE condition {condition} contains invalid expressions: {aggregates}.\nRewrite the query to avoid window \
             functions, aggregate functions, and generator functions in the WHERE clause."
        ),
    )
    .with_parameter("condition", condition)
    .with_parameter("expressionList", aggregates)
}

/// A USING column that one side lacks.
pub(crate) fn unresolved_using(name: &str, side: &str, known: &str) -> Error {
    let column = sql_id(&[name.to_owned()]);
    analysis(
        "UNRESOLVED_USING_COLUMN_FOR_JOIN",
        "42703",
        format!(
            "USING column {column} cannot be resolved on the {side} side of the join. The {side}-side columns: [{known}]."
        ),
    )
    .with_parameter("colName", column)
    .with_parameter("side", side)
    .with_parameter("suggestion", known)
}

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

fn ordinal(index: usize) -> String {
    ORDINALS.get(index).map_or_else(|| format!("{}th", index + 1), |name| (*name).to_owned())
}

/// Inputs of a set operation that differ in their number of columns: `(index, columns)` of the one that differs.
pub(crate) fn number_of_columns(operator: &str, first: usize, (index, columns): (usize, usize)) -> Error {
    let position = ordinal(index);
    analysis(
        "NUM_COLUMNS_MISMATCH",
        "42826",
        format!(
            "{operator} can only be performed on inputs with the same number of columns, but the first input has {first} \
             columns and the {position} input has {columns} columns."
        ),
    )
    .with_parameter("operator", operator)
    .with_parameter("firstNumColumns", first.to_string())
    .with_parameter("invalidOrdinalNum", position)
    .with_parameter("invalidNumColumns", columns.to_string())
}

/// Columns of a set operation without a common type: the second input's type and the first one's.
pub(crate) fn incompatible_columns(operator: &str, column: usize, types: (&DataType, &DataType)) -> Error {
    let (second, first) = (format!("\"{}\"", sql_name(types.0)), format!("\"{}\"", sql_name(types.1)));
    let position = ordinal(column);
    analysis(
        "INCOMPATIBLE_COLUMN_TYPE",
        "42825",
        format!(
            "{operator} can only be performed on tables with compatible column types. The {position} column of the second \
             table is {second} type which is not compatible with {first} at the same column of the first table.."
        ),
    )
    .with_parameter("operator", operator)
    .with_parameter("columnOrdinalNumber", position)
    .with_parameter("tableOrdinalNumber", "second")
    .with_parameter("dataType1", second)
    .with_parameter("dataType2", first)
    .with_parameter("hint", "")
}

/// A column that a relation lacks, with the plain list of those it has.
pub(crate) fn unresolved_among(name: &str, known: &str) -> Error {
    analysis(
        "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES",
        "42703",
        format!("Cannot resolve column name \"{name}\" among ({known})."),
    )
    .with_parameter("colName", name)
    .with_parameter("fieldNames", known)
}
