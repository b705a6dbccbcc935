//! The functions from outside: SQL text in, answers out, held against what Apache Spark answered.

mod errors;
mod functions;
mod limits;
mod table;
