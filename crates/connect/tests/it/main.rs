//! The service as a client sees it, over a real connection, with the generated client of Spark Connect.

mod client;
mod config;
mod errors;
mod interrupt;
mod queries;
mod reattach;
mod session;
mod streaming;
mod unsupported;
