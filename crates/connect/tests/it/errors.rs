//! What a client learns of an error.

use spark_connect_proto::{ExecutePlanRequest, FetchErrorDetailsRequest, FetchErrorDetailsResponse};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::client::{Client, user};
use crate::queries::sql_command;

async fn details(client: &Client, error_id: &str) -> FetchErrorDetailsResponse {
    let request = FetchErrorDetailsRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        error_id: error_id.to_owned(),
        ..FetchErrorDetailsRequest::default()
    };
    client.rpc.clone().fetch_error_details(request).await.unwrap().into_inner()
}

async fn unresolved(client: &Client) -> Status {
    client.sql("SELECT nono FROM range(3)").await.unwrap_err()
}

#[tokio::test]
async fn the_status_names_the_class_and_the_details_have_the_rest() {
    let client = Client::start().await;
    let status = unresolved(&client).await;
    assert_eq!(status.code(), Code::Internal);
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.metadata["errorClass"], "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    assert_eq!(info.metadata["sqlState"], "42703");
    let whole = details(&client, &info.metadata["errorId"]).await;
    assert_eq!(whole.root_error_idx, Some(0));
    let error = &whole.errors[0];
    assert_eq!(error.error_type_hierarchy[0], "org.apache.spark.sql.AnalysisException");
    let throwable = error.spark_throwable.as_ref().expect("Spark's part");
    assert_eq!(throwable.error_class.as_deref(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
    assert_eq!(throwable.message_parameters["objectName"], "`nono`");
    assert_eq!(throwable.message_parameters["proposal"], "`id`");
}

#[tokio::test]
async fn the_details_name_the_part_of_the_text_that_an_error_comes_from() {
    let client = Client::start().await;
    sql_command(&client, "CREATE TEMP VIEW v AS SELECT 1 / id AS x FROM VALUES (0) AS t(id)").await;
    let status = client.sql("SELECT x FROM v").await.unwrap_err();
    let place =
        "== SQL of VIEW v (line 1, position 8) ==\nSELECT 1 / id AS x FROM VALUES (0) AS t(id)\n       ^^^^^^\n";
    assert!(status.message().ends_with(&format!("SQLSTATE: 22012\n{place}")), "{status}");
    let whole = details(&client, &status.get_details_error_info().unwrap().metadata["errorId"]).await;
    let throwable = whole.errors[0].spark_throwable.as_ref().expect("Spark's part");
    assert_eq!(throwable.message_parameters["config"], "\"spark.sql.ansi.enabled\"");
    let [context] = throwable.query_contexts.as_slice() else { panic!("one place: {throwable:?}") };
    assert_eq!((context.object_type.as_str(), context.object_name.as_str()), ("VIEW", "v"));
    assert_eq!((context.start_index, context.stop_index, context.fragment.as_str()), (7, 12, "1 / id"));
    assert_eq!(context.summary, place);
}

#[tokio::test]
async fn details_are_kept_per_session_for_the_newest_errors() {
    let client = Client::start().await;
    let first = unresolved(&client).await.get_details_error_info().unwrap().metadata["errorId"].clone();
    assert!(details(&client.other_session(), &first).await.errors.is_empty(), "another session's errors are not shown");
    for _ in 0..100 {
        unresolved(&client).await;
    }
    let forgotten = details(&client, &first).await;
    assert_eq!((forgotten.root_error_idx, forgotten.errors.len()), (None, 0));
}

#[tokio::test]
async fn a_malformed_text_is_a_parse_exception() {
    let client = Client::start().await;
    let status = client.sql("SELEC 1").await.unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["errorClass"], "PARSE_SYNTAX_ERROR");
    assert!(info.metadata["classes"].starts_with(r#"["org.apache.spark.sql.catalyst.parser.ParseException""#));
}

#[tokio::test]
async fn a_request_without_a_plan_is_answered() {
    let client = Client::start().await;
    let request = ExecutePlanRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        ..ExecutePlanRequest::default()
    };
    let status = client.execute(request).await.unwrap_err();
    assert!(status.message().starts_with("[CONNECT_INVALID_PLAN."), "{status}");
}
