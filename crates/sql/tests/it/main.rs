//! The SQL crate from outside: text in, answers out, held against what Apache Spark answered.

mod functions;
