//! Forgets: whole segments by age and size, and records that an administrator deleted.

use std::io;

use kafka_protocol::ResponseError;

use super::{Log, PRODUCER_EXPIRATION_MS, Segment};

impl Log {
    /// Moves the start of the log. −1 is its end. Gives the new start.
    pub(crate) fn delete_records(&mut self, before: i64) -> Result<i64, ResponseError> {
        let before = if before == -1 { self.next_offset } else { before };
        if before < 0 || before > self.next_offset {
            return Err(ResponseError::OffsetOutOfRange);
        }
        self.start_offset = self.start_offset.max(before);
        self.drop_before_start();
        Ok(self.start_offset)
    }

    /// Drops what the topic's settings no longer want to be kept. Gives whether the start moved.
    pub(crate) fn expire(&mut self, now_ms: i64) -> io::Result<bool> {
        let before = self.start_offset;
        if self.config.delete {
            // A segment that takes no more records for long would else stay for ever.
            if self.segments.back().is_some_and(|active| !active.is_empty() && self.is_too_old(active, now_ms)) {
                self.roll()?;
            }
            let mut total = self.bytes();
            let mut gone = 0;
            for segment in self.segments.range(..self.segments.len() - 1) {
                let limit = u64::try_from(self.config.retention_bytes).unwrap_or(u64::MAX);
                let too_much = total.saturating_sub(segment.bytes) >= limit;
                if !too_much && !self.is_too_old(segment, now_ms) {
                    break;
                }
                total -= segment.bytes;
                gone += 1;
            }
            self.start_offset = self.start_offset.max(self.segments[gone].base_offset);
        }
        self.drop_before_start();
        self.producers.forget(self.start_offset, now_ms.saturating_sub(PRODUCER_EXPIRATION_MS));
        Ok(self.start_offset > before)
    }

    /// A segment is as old as its newest record, but no older than its arrival: Kafka looks at the records alone, and
    /// would remove events of last year within minutes of their being loaded.
    fn is_too_old(&self, segment: &Segment, now_ms: i64) -> bool {
        let newest = segment.max_timestamp.max(segment.last_append_ms);
        self.config.retention_ms >= 0 && now_ms.saturating_sub(newest) > self.config.retention_ms
    }

    /// Drops segments of which nothing is left.
    fn drop_before_start(&mut self) {
        while self.segments.len() > 1 && self.segments[1].base_offset <= self.start_offset {
            self.drop_first();
        }
        let active = &self.segments[0];
        if self.segments.len() == 1 && self.start_offset == self.next_offset && !active.is_empty() {
            match self.roll() {
                Ok(()) => self.drop_first(),
                Err(error) => tracing::warn!(%error, "an empty segment cannot be made"),
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            self.place.memory.release(segment.memory_bytes());
            if let Err(error) = segment.remove() {
                tracing::warn!(%error, "a segment cannot be removed");
            }
        }
    }
}
