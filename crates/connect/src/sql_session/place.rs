//! Where in a statement an error is. The parser knows it; of what the analyzer refuses it is known where the statement
//! names the thing once.

use millstream_core::Error;
use millstream_core::error::TextPlace;
use millstream_sql::parser;

use super::variables::Substituted;

/// The parameters of Spark's messages that quote a name as the user wrote it, or nearly so.
const NAMES: [&str; 5] = ["objectName", "routineName", "relationName", "fieldName", "provider"];

/// The error with its place in the statement that the user wrote, if that can be found.
pub(super) fn in_statement(error: Error, text: &Substituted, statement: &str) -> Error {
    let offset = match error.place() {
        Some(place) if place.text == text.text => Some(place.offset),
        // A part of the statement that was parsed by itself, such as the schema of `from_json`.
        Some(place) => only_place_of(&place.text, &text.text).map(|begin| begin + place.offset),
        None => names(&error).into_iter().find_map(|name| parser::place_of_name(&text.text, &name)),
    };
    match offset {
        Some(offset) => error.with_place(TextPlace { text: statement.to_owned(), offset: text.origin(offset) }),
        None => error.without_place(),
    }
}

/// The names that a message quotes: in Spark's by its parameters, in ours between single quotes.
fn names(error: &Error) -> Vec<String> {
    if error.class().is_none() {
        let quoted = error.message().split('\'').skip(1).step_by(2);
        return quoted.filter(|name| !name.is_empty()).map(|name| format!("`{}`", name.replace('`', "``"))).collect();
    }
    let names = error.parameters().filter(|(key, _)| NAMES.contains(key));
    // Spark puts the catalog before names that were written without.
    names.map(|(_, name)| name.strip_prefix("`spark_catalog`.`default`.").unwrap_or(name).to_owned()).collect()
}

fn only_place_of(part: &str, text: &str) -> Option<usize> {
    let first = text.find(part).filter(|_| !part.is_empty())?;
    (text.rfind(part) == Some(first)).then_some(first)
}

/// Spark's parser only says where it stumbled; what stands there is the beginning of what does not end.
pub(super) fn with_what_does_not_end(error: Error) -> Error {
    let begin = error.place().and_then(|place| place.text.get(place.offset..)?.chars().next());
    let hint = match begin {
        Some(quote @ ('\'' | '"')) => {
            format!("the text that begins here has no {quote} at its end; or one before it has none")
        }
        Some('`') => "the name that begins here has no ` at its end; or one before it has none".to_owned(),
        Some('/') => "the comment that begins here has no */ at its end".to_owned(),
        _ => return error,
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests;
