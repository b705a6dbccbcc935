//! Reads the partitions that one broker leads: a request, its answer, and the next request before the answer is passed
//! on.
//!
//! Partitions that were served move behind those that were not, so that none starves when an answer is full. A
//! partition with an error leaves; an error of the connection ends the session, and all of its partitions leave.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Event, Shared, Tracked};
use crate::address::Address;
use crate::buffers::Buffer;
use crate::client::topic_name;
use crate::config::IsolationLevel;
use crate::connection::Connection;
use crate::error::{Error, Place, Result};
use crate::fetch_response::{self, FetchResponse, PartitionResponse, TOPIC_IDS_FROM, TopicKey, VERSIONS};
use crate::fetched::{Fetched, PartitionEntry, RecordSet, Scanned, scan_record_set};
use crate::metadata::Leader;

/// No partition's share of an answer grows beyond this; a single record batch may still be larger.
const PARTITION_BYTES_MAX: usize = 1 << 30;

pub(super) struct Session {
    shared: Shared,
    mailbox: mpsc::UnboundedReceiver<Tracked>,
    /// In the order of the next request.
    partitions: VecDeque<Tracked>,
}

/// A request without its answer.
struct InFlight {
    correlation_id: i32,
    version: i16,
}

impl Session {
    pub(super) fn new(shared: Shared, mailbox: mpsc::UnboundedReceiver<Tracked>) -> Self {
        Self { shared, mailbox, partitions: VecDeque::new() }
    }

    /// Reads until something fails or the fetcher is gone, then hands all partitions back.
    pub(super) async fn run(mut self, address: Address) {
        let Err(error) = self.read(&address).await else { return };
        self.mailbox.close();
        while let Ok(tracked) = self.mailbox.try_recv() {
            self.partitions.push_back(tracked);
        }
        for tracked in std::mem::take(&mut self.partitions) {
            self.hand_back(tracked, error.clone());
        }
    }

    /// Comes back without an error when the fetcher is gone.
    async fn read(&mut self, address: &Address) -> Result<()> {
        let mut connection = Connection::open(address, self.shared.client.config()).await?;
        let mut in_flight = None;
        loop {
            self.take_new();
            if in_flight.is_none() && connection.is_over() {
                connection = Connection::open(address, self.shared.client.config()).await?;
            }
            let request = match in_flight.take() {
                Some(request) => request,
                None if self.partitions.is_empty() => match self.mailbox.recv().await {
                    Some(tracked) => {
                        self.partitions.push_back(tracked);
                        continue;
                    }
                    None => return Ok(()),
                },
                None => self.request(&mut connection).await?,
            };
            let (buffer, response) = self.response(&mut connection, request).await?;
            let throttle = Duration::from_millis(u64::try_from(response.throttle_ms).unwrap_or(0));
            let fetched = self.take_in(buffer, response, connection.place())?;
            self.take_new();
            let next = if self.partitions.is_empty() || !throttle.is_zero() || connection.is_over() {
                Ok(None)
            } else {
                self.request(&mut connection).await.map(Some)
            };
            // What was read is passed on even if the connection has failed since: positions are beyond it.
            if let Some(fetched) = fetched {
                if self.shared.responses.send(Ok(fetched)).await.is_err() {
                    return Ok(());
                }
                step_aside().await;
            }
            in_flight = next?;
            pause(throttle).await;
        }
    }

    fn take_new(&mut self) {
        while let Ok(tracked) = self.mailbox.try_recv() {
            self.partitions.push_back(tracked);
        }
    }

    fn hand_back(&self, tracked: Tracked, error: Error) {
        if let Some(events) = self.shared.events.upgrade() {
            // It fails only when the coordinator is gone, and with it the fetcher.
            let _sent = events.send(Event::Returned(tracked, error));
        }
    }

    async fn request(&self, connection: &mut Connection) -> Result<InFlight> {
        let config = self.shared.client.config();
        // Without an id, which brokers before 2.8's metadata version do not give, only names will do.
        let without_id = self.partitions.iter().any(|tracked| tracked.topic_id.is_nil());
        let most = if without_id { TOPIC_IDS_FROM - 1 } else { VERSIONS.end - 1 };
        let version = connection.version::<FetchRequest>(VERSIONS.start, most)?;
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut last = None;
        for tracked in &self.partitions {
            if last != Some(&tracked.of.topic) {
                let topic = FetchTopic::default();
                topics.push(if version >= TOPIC_IDS_FROM {
                    topic.with_topic_id(tracked.topic_id)
                } else {
                    topic.with_topic(topic_name(&tracked.of.topic))
                });
                last = Some(&tracked.of.topic);
            }
            let partition = FetchPartition::default()
                .with_partition(tracked.of.partition)
                .with_current_leader_epoch(tracked.leader_epoch)
                .with_fetch_offset(tracked.position)
                .with_last_fetched_epoch(if tracked.validate { tracked.last_epoch } else { -1 })
                .with_log_start_offset(-1)
                .with_partition_max_bytes(tracked.max_bytes);
            topics.last_mut().expect("a topic was pushed for the first partition").partitions.push(partition);
        }
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(config.fetch_min_bytes)
            .with_max_bytes(config.fetch_max_bytes)
            .with_isolation_level(config.isolation_level as i8)
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_topics(topics);
        Ok(InFlight { correlation_id: connection.send(version, &request).await?, version })
    }

