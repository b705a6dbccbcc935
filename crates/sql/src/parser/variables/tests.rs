//! Values of `${…}` in SQL text.

use super::with_variables;

fn setting(key: &str) -> Option<String> {
    let value = match key {
        "my.var" => "7",
        "my.ref" => "${my.var}1",
        "loop" => "${loop}",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Asked of Spark 4.2 with these settings.
#[test]
fn variables_are_spark_s() {
    for (text, expected) in [
        ("select ${my.var}", "select 7"),
        ("select ${my.ref}", "select 71"),
        ("'${nope}'", "''"),
        ("'${hiveconf:my.var}${hivevar:my.var}${spark:my.var}${sparkconf:my.var}'", "'7777'"),
        ("'${hiveconf:nope}'", "''"),
        ("'${env:NO_SUCH_VARIABLE_X}'", "'${env:NO_SUCH_VARIABLE_X}'"),
        ("'${foo:my.var}'", "'${foo:my.var}'"),
        ("'$${my.var}'", "'$7'"),
        ("'${}'", "'${}'"),
        ("'${ my.var }'", "'${ my.var }'"),
        ("'${my.var'", "'${my.var'"),
        ("'\\${my.var}'", "'\\7'"),
        ("'$my.var'", "'$my.var'"),
        ("'${my.var}${my.var}'", "'77'"),
    ] {
        assert_eq!(with_variables(text, &setting).expect(text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_put_in_is_refused() {
    let error = with_variables("select ${loop}", &setting).expect_err("a circle");
    assert_eq!(error.message(), "requirement failed: Circular reference in ${loop}: loop");
    let error = with_variables("select '${system:java.version}'", &setting).expect_err("a property of Java");
    assert!(error.message().contains("${system:java.version}"), "{}", error.message());
}

#[test]
fn they_can_be_switched_off() {
    let off = |key: &str| if key == "spark.sql.variable.substitute" { Some("false".to_owned()) } else { setting(key) };
    assert_eq!(with_variables("select '${my.var}'", &off).expect("text"), "select '${my.var}'");
}

#[test]
fn values_that_grow_without_end_are_refused() {
    let twice = |key: &str| match key.parse::<usize>() {
        Ok(level) => Some(format!("${{{0}}}${{{0}}}", level + 1)),
        Err(_) => None,
    };
    let error = with_variables("${0}", &twice).expect_err("each has the next twice");
    assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"));
    let chain = |levels: usize| {
        move |key: &str| {
            let level = key.parse::<usize>().ok()?;
            Some(if level < levels { format!("${{{}}}", level + 1) } else { "end".to_owned() })
        }
    };
    assert_eq!(with_variables("${1}", &chain(100)).expect("100 deep"), "end");
    assert!(with_variables("${1}", &chain(101)).is_err());
    // Each is short, and has its successor twice; the last is empty, so that the text itself would not grow.
    let doubled = |key: &str| {
        let level = key.parse::<usize>().ok()?;
        Some(if level < 60 { format!("${{{0}}}${{{0}}}", level + 1) } else { String::new() })
    };
    let error = with_variables("${1}", &doubled).expect_err("2^59 variables");
    assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"));
}
