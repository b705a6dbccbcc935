//! connectors

pub mod kafka;
