//! `from_json` and its kin as the engine sees them: a decoder over one binary or string column.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use millstream_core::decode::{ValueDecoder, ValueDecoding};

use crate::error::to_datafusion;

/// Decodes the values of its one argument, BINARY or STRING. Directly over a source's column it is pushed into the
/// scan.
#[derive(Debug, Clone)]
pub struct Decode {
    name: String,
    /// Tells decoders apart: name, schema and options as text.
    identity: String,
    decoder: Arc<dyn ValueDecoder>,
    signature: Signature,
}

impl Decode {
    /// A function called `name` in plans; `identity` says all that its meaning depends on.
    pub fn new(name: impl Into<String>, identity: impl Into<String>, decoder: Arc<dyn ValueDecoder>) -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        Self { name: name.into(), identity: identity.into(), decoder, signature }
    }

    /// What decodes.
    pub fn decoder(&self) -> &Arc<dyn ValueDecoder> {
        &self.decoder
    }

    fn decode(&self, column: &dyn Array) -> Result<ArrayRef> {
        let mut decoding = self.decoder.start();
        match column.data_type() {
            DataType::Binary => append_all(&mut *decoding, column.as_binary::<i32>().iter())?,
            DataType::Utf8 => {
                append_all(&mut *decoding, column.as_string::<i32>().iter().map(|text| text.map(str::as_bytes)))?;
            }
            DataType::Null => append_all(&mut *decoding, (0..column.len()).map(|_| None))?,
            other => return exec_err!("{} cannot decode {other}", self.name),
        }
        decoding.finish().map_err(to_datafusion)
    }
}

fn append_all<'a>(decoding: &mut dyn ValueDecoding, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<()> {
    for value in values {
        decoding.append(value).map_err(to_datafusion)?;
    }
    Ok(())
}

impl PartialEq for Decode {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.identity == other.identity
    }
}

impl Eq for Decode {}

impl Hash for Decode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.identity.hash(state);
    }
}

impl ScalarUDFImpl for Decode {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.decoder.data_type())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [ColumnarValue::Array(column)] => Ok(ColumnarValue::Array(self.decode(column)?)),
            [ColumnarValue::Scalar(value)] => {
                let decoded = self.decode(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&decoded, 0)?))
            }
            other => internal_err!("{} takes one argument, not {}", self.name, other.len()),
        }
    }
}
