//! Names of the folders of partitions: `k=v`, in which nothing means something to a path or a pattern of paths.

/// The value of a folder whose rows have none.
pub const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A name or a value as a part of the name of a folder (Spark: `escapePathName`).
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{1}'..='\u{1f}'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '\u{7f}'
            | '{'
            | '['
            | ']'
            | '^' => out.push_str(&format!("%{:02X}", u32::from(letter))),
            other => out.push(other),
        }
    }
    out
}

/// The name of a folder: a column, and its value if there is one. An empty text has no folder of its own.
pub fn folder(column: &str, value: Option<&str>) -> String {
    let value = value.filter(|value| !value.is_empty()).map_or_else(|| NO_VALUE.to_owned(), escaped);
    format!("{}={value}", escaped(column))
}
