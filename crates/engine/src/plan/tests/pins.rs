//! Parts that change while a query runs are fixed for a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_core::{BatchId, Error, ErrorKind, OutputMode, Result};
use serde_json::{Value, json};

use crate::plan::BatchInputs;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest};
use crate::run::Pinned;

/// A rule set whose version goes up; none is valid at version 0.
#[derive(Debug)]
struct Rules {
    version: AtomicU64,
}

impl Pinned for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn pin(&self) -> Result<Value> {
        match self.version.load(Ordering::Relaxed) {
            0 => Err(Error::invalid("there are no rules")),
            version => Ok(json!({ "version": version })),
        }
    }
}

#[tokio::test]
async fn what_was_pinned_is_given_to_every_run_of_the_batch() {
    let rules = Arc::new(Rules { version: AtomicU64::new(1) });
    let (source, setting) = (MemoryRows::default(), Setting::of(OutputMode::Append));
    let pinned: Vec<Arc<dyn Pinned>> = vec![Arc::<Rules>::clone(&rules)];
    let test = StreamTest::start_pinned(source.relation(), setting, pinned).await.unwrap();
    let logged = test.execution.pin().unwrap();
    rules.version.store(2, Ordering::Relaxed);
    let inputs = BatchInputs {
        id: BatchId(0),
        timestamp_ms: 0,
        ranges: vec![None],
        late_watermark_ms: 0,
        eviction_watermark_ms: 0,
        pins: logged,
        muted: false,
    };
    for _ in 0..2 {
        let batch = test.execution.new_batch(inputs.clone());
        assert_eq!(batch.pin("rules"), Some(&json!({ "version": 1 })));
        assert_eq!(batch.pin("model"), None);
    }
    assert_eq!(test.execution.pin().unwrap()["rules"], json!({ "version": 2 }));
    rules.version.store(0, Ordering::Relaxed);
    assert_eq!(test.execution.pin().unwrap_err().kind(), ErrorKind::Invalid);
}
