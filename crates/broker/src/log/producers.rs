//! What a partition knows of its producers: sequence numbers, so that a batch that is sent twice is kept once, and the
//! transactions that are open or were aborted, so that `read_committed` sees neither.
//!
//! Everything here follows from the batches of the log, so it is rebuilt by reading their headers again.

use std::collections::{BTreeMap, HashMap, VecDeque};

use kafka_protocol::ResponseError;

use crate::batch::BatchHeader;

/// A producer may have this many batches on the way, so this many are remembered.
const REMEMBERED_BATCHES: usize = 5;
const NO_SEQUENCE: i32 = -1;

/// A batch that is in the log.
#[derive(Debug, Clone, Copy)]
struct Appended {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
    timestamp: i64,
}

/// One producer id.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    pub(crate) last_sequence: i32,
    pub(crate) last_timestamp: i64,
    /// Where its open transaction begins.
    pub(crate) transaction_start: Option<i64>,
    recent: VecDeque<Appended>,
    last_seen_ms: i64,
}

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    pub(crate) last_offset: i64,
}

/// All producers of a partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: HashMap<i64, Producer>,
    /// First offset of each open transaction, and whose it is.
    open: BTreeMap<i64, i64>,
    /// In the order of their markers.
    aborted: Vec<Aborted>,
}

impl Producers {
    /// Whether the batch may be appended: `Some` is the base offset and timestamp of the same batch, which is there
    /// already.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Option<(i64, i64)>, ResponseError> {
        // Nothing is known of a producer whose batches have all been removed: any number is right.
        let Some(producer) = self.by_id.get(&header.producer_id) else { return Ok(None) };
        if header.producer_epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if header.producer_epoch > producer.epoch {
            return if header.base_sequence == 0 { Ok(None) } else { Err(ResponseError::OutOfOrderSequenceNumber) };
        }
        let last_sequence = header.last_sequence();
        let same = |one: &&Appended| one.first_sequence == header.base_sequence && one.last_sequence == last_sequence;
        if let Some(found) = producer.recent.iter().find(same) {
            return Ok(Some((found.base_offset, found.timestamp)));
        }
        let expected = producer.last_sequence.wrapping_add(1) & i32::MAX;
        if header.base_sequence == expected {
            return Ok(None);
        }
        let older = producer.recent.front().is_some_and(|oldest| header.base_sequence < oldest.first_sequence);
        Err(if older { ResponseError::DuplicateSequenceNumber } else { ResponseError::OutOfOrderSequenceNumber })
    }

    /// Takes note of a data batch of a producer.
    pub(crate) fn note_data(&mut self, header: &BatchHeader, now_ms: i64) {
        let producer = self.producer(header);
        producer.last_sequence = header.last_sequence();
        producer.last_timestamp = header.max_timestamp;
        producer.last_seen_ms = now_ms;
        if producer.recent.len() == REMEMBERED_BATCHES {
            producer.recent.pop_front();
        }
        producer.recent.push_back(Appended {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            timestamp: header.max_timestamp,
        });
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer_id);
        }
    }

    /// Takes note of the marker that ends a transaction.
    pub(crate) fn note_end(&mut self, header: &BatchHeader, commit: bool, now_ms: i64) {
        let producer = self.producer(header);
        producer.last_timestamp = header.max_timestamp;
        producer.last_seen_ms = now_ms;
        let Some(first_offset) = producer.transaction_start.take() else { return };
        self.open.remove(&first_offset);
        if !commit {
            let last_offset = header.last_offset();
            self.aborted.push(Aborted { producer_id: header.producer_id, first_offset, last_offset });
        }
    }

    fn producer(&mut self, header: &BatchHeader) -> &mut Producer {
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            last_sequence: NO_SEQUENCE,
            last_timestamp: header.max_timestamp,
            transaction_start: None,
            recent: VecDeque::new(),
            last_seen_ms: 0,
        });
        if header.producer_epoch > producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.last_sequence = NO_SEQUENCE;
            producer.recent.clear();
        }
        producer
    }

    /// The first offset of an open transaction.
    pub(crate) fn first_open_offset(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// The epoch of a producer that is known here.
    pub(crate) fn epoch(&self, producer_id: i64) -> Option<i16> {
        self.by_id.get(&producer_id).map(|producer| producer.epoch)
    }

    /// Whether this producer has a transaction open.
    pub(crate) fn has_open(&self, producer_id: i64) -> bool {
        self.by_id.get(&producer_id).is_some_and(|producer| producer.transaction_start.is_some())
    }

    /// The aborted transactions that have records in `from..to`.
    pub(crate) fn aborted(&self, from: i64, to: i64) -> impl Iterator<Item = Aborted> {
        let first = self.aborted.partition_point(|one| one.last_offset < from);
        self.aborted[first..].iter().filter(move |one| one.first_offset < to).copied()
    }

    /// All that are known, with their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, producer)| (*id, producer))
    }

    /// Forgets transactions that ended before `start_offset`, and producers not heard of since `before_ms`.
    pub(crate) fn forget(&mut self, start_offset: i64, before_ms: i64) {
        let gone = self.aborted.partition_point(|one| one.last_offset < start_offset);
        self.aborted.drain(..gone);
        self.by_id.retain(|_, producer| producer.transaction_start.is_some() || producer.last_seen_ms >= before_ms);
    }
}

#[cfg(test)]
mod tests;
