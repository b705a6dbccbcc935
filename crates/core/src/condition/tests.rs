//! What the table says of itself, and what a line of it becomes.

use super::*;

fn filled(class: &str, parameters: &[(&str, &str)]) -> Result<String, &'static str> {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Condition::of(class).fill(&parameters)
}

#[test]
fn every_line_can_be_used_and_stands_once_in_its_place() {
    for condition in CONDITIONS {
        let class = condition.class;
        assert_eq!(condition.exceptions().count(), condition.exceptions.split(',').count(), "exceptions of {class}");
        assert!(condition.sql_state == NO_SQL_STATE || condition.sql_state.len() == 5, "SQLSTATE of {class}");
        assert!(!condition.template.is_empty(), "{class} says nothing");
        assert!(!condition.template.contains('\t'), "{class} has a column too many");
    }
    let classes: Vec<&str> = CONDITIONS.iter().map(|condition| condition.class).collect();
    assert!(classes.windows(2).all(|pair| pair[0] < pair[1]), "the lines are in the order of their classes, each once");
}

#[test]
fn an_error_has_all_that_the_line_says() {
    let error = crate::spark_error!("CAST_OVERFLOW", value = 300, sourceType = "\"INT\"", targetType = "\"TINYINT\"");
    assert_eq!(error.class(), Some("CAST_OVERFLOW"));
    assert_eq!(error.sql_state(), Some("22003"));
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(error.exception(), SparkException::Arithmetic);
    assert!(error.message().starts_with("The value 300 of the type \"INT\" cannot be cast to \"TINYINT\" due to"));
    let parameters: Vec<_> = error.parameters().collect();
    assert_eq!(parameters, [("sourceType", "\"INT\""), ("targetType", "\"TINYINT\""), ("value", "300")]);
}

#[test]
fn lines_break_where_spark_breaks_them() {
    let message = filled("UNSUPPORTED_DATATYPE", &[("typeName", "\"A\\B\"")]);
    assert_eq!(message.as_deref(), Ok("Unsupported data type \"A\\B\"."));
    let message = filled("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", &[("relationName", "`v`")]).unwrap();
    assert!(message.contains("already exists.\nChoose a different name"), "{message}");
    let message = filled("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", &[("objectName", "`x`")]).unwrap();
    assert!(message.ends_with("`x` cannot be resolved. "), "{message}");
}

#[test]
fn a_value_is_not_looked_at_for_parameters() {
    let message = filled("UNSUPPORTED_DATATYPE", &[("typeName", "<typeName>")]);
    assert_eq!(message.as_deref(), Ok("Unsupported data type <typeName>."));
}

#[test]
fn only_a_word_between_angle_brackets_is_a_parameter() {
    assert!(filled("INVALID_INDEX_OF_ZERO", &[]).unwrap().contains("either < 0 or > 0"));
    assert!(filled("INCOMPLETE_TYPE_DEFINITION.MAP", &[]).unwrap().contains("\"MAP<TIMESTAMP, INT>\""));
    assert!(
        filled("INCOMPLETE_TYPE_DEFINITION.ARRAY", &[("elementType", "<INT>")]).unwrap().contains("\"ARRAY<INT>\"")
    );
}

#[test]
fn a_parameter_without_a_value_is_named() {
    assert_eq!(filled("DIVIDE_BY_ZERO", &[]), Err("config"));
    assert_eq!(filled("FIELD_NOT_FOUND", &[("fieldName", "`x`")]), Err("fields"));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "lacks a value for <config>")]
fn a_message_with_a_hole_stops_a_debug_build() {
    let _ = Condition::of("DIVIDE_BY_ZERO").error(&[]);
}

#[test]
#[cfg(not(debug_assertions))]
fn a_message_with_a_hole_is_an_internal_error() {
    assert_eq!(Condition::of("DIVIDE_BY_ZERO").error(&[]).class(), Some("INTERNAL_ERROR"));
}

#[test]
#[should_panic(expected = "no such class")]
fn a_class_outside_the_table_is_refused() {
    Condition::of("DIVIDE_BY_NOTHING");
}

#[test]
#[should_panic(expected = "no such parameter")]
fn a_parameter_that_the_message_lacks_is_refused() {
    Condition::with_parameters("DIVIDE_BY_ZERO", &["config", "divisor"]);
}

#[test]
#[should_panic(expected = "a parameter more")]
fn a_forgotten_parameter_is_refused() {
    Condition::with_parameters("DIVIDE_BY_ZERO", &[]);
}
