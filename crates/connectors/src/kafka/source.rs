//! The streaming source (Spark: `KafkaMicroBatchStream`).
//!
//! Under the default trigger a batch ends where the reader has got to, so no broker is asked on the way of a record.
//! The newest offsets are asked for only where the answer needs them: `Trigger.AvailableNow`, limits on offsets, and
//! after rows were lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Clock, GroupOffsets, Offset, OffsetRange, Options, ReadLimit, Result, ScanRequest, Source,
    SourceConfig,
};
use millstream_kafka::TopicPartition;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::columns;
use super::errors::{DataLoss, kafka_write_error};
use super::feed::{Feeds, Settings};
use super::group_offsets::{system_of, to_commit};
use super::lane::{LaneConfig, report};
use super::offset_reader::{End, OffsetReader};
use super::offsets::{
    PartitionMap, behind_latest, from_offset, is_delayed, offsets_between, rate_limit, text_of, to_offset,
};
use super::options::{KafkaOptions, Mode, Strategy};
use super::reader::{AtHand, Reader};
use super::scan::Wanted;

/// How long a batch waits for a group to take its offsets, which is only for others to see.
const GROUP_PATIENCE: Duration = Duration::from_secs(5);
/// How often new partitions are looked for beside the stream of records.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(2);
/// How often a batch that waits for `minOffsetsPerTrigger` looks again.
const LIMITED_INTERVAL: Duration = Duration::from_millis(100);

/// One streaming read of Kafka.
#[derive(Debug)]
pub(crate) struct KafkaSource {
    options: Arc<KafkaOptions>,
    offsets: OffsetReader,
    reader: Reader,
    clock: Arc<dyn Clock>,
    /// Where `Trigger.AvailableNow` ends.
    pinned: Mutex<Option<PartitionMap>>,
    /// When the last batch under `minOffsetsPerTrigger` began.
    last_batch: Mutex<Option<Duration>>,
    /// Where partitions that the start of a batch does not know begin; asked once, so that the answer stays.
    first_offsets: Mutex<PartitionMap>,
    discovery: tokio::sync::Mutex<Option<Discovery>>,
}

