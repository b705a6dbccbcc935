//! Connectors against the real things.

mod kafka;
