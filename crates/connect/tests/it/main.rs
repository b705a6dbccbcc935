//! The service as a client sees it, over a real connection, with the generated client of Spark Connect.

#![allow(clippy::unwrap_used, clippy::large_futures, reason = "a step that fails is a test that fails")]

mod client;
mod config;
mod deep;
mod errors;
mod files;
mod heavy;
mod interrupt;
mod listener;
mod queries;
mod reattach;
mod session;
mod streaming;
mod table_statements;
mod tables;
mod unsupported;
mod writes;
