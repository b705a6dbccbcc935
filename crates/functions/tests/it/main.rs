//! The functions from outside: SQL text in, answers out, held against what Apache Spark answered.

mod errors;
mod functions;
mod fuzz;
mod limits;
mod table;

#[global_allocator]
static ALLOCATOR: millstream_testing::CountingAllocator = millstream_testing::CountingAllocator;
