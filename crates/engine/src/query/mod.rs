//! Queries from outside: what starts one, what can be asked of it, and who keeps them all.

mod spec;

pub use spec::{QuerySpec, SyncPolicy};
