//! The fields of one record: ranges of its text, or texts that had to be put together.

use std::ops::Range;

/// Where a field's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// Nothing stands between the separators.
    Missing,
    /// Quotes with nothing in them.
    Empty,
    /// A part of the input.
    Slice(Range<usize>),
    /// A part of the record's own text.
    Built(Range<usize>),
}

/// The fields of a record. It is used again for the next one.
#[derive(Debug, Default)]
pub struct Record {
    fields: Vec<Field>,
    text: Vec<u8>,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldText<'a> {
    /// Nothing stands between the separators.
    Missing,
    /// Quotes with nothing in them.
    Empty,
    /// The bytes of the field.
    Text(&'a [u8]),
}

impl Record {
    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field of the record that was read from `input`; none behind the last.
    pub fn get<'a>(&'a self, index: usize, input: &'a [u8]) -> Option<FieldText<'a>> {
        Some(match self.fields.get(index)? {
            Field::Missing => FieldText::Missing,
            Field::Empty => FieldText::Empty,
            Field::Slice(range) => FieldText::Text(&input[range.clone()]),
            Field::Built(range) => FieldText::Text(&self.text[range.clone()]),
        })
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.text.clear();
    }

    /// A part of the input outside of quotes; with nothing in it it is missing.
    pub(super) fn push_slice(&mut self, range: Range<usize>) {
        self.fields.push(if range.is_empty() { Field::Missing } else { Field::Slice(range) });
    }

    /// A part of the input within quotes.
    pub(super) fn push_quoted(&mut self, range: Range<usize>) {
        self.fields.push(if range.is_empty() { Field::Empty } else { Field::Slice(range) });
    }

    /// Where a text that is put together begins.
    pub(super) fn begin(&self) -> usize {
        self.text.len()
    }

    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Ends a text that was put together; `empty` is what it is with nothing in it.
    pub(super) fn push_built(&mut self, begin: usize, in_quotes: bool) {
        self.fields.push(match (begin < self.text.len(), in_quotes) {
            (true, _) => Field::Built(begin..self.text.len()),
            (false, true) => Field::Empty,
            (false, false) => Field::Missing,
        });
    }
}
