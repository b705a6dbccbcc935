//! Requests that fail once, before or after they were carried out: nothing of it is seen.

use millstream_core::Disk;
use millstream_test_servers::S3Fault;

use super::*;

const FAULTS: [S3Fault; 3] = [S3Fault::Dropped, S3Fault::AnswerLost, S3Fault::SlowDown];

/// What is asked of the store while a checkpoint is opened, written, read and left, with a request that fails.
async fn check(line: &str, fault: S3Fault) {
    let server = S3Server::start(&["bucket"]);
    let disk = disk(&client(&server), machine());
    server.fail(line, 0, fault);
    let case = format!("{line} {fault:?}");
    let lock = disk.lock(path(LOCK)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    let log = disk.create_file(path(LOG)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    for bytes in [b"one", b"two"] {
        log.append(bytes).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let head = path("s3://bucket/query/millstream/snapshot-1");
    disk.replace(head, b"head".to_vec(), true).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    let read = disk.read(path(LOG)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(read.as_deref(), Some(&b"onetwo"[..]), "{case}");
    let names = disk.list(path("s3://bucket/query/millstream")).await.unwrap();
    assert_eq!(names, ["lock", "log-0", "snapshot-1"], "{case}");
    disk.remove(path(LOG)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    lock.release().await.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(server.has_failed(), "{case} never came");
    assert_eq!(server.keys("bucket"), ["query/millstream/lock", "query/millstream/snapshot-1"], "{case}");
    // The lock is free: nobody waits for a clock that stands still.
    let next = ObjectStoreDisk::new(client(&server), ManualClock::new(), LEASE);
    next.lock(path(LOCK)).await.unwrap();
}

#[tokio::test]
async fn a_request_that_fails_once_is_made_again() {
    for fault in FAULTS {
        for line in ["GET", "PUT", "LIST", "DELETE"] {
            check(&format!("{line} bucket"), fault).await;
        }
        for object in ["lock", "log-0/chunk-", "snapshot-1"] {
            check(&format!("PUT bucket/query/millstream/{object}"), fault).await;
        }
    }
}

#[tokio::test]
async fn many_appends_are_few_objects() {
    let server = S3Server::start(&["bucket"]);
    let disk = disk(&client(&server), machine());
    let log = disk.create_file(path(LOG)).await.unwrap();
    let mut expected = Vec::new();
    for number in 0..600_u32 {
        log.append(&number.to_be_bytes()).await.unwrap();
        expected.extend(number.to_be_bytes());
    }
    // Twice 256 are merged, and 88 are not yet.
    assert_eq!(server.keys("bucket").len(), 2 + 88);
    assert_eq!(disk.read(path(LOG)).await.unwrap(), Some(expected));
    disk.remove(path(LOG)).await.unwrap();
    assert!(server.keys("bucket").is_empty());
}
