//! Which partition a record without one goes to: as Java's producer chooses.
//!
//! A key decides by its murmur2 hash, so that all clients put equal keys into one partition. Records without a key stay
//! with one partition until it got a batch's worth of bytes (KIP-480), and the next is drawn by lot; partitions whose
//! queue is long are drawn less often (KIP-794).

use crate::error::{Error, Result};

/// Bytes after which a partition has had its share of records without a key; Java's `batch.size`.
const STICKY_BYTES: usize = 16 << 10;

/// How partitions are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitioner {
    /// `partitioner.ignore.keys`
    pub ignores_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`
    pub is_adaptive: bool,
    /// One partition after the other, record by record, whatever the keys.
    pub is_round_robin: bool,
}

impl Default for Partitioner {
    fn default() -> Self {
        Self { ignores_keys: false, is_adaptive: true, is_round_robin: false }
    }
}

impl Partitioner {
    /// Takes the Java classes whose behaviour is known.
    pub(super) fn set_class(&mut self, class: &str) -> Result<()> {
        match class.strip_prefix("org.apache.kafka.clients.producer.") {
            _ if class.is_empty() => {}
            Some("internals.DefaultPartitioner") => {}
            Some("UniformStickyPartitioner") => self.ignores_keys = true,
            Some("RoundRobinPartitioner") => self.is_round_robin = true,
            _ => {
                let reason = "is a Java class, which cannot run here; RoundRobinPartitioner is known";
                return Err(Error::config("partitioner.class", class, reason));
            }
        }
        Ok(())
    }
}

/// Where records without a key of one topic go.
#[derive(Debug)]
pub(super) struct Sticky {
    partition: Option<i32>,
    bytes: usize,
    /// State of the lot.
    random: u64,
    next: u32,
}

impl Sticky {
    pub(super) fn new(seed: u64) -> Self {
        Self { partition: None, bytes: 0, random: seed | 1, next: 0 }
    }

    /// The partition for the next record of about this size. `loads` tells bytes waiting by partition, `None` for one
    /// without a leader.
    pub(super) fn partition(&mut self, bytes: usize, loads: impl ExactSizeIterator<Item = Option<usize>>) -> i32 {
        let partitions = loads.len();
        let stays = self.partition.filter(|&at| self.bytes < STICKY_BYTES && (at as usize) < partitions);
        let partition = match stays {
            Some(partition) => partition,
            None => {
                self.bytes = 0;
                self.draw(loads)
            }
        };
        self.partition = Some(partition);
        self.bytes += bytes;
        partition
    }

    /// The next partition in turn.
    pub(super) fn round_robin(&mut self, partitions: usize) -> i32 {
        let partition = self.next as usize % partitions.max(1);
        self.next = self.next.wrapping_add(1);
        partition as i32
    }

    /// Draws by weights: the longest queue counts as one, an empty one as much as all that the longest is longer.
    fn draw(&mut self, loads: impl ExactSizeIterator<Item = Option<usize>>) -> i32 {
        let partitions = loads.len() as u64;
        let loads: Vec<_> = loads.map(|load| load.map(|bytes| bytes / STICKY_BYTES)).collect();
        let longest = loads.iter().flatten().max().copied();
        let Some(longest) = longest else { return (self.random_number() % partitions.max(1)) as i32 };
        let weight = |load: &Option<usize>| load.map_or(0, |load| (longest - load + 1) as u64);
        let mut ticket = self.random_number() % loads.iter().map(weight).sum::<u64>();
        for (index, load) in loads.iter().enumerate() {
            let weight = weight(load);
            if ticket < weight {
                return index as i32;
            }
            ticket -= weight;
        }
        0
    }

    /// Xorshift: it only has to spread.
    fn random_number(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}

/// The partition of a key among this many.
pub fn partition_of_key(key: &[u8], partitions: usize) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    (positive as usize % partitions.max(1)) as i32
}

/// The 32-bit MurmurHash2 with Kafka's seed.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests;
