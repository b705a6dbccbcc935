//! A process that was stopped, clock and all, and goes on after another has taken over.

use std::io::ErrorKind;

use futures::future::BoxFuture;
use millstream_core::{Disk, DiskFile, DiskLock};
use millstream_test_servers::S3Fault;

use super::*;

/// The first holder, which has written, and the second, which waits for its own clock only.
struct World {
    first: ObjectStoreDisk,
    log: Arc<dyn DiskFile>,
    _lock: Box<dyn DiskLock>,
    second: ObjectStoreDisk,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new(store: &Arc<dyn ObjectStore>) -> Self {
        let first = disk(store, ManualClock::new());
        let lock = first.lock(path(LOCK)).await.unwrap();
        let log = first.create_file(path(LOG)).await.unwrap();
        for bytes in [b"one", b"two"] {
            log.append(bytes).await.unwrap();
        }
        first.replace(path("s3://bucket/query/millstream/snapshot-1"), b"head".to_vec(), true).await.unwrap();
        let clock = ManualClock::new();
        let second = disk(store, clock.clone());
        Self { first, log, _lock: lock, second, clock }
    }

    async fn take_over(&self) -> Box<dyn DiskLock> {
        self.clock.pass_while(LEASE / 4, self.second.lock(path(LOCK))).await.unwrap()
    }

    /// All that the second process reads.
    async fn seen(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let folder = path("s3://bucket/query/millstream");
        let mut seen = Vec::new();
        for name in self.second.list(folder).await.unwrap().into_iter().filter(|name| name != "lock") {
            let bytes = self.second.read(&folder.join(&name)).await.unwrap();
            seen.push((name, bytes));
        }
        seen
    }
}

type Attempt = for<'a> fn(&'a World) -> BoxFuture<'a, std::io::Result<()>>;

/// What a holder does to its folder.
const ATTEMPTS: [(&str, Attempt); 6] = [
    ("append", |world| world.log.append(b"three")),
    ("create", |world| {
        Box::pin(async {
            let file = world.first.create_file(path("s3://bucket/query/millstream/log-1")).await?;
            file.append(b"four").await
        })
    }),
    ("replace", |world| world.first.replace(path("s3://bucket/query/millstream/snapshot-2"), b"late".to_vec(), true)),
    ("truncate", |world| world.first.truncate(path(LOG), 1)),
    ("remove", |world| world.first.remove(path(LOG))),
    ("remove the folder", |world| world.first.remove_folder(path("s3://bucket/query/millstream"))),
];

async fn stores() -> [(&'static str, Arc<dyn ObjectStore>, Option<S3Server>); 2] {
    let server = S3Server::start(&["bucket"]);
    [("memory", Arc::new(InMemory::new()), None), ("S3", client(&server), Some(server))]
}

#[tokio::test]
async fn whoever_lost_a_lock_unnoticed_changes_nothing_that_the_next_holder_reads() {
    for (what, attempt) in ATTEMPTS {
        for (store_name, store, _server) in stores().await {
            let world = World::new(&store).await;
            let _second = world.take_over().await;
            let seen = world.seen().await;
            assert_eq!(seen[0], ("log-0".to_owned(), Some(b"onetwo".to_vec())));
            assert_eq!(seen[1], ("snapshot-1".to_owned(), Some(b"head".to_vec())));
            let error = attempt(&world).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceBusy, "{what} on {store_name}: {error}");
            assert_eq!(error.to_string(), "another process has taken over this checkpoint", "{what} on {store_name}");
            assert_eq!(world.seen().await, seen, "{what} on {store_name}");
            // It knows by now, and does not even ask.
            for (what, attempt) in ATTEMPTS {
                assert!(attempt(&world).await.is_err(), "{what} on {store_name}");
            }
            assert_eq!(world.seen().await, seen, "{what} on {store_name}");
        }
    }
}

#[tokio::test]
async fn a_takeover_that_fails_leaves_the_rest_to_the_next() {
    let server = S3Server::start(&["bucket"]);
    let store = client(&server);
    let world = World::new(&store).await;
    // More often than it is tried.
    for _ in 0..50 {
        server.fail("PUT bucket/query/millstream/log-0/chunk-", 0, S3Fault::Dropped);
    }
    assert!(world.clock.pass_while(LEASE / 4, world.second.lock(path(LOCK))).await.is_err());
    server.mend();
    let clock = ManualClock::new();
    let third = disk(&store, clock.clone());
    let _third = clock.pass_while(LEASE / 4, third.lock(path(LOCK))).await.unwrap();
    assert!(clock.monotonic() >= LEASE);
    assert_eq!(world.log.append(b"three").await.unwrap_err().kind(), ErrorKind::ResourceBusy);
}

