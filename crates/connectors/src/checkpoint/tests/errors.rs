//! Each thing that can be wrong with a store is said in the store's words, with the mend, and soon.

use std::net::TcpListener;

use millstream_core::{Disk, DiskError};
use millstream_test_servers::Conditions;

use super::*;

/// Locks a checkpoint and compares the error.
async fn check(settings: &S3Settings, location: &str, expected: (&str, &str)) {
    let nowhere = Arc::new(ObjectStoreDisk::new(Arc::new(InMemory::new()), machine(), LEASE));
    let disk = CheckpointDisks::new(nowhere, machine(), settings.clone());
    let error = disk.lock(path(location)).await.unwrap_err();
    let (message, mend) = (error.to_string(), DiskError::mend(&error).unwrap_or_default());
    assert!(message.contains(expected.0), "{location}: {message}");
    assert!(mend.contains(expected.1), "{location}: {message}: {mend}");
}

/// The settings for a server with some of them changed; `None` leaves one out.
fn settings(server: &S3Server, changes: &[(&str, Option<&str>)]) -> S3Settings {
    let unchanged = server.environment().into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let changed = changes.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.to_string())));
    unchanged.map(|(name, value)| (name.to_owned(), value)).chain(changed).collect()
}

#[tokio::test]
async fn what_is_wrong_with_a_store_is_said_with_the_mend() {
    let server = S3Server::start(&["bucket"]);
    // A port on which nobody listens any more.
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (changes, location, expected) in [
        (&[][..], "s3://other/query", ("the store has no such bucket (NoSuchBucket", "make the bucket")),
        (
            &[("AWS_ACCESS_KEY_ID", Some("wrong"))],
            "s3://bucket/query",
            ("the store refuses the access key (InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"),
        ),
        (
            &[("AWS_ENDPOINT_URL", Some(&*closed))],
            "s3a://bucket/query",
            ("the store cannot be reached: Connection refused", "check AWS_ENDPOINT_URL and the network"),
        ),
        (
            &[("AWS_ACCESS_KEY_ID", None), ("AWS_SECRET_ACCESS_KEY", None), ("AWS_METADATA_ENDPOINT", Some(&*closed))],
            "s3://bucket/query",
            ("there are no credentials for the store", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ),
        (&[("AWS_SECRET_ACCESS_KEY", None)], "s3://bucket/query", ("SecretAccessKey", "correct the AWS_… variables")),
        (&[], "s3:///query", ("the location names no bucket", "s3://bucket/folder")),
        (&[], "s3:/bucket/query", ("the location names no bucket", "s3://bucket/folder")),
        (&[], "s3://bucket/a/../b", ("its name cannot be that of an object", "choose a checkpoint location")),
    ] {
        check(&settings(&server, changes), location, expected).await;
    }
}

#[tokio::test]
async fn a_store_without_conditional_writes_is_refused() {
    for (conditions, message) in [
        (Conditions::Ignored, "the store passes over the conditions of a write"),
        (Conditions::Refused, "the store cannot do that (NotImplemented"),
    ] {
        let server = S3Server::start(&["bucket"]);
        server.set_conditions(conditions);
        let expected = (message, "use a store with conditional writes");
        check(&settings(&server, &[]), "s3://bucket/query", expected).await;
    }
}

#[tokio::test]
async fn a_location_without_a_scheme_is_on_the_disk_of_this_machine() {
    let server = S3Server::start(&["bucket"]);
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let disks = CheckpointDisks::new(Arc::new(disk(&memory, machine())), machine(), settings(&server, &[]));
    for location in ["s3://bucket/a", "s3a://bucket/b", "bucket/c", "/bucket/d"] {
        disks.replace(path(location), location.into(), true).await.unwrap();
        assert_eq!(disks.read(path(location)).await.unwrap(), Some(location.into()));
    }
    assert_eq!(server.keys("bucket"), ["a", "b"]);
    assert_eq!(disk(&memory, machine()).list(path("bucket")).await.unwrap(), ["c", "d"]);
}

/// A program's own settings open the bucket anew, and leave that of others alone.
#[tokio::test]
async fn a_program_names_its_own_store() {
    let (ours, theirs) = (S3Server::start(&["bucket"]), S3Server::start(&["bucket"]));
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let disks = CheckpointDisks::new(Arc::new(disk(&memory, machine())), machine(), settings(&ours, &[]));
    assert!(disks.with_settings(&[("spark.sql.shuffle.partitions".to_owned(), "1".to_owned())].into()).is_none());
    let conf = [("spark.hadoop.fs.s3a.endpoint".to_owned(), theirs.endpoint())].into();
    let other = disks.with_settings(&conf).expect("another store");
    for (disk, file) in [(&disks as &dyn Disk, "a"), (&*other, "b"), (&disks, "c")] {
        disk.replace(&path("s3a://bucket").join(file), b"x".to_vec(), true).await.unwrap();
    }
    assert_eq!((ours.keys("bucket"), theirs.keys("bucket")), (vec!["a".into(), "c".into()], vec!["b".to_owned()]));
}
