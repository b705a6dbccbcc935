//! What is done about each answer and each broken connection.
//!
//! Nothing is dropped: a batch is done, goes back to its place in the queue, or ends with an error that the next flush
//! gives. A batch is *in doubt* while the broker may have written it without our knowing. Idempotent batches in doubt
//! are repeated under their own sequence number, which the broker takes once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError as Code;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::accumulator::State;
use super::event::LinkName;
use super::sender::{Sender, Sent, expired};
use crate::error::{Error, ErrorKind, Place, kind_of};
use crate::metadata::Leader;

impl Sender {
    /// Takes in an answer.
    pub(super) fn answered(&mut self, link: LinkName, request: u64, answer: Option<(ProduceResponse, Place)>) {
        let Some(broker) = self.brokers.get_mut(&link.node) else { return };
        let Some(batches) = broker.in_flight.remove(&request) else { return };
        broker.failures = 0;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        let Some((answer, broker_place)) = answer else {
            for sent in batches {
                state.came_back(sent.topic, sent.partition, &sent.batch);
                state.finish(sent.topic, sent.partition, sent.batch, None);
            }
            return;
        };
        if answer.throttle_time_ms > 0 {
            let pause = Duration::from_millis(answer.throttle_time_ms as u64);
            broker.paused_until = Some(Instant::now() + pause);
        }
        let mut by_partition: HashMap<(&str, i32), &PartitionProduceResponse> = HashMap::new();
        for topic in &answer.responses {
            for partition in &topic.partition_responses {
                by_partition.insert((topic.name.0.as_str(), partition.index), partition);
            }
        }
        for sent in batches {
            state.came_back(sent.topic, sent.partition, &sent.batch);
            let name = Arc::clone(&state.topics[sent.topic].name);
            let found = by_partition.get(&(&*name, sent.partition as i32)).copied();
            let place = broker_place.clone().with_partition(&name, sent.partition as i32);
            match found {
                Some(answer) => self.sort(&mut state, sent, answer, place),
                None => {
                    let error = Error::malformed(&place, "the answer leaves a batch out");
                    state.finish(sent.topic, sent.partition, sent.batch, Some(error));
                }
            }
        }
    }

    /// Decides about one batch.
    fn sort(&mut self, state: &mut State, mut sent: Sent, answer: &PartitionProduceResponse, place: Place) {
        let (topic, partition) = (sent.topic, sent.partition);
        let Some(code) = Code::try_from_code(answer.error_code) else {
            state.topics[topic].partitions[partition].retry_at = None;
            return state.finish(topic, partition, sent.batch, None);
        };
        let new_leader = self.note_leader(state, &sent, answer);
        let error = broker_error(code, answer, place);
        // An answer other than these two says that the batch is not in the log, whatever came of earlier tries.
        sent.batch.in_doubt = matches!(code, Code::RequestTimedOut | Code::NotEnoughReplicasAfterAppend);
        let transactional = state.transaction.is_used();
        let before = state.topics[topic].partitions[partition].has_before(sent.batch.position);
        match code {
            // The broker has it from a try whose answer was lost.
            Code::DuplicateSequenceNumber => state.finish(topic, partition, sent.batch, None),
            Code::MessageTooLarge if sent.batch.records > 1 => split(state, sent, &error),
            // One before it is being repeated, so this one came too early.
            Code::OutOfOrderSequenceNumber if before => self.repeat(state, sent, error, false),
            Code::OutOfOrderSequenceNumber | Code::UnknownProducerId | Code::InvalidProducerEpoch if !transactional => {
                state.topics[topic].partitions[partition].renumber = true;
                self.repeat(state, sent, error, false);
            }
            // Transactions find out by their next request to the coordinator whether somebody else has taken over.
            Code::InvalidProducerEpoch => state.finish(topic, partition, sent.batch, Some(error)),
            Code::ProducerFenced | Code::ClusterAuthorizationFailed | Code::TransactionalIdAuthorizationFailed => {
                state.finish(topic, partition, sent.batch, Some(error.clone()));
                state.fail(&error);
            }
            _ => match kind_of(code) {
                ErrorKind::Retry => self.repeat(state, sent, error, false),
                ErrorKind::RefreshMetadata => {
                    self.wants_refresh = true;
                    self.repeat(state, sent, error, new_leader);
                }
                ErrorKind::Fatal | ErrorKind::Fenced => state.finish(topic, partition, sent.batch, Some(error)),
            },
        }
    }

