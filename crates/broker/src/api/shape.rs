//! Walks a request before it is decoded, so that nothing is allocated for what is not there.
//!
//! The generated decoders make room for as many elements as a count says before they look at the first. A frame of
//! garbage can so ask for more memory than there is, which ends the process. Here every count and length is held
//! against the bytes that are left, by a table of what Kafka's requests look like, and the number of elements is
//! bounded.

use kafka_protocol::messages::ApiKey;

/// More elements than a request in good faith has.
const ELEMENTS_MAX: usize = 200_000;
const NEVER: i16 = i16::MAX;

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// With a length of two bytes, or a varint.
    Text,
    /// With a length of four bytes, or a varint.
    Bytes,
    /// An array of a simple kind.
    List(&'static Field),
    /// An array of structures, each with tagged fields in flexible versions.
    Many(&'static [Field]),
    /// A structure behind a byte that says whether it is there.
    Maybe(&'static [Field]),
}

/// A field, and the versions that have it.
#[derive(Debug, Clone, Copy)]
struct Field {
    kind: Kind,
    since: i16,
    until: i16,
}

impl Field {
    const fn new(kind: Kind) -> Self {
        Self { kind, since: 0, until: NEVER }
    }

    const fn since(self, since: i16) -> Self {
        Self { since, ..self }
    }

    const fn until(self, until: i16) -> Self {
        Self { until, ..self }
    }
}

const BOOL: Field = Field::new(Kind::Fixed(1));
const INT8: Field = BOOL;
const INT16: Field = Field::new(Kind::Fixed(2));
const INT32: Field = Field::new(Kind::Fixed(4));
const INT64: Field = Field::new(Kind::Fixed(8));
const UUID: Field = Field::new(Kind::Fixed(16));
const TEXT: Field = Field::new(Kind::Text);
const BYTES: Field = Field::new(Kind::Bytes);
const TEXTS: Field = Field::new(Kind::List(&TEXT));
const INT32S: Field = Field::new(Kind::List(&INT32));
const INT64S: Field = Field::new(Kind::List(&INT64));

const fn many(fields: &'static [Field]) -> Field {
    Field::new(Kind::Many(fields))
}

/// Topics with partition numbers.
const PARTITIONS: Field = many(&[TEXT, INT32S]);

const TOPIC: Field = TEXT.until(12);
const TOPIC_ID: Field = UUID.since(13);
const OFFSETS: Field = many(&[TEXT, many(&[INT32, INT64, INT32.since(6), TEXT])]);
const TRANSACTIONAL_OFFSETS: Field = many(&[TEXT, many(&[INT32, INT64, INT32.since(2), TEXT])]);

/// The requests that are decoded: the version from which lengths are varints, and the fields.
const SHAPES: &[(ApiKey, i16, &[Field])] = &[
    (ApiKey::Produce, 9, &[TEXT, INT16, INT32, many(&[TOPIC, TOPIC_ID, many(&[INT32, BYTES])])]),
    (
        ApiKey::Fetch,
        12,
        &[
            INT32.until(14),
            INT32,
            INT32,
            INT32,
            INT8,
            INT32.since(7),
            INT32.since(7),
            many(&[TOPIC, TOPIC_ID, many(&[INT32, INT32.since(9), INT64, INT32.since(12), INT64.since(5), INT32])]),
            many(&[TOPIC, TOPIC_ID, INT32S]).since(7),
            TEXT.since(11),
        ],
    ),
    (
        ApiKey::ListOffsets,
        6,
        &[INT32, INT8.since(2), many(&[TEXT, many(&[INT32, INT32.since(4), INT64])]), INT32.since(10)],
    ),
    (ApiKey::Metadata, 9, &[many(&[UUID.since(10), TEXT]), BOOL.since(4), BOOL.since(8).until(10), BOOL.since(8)]),
    (ApiKey::OffsetForLeaderEpoch, 4, &[INT32.since(3), many(&[TEXT, many(&[INT32, INT32, INT32])])]),
    (ApiKey::FindCoordinator, 3, &[TEXT.until(3), INT8.since(1), TEXTS.since(4)]),
    (ApiKey::DescribeCluster, 0, &[BOOL, INT8.since(1), BOOL.since(2)]),
    (ApiKey::DescribeLogDirs, 2, &[PARTITIONS]),
    (ApiKey::DescribeProducers, 0, &[PARTITIONS]),
    (ApiKey::DescribeTopicPartitions, 0, &[many(&[TEXT]), INT32, Field::new(Kind::Maybe(&[TEXT, INT32]))]),
    (ApiKey::CreateTopics, 5, &[many(&[TEXT, INT32, INT16, many(&[INT32, INT32S]), many(&[TEXT, TEXT])]), INT32, BOOL]),
    (ApiKey::DeleteTopics, 4, &[many(&[TEXT, UUID]).since(6), TEXTS.until(5), INT32]),
    (ApiKey::DeleteRecords, 2, &[many(&[TEXT, many(&[INT32, INT64])]), INT32]),
    (ApiKey::CreatePartitions, 2, &[many(&[TEXT, INT32, many(&[INT32S])]), INT32, BOOL]),
    (ApiKey::DescribeConfigs, 4, &[many(&[INT8, TEXT, TEXTS]), BOOL, BOOL.since(3)]),
    (ApiKey::AlterConfigs, 2, &[many(&[INT8, TEXT, many(&[TEXT, TEXT])]), BOOL]),
    (ApiKey::IncrementalAlterConfigs, 1, &[many(&[INT8, TEXT, many(&[TEXT, INT8, TEXT])]), BOOL]),
    (
        ApiKey::JoinGroup,
        6,
        &[TEXT, INT32, INT32.since(1), TEXT, TEXT.since(5), TEXT, many(&[TEXT, BYTES]), TEXT.since(8)],
    ),
    (ApiKey::SyncGroup, 4, &[TEXT, INT32, TEXT, TEXT.since(3), TEXT.since(5), TEXT.since(5), many(&[TEXT, BYTES])]),
    (ApiKey::Heartbeat, 4, &[TEXT, INT32, TEXT, TEXT.since(3)]),
    (ApiKey::LeaveGroup, 4, &[TEXT, TEXT.until(2), many(&[TEXT, TEXT, TEXT.since(5)]).since(3)]),
    (
        ApiKey::ConsumerGroupHeartbeat,
        0,
        &[TEXT, TEXT, INT32, TEXT, TEXT, INT32, TEXTS, TEXT.since(1), TEXT, many(&[UUID, INT32S])],
    ),
    (ApiKey::DescribeGroups, 5, &[TEXTS, BOOL.since(3)]),
    (ApiKey::ListGroups, 3, &[TEXTS.since(4), TEXTS.since(5)]),
    (ApiKey::DeleteGroups, 2, &[TEXTS]),
    (ApiKey::OffsetCommit, 8, &[TEXT, INT32, TEXT, TEXT.since(7), INT64.until(4), OFFSETS]),
    (
        ApiKey::OffsetFetch,
        6,
        &[
            TEXT.until(7),
            PARTITIONS.until(7),
            many(&[TEXT, TEXT.since(9), INT32.since(9), PARTITIONS]).since(8),
            BOOL.since(7),
        ],
    ),
    (ApiKey::OffsetDelete, NEVER, &[TEXT, many(&[TEXT, many(&[INT32])])]),
    (ApiKey::InitProducerId, 2, &[TEXT, INT32, INT64.since(3), INT16.since(3)]),
    (ApiKey::AddPartitionsToTxn, 3, &[TEXT, INT64, INT16, PARTITIONS]),
    (ApiKey::AddOffsetsToTxn, 3, &[TEXT, INT64, INT16, TEXT]),
    (ApiKey::EndTxn, 3, &[TEXT, INT64, INT16, BOOL]),
    (ApiKey::WriteTxnMarkers, 1, &[many(&[INT64, INT16, BOOL, PARTITIONS, INT32])]),
    (
        ApiKey::TxnOffsetCommit,
        3,
        &[TEXT, TEXT, INT64, INT16, INT32.since(3), TEXT.since(3), TEXT.since(3), TRANSACTIONAL_OFFSETS],
    ),
    (ApiKey::DescribeTransactions, 0, &[TEXTS]),
    (ApiKey::ListTransactions, 0, &[TEXTS, INT64S, INT64.since(1)]),
];

fn shape(key: ApiKey) -> Option<(i16, &'static [Field])> {
    SHAPES.iter().find(|(shaped, _, _)| *shaped == key).map(|&(_, flexible_from, fields)| (flexible_from, fields))
}

/// Whether the body of a request has the form that it should have.
pub(super) fn is_sound(key: ApiKey, version: i16, body: &[u8]) -> bool {
    let Some((flexible_from, fields)) = shape(key) else { return true };
    let mut walker = Walker { rest: body, version, flexible: version >= flexible_from, elements: 0 };
    walker.structure(fields).is_some()
}

struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
}

/// `None`: the bytes do not have the form.
type Walked = Option<()>;

impl Walker<'_> {
    fn skip(&mut self, bytes: usize) -> Walked {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn unsigned(&mut self) -> Option<usize> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(5).enumerate() {
            value |= usize::from(byte & 0x7f) << (index * 7);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Some(value);
            }
        }
        None
    }

    /// A length or a count; null counts as nothing.
    fn len(&mut self, bytes: usize) -> Option<usize> {
        if self.flexible {
            return Some(self.unsigned()?.saturating_sub(1));
        }
        let (len, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        let len = match len {
            [high, low] => i32::from(i16::from_be_bytes([*high, *low])),
            len => i32::from_be_bytes(len.try_into().ok()?),
        };
        Some(usize::try_from(len).unwrap_or(0))
    }

    /// The count of an array, which has as many elements as bytes at most.
    fn count(&mut self) -> Option<usize> {
        let count = self.len(4)?;
        self.elements = self.elements.checked_add(count)?;
        (count <= self.rest.len() && self.elements <= ELEMENTS_MAX).then_some(count)
    }

    fn structure(&mut self, fields: &[Field]) -> Walked {
        for field in fields {
            if (field.since..=field.until).contains(&self.version) {
                self.field(field)?;
            }
        }
        if self.flexible { self.tagged_fields() } else { Some(()) }
    }

    fn field(&mut self, field: &Field) -> Walked {
        match field.kind {
            Kind::Fixed(bytes) => self.skip(bytes),
            Kind::Text => {
                let len = self.len(2)?;
                self.skip(len)
            }
            Kind::Bytes => {
                let len = self.len(4)?;
                self.skip(len)
            }
            Kind::List(element) => {
                let count = self.count()?;
                (0..count).try_for_each(|_| self.field(element))
            }
            Kind::Many(fields) => {
                let count = self.count()?;
                (0..count).try_for_each(|_| self.structure(fields))
            }
            Kind::Maybe(fields) => {
                let there = *self.rest.first()? as i8 >= 0;
                self.skip(1)?;
                if there { self.structure(fields) } else { Some(()) }
            }
        }
    }

    fn tagged_fields(&mut self) -> Walked {
        let count = self.unsigned()?;
        self.elements = self.elements.checked_add(count).filter(|&elements| elements <= ELEMENTS_MAX)?;
        for _ in 0..count {
            self.unsigned()?;
            let len = self.unsigned()?;
            self.skip(len)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
