//! The binary from outside: its command line, PySpark's client on it, programs on real Kafka, and its death.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod command_line;
mod crash;
mod program;
mod programs;
mod pyspark;