/// The next holder has long forgotten that segment of the log when the first one comes back.
#[tokio::test]
async fn a_file_that_is_gone_is_not_appended_to() {
    for (store_name, store, _server) in stores().await {
        let world = World::new(&store).await;
        let _second = world.take_over().await;
        world.second.remove(path(LOG)).await.unwrap();
        let seen = world.seen().await;
        assert_eq!(seen.len(), 1, "{store_name}: {seen:?}");
        assert_eq!(world.second.read(path(LOG)).await.unwrap(), None);
        assert_eq!(world.log.append(b"three").await.unwrap_err().kind(), ErrorKind::ResourceBusy, "{store_name}");
        assert_eq!(world.seen().await, seen, "{store_name}");
        // Its name can be taken again by whoever holds the lock.
        let file = world.second.create_file(path(LOG)).await.unwrap();
        for bytes in [&b"a"[..], b"longer one"] {
            file.append(bytes).await.unwrap();
        }
        assert_eq!(world.second.read(path(LOG)).await.unwrap().as_deref(), Some(&b"alonger one"[..]));
    }
}

/// Without anybody in between, each of them works as long as the lock is held, so the test above can fail.
#[tokio::test]
async fn a_holder_does_what_it_likes() {
    for (what, attempt) in ATTEMPTS {
        for (store_name, store, _server) in stores().await {
            let world = World::new(&store).await;
            assert!(attempt(&world).await.is_ok(), "{what} on {store_name}");
        }
    }
}

/// An append that was on its way while the lock was taken over is too late.
#[tokio::test]
async fn an_append_that_arrives_after_the_takeover_is_refused() {
    let server = S3Server::start(&["bucket"]);
    let world = World::new(&client(&server)).await;
    server.hold("PUT bucket/query/millstream/log-0/chunk-");
    let log = Arc::clone(&world.log);
    let late = tokio::spawn(async move { log.append(b"three").await });
    while !server.is_holding() {
        tokio::task::yield_now().await;
    }
    let _second = world.take_over().await;
    let seen = world.seen().await;
    server.release();
    assert_eq!(late.await.unwrap().unwrap_err().kind(), ErrorKind::ResourceBusy);
    assert_eq!(world.seen().await, seen);
    assert_eq!(seen[0].1.as_deref(), Some(&b"onetwo"[..]));
}

#[tokio::test]
async fn a_holder_that_lives_is_left_alone() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let clock = ManualClock::new();
    let (first, second) = (disk(&store, clock.clone()), disk(&store, clock.clone()));
    let lock = first.lock(path(LOCK)).await.unwrap();
    let refused = clock.pass_while(LEASE / 8, second.lock(path(LOCK))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert!(clock.monotonic() < LEASE, "it is refused as soon as the lock is renewed");
    // Released, it is free at once, and nobody waits.
    lock.release().await.unwrap();
    let now = clock.monotonic();
    second.lock(path(LOCK)).await.unwrap();
    assert_eq!(clock.monotonic(), now);
}

/// A batch that is given up may have been renewing the lease.
#[tokio::test]
async fn a_renewal_that_was_given_up_does_not_keep_the_lock() {
    let server = S3Server::start(&["bucket"]);
    let store = client(&server);
    let holder = Arc::new(disk(&store, ManualClock::new()));
    let lock = holder.lock(path(LOCK)).await.unwrap();
    let before = holder.read(path(LOCK)).await.unwrap();
    server.hold("PUT bucket/query/millstream/lock");
    let replacing = Arc::clone(&holder);
    let given_up = tokio::spawn(async move { replacing.replace(path(LOG), vec![1], true).await });
    while !server.is_holding() {
        tokio::task::yield_now().await;
    }
    given_up.abort();
    server.release();
    while holder.read(path(LOCK)).await.unwrap() == before {
        tokio::task::yield_now().await;
    }
    lock.release().await.unwrap();
    disk(&store, ManualClock::new()).lock(path(LOCK)).await.unwrap();
}

#[tokio::test]
async fn a_process_locks_a_folder_once() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let disk = disk(&store, ManualClock::new());
    let lock = disk.lock(path(LOCK)).await.unwrap();
    assert_eq!(disk.lock(path(LOCK)).await.unwrap_err().kind(), ErrorKind::WouldBlock);
    lock.release().await.unwrap();
    disk.lock(path(LOCK)).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_ended_goes_on_where_nobody_took_it() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let clock = ManualClock::new();
    let disk = disk(&store, clock.clone());
    let _lock = disk.lock(path(LOCK)).await.unwrap();
    let log = disk.create_file(path(LOG)).await.unwrap();
    // The machine slept; nothing has been renewed yet.
    clock.advance(2 * LEASE);
    log.append(b"one").await.unwrap();
    assert_eq!(disk.read(path(LOG)).await.unwrap().as_deref(), Some(&b"one"[..]));
}

#[tokio::test]
async fn the_wait_is_that_of_the_longer_lease() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let patient = ObjectStoreDisk::new(Arc::clone(&store), ManualClock::new(), 6 * LEASE);
    let _lock = patient.lock(path(LOCK)).await.unwrap();
    let clock = ManualClock::new();
    let hasty = disk(&store, clock.clone());
    clock.pass_while(LEASE / 4, hasty.lock(path(LOCK))).await.unwrap();
    assert!(clock.monotonic() >= 6 * LEASE);
}
