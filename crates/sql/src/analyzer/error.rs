//! Spark's analysis errors, one constructor each.

use millstream_core::{Error, spark_error};

use arrow::datatypes::DataType;
use millstream_functions::data_type::sql_name;

pub(crate) use millstream_functions::data_type::sql_id;

use super::attribute::Attribute;

/// Where Spark looks for functions and tables.
const SEARCH_PATH: &str = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";

/// A column that does not exist, with the names that do, nearest first.
pub(crate) fn unresolved_column(parts: &[String], candidates: Vec<Vec<String>>) -> Error {
    unresolved_among_proposals(parts, &propose(parts, candidates))
}

/// A column that does not exist, with the names that do, in this order.
pub(crate) fn unresolved_among_proposals(parts: &[String], proposals: &[String]) -> Error {
    let wanted = sql_id(parts);
    if proposals.is_empty() {
        return spark_error!("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", objectName = wanted);
    }
    spark_error!("UNRESOLVED_COLUMN.WITH_SUGGESTION", objectName = wanted, proposal = proposals.join(", "))
}

/// At most five names by edit distance. Spark leaves out a qualifier that all candidates share if the wanted name has
/// none, and measures from the name without backticks to the candidates with them.
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
    let mut references: Vec<String> = candidates.iter().map(|parts| sql_id(parts)).collect();
    references.sort();
    let references = format!("[{}]", references.join(", "));
    spark_error!("AMBIGUOUS_REFERENCE", name = sql_id(parts), referenceNames = references)
}

/// How Spark calls `df["*"]` in an error.
pub(crate) const FOREIGN_STAR: &str = "unresolveddataframestar()";

/// A column of another DataFrame that the plan does not contain.
pub(crate) fn foreign_column(parts: &[String]) -> Error {
    spark_error!("CANNOT_RESOLVE_DATAFRAME_COLUMN", name = format!("\"{}\"", parts.join(".")))
}

/// A column of a DataFrame that is in the plan twice.
pub(crate) fn ambiguous_foreign_column(parts: &[String]) -> Error {
    spark_error!("AMBIGUOUS_COLUMN_REFERENCE", name = format!("\"{}\"", parts.join(".")))
}

/// A struct without such a field.
pub(crate) fn field_not_found(field: &str, fields: &[String]) -> Error {
    let known: Vec<_> = fields.iter().map(|name| sql_id(std::slice::from_ref(name))).collect();
    spark_error!("FIELD_NOT_FOUND", fieldName = sql_id(&[field.to_owned()]), fields = known.join(", "))
}

/// Several fields of a struct under one name.
pub(crate) fn ambiguous_field(field: &str, count: usize) -> Error {
    spark_error!("AMBIGUOUS_REFERENCE_TO_FIELDS", field = sql_id(&[field.to_owned()]), count = count)
}

/// A field of something that has none.
pub(crate) fn cannot_extract(base: &str, data_type: &DataType) -> Error {
    spark_error!(
        "INVALID_EXTRACT_BASE_FIELD_TYPE",
        base = format!("\"{base}\""),
        other = format!("\"{}\"", sql_name(data_type)),
    )
}

fn equality(left: &Attribute, right: &Attribute) -> String {
    format!("\"({} = {})\"", left.name, right.name)
}

/// The columns of JOIN USING have types that do not meet.
pub(crate) fn different_operands(left: &Attribute, right: &Attribute) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
        sqlExpr = equality(left, right),
        left = format!("\"{}\"", sql_name(&left.data_type)),
        right = format!("\"{}\"", sql_name(&right.data_type)),
    )
}

/// The columns of JOIN USING have a type without an order.
pub(crate) fn not_comparable(left: &Attribute, right: &Attribute, data_type: &DataType) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
        sqlExpr = equality(left, right),
        functionName = "`=`",
        dataType = format!("\"{}\"", sql_name(data_type)),
    )
}

/// `grouping(key)` where nothing is grouped by several sets of keys.
pub(crate) fn grouping_without_sets() -> Error {
    spark_error!("UNSUPPORTED_GROUPING_EXPRESSION")
}

/// A function that does not exist.
pub(crate) fn unresolved_routine(name: &str) -> Error {
    if millstream_functions::is_unbuilt(name) {
        return Error::unsupported(format!("The feature is not supported: The function `{name}` is not supported."));
    }
    let parts: Vec<_> = name.split('.').map(str::to_owned).collect();
    let shown = sql_id(&parts);
    if parts.len() > 2 {
        let catalog = "spark_catalog";
        return spark_error!("REQUIRES_SINGLE_PART_NAMESPACE", sessionCatalog = catalog, identifier = shown);
    }
    spark_error!("UNRESOLVED_ROUTINE", routineName = shown, searchPath = SEARCH_PATH)
}

