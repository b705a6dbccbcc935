//! The ways between Spark Connect's messages of types and the Arrow forms that [`millstream_functions::data_type`]
//! fixes.

mod from_proto;
#[cfg(test)]
mod tests;
mod to_proto;

pub(crate) use from_proto::{from_proto, from_text, schema_from_proto};
pub(crate) use to_proto::METADATA_KEY;
pub use to_proto::{schema_to_proto, to_proto};
