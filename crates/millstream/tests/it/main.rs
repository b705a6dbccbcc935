//! The binary from outside: its command line, PySpark's client on it, programs on real Kafka and on its own broker, and
//! its death. And what only all parts together promise: that each result is in Kafka once.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]
#![allow(clippy::disallowed_methods, reason = "what is promised of the process is promised in real time")]

mod cluster;
mod command_line;
mod crash;
mod crash_test;
mod demo;
mod exactly_once;
mod file_kills;
mod file_sink;
mod file_source;
mod first_hour;
mod old_kafka;
mod pressure;
mod program;
mod programs;
mod pyspark;
mod risk;
mod sql;
mod topic;