    /// Whether the answer names a leader that was not known.
    fn note_leader(&self, state: &State, sent: &Sent, answer: &PartitionProduceResponse) -> bool {
        let newer = Leader { node: answer.current_leader.leader_id.0, epoch: answer.current_leader.leader_epoch };
        if newer.node < 0 {
            return false;
        }
        let (name, partition) = (&state.topics[sent.topic].name, sent.partition as i32);
        self.shared.client.with_cluster(|cluster| {
            cluster.update_leader(name, partition, newer);
            cluster.leader(name, partition) == Some(newer) && cluster.broker(newer.node).is_some()
        })
    }

    /// Puts a batch back, unless its time or its tries are over.
    fn repeat(&self, state: &mut State, mut sent: Sent, error: Error, at_once: bool) {
        let (topic, partition, now) = (sent.topic, sent.partition, Instant::now());
        let config = &self.shared.config;
        sent.batch.tries += 1;
        let tries = sent.batch.tries;
        if tries % 10 == 3 {
            let hint = self.shared.client.hint_about(&error);
            warn!(%error, tries, hint, "a batch cannot be written, trying on");
        } else {
            debug!(%error, tries, "a batch is sent again");
        }
        if tries > config.retries {
            return state.finish(topic, partition, sent.batch, Some(error));
        }
        sent.batch.last_error = Some(error);
        if sent.batch.created + config.delivery_timeout <= now {
            let error = expired(&sent.batch, state.topics[topic].place(partition), config.delivery_timeout);
            return state.finish(topic, partition, sent.batch, Some(error));
        }
        if state.fatal.is_some() || state.transaction.is_ending() {
            let error = sent.batch.last_error.clone();
            return state.finish(topic, partition, sent.batch, error);
        }
        let pause =
            if at_once && tries == 1 { Duration::ZERO } else { self.shared.client.config().retry_backoff.pause(tries) };
        let waiting = &mut state.topics[topic].partitions[partition];
        waiting.drains = true;
        waiting.retry_at = Some(now + pause);
        state.put_back(topic, partition, sent.batch);
    }

    /// Takes back all that was under way over a link that broke.
    pub(super) fn link_lost(&mut self, link: LinkName, error: &Error) {
        let Some(broker) = self.brokers.get_mut(&link.node) else { return };
        // An older link may tell of its end late.
        if broker.link.as_ref().is_some_and(|current| current.number != link.number) {
            return;
        }
        broker.link = None;
        broker.failures += 1;
        let pause = self.shared.client.config().reconnect_backoff.pause(broker.failures);
        broker.paused_until = Some(Instant::now() + pause);
        let under_way = std::mem::take(&mut broker.in_flight);
        self.wants_refresh = true;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        for mut sent in under_way.into_values().flatten() {
            state.came_back(sent.topic, sent.partition, &sent.batch);
            sent.batch.in_doubt = true;
            if matches!(error.kind(), ErrorKind::Fatal | ErrorKind::Fenced) {
                state.finish(sent.topic, sent.partition, sent.batch, Some(error.clone()));
            } else {
                self.repeat(&mut state, sent, error.clone(), false);
            }
        }
    }
}

/// The broker finds a batch too large: halves of it may fit.
fn split(state: &mut State, sent: Sent, error: &Error) {
    let (topic, partition) = (sent.topic, sent.partition);
    debug!(%error, records = sent.batch.records, "a batch is too large for the broker and is split");
    match sent.batch.split() {
        Ok(halves) => {
            state.outstanding += 1;
            state.topics[topic].partitions[partition].drains = true;
            for half in halves {
                state.put_back(topic, partition, half);
            }
        }
        Err(error) => state.finish(topic, partition, sent.batch, Some(error)),
    }
}

/// The error with the broker's words, where it has some.
fn broker_error(code: Code, answer: &PartitionProduceResponse, place: Place) -> Error {
    let of_record = answer.record_errors.iter().find_map(|record| {
        let reason = record.batch_index_error_message.as_ref()?;
        Some(format!("record {} of the batch: {reason}", record.batch_index))
    });
    match of_record.or_else(|| answer.error_message.as_ref().map(ToString::to_string)) {
        Some(reason) => Error::Rejected { place, code, reason },
        None => Error::Broker { place, code },
    }
}
