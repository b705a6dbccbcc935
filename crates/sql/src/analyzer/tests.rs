//! The analyzer against Apache Spark's recorded answers, and the plans of the example programs.

mod common_types;
mod contexts;
mod filters;
mod fixture;
mod programs;
mod rows;
mod spark_answers;
