//! A batch of one partition on its way: open, waiting, under way, or waiting to be repeated.

use bytes::Bytes;
use tokio::time::Instant;

use crate::compression::{CompressionType, Compressor, Decompressor};
use crate::error::{Error, Place, Result};
use crate::record_batch::RecordBatch;
use crate::record_batch::builder::{BatchStamp, BatchWriter, NewRecord, ProducerStamp};

/// A producer's id and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

#[derive(Debug)]
pub(super) enum Content {
    /// More records may come.
    Open(BatchWriter),
    /// As it goes over the wire.
    Sealed(Bytes),
}

/// A batch and what was tried with it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) content: Content,
    /// How many records the partition was given before its first. It tells the order of batches, however they are
    /// repeated or split.
    pub(super) position: u64,
    pub(super) records: usize,
    /// Memory that it took from the room.
    pub(super) memory: usize,
    pub(super) created: Instant,
    pub(super) tries: u32,
    /// Why the last try failed.
    pub(super) last_error: Option<Error>,
    /// Whether a broker may have written it although no answer said so.
    pub(super) in_doubt: bool,
    /// Under which identity it was sent and the first record's sequence number. It keeps both when it is repeated.
    pub(super) sequence: Option<(Identity, i32)>,
}

impl Batch {
    pub(super) fn new(position: u64, created: Instant) -> Self {
        let content = Content::Open(BatchWriter::new());
        Self {
            content,
            position,
            records: 0,
            memory: 0,
            created,
            tries: 0,
            last_error: None,
            in_doubt: false,
            sequence: None,
        }
    }

    /// Bytes before compression while it is open, those of the wire after.
    pub(super) fn bytes(&self) -> usize {
        match &self.content {
            Content::Open(writer) => writer.bytes(),
            Content::Sealed(bytes) => bytes.len(),
        }
    }

    /// The bytes to send: packed the first time, stamped each time.
    pub(super) fn seal(&mut self, codec: CompressionType, transactional: bool, compressor: &mut Compressor) -> Bytes {
        let producer = self.sequence.map(|(identity, base_sequence)| ProducerStamp {
            id: identity.id,
            epoch: identity.epoch,
            base_sequence,
        });
        let stamp = BatchStamp { producer, transactional };
        let sealed: Bytes = match std::mem::replace(&mut self.content, Content::Sealed(Bytes::new())) {
            Content::Open(writer) => writer.finish(codec, &stamp, compressor).into(),
            Content::Sealed(bytes) => {
                // No copy where the request that had them is gone.
                let mut bytes = Vec::from(bytes);
                stamp.put_on(&mut bytes);
                bytes.into()
            }
        };
        self.content = Content::Sealed(sealed.clone());
        sealed
    }

    /// Two batches with half of the records each, for a broker that finds this one too large. They keep its age and its
    /// sequence numbers.
    pub(super) fn split(&self) -> Result<[Self; 2]> {
        let place = Place::default();
        let Content::Sealed(bytes) = &self.content else {
            return Err(Error::malformed(&place, "a batch was split before it was sent"));
        };
        let first_half = self.records.div_ceil(2);
        let mut halves =
            [self.position, self.position + first_half as u64].map(|position| Self::new(position, self.created));
        let batch = RecordBatch::parse(bytes, &place)?
            .ok_or_else(|| Error::malformed(&place, "a batch that was sent is cut off"))?;
        let mut room = Decompressor::new();
        let mut records = batch.records(&mut room)?;
        while let Some(record) = records.next()? {
            let half = &mut halves[usize::from(record.offset as usize >= first_half)];
            let headers: Vec<_> = record.headers.iter().collect();
            let Content::Open(writer) = &mut half.content else { continue };
            writer.append(&NewRecord {
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: &headers,
            });
            half.records += 1;
        }
        halves[0].memory = self.memory / 2;
        halves[1].memory = self.memory - halves[0].memory;
        if let Some((identity, sequence)) = self.sequence {
            halves[0].sequence = Some((identity, sequence));
            halves[1].sequence = Some((identity, after(sequence, first_half)));
        }
        Ok(halves)
    }
}

/// The sequence number this many records later. It goes round without becoming negative.
pub(super) fn after(sequence: i32, records: usize) -> i32 {
    ((i64::from(sequence) + records as i64) & i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests;
