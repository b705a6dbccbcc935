//! Errors of arithmetic that both the functions and the state of a stream raise.

use super::ANSI_ENABLED;
use crate::error::Error;
use crate::spark_error;

/// A computation left the range of its type: what Spark says happened, and the function that answers NULL instead, if
/// there is one.
pub fn arithmetic_overflow(message: &str, instead: &str) -> Error {
    let alternative = match instead {
        "" => String::new(),
        function => format!(" Use '{function}' to tolerate overflow and return NULL instead."),
    };
    spark_error!("ARITHMETIC_OVERFLOW", message = message, alternative = alternative, config = ANSI_ENABLED)
}

/// A number, as text, that a decimal of this precision and scale cannot hold.
pub fn decimal_out_of_range(value: &str, precision: u8, scale: i8) -> Error {
    spark_error!(
        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
        value = value,
        precision = precision,
        scale = scale,
        config = ANSI_ENABLED,
    )
}
