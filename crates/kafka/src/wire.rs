//! A bounds-checked reader of Kafka's primitive encodings over borrowed bytes.
//!
//! It serves the two places that are parsed by hand because they are hot: the Fetch response and the record batches in
//! it. Every read may fail, none can panic, none allocates. All other messages go through the generated types.

use std::fmt;

/// Why bytes are not what the protocol says. Small and `Copy`, so that the hot path passes it in registers; whoever
/// knows broker, topic and offset turns it into an [`crate::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A field goes beyond the end.
    EndsEarly,
    /// A variable-length integer has more bytes than its type.
    VarintTooLong,
    /// A length is negative where it may not be.
    NegativeLength,
    /// A record says it is longer or shorter than its fields.
    WrongRecordLength,
    /// A batch says it ends before its own header does, or runs backwards.
    WrongBatchHeader,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndsEarly => "a field goes beyond the end",
            Self::VarintTooLong => "a variable-length integer is too long",
            Self::NegativeLength => "a length is negative",
            Self::WrongRecordLength => "a record's length does not match its fields",
            Self::WrongBatchHeader => "a record batch has an impossible header",
        })
    }
}

/// What a read of a primitive gives.
pub(crate) type Parsed<T> = Result<T, Malformed>;

/// Reads from the front of `rest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> Parsed<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Malformed::EndsEarly)?;
        self.rest = tail;
        Ok(head)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(Malformed::EndsEarly)?;
        self.rest = tail;
        Ok(*head)
    }

    #[inline(always)]
    pub(crate) fn i8(&mut self) -> Parsed<i8> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn i16(&mut self) -> Parsed<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn i32(&mut self) -> Parsed<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Parsed<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self) -> Parsed<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(crate) fn uuid(&mut self) -> Parsed<uuid::Uuid> {
        Ok(uuid::Uuid::from_bytes(self.array()?))
    }

    /// An unsigned varint of up to 32 bits: the lengths of the flexible message versions.
    pub(crate) fn unsigned(&mut self) -> Parsed<u32> {
        u32::try_from(self.unsigned_long()?).map_err(|_| Malformed::VarintTooLong)
    }

    /// An unsigned varint of up to 64 bits.
    #[inline(always)]
    pub(crate) fn unsigned_long(&mut self) -> Parsed<u64> {
        match self.rest {
            // Nearly all lengths and deltas in a record are below 64.
            [byte, tail @ ..] if *byte < 0x80 => {
                self.rest = tail;
                Ok(u64::from(*byte))
            }
            [low, high, tail @ ..] if *high < 0x80 => {
                self.rest = tail;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.unsigned_long_slow(),
        }
    }

    fn unsigned_long_slow(&mut self) -> Parsed<u64> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let shift = index * 7;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::VarintTooLong);
            }
            value |= bits << shift;
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { Malformed::EndsEarly } else { Malformed::VarintTooLong })
    }

    /// A zigzag varint of up to 64 bits.
    #[inline(always)]
    pub(crate) fn signed_long(&mut self) -> Parsed<i64> {
        let zigzag = self.unsigned_long()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// Bytes with a zigzag length; −1 is null. The form of keys, values and header values in a record.
    #[inline(always)]
    pub(crate) fn nullable_bytes(&mut self) -> Parsed<Option<&'a [u8]>> {
        let len = self.signed_long()?;
        if len >= 0 {
            // A length beyond usize cannot be there either.
            let len = usize::try_from(len).map_err(|_| Malformed::EndsEarly)?;
            return self.take(len).map(Some);
        }
        if len == -1 { Ok(None) } else { Err(Malformed::NegativeLength) }
    }

    /// The length of a compact array, string or byte field; `None` is null.
    pub(crate) fn compact_len(&mut self) -> Parsed<Option<usize>> {
        Ok((self.unsigned()? as usize).checked_sub(1))
    }

    /// Tagged fields, each handed to `field` with its tag and bytes.
    pub(crate) fn tagged_fields(&mut self, mut field: impl FnMut(u32, &'a [u8]) -> Parsed<()>) -> Parsed<()> {
        for _ in 0..self.unsigned()? {
            let tag = self.unsigned()?;
            let len = self.unsigned()? as usize;
            field(tag, self.take(len)?)?;
        }
        Ok(())
    }

    /// Tagged fields that nobody wants.
    pub(crate) fn skip_tagged_fields(&mut self) -> Parsed<()> {
        self.tagged_fields(|_, _| Ok(()))
    }
}

#[cfg(test)]
mod tests;
