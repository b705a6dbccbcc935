//! The SQL crate from outside: plans in, answers out, held against what Apache Spark answered.

mod streams;
