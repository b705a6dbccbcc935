//! The errors of the protocol itself that are raised in many places.

use millstream_core::{Error, spark_error};

/// A message without the field that says what it is, which Spark calls by the name of its generated code.
pub(crate) fn not_set(message: &str, case: &str) -> Error {
    spark_error!("CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET", fullName = message, name = case)
}

/// A relation that is missing. To Spark it is an empty message.
pub(crate) fn relation_not_set() -> Error {
    not_set("spark.connect.Relation", "RELTYPE_NOT_SET")
}

/// Messages that the protocol does not allow one after the other.
pub(crate) fn invalid_plan(text: &str) -> Error {
    spark_error!("CONNECT_INVALID_PLAN.ASSERTION_FAILURE", message = text)
}

/// A plan that the client has compressed. PySpark switches compression off when it sees this class.
pub(crate) fn compressed_plan() -> Error {
    spark_error!("CONNECT_INVALID_PLAN.CANNOT_PARSE", errorMsg = "Millstream reads plans that are not compressed")
}

/// Somebody interrupted the operation.
pub(crate) fn operation_canceled() -> Error {
    spark_error!("OPERATION_CANCELED")
}

/// Valid Spark that is not built here.
pub(crate) fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported by Millstream."))
}
