//! The names of columns out of a file's first record.

/// The names of the columns, given the first record's fields where it is a header. What has no name, and what has the
/// name of another, is told apart by its place.
pub fn column_names(fields: &[Option<String>], is_header: bool, case_sensitive: bool) -> Vec<String> {
    let plain = |name: &str| if case_sensitive { name.to_owned() } else { name.to_lowercase() };
    let all: Vec<_> = fields.iter().flatten().map(|name| plain(name)).collect();
    let is_double = |name: &str| all.iter().filter(|other| **other == plain(name)).count() > 1;
    let named = |(place, field): (usize, &Option<String>)| match field.as_deref() {
        Some(name) if is_header && !name.is_empty() => {
            if is_double(name) {
                format!("{name}{place}")
            } else {
                name.to_owned()
            }
        }
        _ => format!("_c{place}"),
    };
    fields.iter().enumerate().map(named).collect()
}
