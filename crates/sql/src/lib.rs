//! Spark's language: SQL text and the analyzer.
//!
//! SQL text becomes Spark Connect messages ([`parser`]); Spark Connect relations, from whatever client, become
//! DataFusion plans ([`analyze`]) whose streaming leaves and operators are the engine's own nodes. Batch plans are
//! executed here ([`collect_stream`]); streaming plans are handed to the engine.
//!
//! Deliberately not here: sessions, gRPC, and anything about how a stream runs.

mod analyzer;
mod data_type;
mod grouping_sets;
pub mod nesting;
pub mod parser;
mod session;

pub use analyzer::{Analyzed, Observation, analyze, analyze_with_data, collect_stream, parse_name, table_not_found};
pub use data_type::{schema_to_proto, to_proto as type_to_proto};
pub use session::{AnalysisContext, Catalog, NamedRelation};

/// The names of all functions that are built, for those who look for the one that was meant.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    let scalar = millstream_functions::entries().flat_map(|entry| entry.aliases.iter().copied().chain([entry.name]));
    scalar.chain(["range"])
}
