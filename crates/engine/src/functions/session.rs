//! The mark of a key by whose sessions rows are grouped.

use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::{Meaning, with_meaning};

/// A session of its own for each row, STRUCT&lt;start, end&gt;, as a key of an aggregate: sessions that overlap or
/// touch are one.
pub fn session(own: Expr) -> Expr {
    let function = Session { signature: Signature::any(1, Volatility::Immutable) };
    with_meaning(function, Meaning::Session).call(vec![own])
}

/// Gives its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Session {
    signature: Signature,
}

impl ScalarUDFImpl for Session {
    fn name(&self) -> &str {
        "session"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [own] => Ok(own.clone()),
            _ => internal_err!("a session is made of one column"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match <[ColumnarValue; 1]>::try_from(arguments.args) {
            Ok([own]) => Ok(own),
            Err(_) => internal_err!("a session is made of one column"),
        }
    }
}
