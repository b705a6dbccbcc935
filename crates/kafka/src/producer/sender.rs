//! The task that takes batches to the brokers and sorts what they answer.
//!
//! ```text
//! Producer ─► accumulator ─► sender ─► link ─► broker     a link a broker, several requests under way
//!                  ▲            ▲        │
//!                  └── repeated ┘◄───────┘ answers, and errors of the connection
//! ```
//!
//! All decisions are here, in one task, so that none of them can race another. What the decision is for each answer
//! stands in `answers.rs`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::Shared;
use super::accumulator::{Partition, State};
use super::batch::{Batch, Content, Identity};
use super::event::{EVENTS_MAX, Event, LinkName};
use super::link::{self, Link, Outgoing, REQUESTS_MAX};
use crate::client::topic_name;
use crate::compression::Compressor;
use crate::error::{Error, Place, Result};
use crate::metadata::Topic;

/// A batch under way, with the numbers of its topic and partition.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) topic: usize,
    pub(super) partition: usize,
    pub(super) batch: Batch,
}

/// What is known of a broker that leads partitions.
#[derive(Debug, Default)]
pub(super) struct Broker {
    pub(super) link: Option<Link>,
    pub(super) in_flight: BTreeMap<u64, Vec<Sent>>,
    pub(super) failures: u32,
    /// Nothing is sent before: it failed, or it throttles.
    pub(super) paused_until: Option<Instant>,
}

pub(super) struct Sender {
    pub(super) shared: Arc<Shared>,
    events: mpsc::Receiver<Event>,
    to_me: mpsc::Sender<Event>,
    pub(super) brokers: HashMap<i32, Broker>,
    /// Requests that are not for records.
    chores: JoinSet<()>,
    refreshing: bool,
    pub(super) wants_refresh: bool,
    refreshed_at: Instant,
    asks_identity: bool,
    adding: bool,
    compressor: Compressor,
    next_number: u64,
}

/// What one pass over all partitions found.
#[derive(Default)]
struct Round {
    /// Batches to send, by broker.
    requests: HashMap<i32, Vec<Sent>>,
    /// Partitions that the coordinator must be told of before.
    to_add: Vec<(usize, usize)>,
    wake: Option<Instant>,
}

impl Round {
    fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// Whether a partition's first batch may go.
enum Readiness {
    Ready,
    No,
    At(Instant),
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (to_me, events) = mpsc::channel(EVENTS_MAX);
        Self {
            shared,
            events,
            to_me,
            brokers: HashMap::new(),
            chores: JoinSet::new(),
            refreshing: false,
            wants_refresh: false,
            refreshed_at: Instant::now(),
            asks_identity: false,
            adding: false,
            compressor: Compressor::default(),
            next_number: 0,
        }
    }

