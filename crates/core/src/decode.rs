//! What a decoder is: from the bytes of a message to an Arrow column, driven by a schema that is known only at run
//! time.
//!
//! A source calls a decoder on slices of its own buffers while it scans, `from_json` calls it on a column: one
//! implementation, one meaning. The decoders themselves are in `millstream-formats`.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::error::Result;

/// How values are decoded. Cheap to share; the work is done by the [`ValueDecoding`]s it starts.
pub trait ValueDecoder: Send + Sync + Debug {
    /// The type of the decoded column.
    fn data_type(&self) -> DataType;

    /// Starts decoding for one task.
    fn start(&self) -> Box<dyn ValueDecoding>;

    /// A decoder to a STRUCT of only these top-level fields, by index and in this order. It reads every value as this
    /// one does, what is malformed included. `None` where the fields cannot be had apart; then all must be asked for.
    fn prune(&self, fields: &[usize]) -> Option<Arc<dyn ValueDecoder>> {
        let _ = fields;
        None
    }
}

/// Decodes value after value into one column.
pub trait ValueDecoding: Send {
    /// Appends one value; `None` is SQL NULL. What cannot be decoded becomes what the decoder's mode says, an error
    /// only where the mode asks for one.
    fn append(&mut self, value: Option<&[u8]>) -> Result<()>;

    /// Values appended since the last [`ValueDecoding::finish`].
    fn len(&self) -> usize;

    /// Whether nothing has been appended since the last [`ValueDecoding::finish`].
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column of everything appended; the decoding starts over, empty.
    fn finish(&mut self) -> Result<ArrayRef>;
}
