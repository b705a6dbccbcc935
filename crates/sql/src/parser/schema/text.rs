//! Types as text: Spark's `typeName`, `simpleString`, `sql`, `toDDL` and `treeString`.

use millstream_functions::data_type::quote_if_needed;
use spark_connect_proto::DataType;
use spark_connect_proto::data_type::{Kind, Struct, StructField};

use super::{DAY_TIME_FIELDS, YEAR_MONTH_FIELDS};

/// How a type is spelled: `integer`, `int` or `INT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    TypeName,
    Simple,
    Sql,
}

/// `struct<a:int,b:array<string>>`: as `DataFrame.dtypes`, `typeof` and error messages show types.
pub fn simple_string(data_type: &DataType) -> String {
    spell(data_type, Style::Simple)
}

/// `a INT,b STRUCT<x: BIGINT> NOT NULL COMMENT 'text'` for a struct, the type in SQL for others.
pub fn to_ddl(data_type: &DataType) -> String {
    match &data_type.kind {
        Some(Kind::Struct(fields)) => {
            fields.fields.iter().map(|field| column(field, " ")).collect::<Vec<_>>().join(",")
        }
        _ => spell(data_type, Style::Sql),
    }
}

/// What `printSchema` prints, down to that level of nesting if one is given.
pub fn tree_string(data_type: &DataType, level: Option<usize>) -> String {
    let mut out = "root\n".to_owned();
    branches(&mut out, data_type, "", level.filter(|level| *level > 0).unwrap_or(usize::MAX));
    out
}

/// The name that schemas in JSON and trees use for a type without inner types.
pub(super) fn type_name(data_type: &DataType) -> String {
    spell(data_type, Style::TypeName)
}

fn column(field: &StructField, separator: &str) -> String {
    let mut text = quote_if_needed(&field.name);
    text.push_str(separator);
    text.push_str(&spell(inner(field.data_type.as_ref()), Style::Sql));
    if !field.nullable {
        text.push_str(" NOT NULL");
    }
    if let Some(comment) = comment(field) {
        let escaped = comment.replace('\\', "\\\\").replace('\'', "\\'");
        text.push_str(&format!(" COMMENT '{escaped}'"));
    }
    text
}

/// What COMMENT says of a column.
pub fn comment(field: &StructField) -> Option<String> {
    let metadata: serde_json::Value = serde_json::from_str(field.metadata.as_deref()?).ok()?;
    metadata.get("comment")?.as_str().map(str::to_owned)
}

/// A message without its inner type is one of type void.
fn inner(data_type: Option<&DataType>) -> &DataType {
    const VOID: &DataType = &DataType { kind: None };
    data_type.unwrap_or(VOID)
}

fn spell(data_type: &DataType, style: Style) -> String {
    let Some(kind) = &data_type.kind else { return cased("void", style) };
    match kind {
        Kind::Array(array) => match style {
            Style::TypeName => "array".to_owned(),
            _ => format!("{}<{}>", cased("array", style), spell(inner(array.element_type.as_deref()), style)),
        },
        Kind::Map(map) => {
            let (key, value) = (inner(map.key_type.as_deref()), inner(map.value_type.as_deref()));
            match style {
                Style::TypeName => "map".to_owned(),
                Style::Simple => format!("map<{},{}>", spell(key, style), spell(value, style)),
                Style::Sql => format!("MAP<{}, {}>", spell(key, style), spell(value, style)),
            }
        }
        Kind::Struct(fields) => spell_struct(fields, style),
        Kind::Udt(udt) => udt.sql_type.as_ref().map_or_else(|| "udt".to_owned(), |sql_type| spell(sql_type, style)),
        Kind::Unparsed(unparsed) => unparsed.data_type_string.clone(),
        kind => spell_atomic(kind, style),
    }
}