    async fn response(&self, connection: &mut Connection, request: InFlight) -> Result<(Buffer, FetchResponse)> {
        let config = self.shared.client.config();
        let len = connection.receive_len(config.fetch_max_wait + config.request_timeout).await?;
        let mut buffer = self.shared.pool.take(len).await;
        connection.receive_body(buffer.bytes_mut(), len).await?;
        let place = connection.place();
        let response = fetch_response::parse(&buffer, request.version).map_err(place.malformed())?;
        if response.correlation_id != request.correlation_id {
            return Err(Error::malformed(place, "an answer belongs to another request"));
        }
        match ResponseError::try_from_code(response.error_code) {
            None => Ok((buffer, response)),
            Some(code) => Err(Error::Broker { place: place.clone(), code }),
        }
    }

    /// Moves positions on and sorts partitions for the next request; what is worth passing on comes back.
    fn take_in(&mut self, buffer: Buffer, response: FetchResponse, broker: &Place) -> Result<Option<Fetched>> {
        let check_crcs = self.shared.client.config().check_crcs;
        let mut fetched = Fetched { buffer, partitions: Vec::new(), batches: Vec::new(), check_crcs };
        let mut served = Vec::new();
        for answer in response.partitions {
            let Some(index) = self.find(&answer, &fetched.buffer) else {
                return Err(Error::malformed(broker, format_args!("partition {} was not asked for", answer.partition)));
            };
            let place = self.partitions[index].place(broker);
            if let Some(error) = self.problem(index, &answer, &place) {
                if let Some(tracked) = self.partitions.remove(index) {
                    self.hand_back(tracked, error);
                }
                continue;
            }
            match self.advance(index, answer, place, &mut fetched) {
                Ok(false) => {}
                Ok(true) => served.extend(self.partitions.remove(index)),
                Err(error) => {
                    if let Some(tracked) = self.partitions.remove(index) {
                        self.hand_back(tracked, error);
                    }
                }
            }
        }
        self.partitions.extend(served.into_iter().filter(|tracked| tracked.position < tracked.end));
        Ok((!fetched.partitions.is_empty()).then_some(fetched))
    }

    /// Which of the partitions an answer belongs to. Answers come in the order of the request, so the search is short.
    fn find(&self, answer: &PartitionResponse, buffer: &[u8]) -> Option<usize> {
        self.partitions.iter().position(|tracked| {
            tracked.of.partition == answer.partition
                && match &answer.topic {
                    TopicKey::Id(id) => tracked.topic_id == *id,
                    TopicKey::Name(range) => buffer.get(range.clone()) == Some(tracked.of.topic.as_bytes()),
                }
        })
    }

    fn problem(&self, index: usize, answer: &PartitionResponse, place: &Place) -> Option<Error> {
        let tracked = &self.partitions[index];
        if let Some(code) = ResponseError::try_from_code(answer.error_code) {
            if let Some((node, epoch)) = answer.current_leader {
                self.shared.client.with_cluster(|cluster| {
                    cluster.update_leader(&tracked.of.topic, tracked.of.partition, Leader { node, epoch });
                });
            }
            return Some(Error::Broker { place: place.clone().with_offset(tracked.position), code });
        }
        let (epoch, end_offset) = answer.diverging?;
        Some(Error::LogTruncated { place: place.clone().with_offset(tracked.position), epoch, end_offset })
    }

    /// Takes in the records of a partition; true if there were any.
    fn advance(
        &mut self,
        index: usize,
        answer: PartitionResponse,
        place: Place,
        fetched: &mut Fetched,
    ) -> Result<bool> {
        let tracked = &mut self.partitions[index];
        tracked.failures = 0;
        tracked.validate = false;
        let read_committed = self.shared.client.config().isolation_level == IsolationLevel::ReadCommitted;
        let first_batch = fetched.batches.len();
        let set = RecordSet {
            response: &fetched.buffer,
            range: answer.records,
            aborted: if read_committed { answer.aborted } else { Vec::new() },
            place: &place,
        };
        let Scanned { next_position, leader_epoch, largest_batch } =
            scan_record_set(set, tracked.position, &mut fetched.batches)?;
        let largest_batch = largest_batch.min(PARTITION_BYTES_MAX);
        if largest_batch > usize::try_from(tracked.max_bytes).unwrap_or(0) {
            // With room for one batch alone, each answer would bring one.
            tracked.max_bytes = i32::try_from(largest_batch.next_power_of_two()).unwrap_or(i32::MAX);
        }
        if next_position <= tracked.position {
            return Ok(false);
        }
        fetched.partitions.push(PartitionEntry {
            place,
            topic: tracked.of.topic.clone(),
            partition: tracked.of.partition,
            high_watermark: answer.high_watermark,
            last_stable_offset: answer.last_stable_offset,
            log_start_offset: answer.log_start_offset,
            position: tracked.position,
            next_position,
            end: tracked.end,
            batches: first_batch..fetched.batches.len(),
        });
        tracked.position = next_position;
        tracked.last_epoch = leader_epoch.unwrap_or(tracked.last_epoch);
        Ok(true)
    }
}

/// Lets the task that the response has woken run, here and now. A worker keeps what its task wakes until that task
/// waits, which a session does not while answers are there already; nobody can take over what it keeps, but the session
/// can be.
async fn step_aside() {
    let mut stepped = false;
    poll_fn(|context| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The broker does not read from this connection for as long. A timer of zero would still ring a millisecond later.
async fn pause(throttle: Duration) {
    if !throttle.is_zero() {
        sleep(throttle).await;
    }
}

#[cfg(test)]
mod tests;
