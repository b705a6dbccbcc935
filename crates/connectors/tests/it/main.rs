//! What every connector promises, and connectors against the real things.

mod contract;
mod exactly_once;
mod files;
mod filters;
mod kafka;
mod kafka_sink;
mod shared_reads;
mod unpacked;
