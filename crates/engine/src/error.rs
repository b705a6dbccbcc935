//! The one place where DataFusion's errors become ours, and ours travel through DataFusion.

use datafusion::error::DataFusionError;
use millstream_core::{Error, spark_error};

/// Wraps an error of ours for the way through DataFusion; [`from_datafusion`] unwraps it, so that its kind is not lost.
pub fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error that came out of DataFusion.
pub fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(nested) => from_datafusion(*nested),
                Err(other) => Error::internal(format!("an operator failed: {other}")).with_source(other),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Shared(inner) => from_shared(&inner),
        DataFusionError::ArrowError(inner, _) => Error::from(*inner),
        // DataFusion says who wanted how much, which Spark's message has no room for.
        DataFusionError::ResourcesExhausted(message) => spark_error!("UNABLE_TO_ACQUIRE_MEMORY": message),
        DataFusionError::NotImplemented(message) => Error::unsupported(message),
        other => Error::internal(format!("an operator failed: {other}")).with_source(other),
    }
}

/// A failed stream may be asked twice, and DataFusion then shares one error; what can be copied of ours is.
fn from_shared(error: &DataFusionError) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(ours) = current.downcast_ref::<Error>() {
            return ours.duplicate();
        }
        cause = current.source();
    }
    Error::internal(format!("an operator failed: {error}"))
}
