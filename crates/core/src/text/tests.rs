//! Against the JVM and Apache Spark.
