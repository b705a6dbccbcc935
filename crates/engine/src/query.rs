//! Queries from outside: what starts one, what can be asked of it, and who keeps them all.

mod engine;
mod handle;
mod manager;

pub use engine::Engine;
pub use handle::StreamingQuery;
pub use manager::StreamingQueryManager;
