//! Tests of the parser: texts beside the messages they become, and verdicts recorded from Apache Spark.

mod errors;
mod expressions;
mod queries;
mod render;
mod statements;
mod verdicts;