/// The task that looks for new partitions.
#[derive(Debug)]
struct Discovery {
    partitions: watch::Receiver<BTreeSet<TopicPartition>>,
    task: JoinHandle<()>,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KafkaSource {
    pub(crate) fn new(options: KafkaOptions, config: &SourceConfig, feeds: &Arc<Feeds>) -> Self {
        let options = Arc::new(options);
        let offsets = OffsetReader::new(Arc::clone(&options));
        let company = Some((Arc::clone(feeds), consumer_settings(&config.options)));
        let reader = Reader::new(&LaneConfig { company, ..lane_config(&options, &offsets, config) });
        Self {
            options,
            offsets,
            reader,
            clock: Arc::clone(&config.clock),
            pinned: Mutex::default(),
            last_batch: Mutex::default(),
            first_offsets: Mutex::default(),
            discovery: tokio::sync::Mutex::default(),
        }
    }

    /// `start` with the first offset of each partition that it does not know.
    async fn with_new_partitions<'a>(
        &self,
        start: &PartitionMap,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<PartitionMap> {
        let mut all = start.clone();
        let mut unasked = Vec::new();
        {
            let known = self.first_offsets.lock();
            for of in partitions {
                if start.contains_key(of) {
                    continue;
                }
                match known.get(of) {
                    Some(&first) => drop(all.insert(of.clone(), first)),
                    None => unasked.push(of.clone()),
                }
            }
        }
        if !unasked.is_empty() {
            let first = self.offsets.earliest(unasked).await?;
            for (of, &start) in first.iter().filter(|(_, first)| **first > 0) {
                report(DataLoss::AddedPartitionDoesNotStartFromZero { of, start }, self.options.fail_on_data_loss)?;
            }
            self.first_offsets.lock().extend(first.clone());
            all.extend(first);
        }
        Ok(all)
    }

    /// `start` without partitions that are gone, or that the options no longer ask for.
    async fn without_deleted(&self, start: &PartitionMap, known: &BTreeSet<TopicPartition>) -> Result<PartitionMap> {
        if start.keys().all(|of| known.contains(of)) {
            return Ok(start.clone());
        }
        // What is known may be older than the start.
        let known = self.offsets.partitions().await?;
        let (kept, deleted): (PartitionMap, PartitionMap) =
            start.clone().into_iter().partition(|(of, _)| known.contains(of));
        self.check_range(&deleted, &PartitionMap::new())?;
        Ok(kept)
    }

    /// The partitions there were a moment ago; later ones come by themselves.
    async fn discovered(&self) -> Result<watch::Receiver<BTreeSet<TopicPartition>>> {
        let mut discovery = self.discovery.lock().await;
        if let Some(running) = &*discovery {
            return Ok(running.partitions.clone());
        }
        let (sender, partitions) = watch::channel(self.offsets.partitions().await?);
        let (offsets, clock) = (self.offsets.clone(), Arc::clone(&self.clock));
        let task = tokio::spawn(async move {
            loop {
                clock.sleep(DISCOVERY_INTERVAL).await;
                // A topic that is gone is reported where its rows are missed.
                if let Ok(found) = offsets.partitions().await {
                    sender.send_if_modified(|known| {
                        let modified = *known != found;
                        *known = found;
                        modified
                    });
                }
            }
        });
        *discovery = Some(Discovery { partitions: partitions.clone(), task });
        Ok(partitions)
    }

    /// The end of a batch under the limits of the options.
    async fn limited(&self, start: &PartitionMap, latest: &PartitionMap) -> Result<PartitionMap> {
        let start = self.with_new_partitions(start, latest.keys()).await?;
        if let Some(least) = self.options.min_offsets_per_trigger
            && self.pinned.lock().is_none()
        {
            let now = self.clock.monotonic();
            let mut last_batch = self.last_batch.lock();
            let waited = last_batch.map_or(Duration::MAX, |last| now.saturating_sub(last));
            if is_delayed(least, &start, latest, (waited, self.options.max_trigger_delay)) {
                return Ok(start);
            }
            *last_batch = Some(now);
        }
        Ok(match self.options.max_offsets_per_trigger {
            Some(limit) => rate_limit(limit, &start, latest),
            None => latest.clone(),
        })
    }

    fn is_limited(&self) -> bool {
        self.options.max_offsets_per_trigger.is_some() || self.options.min_offsets_per_trigger.is_some()
    }

    /// Compares a batch's range with what may be: partitions gone, offsets that went back.
    fn check_range(&self, start: &PartitionMap, end: &PartitionMap) -> Result<()> {
        let fail = self.options.fail_on_data_loss;
        let deleted: Vec<_> = start.keys().filter(|of| !end.contains_key(*of)).cloned().collect();
        if !deleted.is_empty() {
            let group_id_is_set = self.options.group_id_is_set;
            report(DataLoss::PartitionsDeleted { of: &deleted, group_id_is_set }, fail)?;
        }
        for (of, &to) in end {
            if let Some(&from) = start.get(of).filter(|from| **from > to) {
                report(DataLoss::OffsetChanged { of, from, to }, fail)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn lane_config(options: &KafkaOptions, offsets: &OffsetReader, config: &SourceConfig) -> LaneConfig {
    LaneConfig {
        client: offsets.client.clone(),
        memory: config.memory.clone(),
        fail_on_data_loss: options.fail_on_data_loss,
        group_id_is_set: options.group_id_is_set,
        cores: config.cores,
        company: None,
    }
}

/// What two queries must have in common to be read for at once: all that is said of the consumer but its names.
fn consumer_settings(options: &Options) -> Settings {
    let names = ["kafka.client.id", "kafka.group.id"];
    let all = options.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let mut settings: Vec<_> =
        all.filter(|(name, _)| name.starts_with("kafka.") && !names.contains(&name.as_str())).collect();
    settings.sort_unstable();
    settings.into()
}

#[async_trait]
impl Source for KafkaSource {
    fn schema(&self) -> SchemaRef {
        columns::schema(self.options.include_headers)
    }

    fn description(&self) -> String {
        let strategy = match &self.options.strategy {
            Strategy::Assign(of) => format!("Assign[{}]", of.iter().map(text_of).collect::<Vec<_>>().join(", ")),
            Strategy::Subscribe(topics) => format!("Subscribe[{}]", topics.join(", ")),
            Strategy::SubscribePattern { text, .. } => format!("SubscribePattern[{text}]"),
        };
        format!("KafkaV2[{strategy}]")
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(to_offset(&self.offsets.resolve(End::Starting, Mode::Streaming).await?))
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        let pinned = self.pinned.lock().clone();
        let latest = match pinned {
            Some(pinned) => pinned,
            None => self.offsets.latest(self.offsets.partitions().await?).await?,
        };
        let end = match limit {
            ReadLimit::AllAvailable => latest.clone(),
            ReadLimit::Options => self.limited(&from_offset(start)?, &latest).await?,
        };
        Ok(LatestOffset { end: to_offset(&end), latest: to_offset(&latest) })
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        while self.is_limited() {
            let latest = self.latest_offset(start, ReadLimit::Options).await?;
            if latest.end != *start {
                return Ok(latest);
            }
            self.clock.sleep(LIMITED_INTERVAL).await;
        }
        let from = from_offset(start)?;
        let mut discovered = self.discovered().await?;
        loop {
            let partitions = discovered.borrow_and_update().clone();
            let from = self.without_deleted(&from, &partitions).await?;
            let all = self.with_new_partitions(&from, &partitions).await?;
            tokio::select! {
                at_hand = self.reader.at_hand(&all) => match at_hand? {
                    Some(AtHand { end, latest }) => {
                        return Ok(LatestOffset { end: to_offset(&end), latest: to_offset(&latest) });
                    }
                    None => {
                        let latest = self.latest_offset(start, ReadLimit::Options).await?;
                        if latest.end != *start {
                            return Ok(latest);
                        }
                    }
                },
                Ok(()) = discovered.changed() => {}
            }
        }
    }

    async fn prepare_available_now(&self) -> Result<()> {
        let latest = self.offsets.latest(self.offsets.partitions().await?).await?;
        *self.pinned.lock() = Some(latest);
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let (start, end) = (from_offset(&request.range.start)?, from_offset(&request.range.end)?);
        self.check_range(&start, &end)?;
        let start = self.with_new_partitions(&start, end.keys()).await?;
        let ranges: BTreeMap<_, _> = end
            .into_iter()
            .filter_map(|(of, end)| {
                let start = *start.get(&of)?;
                (start < end).then_some((of, start..end))
            })
            .collect();
        let wanted = Wanted { source: self.schema(), columns: request.columns, batch_rows: request.batch_rows };
        self.reader.scan(ranges, &wanted, request.max_streams)
    }

    fn rows_max(&self, range: &OffsetRange) -> Option<u64> {
        offsets_between(range)
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        let Some(GroupOffsets { group, offsets, .. }) = self.group_offsets(end) else { return Ok(()) };
        let offsets = to_commit(&offsets);
        let committed = self.offsets.client.commit_offsets(&group, &offsets);
        let committed = timeout(GROUP_PATIENCE, committed).await.map_err(|_| {
            millstream_core::Error::unavailable(format!("group '{group}' does not answer within {GROUP_PATIENCE:?}"))
        });
        committed?.map_err(kafka_write_error)
    }

    fn group_offsets(&self, end: &Offset) -> Option<GroupOffsets> {
        let group = self.options.told_group.clone()?;
        let ends = from_offset(end).ok()?;
        let offsets = ends.into_iter().map(|(of, next)| (of.topic, of.partition, next)).collect();
        Some(GroupOffsets { system: system_of(&self.options.client), group, offsets })
    }

    fn metrics(&self, end: &Offset, latest: &Offset) -> BTreeMap<String, String> {
        match (from_offset(end), from_offset(latest)) {
            (Ok(end), Ok(latest)) => behind_latest(&end, &latest),
            _ => BTreeMap::new(),
        }
    }

    fn check_offset(&self, offset: &Offset) -> Result<()> {
        from_offset(offset).map(drop)
    }

    fn initial_file(&self, initial: &Offset) -> Option<Vec<u8>> {
        // The zero byte keeps Spark 2.1 readers away, which Spark still writes.
        Some(format!("\0v1\n{initial}").into_bytes())
    }

    fn initial_offset_from_file(&self, file: &[u8]) -> Result<Option<Offset>> {
        let text = std::str::from_utf8(file)
            .ok()
            .and_then(|text| text.strip_prefix('\0').unwrap_or(text).strip_prefix("v1\n"));
        let text = text.ok_or_else(|| {
            millstream_core::Error::data("the file with Kafka's initial offsets is not of version v1")
        })?;
        let offset = Offset::parse(text.trim_end())?;
        self.check_offset(&offset)?;
        Ok(Some(offset))
    }
}
