//! CSV as Spark reads it: records of texts, what they mean by a schema, and the schema that they show.
//!
//! Records are taken apart with the steps of the parser that Spark uses, its treatment of stray quotes included.

mod decoder;
mod header;
mod infer;
mod options;
mod record;
mod scalars;
mod tokenizer;

pub use self::decoder::{CsvDecoder, CsvDecoding};
pub use self::header::column_names;
pub use self::infer::TypeInference;
pub use self::options::{CsvOptions, Dialect, UnescapedQuotes};
pub use self::record::{FieldText, Record};
pub use self::scalars::value_of_text;
pub use self::tokenizer::{Tokenized, Tokenizer};

#[cfg(test)]
mod tests;
