//! `${…}` in SQL programs (Spark: `VariableSubstitution`). Beyond Spark: `${name:-default}`, and an error instead of
//! nothing for a name without a value.

use millstream_core::error::TextPlace;
use millstream_core::{Error, Result};

/// A statement with values in the places of its variables.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Substituted {
    pub(super) text: String,
    /// For each piece of the text, in order: the byte where it begins, the byte of the statement that it comes from,
    /// and whether it is the value of a variable.
    pieces: Vec<(usize, usize, bool)>,
}

impl Substituted {
    /// The byte of the statement from which a byte of the text comes; of a value, where its variable begins.
    pub(super) fn origin(&self, offset: usize) -> usize {
        match self.pieces.iter().rev().find(|(begin, _, _)| *begin <= offset) {
            Some((_, origin, true)) => *origin,
            Some((begin, origin, false)) => origin + (offset - begin),
            None => 0,
        }
    }
}

/// Puts values in the places of variables. What is put in is not looked at again.
pub(super) fn substitute(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<Substituted> {
    let mut result = String::with_capacity(text.len());
    let mut pieces = vec![(0, 0, false)];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((variable, behind)) = after.split_once('}') else { break };
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (variable, None),
        };
        result.push_str(before);
        let offset = text.len() - rest.len() + before.len();
        pieces.push((result.len(), offset, true));
        let place = || TextPlace { text: text.to_owned(), offset };
        result.push_str(&value(name).or(default).ok_or_else(|| no_value(name).with_place(place()))?);
        pieces.push((result.len(), text.len() - behind.len(), false));
        rest = behind;
    }
    result.push_str(rest);
    Ok(Substituted { text: result, pieces })
}

fn no_value(name: &str) -> Error {
    let how = match name.strip_prefix("env:") {
        Some(name) => format!("set it in the environment: {name}=…"),
        None => format!("say SET {name} = … before, or give {name}=… behind the program"),
    };
    Error::invalid(format!("the variable ${{{name}}} has no value"))
        .with_hint(format!("{how}; or write ${{{name}:-a default}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_values_or_defaults() {
        let value = |name: &str| match name {
            "a" => Some("1".to_owned()),
            "env:B" => Some("${a}".to_owned()),
            "empty" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("x ${a} y", "x 1 y"),
            ("${a}${a}", "11"),
            ("${env:B}", "${a}"),
            ("[${empty:-z}]", "[]"),
            ("${c:-127.0.0.1:9092}", "127.0.0.1:9092"),
            ("${c:-}", ""),
            ("no $variable {here}", "no $variable {here}"),
            ("${open", "${open"),
        ] {
            assert_eq!(substitute(text, value).expect(text).text, expected, "{text}");
        }
        let error = substitute("SELECT ${env:C}", value).expect_err("no value");
        assert_eq!(error.place().map(|place| place.offset), Some(7));
        assert_eq!(error.message(), "the variable ${env:C} has no value");
        assert_eq!(error.hint(), Some("set it in the environment: C=…; or write ${env:C:-a default}"));
    }

    #[test]
    fn a_byte_of_the_text_comes_from_one_of_the_statement() {
        let statement = "a ${long_name} b ${x:-yy}!";
        let text = substitute(statement, |name| (name == "long_name").then(|| "1234".to_owned())).expect("values");
        assert_eq!(text.text, "a 1234 b yy!");
        let origins: Vec<_> = [0, 2, 4, 6, 7, 9, 10, 11].map(|offset| text.origin(offset)).into();
        let of = |part: &str| statement.find(part).expect(part);
        assert_eq!(origins, [0, of("${l"), of("${l"), of(" b"), of("b "), of("${x"), of("${x"), of("!")]);
    }
}