/// A table or view that does not exist.
pub fn table_not_found(parts: &[String]) -> Error {
    spark_error!("TABLE_OR_VIEW_NOT_FOUND", relationName = sql_id(parts), searchPath = SEARCH_PATH)
}

/// A filter that is no boolean.
pub(crate) fn filter_not_boolean(sql: &str, data_type: &DataType) -> Error {
    let filter = format!("\"{sql}\"");
    spark_error!(
        "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
        sqlExpr = filter,
        filter = filter,
        type = format!("\"{}\"", sql_name(data_type)),
    )
}

/// A condition of a join that is no condition; Spark casts none, not NULL either.
pub(crate) fn join_condition_not_boolean(sql: &str, data_type: &DataType) -> Error {
    spark_error!(
        "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
        joinCondition = format!("\"{sql}\""),
        conditionType = format!("\"{}\"", sql_name(data_type)),
    )
}

/// A column outside both the grouping and any aggregate function.
pub(crate) fn missing_aggregation(sql: &str) -> Error {
    spark_error!(
        "MISSING_AGGREGATION",
        expression = format!("\"{sql}\""),
        expressionAnyValue = format!("\"any_value({sql})\""),
    )
}

/// An aggregate function in GROUP BY.
pub(crate) fn group_by_aggregate(sql: &str) -> Error {
    spark_error!("GROUP_BY_AGGREGATE", sqlExpr = sql)
}

/// `x.*` of something that is neither a relation nor a struct.
pub(crate) fn star_expand(parts: &[String], known: &[String]) -> Error {
    let mut known = known.to_vec();
    known.sort();
    spark_error!("CANNOT_RESOLVE_STAR_EXPAND", targetString = sql_id(parts), columns = known.join(", "))
}

/// The wrong number of column names.
pub(crate) fn arity_mismatch(target: usize, expressions: usize) -> Error {
    spark_error!("ASSIGNMENT_ARITY_MISMATCH", numTarget = target, numExpr = expressions)
}

/// An aggregate in WHERE.
pub(crate) fn invalid_where(sql: &str, aggregates: &str) -> Error {
    spark_error!("INVALID_WHERE_CONDITION", condition = format!("\"{sql}\""), expressionList = aggregates)
}

/// A USING column that one side lacks.
pub(crate) fn unresolved_using(name: &str, side: &str, known: &str) -> Error {
    spark_error!(
        "UNRESOLVED_USING_COLUMN_FOR_JOIN",
        colName = sql_id(&[name.to_owned()]),
        side = side,
        suggestion = known,
    )
}

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

fn ordinal(index: usize) -> String {
    ORDINALS.get(index).map_or_else(|| format!("{}th", index + 1), |name| (*name).to_owned())
}

/// An argument, by its place from 0, of another type than the one wanted. `sql` is the whole call.
pub(crate) fn unexpected_input_type(sql: &str, index: usize, wanted: &str, argument: (&str, &DataType)) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        sqlExpr = format!("\"{sql}\""),
        paramIndex = ordinal(index),
        requiredType = wanted,
        inputSql = format!("\"{}\"", argument.0),
        inputType = format!("\"{}\"", sql_name(argument.1)),
    )
}

/// What Spark says of a query over a stream that it does not take.
pub(crate) fn not_over_stream(text: &str) -> Error {
    spark_error!("_LEGACY_ERROR_TEMP_3102", msg = text)
}

/// `*` where no star may stand.
pub(crate) fn invalid_star(place: &str) -> Error {
    spark_error!("INVALID_USAGE_OF_STAR_OR_REGEX", elem = "'*'", prettyName = place)
}

/// Inputs of a set operation that differ in their number of columns: `(index, columns)` of the one that differs.
pub(crate) fn number_of_columns(operator: &str, first: usize, (index, columns): (usize, usize)) -> Error {
    spark_error!(
        "NUM_COLUMNS_MISMATCH",
        operator = operator,
        firstNumColumns = first,
        invalidOrdinalNum = ordinal(index),
        invalidNumColumns = columns,
    )
}

/// Columns of a set operation without a common type: the second input's type and the first one's.
pub(crate) fn incompatible_columns(operator: &str, column: usize, types: (&DataType, &DataType)) -> Error {
    spark_error!(
        "INCOMPATIBLE_COLUMN_TYPE",
        operator = operator,
        columnOrdinalNumber = ordinal(column),
        tableOrdinalNumber = "second",
        dataType1 = format!("\"{}\"", sql_name(types.0)),
        dataType2 = format!("\"{}\"", sql_name(types.1)),
        hint = "",
    )
}

/// A column that a relation lacks, with the plain list of those it has.
pub(crate) fn unresolved_among(name: &str, known: &str) -> Error {
    spark_error!("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", colName = name, fieldNames = known)
}
