//! SHOW and DESCRIBE: what there is, as rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::Result;
use millstream_sql::parser::{Listing, simple_string};
use millstream_sql::{Catalog, function_names};

use super::query_plan;
use super::sql_command::{named_table, namespace_of, texts, with_column};
use crate::session::Computation;
use crate::warehouse::{CATALOG, Table, TableName};

/// SHOW TABLES, VIEWS, DATABASES, CATALOGS, COLUMNS and FUNCTIONS.
pub(super) async fn show(
    session: &Computation,
    what: Listing,
    namespace: Option<String>,
    pattern: Option<&str>,
) -> Result<RecordBatch> {
    let like = |names: Vec<String>| names.into_iter().filter(|name| matches(name, pattern)).collect::<Vec<_>>();
    match what {
        Listing::Tables | Listing::Views => tables(session, what, namespace, pattern),
        Listing::Databases => texts(&[("namespace", like(session.warehouse().databases()?))]),
        Listing::Catalogs => texts(&[("catalog", like(vec![CATALOG.to_owned()]))]),
        Listing::Columns => {
            let table = namespace.unwrap_or_default();
            let analyzed = query_plan::analyze(session, &named_table(table)).await?;
            texts(&[("col_name", analyzed.schema.fields().iter().map(|field| field.name().clone()).collect())])
        }
        // There is no way to register one.
        Listing::UserFunctions => texts(&[("function", Vec::new())]),
        Listing::Functions => {
            let mut names = like(function_names().map(str::to_owned).collect());
            names.sort();
            names.dedup();
            texts(&[("function", names)])
        }
    }
}

/// Tables that last, then the session's views.
fn tables(
    session: &Computation,
    what: Listing,
    namespace: Option<String>,
    pattern: Option<&str>,
) -> Result<RecordBatch> {
    let database = match namespace {
        Some(name) => namespace_of(&name)?.to_lowercase(),
        None => session.database(),
    };
    let mut lasting = session.warehouse().views(&database)?;
    if what == Listing::Tables {
        lasting.extend(session.warehouse().tables(&database)?);
        lasting.sort_unstable();
    }
    let lasting = lasting.into_iter().map(|name| (database.clone(), name, false));
    let views = session.relation_names().into_iter().map(|name| (String::new(), name, true));
    let rows: Vec<_> = lasting.chain(views).filter(|(_, name, _)| matches(name, pattern)).collect();
    let temporary: ArrayRef = Arc::new(rows.iter().map(|(_, _, temporary)| Some(*temporary)).collect::<BooleanArray>());
    let name = if what == Listing::Tables { "tableName" } else { "viewName" };
    let namespaces = rows.iter().map(|(namespace, _, _)| namespace.clone()).collect();
    let names = rows.into_iter().map(|(_, name, _)| name).collect();
    with_column(&texts(&[("namespace", namespaces), (name, names)])?, "isTemporary", temporary)
}

/// What DESCRIBE DATABASE says of one.
pub(super) fn database(session: &Computation, name: &str, extended: bool) -> Result<RecordBatch> {
    let database = session.warehouse().database(name)?;
    let mut rows = vec![
        ("Catalog Name", CATALOG.to_owned()),
        ("Namespace Name", database.name),
        ("Comment", database.comment.unwrap_or_default()),
        ("Location", format!("file:{}", database.location.display())),
        ("Owner", session.key().user_id.clone()),
    ];
    if extended {
        let pairs: Vec<_> = database.properties.iter().map(|(key, value)| format!("({key},{value})")).collect();
        rows.push(("Properties", if pairs.is_empty() { String::new() } else { format!("({})", pairs.join(", ")) }));
    }
    let (names, values) = rows.into_iter().map(|(name, value)| (name.to_owned(), value)).unzip();
    texts(&[("info_name", names), ("info_value", values)])
}

/// DESCRIBE of a table: its columns, which are partitions, and with EXTENDED all that is known of it.
pub(super) fn describe_table(
    name: &TableName,
    table: &Table,
    extended: bool,
    columns: &RecordBatch,
) -> Result<RecordBatch> {
    let mut rows: Vec<[Option<String>; 3]> = Vec::new();
    let mut push = |cells: [&str; 2], comment: Option<&str>| {
        rows.push([Some(cells[0].to_owned()), Some(cells[1].to_owned()), comment.map(str::to_owned)]);
    };
    let fields = table.columns()?;
    let type_of = |name: &str| {
        let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.and_then(|field| field.data_type.as_ref()).map(simple_string).unwrap_or_default()
    };
    if !table.partition_columns.is_empty() {
        push(["# Partition Information", ""], Some(""));
        push(["# col_name", "data_type"], Some("comment"));
        for column in &table.partition_columns {
            push([column, &type_of(column)], None);
        }
    }
    if extended {
        push(["", ""], Some(""));
        push(["# Detailed Table Information", ""], Some(""));
        for (name, value) in details(name, table) {
            push([name, &value], Some(""));
        }
    }
    let column =
        |place: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row[place].clone()).collect::<StringArray>()) };
    let schema = columns.schema();
    let names = schema.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(names.collect::<Vec<_>>()));
    let first = RecordBatch::try_new(Arc::clone(&schema), columns.columns().to_vec())?;
    let rest = RecordBatch::try_new(Arc::clone(&schema), vec![column(0), column(1), column(2)])?;
    Ok(concat_batches(&schema, [&first, &rest])?)
}

fn details(name: &TableName, table: &Table) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("Catalog", CATALOG.to_owned()),
        ("Database", name.database.clone()),
        ("Table", name.table.clone()),
        ("Created By", concat!("Millstream ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("Type", table.kind().to_owned()),
        ("Provider", table.provider.clone()),
    ];
    details.extend(table.comment.clone().map(|comment| ("Comment", comment)));
    if !table.properties.is_empty() {
        let pairs: Vec<_> = table.properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
        details.push(("Table Properties", format!("[{}]", pairs.join(", "))));
    }
    details.push(("Location", format!("file:{}", table.location.display())));
    details
}

/// Spark's LIKE of SHOW: `*` for anything, `|` between alternatives, in any letter case.
pub(super) fn matches(name: &str, pattern: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| {
        pattern.split('|').any(|part| glob(part.trim().to_lowercase().as_bytes(), name.to_lowercase().as_bytes()))
    })
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        Some((first, rest)) => text.split_first().is_some_and(|(head, tail)| head == first && glob(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn show_patterns() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("a*", "Abc", true),
            ("a*c", "abc", true),
            ("a*d", "abc", false),
            ("x|ab*", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(name, Some(pattern)), expected, "{name} LIKE {pattern}");
        }
    }
}
