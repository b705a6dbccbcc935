//! Messages of Protobuf as trees of fields, without their schema, and random changes to them.

use std::collections::BTreeMap;

/// Messages and texts of all plans, by the number of the field that they were in.
pub(super) type Pool = BTreeMap<u64, Vec<Vec<u8>>>;

/// Numbers at which something may break.
const NUMBERS: [u64; 9] =
    [0, 1, 2, 63, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, u64::MAX];

/// Texts at which something may break.
const TEXTS: [&str; 14] =
    ["", "*", "a.b", "`", "ü", "NULL", "INTERVAL", "ts", "k", "v", "window", "9999999999999999999", "\u{0}", "((("];

/// A field of a message.
#[derive(Debug, Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Vec<u8>),
    Fixed32([u8; 4]),
}

/// The fields of a message; `None` if these bytes are none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?.to_vec())
            }
            5 => Value::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
    }
    fields.iter().all(|field| field.number > 0).then_some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for Field { number, value } in fields {
        let (kind, bytes) = match value {
            Value::Varint(_) => (0, &[][..]),
            Value::Fixed64(bytes) => (1, &bytes[..]),
            Value::Bytes(bytes) => (2, bytes.as_slice()),
            Value::Fixed32(bytes) => (5, &bytes[..]),
        };
        put_varint(number << 3 | kind, &mut out);
        match value {
            Value::Varint(value) => put_varint(*value, &mut out),
            Value::Bytes(bytes) => put_varint(bytes.len() as u64, &mut out),
            Value::Fixed64(_) | Value::Fixed32(_) => {}
        }
        out.extend_from_slice(bytes);
    }
    out
}

/// Adds all messages and texts in a message to the pool.
pub(super) fn parts(bytes: &[u8], pool: &mut Pool) {
    for field in fields(bytes).unwrap_or_default() {
        if let Value::Bytes(bytes) = field.value {
            parts(&bytes, pool);
            pool.entry(field.number).or_default().push(bytes);
        }
    }
}

/// Changes messages at random.
pub(super) struct Mutator<'a> {
    state: u64,
    pool: &'a Pool,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(seed: u64, pool: &'a Pool) -> Self {
        Self { state: seed, pool }
    }

    /// The next number below a limit: SplitMix64.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut next = self.state;
        next = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        next = (next ^ (next >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((next ^ (next >> 31)) % (limit.max(1) as u64)).expect("below a limit")
    }

    /// The message with a change somewhere.
    pub(super) fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(mut fields) = fields(bytes).filter(|fields| !fields.is_empty()) else {
            return self.other_bytes(bytes);
        };
        let at = self.below(fields.len());
        // Most changes are deep inside.
        if let Value::Bytes(inner) = &fields[at].value
            && self.below(100) < 88
        {
            fields[at].value = Value::Bytes(self.mutate(&inner.clone()));
            return written(&fields);
        }
        match self.below(6) {
            0 => {
                fields.remove(at);
            }
            1 => fields.insert(at, fields[at].clone()),
            2 => {
                let other = self.below(fields.len());
                fields.swap(at, other);
            }
            _ => fields[at].value = self.other_value(&fields[at].clone()),
        }
        written(&fields)
    }

    fn other_value(&mut self, field: &Field) -> Value {
        match &field.value {
            Value::Varint(value) => Value::Varint(match self.below(3) {
                0 => value.wrapping_add(1),
                1 => value.wrapping_sub(1),
                _ => NUMBERS[self.below(NUMBERS.len())],
            }),
            Value::Bytes(bytes) => match self.pool.get(&field.number) {
                // Mostly what stands there is of the same kind as what stood here.
                Some(known) if self.below(4) > 0 => Value::Bytes(known[self.below(known.len())].clone()),
                _ => Value::Bytes(self.other_bytes(bytes)),
            },
            Value::Fixed64(_) => Value::Fixed64(NUMBERS[self.below(NUMBERS.len())].to_le_bytes()),
            Value::Fixed32(_) => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                Value::Fixed32([number[0], number[1], number[2], number[3]])
            }
        }
    }

    /// Text or bytes that stand for others.
    fn other_bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self.below(4) {
            0 => return TEXTS[self.below(TEXTS.len())].as_bytes().to_vec(),
            1 => bytes.truncate(self.below(bytes.len())),
            2 => bytes.extend_from_within(..),
            _ => {
                let at = self.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(7);
                }
            }
        }
        bytes
    }
}
