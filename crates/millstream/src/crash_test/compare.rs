//! Two outputs beside each other: what is lost, what came twice, what is different.
//!
//! Where all rows count, an output is the bag of its rows: the order among partitions and tasks means nothing. Where
//! rows replace each other, it is the newest row of each key.

use std::collections::BTreeMap;
use std::fmt;

/// Key and value.
pub(super) type Row = (Option<Vec<u8>>, Option<Vec<u8>>);

/// A row of the output and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputRow {
    pub(super) row: Row,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// What must be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Rows,
    Newest,
    /// The newest rows of the keys that begin so, and all rows of the others.
    NewestOf(&'static str),
}

impl Comparison {
    /// Whether a row is replaced by the next of its key.
    fn replaces(self, row: &Row) -> bool {
        match self {
            Self::Rows => false,
            Self::Newest => true,
            Self::NewestOf(prefix) => row.0.as_ref().is_some_and(|key| key.starts_with(prefix.as_bytes())),
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: What,
    pub(super) row: Row,
    /// Where the row lies that should not be there.
    pub(super) at: Option<(i32, i64)>,
}

/// In which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// It is not there.
    Lost,
    /// It is there more than once.
    Doubled,
    /// It should not be there at all.
    Unexpected,
    /// Another value was expected.
    Instead(Option<Vec<u8>>),
    /// The value does not follow this one, which came before it.
    After(Option<Vec<u8>>),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map_or("null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let name = match self.what {
            What::Lost => "lost",
            What::Doubled => "doubled",
            What::Unexpected | What::Instead(_) | What::After(_) => "different",
        };
        write!(f, "{name}: key {}, value {}", text(&self.row.0), text(&self.row.1))?;
        match &self.what {
            What::Lost | What::Doubled => {}
            What::Unexpected => f.write_str(", where no such row is due")?,
            What::Instead(value) => write!(f, " instead of {}", text(value))?,
            What::After(value) => write!(f, " after {}", text(value))?,
        }
        match self.at {
            Some((partition, offset)) => write!(f, ", at offset {offset} of partition {partition}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with an output, when these rows are due.
pub(super) fn compare(comparison: Comparison, seen: &[OutputRow], due: &[Row]) -> Vec<Difference> {
    let (newest, all): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| comparison.replaces(&seen.row));
    let (newest_due, all_due): (Vec<_>, Vec<_>) = due.iter().partition(|due| comparison.replaces(due));
    let mut differences = compare_rows(&all, &all_due);
    differences.extend(compare_newest(&newest, &newest_due));
    differences
}

fn compare_rows(seen: &[&OutputRow], due: &[&Row]) -> Vec<Difference> {
    let mut left: BTreeMap<&Row, usize> = BTreeMap::new();
    due.iter().for_each(|row| *left.entry(row).or_default() += 1);
    let mut differences = Vec::new();
    for OutputRow { row, partition, offset } in seen {
        match left.get_mut(row) {
            Some(count) if *count > 0 => *count -= 1,
            found => {
                let what = if found.is_some() { What::Doubled } else { What::Unexpected };
                differences.push(Difference { what, row: row.clone(), at: Some((*partition, *offset)) });
            }
        }
    }
    let lost = left.into_iter().filter(|(_, count)| *count > 0);
    differences.extend(lost.map(|(row, _)| Difference { what: What::Lost, row: row.clone(), at: None }));
    differences
}

fn compare_newest(seen: &[&OutputRow], due: &[&Row]) -> Vec<Difference> {
    let mut newest: BTreeMap<&Option<Vec<u8>>, &OutputRow> = seen.iter().map(|seen| (&seen.row.0, *seen)).collect();
    let mut due: BTreeMap<_, _> = due.iter().map(|(key, value)| (key, value)).collect();
    // A record without a value says that its key has gone.
    newest.retain(|_, seen| seen.row.1.is_some());
    due.retain(|_, value| value.is_some());
    let mut differences = Vec::new();
    for (key, value) in due {
        match newest.remove(key) {
            Some(seen) if seen.row.1 == *value => {}
            Some(seen) => differences.push(Difference {
                what: What::Instead(value.clone()),
                row: seen.row.clone(),
                at: Some((seen.partition, seen.offset)),
            }),
            None => {
                let row = (key.clone(), value.clone());
                differences.push(Difference { what: What::Lost, row, at: None });
            }
        }
    }
    let unexpected = newest.into_values().map(|seen| Difference {
        what: What::Unexpected,
        row: seen.row.clone(),
        at: Some((seen.partition, seen.offset)),
    });
    differences.extend(unexpected);
    differences
}

/// Rows of a key whose number does not follow the one before: is greater, or at least as great.
pub(super) fn out_of_order<'a>(seen: impl Iterator<Item = &'a OutputRow>, may_repeat: bool) -> Vec<Difference> {
    let mut newest: BTreeMap<&Option<Vec<u8>>, u64> = BTreeMap::new();
    let mut differences = Vec::new();
    for OutputRow { row, partition, offset } in seen {
        let number = row.1.as_ref().and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0);
        let before = newest.insert(&row.0, number);
        if before.is_some_and(|before| number < before || (number == before && !may_repeat)) {
            let what = What::After(before.map(|before| before.to_string().into_bytes()));
            differences.push(Difference { what, row: row.clone(), at: Some((*partition, *offset)) });
        }
    }
    differences
}

#[cfg(test)]
mod tests;
