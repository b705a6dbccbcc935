//! The errors of the protocol itself, with Spark's words: clients search the messages for the class names.

use millstream_core::Error;
use millstream_core::error::{ErrorKind, SparkException};

/// A session or operation id that cannot be used.
pub(crate) fn invalid_handle(reason: &str, handle: &str) -> Error {
    let text = match reason {
        "FORMAT" => "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'",
        "OPERATION_ABANDONED" => "Operation was considered abandoned because of inactivity and removed.",
        "OPERATION_ALREADY_EXISTS" => "Operation already exists.",
        "OPERATION_NOT_FOUND" => "Operation not found.",
        "SESSION_CHANGED" => "The existing Spark server driver instance has restarted. Please reconnect.",
        "SESSION_CLOSED" => "Session was closed.",
        _ => "Session not found.",
    };
    Error::new(ErrorKind::NotFound, format!("The handle {handle} is invalid. {text}"))
        .with_class(format!("INVALID_HANDLE.{reason}"), SparkException::Spark)
        .with_sql_state("HY000")
        .with_parameter("handle", handle)
}

/// A place in a result that cannot be read.
pub(crate) fn invalid_cursor(reason: &str, text: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Invalid, format!("The cursor is invalid. {}", text.as_ref()))
        .with_class(format!("INVALID_CURSOR.{reason}"), SparkException::Spark)
        .with_sql_state("HY109")
}

/// Somebody interrupted the operation.
pub(crate) fn operation_canceled() -> Error {
    Error::cancelled("Operation has been canceled.")
        .with_class("OPERATION_CANCELED", SparkException::Spark)
        .with_sql_state("HY008")
}

/// A message that the protocol does not allow.
pub(crate) fn invalid_plan(reason: &str, text: impl AsRef<str>) -> Error {
    Error::invalid(format!("The Spark Connect plan is invalid. {}", text.as_ref()))
        .with_class(format!("CONNECT_INVALID_PLAN.{reason}"), SparkException::Analysis)
        .with_sql_state("56K00")
}

/// Valid Spark that is not built here.
pub(crate) fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported by Millstream."))
}
