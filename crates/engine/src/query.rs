//! Queries from outside: what starts one, what can be asked of it, and who keeps them all.

mod environment;
mod handle;
mod manager;
mod spec;
mod status;

pub use environment::{Engine, Platform, QueryEnvironment};
pub(crate) use handle::QueryControl;
pub use handle::StreamingQuery;
pub use manager::StreamingQueryManager;
pub use spec::{QuerySpec, SyncPolicy};
pub use status::StreamingQueryStatus;
pub(crate) use status::{CLEANING, PROCESSING, WAITING_FOR_DATA, WAITING_FOR_TRIGGER};
