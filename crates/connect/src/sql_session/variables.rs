//! `${…}` in SQL programs (Spark: `VariableSubstitution`). Beyond Spark: `${name:-default}`, and an error instead of
//! nothing for a name without a value.

use millstream_core::{Error, Result};

/// Puts values in the places of variables. What is put in is not looked at again.
pub(super) fn substitute(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((variable, behind)) = after.split_once('}') else { break };
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (variable, None),
        };
        result.push_str(before);
        result.push_str(&value(name).or(default).ok_or_else(|| no_value(name))?);
        rest = behind;
    }
    result.push_str(rest);
    Ok(result)
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
            assert_eq!(substitute(text, value).expect(text), expected, "{text}");
        }
        let error = substitute("SELECT ${env:C}", value).expect_err("no value");
        assert_eq!(error.message(), "the variable ${env:C} has no value");
        assert_eq!(error.hint(), Some("set it in the environment: C=…; or write ${env:C:-a default}"));
    }
}
