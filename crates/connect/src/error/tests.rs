//! What a client sees of an error.

use millstream_core::spark_error;

use super::*;

fn unresolved() -> Error {
    spark_error!("UNRESOLVED_COLUMN.WITH_SUGGESTION", objectName = "`x`", proposal = "`y`")
}

#[test]
fn the_status_names_class_state_parameters_and_exception() {
    let status = status(&unresolved(), Some("id-1"));
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(
        status.message(),
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `x` cannot be resolved. \
         Did you mean one of the following? [`y`]. SQLSTATE: 42703"
    );
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.reason, "org.apache.spark.sql.AnalysisException");
    assert_eq!(info.metadata["errorId"], "id-1");
    assert_eq!(info.metadata["errorClass"], "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    assert_eq!(info.metadata["sqlState"], "42703");
    assert_eq!(info.metadata["messageParameters"], r#"{"objectName":"`x`","proposal":"`y`"}"#);
    let classes: Vec<String> = serde_json::from_str(&info.metadata["classes"]).unwrap();
    assert_eq!(classes[0], "org.apache.spark.sql.AnalysisException");
}

#[test]
fn what_does_not_fit_into_trailers_is_cut_or_left_out() {
    let long = "ä".repeat(5000);
    let error = spark_error!("USER_RAISED_EXCEPTION", errorMessage = long);
    let status = status(&error, None);
    assert!(status.message().len() < 8192);
    assert!(!status.get_details_error_info().unwrap().metadata.contains_key("messageParameters"));
    assert_eq!(
        chain(&error)[0].message,
        format!("[USER_RAISED_EXCEPTION] {long} SQLSTATE: P0001"),
        "the details are whole"
    );
}

#[test]
fn causes_follow_in_order() {
    let error = Error::data("outer").with_source(unresolved().with_source(std::io::Error::other("inner")));
    let chain = chain(&error);
    let seen: Vec<_> = chain.iter().map(|message| (message.message.as_str(), message.cause_idx)).collect();
    assert_eq!(seen[0], ("outer", Some(1)));
    assert_eq!(seen[1].1, Some(2));
    assert_eq!(seen[2], ("inner", None));
    let class = chain[1].spark_throwable.as_ref().and_then(|throwable| throwable.error_class.as_deref());
    assert_eq!(class, Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
}
