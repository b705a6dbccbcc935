//! From [`millstream_core::Error`] to what a Spark Connect client understands.
//!
//! A client learns of an error in two steps: the gRPC status carries a `google.rpc.ErrorInfo` that fits into HTTP/2
//! trailers, and `FetchErrorDetails` then gives the rest under an error id. Both are made here, from one error.
//!
//! The status code is INTERNAL whatever the kind, as in Spark: clients read class and exception from the details, and
//! take other codes for their own use (UNAVAILABLE makes every client retry for ten minutes).

pub(crate) mod handle;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};

use millstream_core::Error;
use millstream_core::error::SparkException;
use millstream_core::query_context::QueryContext;
use spark_connect_proto::fetch_error_details_response::query_context::ContextType;
use spark_connect_proto::fetch_error_details_response::{
    Error as ErrorMessage, QueryContext as ContextMessage, SparkThrowable,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// What may stand in the trailers; clients refuse more than 8 KiB of them.
const MESSAGE_CHARS_MAX: usize = 2048;
/// The same for the parameters, which are left out when longer.
const PARAMETERS_BYTES_MAX: usize = 1024;

/// The error of an operation that panicked.
pub(crate) fn broken_off(panic: &(dyn Any + Send)) -> Error {
    let reason = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("the operation broke off: {}", reason.unwrap_or("unknown reason")))
}

/// The status of an error. With an id the client may ask for the details.
pub(crate) fn status(error: &Error, error_id: Option<&str>) -> Status {
    let hierarchy = error.exception().hierarchy();
    let mut metadata = HashMap::new();
    let classes = serde_json::to_string(hierarchy).expect("class names are plain text");
    metadata.insert("classes".to_owned(), classes);
    if let Some(id) = error_id {
        metadata.insert("errorId".to_owned(), id.to_owned());
    }
    if let Some(class) = error.class() {
        metadata.insert("errorClass".to_owned(), class.to_owned());
    }
    if let Some(state) = error.sql_state() {
        metadata.insert("sqlState".to_owned(), state.to_owned());
    }
    let parameters: BTreeMap<_, _> = error.parameters().collect();
    let parameters = serde_json::to_string(&parameters).expect("parameters are plain text");
    if error.class().is_some() && parameters.len() <= PARAMETERS_BYTES_MAX {
        metadata.insert("messageParameters".to_owned(), parameters);
    }
    let details = ErrorDetails::with_error_info(hierarchy[0], "org.apache.spark", metadata);
    Status::with_error_details(Code::Internal, shortened(&error.to_spark_message()), details)
}

/// The error and its causes, outermost first, as `FetchErrorDetails` gives them.
pub(crate) fn chain(error: &Error) -> Vec<ErrorMessage> {
    let mut messages = vec![message(error)];
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let cause_idx = i32::try_from(messages.len()).expect("a chain of causes is short");
        if let Some(last) = messages.last_mut() {
            last.cause_idx = Some(cause_idx);
        }
        messages.push(match current.downcast_ref::<Error>() {
            Some(ours) => message(ours),
            None => foreign(current),
        });
        cause = current.source();
    }
    messages
}

fn message(error: &Error) -> ErrorMessage {
    ErrorMessage {
        error_type_hierarchy: error.exception().hierarchy().iter().map(|class| (*class).to_owned()).collect(),
        message: error.to_spark_message(),
        stack_trace: vec![],
        cause_idx: None,
        spark_throwable: Some(SparkThrowable {
            error_class: error.class().map(str::to_owned),
            message_parameters: error.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            query_contexts: error.query_context().map(context).into_iter().collect(),
            sql_state: error.sql_state().map(str::to_owned),
            breaking_change_info: None,
        }),
    }
}

/// The place that an error comes from. Spark counts from -1 where it knows none.
fn context(context: &QueryContext) -> ContextMessage {
    let index = |index: usize| i32::try_from(index).unwrap_or(i32::MAX);
    let summary = context.summary();
    match context {
        QueryContext::Sql(sql) => {
            let (object_type, object_name) = sql.text.object.clone().unwrap_or_default();
            ContextMessage {
                context_type: ContextType::Sql.into(),
                object_type,
                object_name,
                start_index: index(sql.start_index()),
                stop_index: index(sql.stop_index()),
                fragment: sql.fragment().to_owned(),
                call_site: String::new(),
                summary,
            }
        }
        QueryContext::DataFrame(call) => ContextMessage {
            context_type: ContextType::Dataframe.into(),
            fragment: call.fragment.clone(),
            call_site: call.call_site.clone(),
            summary,
            ..ContextMessage::default()
        },
        QueryContext::Unknown => ContextMessage { start_index: -1, stop_index: -1, ..ContextMessage::default() },
    }
}

/// An error of a library below us, which has neither class nor exception.
fn foreign(error: &(dyn std::error::Error + 'static)) -> ErrorMessage {
    ErrorMessage {
        error_type_hierarchy: SparkException::Spark.hierarchy().iter().map(|class| (*class).to_owned()).collect(),
        message: error.to_string(),
        ..ErrorMessage::default()
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
