//! One file per call or family of commands. Each takes a message, works on its session, and answers with a message.

pub(crate) mod analyze_plan;
pub(crate) mod artifacts;
mod catalog;
mod command;
pub(crate) mod config;
pub(crate) mod error_details;
pub(crate) mod execute_plan;
pub(crate) mod interrupt;
mod lasting_table;
mod listener_bus;
mod listing;
pub(crate) mod query_plan;
pub(crate) mod reattach;
pub(crate) mod release;
pub(crate) mod session;
mod session_ref;
pub(crate) mod sql_command;
mod store_assignment;
mod streaming_query;
mod streaming_query_manager;
pub(crate) mod table;
mod table_statement;
mod view;
mod write_batch;
pub(crate) mod write_stream;
mod write_v2;

use millstream_core::Error;
use tonic::Status;

use self::session_ref::SessionRequest;

/// The status of an error for which no session keeps the details.
fn bare(error: Error) -> Status {
    crate::error::status(&error, None)
}
