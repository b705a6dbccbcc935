//! Two processes on one store, stores that answer badly, and stores that are not what they should be.

mod errors;
mod lost_answers;
mod takeover;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Clock, SystemClock};
use millstream_test_servers::S3Server;
use millstream_testing::ManualClock;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::s3::S3Settings;
use super::{CheckpointDisks, ObjectStoreDisk};

const LEASE: Duration = Duration::from_secs(10);
const LOG: &str = "s3://bucket/query/millstream/log-0";
const LOCK: &str = "s3://bucket/query/millstream/lock";

/// The machine's clock.
fn machine() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration))))
}

/// A client of the server for `bucket`.
fn client(server: &S3Server) -> Arc<dyn ObjectStore> {
    server.environment().into_iter().collect::<S3Settings>().open("bucket").expect("settings of a test")
}

fn disk(store: &Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> ObjectStoreDisk {
    ObjectStoreDisk::new(Arc::clone(store), clock, LEASE)
}

fn path(text: &str) -> &Path {
    Path::new(text)
}
