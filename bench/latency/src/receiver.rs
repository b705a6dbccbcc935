//! The half of the driver that reads results, on a thread and a runtime of its own: each is counted the moment it is
//! there.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use millstream_kafka::{Assignment, Decompressor, FetchOptions, TopicPartition};
use tokio::time::timeout_at;

use crate::client_with;
use crate::drive::Clock;
use crate::tally::Tally;

/// How long after the last row is due the last result may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads until everything has come.
pub(crate) fn receive(
    (bootstrap, topic, isolation): (&str, &str, &str),
    clock: Clock,
    sending: Duration,
    mut tally: Tally,
) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let until = clock.begin + sending + PATIENCE;
    runtime.block_on(async {
        let start = Assignment { of: TopicPartition::new(topic, 0), position: 0, end: None };
        let mut fetcher = client_with(bootstrap, isolation)?.fetcher([start], FetchOptions::default());
        let mut room = Decompressor::new();
        while !tally.is_complete() {
            let Ok(fetched) = timeout_at(until.into(), fetcher.next()).await else {
                let (done, wanted) = tally.progress();
                bail!("only {done} of {wanted} rows came back");
            };
            let Some(fetched) = fetched? else { bail!("the reader has ended") };
            for partition in fetched.partitions() {
                for batch in partition.batches() {
                    let mut records = batch?.records(&mut room)?;
                    while let Some(record) = records.next()? {
                        let times = (clock.ns_of(clock.begin), clock.ns_of(Instant::now()));
                        tally.add(record.value.unwrap_or_default(), times)?;
                    }
                }
            }
        }
        Ok(tally)
    })
}
