//! Folders that are partitions: `k=v` names a column and its value for all files below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, TimeUnit};
use chrono_tz::Tz;
use millstream_core::{Result, spark_error};
use millstream_formats::datetime::{parse_date, parse_timestamp};

/// What a folder is called whose value is NULL.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that folders have, and each folder's values.
#[derive(Debug, Clone, Default)]
pub(super) struct Partitions {
    names: Vec<String>,
    values: BTreeMap<PathBuf, Vec<Option<String>>>,
}

/// The columns of one folder with their values.
type Columns = Vec<(String, Option<String>)>;

impl Partitions {
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// What the names of the folders between `bases` and the files say.
    ///
    /// # Errors
    /// The folders are partitions of several tables, or have other columns; a value is missing.
    pub(super) fn of_folders<'a>(
        folders: impl Iterator<Item = &'a Path>,
        bases: &[PathBuf],
        case_sensitive: bool,
    ) -> Result<Self> {
        let folders: BTreeSet<&Path> = folders.collect();
        let mut found: Vec<(&Path, Columns)> = Vec::new();
        let mut tables = BTreeSet::new();
        for folder in folders {
            let (columns, table) = columns_of(folder, bases)?;
            tables.insert(table);
            if !columns.is_empty() {
                found.push((folder, columns));
            }
        }
        let Some((_, first)) = found.first() else { return Ok(Self::none()) };
        if tables.len() > 1 {
            let paths: Vec<_> = tables.iter().map(|table| format!("\tfile:{}", table.display())).collect();
            return Err(spark_error!("CONFLICTING_DIRECTORY_STRUCTURES", discoveredBasePaths = paths.join("\n")));
        }
        let names: Vec<_> = first.iter().map(|(name, _)| name.clone()).collect();
        let plain = |name: &str| if case_sensitive { name.to_owned() } else { name.to_lowercase() };
        let lists: BTreeSet<Vec<String>> =
            found.iter().map(|(_, columns)| columns.iter().map(|(name, _)| plain(name)).collect()).collect();
        if lists.len() > 1 {
            return Err(conflicting_names(&lists, &found));
        }
        let values = found
            .into_iter()
            .map(|(folder, columns)| (folder.to_owned(), columns.into_iter().map(|(_, value)| value).collect()));
        Ok(Self { names, values: values.collect() })
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The values that a folder has for these columns; NULL for a column that it has not.
    pub(super) fn values_by_name(folder: &Path, bases: &[PathBuf], names: &[String]) -> Result<Vec<Option<String>>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (columns, _) = columns_of(folder, bases)?;
        let value = |name: &String| {
            let column = columns.iter().find(|(column, _)| column.to_lowercase() == name.to_lowercase());
            column.and_then(|(_, value)| value.clone())
        };
        Ok(names.iter().map(value).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The values of a folder.
    pub(super) fn values(&self, folder: &Path) -> Option<Vec<Option<String>>> {
        self.values.get(folder).cloned()
    }

    /// The columns with the types that all values show.
    pub(super) fn fields(&self, zone: Tz, infers_types: bool) -> Vec<Field> {
        let field = |(place, name): (usize, &String)| {
            let values = self.values.values().filter_map(|values| values[place].as_deref());
            let data_type = match infers_types {
                true => values.map(|value| type_of(value, zone)).reduce(wider).unwrap_or(DataType::Utf8),
                false => DataType::Utf8,
            };
            Field::new(name, data_type, true)
        };
        self.names.iter().enumerate().map(field).collect()
    }
}

fn conflicting_names(lists: &BTreeSet<Vec<String>>, found: &[(&Path, Columns)]) -> millstream_core::Error {
    let lists =
        lists.iter().enumerate().map(|(at, names)| format!("\tPartition column name list #{at}: {}", names.join(", ")));
    let paths = found.iter().map(|(folder, _)| format!("\tfile:{}", folder.display()));
    spark_error!(
        "CONFLICTING_PARTITION_COLUMN_NAMES",
        distinctPartColLists = lists.collect::<Vec<_>>().join("\n"),
        suspiciousPaths = paths.collect::<Vec<_>>().join("\n"),
    )
}

/// The columns in a folder's name, from a base on, and the folder of the table in which they are partitions.
fn columns_of(folder: &Path, bases: &[PathBuf]) -> Result<(Columns, PathBuf)> {
    let mut columns = Columns::new();
    let mut here = folder;
    loop {
        if bases.iter().any(|base| base == here) {
            break;
        }
        let column = here.file_name().map(|name| column_of(&name.to_string_lossy())).transpose()?.flatten();
        let Some(parent) = here.parent() else { break };
        match column {
            None if !columns.is_empty() => break,
            None => {}
            Some(column) => columns.push(column),
        }
        here = parent;
    }
    columns.reverse();
    let table = if columns.is_empty() { folder } else { here };
    Ok((columns, table.to_owned()))
}

/// The column that a folder's name says.
fn column_of(name: &str) -> Result<Option<(String, Option<String>)>> {
    let Some((column, value)) = name.split_once('=') else { return Ok(None) };
    if column.is_empty() {
        return Err(spark_error!("EMPTY_PARTITION_COLUMN_NAME", columnSpec = name));
    }
    if value.is_empty() {
        return Err(spark_error!("EMPTY_PARTITION_COLUMN_VALUE", columnSpec = name));
    }
    let value = unescaped(value);
    Ok(Some((unescaped(column), Some(value).filter(|value| value != NULL))))
}

/// The text of a name in which `%41` stands for a letter.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(code) => {
                bytes.extend(char::from(code).to_string().bytes());
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The type that one value shows.
fn type_of(text: &str, zone: Tz) -> DataType {
    if text.parse::<i32>().is_ok() {
        return DataType::Int32;
    }
    if text.parse::<i64>().is_ok() {
        return DataType::Int64;
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.len() <= 38 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return DataType::Decimal128(digits.trim_start_matches('0').len().max(1) as u8, 0);
    }
    let begins_plainly = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let ends_plainly = text.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    if begins_plainly && ends_plainly && text.parse::<f64>().is_ok() {
        return DataType::Float64;
    }
    if text.len() == "2020-01-01".len() && parse_date(text).is_some() {
        return DataType::Date32;
    }
    if text.contains(':') && text.contains('-') && parse_timestamp(text, zone).is_some() {
        return DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    }
    DataType::Utf8
}

/// The type of values of both types.
fn wider(left: DataType, right: DataType) -> DataType {
    use DataType::{Date32, Decimal128, Float64, Int32, Int64, Timestamp, Utf8};
    match (left, right) {
        (left, right) if left == right => left,
        (Int32, Int64) | (Int64, Int32) => Int64,
        (Int32, Float64) | (Float64, Int32) => Float64,
        (Int32, Decimal128(digits, 0)) | (Decimal128(digits, 0), Int32) => Decimal128(digits.max(10), 0),
        (Int64, Decimal128(digits, 0)) | (Decimal128(digits, 0), Int64) => Decimal128(digits.max(20), 0),
        (Decimal128(left, 0), Decimal128(right, 0)) => Decimal128(left.max(right), 0),
        (Date32, time @ Timestamp(..)) | (time @ Timestamp(..), Date32) => time,
        _ => Utf8,
    }
}
