//! Locations of checkpoints.

use std::path::Path;

use super::*;

#[test]
fn a_location_is_a_folder_or_a_bucket() {
    for (location, expected) in [
        ("checkpoints/a", "checkpoints/a"),
        ("/checkpoints/a", "/checkpoints/a"),
        ("file:/checkpoints/a", "/checkpoints/a"),
        ("file:///checkpoints/a", "/checkpoints/a"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("s3a://bucket/a", "s3a://bucket/a"),
    ] {
        assert_eq!(place(location).unwrap(), Path::new(expected), "{location}");
    }
    // What is joined to a location is still one.
    assert_eq!(place("s3://bucket/a").unwrap().join("name").to_str(), Some("s3://bucket/a/name"));
    for scheme in ["hdfs", "gs", "abfss", "s3n"] {
        let error = place(&format!("{scheme}://somewhere/a")).unwrap_err();
        let text = error.to_spark_message();
        for part in [&*format!("A checkpoint on '{scheme}'"), "a folder of this machine, or s3://bucket/folder"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
