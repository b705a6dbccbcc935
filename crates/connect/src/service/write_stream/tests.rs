//! Locations of checkpoints.

use std::path::Path;

use millstream_connectors::checkpoint::{CheckpointDisks, S3Settings};
use millstream_core::MemoryLedger;
use millstream_engine::{LocalDisk, Platform};
use millstream_testing::ManualClock;

use super::*;

/// An engine on the disks that the binary gives it.
fn engine() -> Engine {
    let clock = ManualClock::new();
    let disks = CheckpointDisks::new(Arc::new(LocalDisk), clock.clone(), S3Settings::default());
    let platform = Platform { disk: Arc::new(disks), ..Platform::system(clock) };
    Engine::on(platform, MemoryLedger::unlimited(), 1)
}

#[test]
fn a_location_is_a_folder_or_a_bucket() {
    let engine = engine();
    for (location, expected) in [
        ("checkpoints/a", "checkpoints/a"),
        ("/checkpoints/a", "/checkpoints/a"),
        ("file:/checkpoints/a", "/checkpoints/a"),
        ("file:///checkpoints/a", "/checkpoints/a"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("s3a://bucket/a", "s3a://bucket/a"),
    ] {
        assert_eq!(place(&engine, location).unwrap(), Path::new(expected), "{location}");
    }
    // What is joined to a location is still one.
    assert_eq!(place(&engine, "s3://bucket/a").unwrap().join("name").to_str(), Some("s3://bucket/a/name"));
    for location in ["hdfs://somewhere/a", "gs://somewhere/a", "abfss://somewhere/a", "s3n://somewhere/a", "dbfs:/a"] {
        let scheme = location.split(':').next().unwrap();
        let error = place(&engine, location).unwrap_err();
        let text = error.to_spark_message();
        for part in [&*format!("A checkpoint on '{scheme}'"), "a folder of this machine, or s3://bucket/folder"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
