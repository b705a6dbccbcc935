//! Tables as `Dataset.show` prints them, down to the widths.
//!
//! Widths are counted as on the JVM: in UTF-16 units, East Asian characters twice.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use chrono_tz::Tz;

use crate::text::{Style, ValueText};
use millstream_core::BinaryStyle;
use millstream_core::error::Result;

/// How a table is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShowOptions {
    /// Rows shown at the most.
    pub num_rows: usize,
    /// Longest cell, in UTF-16 units; 0 for no limit, which also aligns to the left.
    pub truncate: usize,
    /// One line a value instead of one a row.
    pub vertical: bool,
    /// The session's time zone.
    pub time_zone: Tz,
    /// How binaries are printed.
    pub binary: BinaryStyle,
}

impl Default for ShowOptions {
    fn default() -> Self {
        Self { num_rows: 20, truncate: 20, vertical: false, time_zone: Tz::UTC, binary: BinaryStyle::default() }
    }
}

/// Narrowest column.
const WIDTH_MIN: usize = 3;

/// The text of `show()`. More rows than are shown make the last line say so.
pub fn show_string(batches: &[RecordBatch], schema: &Schema, options: &ShowOptions) -> Result<String> {
    let names: Vec<String> = schema.fields().iter().map(|field| escape(field.name()).into_owned()).collect();
    let mut rows = Vec::new();
    for batch in batches {
        let cells: Vec<ValueText<'_>> = batch
            .columns()
            .iter()
            .map(|column| ValueText::new(column.as_ref(), options.time_zone, Style::Show(options.binary)))
            .collect::<Result<_>>()?;
        for row in 0..batch.num_rows().min(options.num_rows - rows.len()) {
            rows.push(cells.iter().map(|cell| cell_text(cell, row, options.truncate)).collect::<Vec<_>>());
        }
    }
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut out = String::new();
    if options.vertical {
        push_records(&mut out, &names, &rows);
    } else {
        push_table(&mut out, &names, &rows, options.truncate > 0);
    }
    if options.vertical && rows.is_empty() {
        out.push_str("(0 rows)");
    } else if total > options.num_rows {
        let noun = if options.num_rows == 1 { "row" } else { "rows" };
        out.push_str(&format!("only showing top {} {noun}", options.num_rows));
    }
    Ok(out)
}

fn cell_text(cell: &ValueText<'_>, row: usize, truncate: usize) -> String {
    let mut text = String::new();
    cell.push(&mut text, row);
    let text = escape(&text);
    if truncate == 0 || text.encode_utf16().count() <= truncate {
        return text.into_owned();
    }
    // Less than four leave no room for dots.
    if truncate < 4 { head(&text, truncate) } else { head(&text, truncate - 3) + "..." }
}

/// The first UTF-16 units; half a pair shows as a question mark.
fn head(text: &str, units: usize) -> String {
    let head: Vec<u16> = text.encode_utf16().take(units).collect();
    char::decode_utf16(head).map(|character| character.unwrap_or('?')).collect()
}

/// Characters that would break the table.
fn escape(text: &str) -> Cow<'_, str> {
    const METAS: [(char, &str); 7] = [
        ('\n', "\\n"),
        ('\r', "\\r"),
        ('\t', "\\t"),
        ('\u{c}', "\\f"),
        ('\u{8}', "\\b"),
        ('\u{b}', "\\v"),
        ('\u{7}', "\\a"),
    ];
    let meta = |character: char| METAS.iter().find(|(meta, _)| *meta == character);
    if !text.chars().any(|character| meta(character).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match meta(character) {
            Some((_, escaped)) => out.push_str(escaped),
            None => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Columns of a terminal that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(|character| character.len_utf16() + usize::from(is_full_width(character))).sum()
}

fn is_full_width(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}')
}

fn push_padding(out: &mut String, text: &str, to: usize) {
    out.extend(std::iter::repeat_n(' ', to.saturating_sub(width(text))));
}

fn push_table(out: &mut String, names: &[String], rows: &[Vec<String>], right: bool) {
    let mut widths: Vec<usize> = names.iter().map(|name| width(name).max(WIDTH_MIN)).collect();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(width(cell));
        }
    }
    let mut rule = String::from("+");
    for width in &widths {
        rule.extend(std::iter::repeat_n('-', *width));
        rule.push('+');
    }
    rule.push('\n');
    let push_row = |out: &mut String, row: &[String]| {
        out.push('|');
        for (cell, width) in row.iter().zip(&widths) {
            if right {
                push_padding(out, cell, *width);
            }
            out.push_str(cell);
            if !right {
                push_padding(out, cell, *width);
            }
            out.push('|');
        }
        out.push('\n');
    };
    out.push_str(&rule);
    push_row(out, names);
    out.push_str(&rule);
    for row in rows {
        push_row(out, row);
    }
    out.push_str(&rule);
}

fn push_records(out: &mut String, names: &[String], rows: &[Vec<String>]) {
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| width(text)).max().unwrap_or_default().max(WIDTH_MIN)
    };
    let name_width = widest(&mut names.iter());
    let cell_width = widest(&mut rows.iter().flatten());
    for (index, row) in rows.iter().enumerate() {
        let head = format!("-RECORD {index}");
        out.push_str(&head);
        out.extend(std::iter::repeat_n('-', (name_width + cell_width + 5).saturating_sub(head.len())));
        out.push('\n');
        for (name, cell) in names.iter().zip(row) {
            out.push(' ');
            out.push_str(name);
            push_padding(out, name, name_width);
            out.push_str(" | ");
            out.push_str(cell);
            push_padding(out, cell, cell_width);
            out.push_str(" \n");
        }
    }
}

#[cfg(test)]
mod tests;