fn spell_struct(fields: &Struct, style: Style) -> String {
    match style {
        Style::TypeName => "struct".to_owned(),
        Style::Simple => {
            let field =
                |field: &StructField| format!("{}:{}", field.name, spell(inner(field.data_type.as_ref()), style));
            format!("struct<{}>", fields.fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        Style::Sql => {
            format!("STRUCT<{}>", fields.fields.iter().map(|field| column(field, ": ")).collect::<Vec<_>>().join(", "))
        }
    }
}

fn spell_atomic(kind: &Kind, style: Style) -> String {
    let by_style =
        |type_name: &str, simple: &str| cased(if style == Style::TypeName { type_name } else { simple }, style);
    match kind {
        Kind::Boolean(_) => cased("boolean", style),
        Kind::Byte(_) => by_style("byte", "tinyint"),
        Kind::Short(_) => by_style("short", "smallint"),
        Kind::Integer(_) => by_style("integer", "int"),
        Kind::Long(_) => by_style("long", "bigint"),
        Kind::Float(_) => cased("float", style),
        Kind::Double(_) => cased("double", style),
        Kind::Decimal(decimal) => {
            cased(&format!("decimal({},{})", decimal.precision.unwrap_or(10), decimal.scale.unwrap_or(0)), style)
        }
        Kind::String(string) if string.collation.is_empty() || string.collation == "UTF8_BINARY" => {
            cased("string", style)
        }
        Kind::String(string) => format!("{} {}", cased("string collate", style), string.collation),
        Kind::Char(char) => cased(&format!("char({})", char.length), style),
        Kind::VarChar(var_char) => cased(&format!("varchar({})", var_char.length), style),
        Kind::Binary(_) => cased("binary", style),
        Kind::Date(_) => cased("date", style),
        Kind::Timestamp(_) => cased("timestamp", style),
        Kind::TimestampNtz(_) => cased("timestamp_ntz", style),
        Kind::Time(time) => cased(&format!("time({})", time.precision.unwrap_or(6)), style),
        Kind::CalendarInterval(_) => cased("interval", style),
        Kind::YearMonthInterval(interval) => {
            interval_name(&YEAR_MONTH_FIELDS, interval.start_field, interval.end_field, style)
        }
        Kind::DayTimeInterval(interval) => {
            interval_name(&DAY_TIME_FIELDS, interval.start_field, interval.end_field, style)
        }
        Kind::Variant(_) => cased("variant", style),
        Kind::Geometry(_) => cased("geometry", style),
        Kind::Geography(_) => cased("geography", style),
        _ => cased("void", style),
    }
}

fn interval_name(fields: &[&str], start: Option<i32>, end: Option<i32>, style: Style) -> String {
    let field =
        |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok()).filter(|at| *at < fields.len());
    let first = field(start).unwrap_or(0);
    let last = field(end).unwrap_or(fields.len() - 1);
    let name = if first == last {
        format!("interval {}", fields[first])
    } else {
        format!("interval {} to {}", fields[first], fields[last])
    };
    cased(&name, style)
}

fn cased(name: &str, style: Style) -> String {
    if style == Style::Sql { name.to_ascii_uppercase() } else { name.to_owned() }
}

fn branches(out: &mut String, data_type: &DataType, prefix: &str, levels: usize) {
    if levels == 0 {
        return;
    }
    let mut branch = |name: &str, child: &DataType, note: String| {
        out.push_str(&format!("{prefix} |-- {name}: {}{note}\n", type_name(child)));
        branches(out, child, &format!("{prefix} |   "), levels - 1);
    };
    match &data_type.kind {
        Some(Kind::Struct(fields)) => {
            for field in &fields.fields {
                branch(&field.name, inner(field.data_type.as_ref()), format!(" (nullable = {})", field.nullable));
            }
        }
        Some(Kind::Array(array)) => {
            let note = format!(" (containsNull = {})", array.contains_null);
            branch("element", inner(array.element_type.as_deref()), note);
        }
        Some(Kind::Map(map)) => {
            branch("key", inner(map.key_type.as_deref()), String::new());
            let note = format!(" (valueContainsNull = {})", map.value_contains_null);
            branch("value", inner(map.value_type.as_deref()), note);
        }
        _ => {}
    }
}