    /// Runs until its task is aborted, with the producer.
    pub(super) async fn run(mut self) {
        loop {
            let wake = self.dispatch();
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                // It cannot end: this task holds a sender.
                Some(event) = self.events.recv() => self.handle(event),
                () = shared.work.notified() => {}
                () = sleep_until(wake) => {}
            }
            while let Ok(event) = self.events.try_recv() {
                self.handle(event);
            }
            while self.chores.try_join_next().is_some() {}
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answered { link, request, answer } => self.answered(link, request, answer),
            Event::LinkLost { link, error } => self.link_lost(link, &error),
            Event::Metadata(result) => self.take_metadata(result),
            Event::Identity(result) => {
                self.asks_identity = false;
                let mut state = self.shared.state.lock();
                match result {
                    Ok(identity) => state.identity = Some(identity),
                    Err(error) => state.fail(&error),
                }
            }
            Event::Added { partitions, result } => {
                self.adding = false;
                let mut state = self.shared.state.lock();
                match result {
                    Ok(()) => {
                        for (topic, partition) in partitions {
                            state.topics[topic].partitions[partition].in_transaction = true;
                        }
                        state.transaction.started = true;
                    }
                    Err(error) if error.kind() == crate::ErrorKind::Fenced => state.fail(&error),
                    Err(error) => {
                        state.transaction.fail(&error);
                        state.drop_queues(Some(&error));
                    }
                }
            }
        }
        self.shared.progress.notify_waiters();
    }

    /// Sends all that can be sent; when to look again if nothing happens before.
    fn dispatch(&mut self) -> Instant {
        let now = Instant::now();
        let mut wake = now + Duration::from_secs(3600);
        loop {
            let round = self.collect(now);
            wake = round.wake.map_or(wake, |at| wake.min(at));
            if !round.to_add.is_empty() && !self.adding {
                self.add_partitions(round.to_add);
            }
            if round.requests.is_empty() {
                break;
            }
            for (node, batches) in round.requests {
                self.send(node, batches);
            }
        }
        self.refresh_if_due(now).map_or(wake, |at| wake.min(at))
    }

    /// Takes batches out of the queues, at most one of a partition and one request for a broker.
    fn collect(&mut self, now: Instant) -> Round {
        let mut round = Round::default();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        self.expire(&mut state, now, &mut round);
        if state.fatal.is_some() || state.outstanding == 0 || !state.transaction.can_send() {
            return round;
        }
        if shared.config.idempotence && state.identity.is_none() {
            self.ask_identity();
            return round;
        }
        let explicit = state.transaction.needs_partitions();
        for topic in 0..state.topics.len() {
            for partition in 0..state.topics[topic].partitions.len() {
                if state.topics[topic].partitions[partition].queue.is_empty() {
                    continue;
                }
                match self.readiness(&mut state, (topic, partition), now) {
                    Readiness::No => continue,
                    Readiness::At(at) => {
                        round.wake_at(at);
                        continue;
                    }
                    Readiness::Ready => {}
                }
                if explicit && !state.topics[topic].partitions[partition].in_transaction {
                    round.to_add.push((topic, partition));
                    continue;
                }
                self.collect_batch(&mut state, (topic, partition), now, &mut round);
            }
        }
        round
    }

    /// Adds a partition's first batch to the request for its leader, if that can take it.
    fn collect_batch(
        &mut self,
        state: &mut State,
        (topic, partition): (usize, usize),
        now: Instant,
        round: &mut Round,
    ) {
        let name = &state.topics[topic].name;
        let leader = self.shared.client.with_cluster(|cluster| cluster.leader(name, partition as i32));
        let Some(leader) = leader else {
            self.wants_refresh = true;
            return;
        };
        let broker = self.brokers.entry(leader.node).or_default();
        if let Some(until) = broker.paused_until.filter(|until| *until > now) {
            round.wake_at(until);
            return;
        }
        if broker.in_flight.len() >= REQUESTS_MAX {
            return;
        }
        let request = round.requests.entry(leader.node).or_default();
        let bytes: usize = request.iter().map(|sent| sent.batch.bytes()).sum();
        let front = state.topics[topic].partitions[partition].queue.front();
        let more = front.map_or(0, Batch::bytes);
        if !request.is_empty() && bytes + more > self.shared.config.request_bytes_max {
            return;
        }
        if let Some(batch) = state.take(topic, partition) {
            state.topics[topic].partitions[partition].in_transaction = true;
            state.transaction.started = true;
            request.push(Sent { topic, partition, batch });
        }
    }

    fn readiness(&self, state: &mut State, (topic, partition): (usize, usize), now: Instant) -> Readiness {
        begin_again(state, (topic, partition));
        let config = &self.shared.config;
        let flushing = state.flushing > 0;
        let identity = state.identity;
        let partition = &mut state.topics[topic].partitions[partition];
        let Some(front) = partition.queue.front() else { return Readiness::No };
        let under_way = partition.in_flight.len();
        if partition.drains && under_way > 0 || partition.renumber || under_way >= config.in_flight_max {
            return Readiness::No;
        }
        partition.drains = false;
        if let Some(at) = partition.retry_at.filter(|at| *at > now) {
            return Readiness::At(at);
        }
        // What was sent under an older epoch must be done before the broker sees a newer one.
        if front.sequence.is_none() && under_way > 0 && !partition.continues(identity) {
            return Readiness::No;
        }
        let open = matches!(&front.content, Content::Open(writer) if writer.bytes() < config.batch_bytes);
        if open && partition.queue.len() == 1 && !flushing {
            // With one under way, the answer is worth waiting for: meanwhile the next batch grows.
            if under_way > 0 {
                return Readiness::No;
            }
            let due = front.created + config.linger;
            if due > now {
                return Readiness::At(due);
            }
        }
        Readiness::Ready
    }

    /// Ends batches whose time is over.
    fn expire(&self, state: &mut State, now: Instant, round: &mut Round) {
        let waited = self.shared.config.delivery_timeout;
        for topic in 0..state.topics.len() {
            for partition in 0..state.topics[topic].partitions.len() {
                while let Some(front) = state.topics[topic].partitions[partition].queue.front() {
                    let due = front.created + waited;
                    if due > now {
                        round.wake_at(due);
                        break;
                    }
                    let place = state.topics[topic].place(partition);
                    let Some(batch) = state.topics[topic].partitions[partition].queue.pop_front() else { break };
                    let error = expired(&batch, place, waited);
                    state.finish(topic, partition, batch, Some(error));
                    self.shared.progress.notify_waiters();
                }
            }
        }
    }

    fn send(&mut self, node: i32, mut batches: Vec<Sent>) {
        let config = &self.shared.config;
        let (transactional, explicit_partitions, names) = {
            let state = self.shared.state.lock();
            let names: Vec<_> = batches.iter().map(|sent| Arc::clone(&state.topics[sent.topic].name)).collect();
            (config.transactional_id.is_some(), state.transaction.needs_partitions(), names)
        };
        let mut topics: Vec<TopicProduceData> = Vec::new();
        for (sent, name) in batches.iter_mut().zip(names) {
            let records = sent.batch.seal(config.compression, transactional, &mut self.compressor);
            let data = PartitionProduceData::default().with_index(sent.partition as i32).with_records(Some(records));
            match topics.last_mut() {
                Some(topic) if *topic.name.0 == *name => topic.partition_data.push(data),
                _ => topics
                    .push(TopicProduceData::default().with_name(topic_name(&name)).with_partition_data(vec![data])),
            }
        }
        let id = config.transactional_id.clone().map(|id| TransactionalId(StrBytes::from_string(id)));
        let request = ProduceRequest::default()
            .with_transactional_id(id)
            .with_acks(config.acks as i16)
            .with_timeout_ms(i32::try_from(config.request_timeout.as_millis()).unwrap_or(i32::MAX))
            .with_topic_data(topics);
        let number = self.number();
        let outgoing = Outgoing { id: number, request, explicit_partitions };
        let broker = self.brokers.entry(node).or_default();
        broker.in_flight.insert(number, batches);
        self.hand_over(node, outgoing);
    }

    /// Gives a request to the broker's link, a new one if there is none.
    fn hand_over(&mut self, node: i32, outgoing: Outgoing) {
        let number = self.number();
        let address = self.shared.client.with_cluster(|cluster| cluster.broker(node).cloned());
        let broker = self.brokers.entry(node).or_default();
        if broker.link.is_none() {
            let name = LinkName { node, number };
            let Some(address) = address else {
                let place = Place::default();
                let code = kafka_protocol::ResponseError::BrokerNotAvailable;
                return self.link_lost(name, &Error::Broker { place, code });
            };
            let (requests, received) = mpsc::channel(REQUESTS_MAX);
            let config = self.shared.client.config().clone();
            let task = self.chores.spawn(link::run(name, (address, config), received, self.to_me.clone()));
            broker.link = Some(Link { number, requests, task });
        }
        if let Some(link) = &broker.link {
            // There is room: no more than REQUESTS_MAX are without an answer. A link that has ended has sent the
            // reason, which gives back all that was under way.
            let _sent = link.requests.try_send(outgoing);
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn ask_identity(&mut self) {
        if !self.asks_identity {
            self.asks_identity = true;
            let (client, to_me) = (self.shared.client.clone(), self.to_me.clone());
            self.chores.spawn(async move {
                let result = super::transaction::init_idempotent(&client).await;
                let _sent = to_me.send(Event::Identity(result)).await;
            });
        }
    }

    fn add_partitions(&mut self, partitions: Vec<(usize, usize)>) {
        self.adding = true;
        let (shared, to_me) = (Arc::clone(&self.shared), self.to_me.clone());
        self.chores.spawn(async move {
            let result = super::transaction::add_partitions(&shared, &partitions).await;
            let _sent = to_me.send(Event::Added { partitions, result }).await;
        });
    }

    /// Asks for metadata when it may be wrong or is old; when it will be due otherwise.
    fn refresh_if_due(&mut self, now: Instant) -> Option<Instant> {
        if self.refreshing {
            return None;
        }
        let pause = self.shared.client.config().retry_backoff.first;
        let age = if self.wants_refresh { pause } else { self.shared.config.metadata_max_age };
        let due = self.refreshed_at + age;
        if due > now {
            return Some(due);
        }
        let state = self.shared.state.lock();
        let names: Vec<_> = state.topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
        drop(state);
        self.refreshed_at = now;
        self.wants_refresh = false;
        if names.is_empty() {
            return None;
        }
        self.refreshing = true;
        let (client, to_me) = (self.shared.client.clone(), self.to_me.clone());
        self.chores.spawn(async move {
            let result = client.metadata_creating(&names).await;
            let _sent = to_me.send(Event::Metadata(result)).await;
        });
        None
    }

    fn take_metadata(&mut self, result: Result<Vec<Topic>>) {
        self.refreshing = false;
        let mut state = self.shared.state.lock();
        match result {
            Ok(topics) => {
                for topic in topics {
                    state.update(&topic.name, topic.leaders().into_iter());
                }
            }
            Err(error) => {
                let name = error.place().and_then(|place| place.topic.clone());
                match name.and_then(|name| state.find(&name)) {
                    Some(topic) => state.drop_topic(topic.0, Some(&error)),
                    None => state.fail(&error),
                }
            }
        }
    }
}

/// Gives a partition whose sequence is broken a new one, once nothing of it is under way.
fn begin_again(state: &mut State, (topic, partition): (usize, usize)) {
    let (broken, place) = (&state.topics[topic].partitions[partition], state.topics[topic].place(partition));
    // A transaction is broken with its sequence, and ends before anything is sent again.
    if !broken.renumber || !broken.in_flight.is_empty() || state.transaction.is_used() {
        return;
    }
    // The broker does not follow the epoch of a producer without transactions, so it need not be asked.
    state.identity = state.identity.and_then(|Identity { id, epoch }| {
        let epoch = epoch.checked_add(1)?;
        Some(Identity { id, epoch })
    });
    debug!(%place, "a partition's sequence begins again under a new epoch");
    for batch in state.topics[topic].partitions[partition].forget_sequences() {
        // It may be in the log already, and under another number the broker would take it a second time.
        let error = batch.last_error.clone().unwrap_or_else(|| Error::malformed(&place, "in doubt"));
        state.finish(topic, partition, batch, Some(error));
    }
}

/// What is said of a batch whose time is over.
pub(super) fn expired(batch: &Batch, place: Place, waited: Duration) -> Error {
    Error::DeliveryTimeout { place, records: batch.records, waited, last: batch.last_error.clone().map(Arc::new) }
}

impl Partition {
    /// Whether the next batch can follow those under way under the same identity.
    fn continues(&self, identity: Option<Identity>) -> bool {
        self.identity().is_none() || self.identity() == identity
    }
}

impl Topic {
    /// Whether each partition has a leader, from 0 on.
    pub(super) fn leaders(&self) -> Vec<bool> {
        let count = self.partitions.keys().next_back().map_or(0, |last| last + 1);
        (0..count).map(|index| self.partitions.get(&index).is_some_and(|leader| leader.node >= 0)).collect()
    }
}
