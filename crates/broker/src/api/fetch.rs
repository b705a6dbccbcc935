//! Fetch: hands out what is stored, and waits for more where there is too little.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Call;
use super::fetch_response::{PartitionAnswer, put_fetch_response};
use crate::fetch_session::{Resolved, Told, TopicKey, Wanted};
use crate::log::ReadRequest;
use crate::partition::Partition;
use crate::response::Response;

const TOPIC_IDS_FROM: i16 = 13;
/// Kafka's default of `fetch.max.bytes` for a broker.
const RESPONSE_BYTES_MAX: usize = 55 << 20;
const READ_COMMITTED: i8 = 1;

/// A fetch that was understood.
struct Fetch<'a> {
    call: &'a Call<'a>,
    resolved: Resolved,
    min_bytes: usize,
    max_bytes: usize,
    committed_only: bool,
    /// By position in `resolved`; `None` where there is no such partition.
    found: Vec<Option<Arc<Partition>>>,
}

/// One look at all partitions.
struct Gathered {
    answers: Vec<PartitionAnswer>,
    bytes: usize,
    failed: bool,
}

/// Answers a fetch into `response`.
pub(super) async fn fetch(call: &Call<'_>, request: FetchRequest, response: &mut Response) {
    let session = (request.session_id, request.session_epoch);
    let session = if call.version >= 7 { session } else { (0, -1) };
    let (wanted, forgotten) = partitions(call.version, &request);
    let resolved = match call.shared.fetch_sessions.resolve(session, wanted, &forgotten) {
        Ok(resolved) => resolved,
        Err(error) => return put_fetch_response(response, call.version, (error.code(), 0), Vec::new()),
    };
    let found = resolved.partitions.iter().map(|wanted| find(call, wanted)).collect();
    let fetch = Fetch {
        call,
        resolved,
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0),
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).min(RESPONSE_BYTES_MAX),
        committed_only: request.isolation_level == READ_COMMITTED,
        found,
    };
    let patience = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let gathered = fetch.gather_until(Instant::now() + patience).await;
    call.shared.bytes_out.fetch_add(gathered.bytes as u64, Ordering::Relaxed);
    fetch.put(gathered, response);
}

fn partitions(version: i16, request: &FetchRequest) -> (Vec<Wanted>, Vec<(TopicKey, i32)>) {
    let key =
        |name: &str, id| if version >= TOPIC_IDS_FROM { TopicKey::Id(id) } else { TopicKey::Name(name.to_owned()) };
    let mut wanted = Vec::new();
    for topic in &request.topics {
        wanted.extend(topic.partitions.iter().map(|one| Wanted {
            topic: key(&topic.topic, topic.topic_id),
            partition: one.partition,
            offset: one.fetch_offset,
            max_bytes: usize::try_from(one.partition_max_bytes).unwrap_or(0),
            told: None,
        }));
    }
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let topic_key = key(&topic.topic, topic.topic_id);
        topic.partitions.iter().map(move |&partition| (topic_key.clone(), partition))
    });
    (wanted, forgotten.collect())
}

fn find(call: &Call<'_>, wanted: &Wanted) -> Option<Arc<Partition>> {
    match &wanted.topic {
        TopicKey::Name(name) => call.shared.topics.partition(name, wanted.partition),
        TopicKey::Id(id) => call.shared.topics.get_by_id(*id)?.partition(wanted.partition),
    }
}

impl Fetch<'_> {
    /// Looks, and looks again whenever something is appended, until there is enough or the time is over.
    async fn gather_until(&self, deadline: Instant) -> Gathered {
        let gathered = self.gather();
        if self.is_enough(&gathered) || Instant::now() >= deadline {
            return gathered;
        }
        let waiting = Waiting { partitions: &self.found, notify: Arc::new(Notify::new()) };
        loop {
            waiting.register();
            // Something may have come between the last look and the registration.
            let gathered = self.gather();
            if self.is_enough(&gathered) || timeout_at(deadline, waiting.notify.notified()).await.is_err() {
                return gathered;
            }
        }
    }

    fn is_enough(&self, gathered: &Gathered) -> bool {
        gathered.failed || gathered.bytes >= self.min_bytes || self.found.is_empty()
    }

    fn gather(&self) -> Gathered {
        let mut gathered = Gathered { answers: Vec::new(), bytes: 0, failed: false };
        for (wanted, partition) in self.resolved.partitions.iter().zip(&self.found) {
            let answer = self.read(wanted, partition.as_deref(), gathered.bytes);
            gathered.bytes += answer.bytes;
            gathered.failed |= answer.error.is_some();
            let news = answer.error.is_some()
                || answer.bytes > 0
                || wanted.told != Some((answer.high_watermark, answer.last_stable_offset, answer.start_offset));
            if news || !self.resolved.incremental {
                gathered.answers.push(answer);
            }
        }
        gathered
    }

    fn read(&self, wanted: &Wanted, partition: Option<&Partition>, taken: usize) -> PartitionAnswer {
        let mut answer = PartitionAnswer {
            topic: wanted.topic.clone(),
            partition: wanted.partition,
            error: None,
            high_watermark: -1,
            last_stable_offset: -1,
            start_offset: -1,
            aborted: None,
            slices: Vec::new(),
            bytes: 0,
        };
        let Some(partition) = partition else {
            let unknown_id =
                matches!(&wanted.topic, TopicKey::Id(id) if self.call.shared.topics.get_by_id(*id).is_none());
            let error = if unknown_id { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
            answer.error = Some(error);
            return answer;
        };
        let log = partition.log();
        answer.high_watermark = log.next_offset();
        answer.last_stable_offset = log.last_stable_offset();
        answer.start_offset = log.start_offset();
        let read = log.read(ReadRequest {
            offset: wanted.offset,
            max_bytes: wanted.max_bytes.min(self.max_bytes.saturating_sub(taken)),
            // The first batch goes out however large it is, else a reader could never pass it.
            at_least_one: taken == 0,
            committed_only: self.committed_only,
        });
        match read {
            Ok(read) => {
                answer.slices = read.slices;
                answer.bytes = read.bytes;
                answer.aborted = read.aborted;
            }
            Err(error) => answer.error = Some(error),
        }
        answer
    }

    fn put(&self, gathered: Gathered, response: &mut Response) {
        let session_id = self.resolved.session_id;
        if session_id != 0 {
            let told = gathered.answers.iter().map(|one| Told {
                topic: one.topic.clone(),
                partition: one.partition,
                offsets: (one.high_watermark, one.last_stable_offset, one.start_offset),
                brought: one.bytes > 0,
            });
            let told: Vec<Told> = told.collect();
            self.call.shared.fetch_sessions.told(session_id, &told);
        }
        put_fetch_response(response, self.call.version, (0, session_id), gathered.answers);
    }
}

/// A fetch that waits. Nobody wakes it after it is gone.
struct Waiting<'a> {
    partitions: &'a [Option<Arc<Partition>>],
    notify: Arc<Notify>,
}

impl Waiting<'_> {
    fn register(&self) {
        for partition in self.partitions.iter().flatten() {
            partition.wait(&self.notify);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for partition in self.partitions.iter().flatten() {
            partition.stop_waiting(&self.notify);
        }
    }
}
