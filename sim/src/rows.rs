//! The rows of a simulation, and what queries over them must answer, computed as plainly as one can.

use std::collections::{BTreeMap, BTreeSet};

use crate::chance::Chance;
use crate::last_rows::KEPT;

/// One row of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: i64,
    pub(crate) value: i64,
    /// Event time in seconds.
    pub(crate) second: i64,
}

/// A row of a result: plain numbers, times in seconds, a window as its start and end.
pub(crate) type Answer = Vec<i64>;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// `select key, value where value % 3 <> 0`, append.
    Filter,
    /// `select key, count(*), sum(value) group by key`, update.
    Update,
    /// The same, complete.
    Complete,
    /// Of [`Question::Update`]'s counts and sums `select count, count(*), sum(sum) group by count`, update: each answer
    /// has with it what has become of its key.
    CountsOfCounts,
    /// The numbers of even and of odd values of each key, two aggregates in a full outer join by key, update: each
    /// answer has with it whether it is there.
    JoinOfCounts,
    /// The [`BEST`] rows of each key with the greatest values, numbered by `row_number()`, update; with what has become
    /// of each number of each key.
    BestRows,
    /// The [`BEST`] keys with the most rows, with their counts and sums, update; with what has become of each.
    BestKeys,
    /// `select window(ts, '10 seconds'), count(*), sum(value)` by window with a watermark of [`DELAY`], append.
    Windows,
    /// `dropDuplicates(["key"])`, of which only the key is written, append.
    Keys,
    /// `dropDuplicates(["key", "ts"])` with the same watermark, append.
    Moments,
    /// Rows with an even value with those of the same key that have an odd one and come up to [`REACH`] seconds after
    /// them, with a watermark of [`DELAY`] on both, append.
    Join,
    /// The same, with the even rows that meet none: a left outer join.
    LeftJoin,
    /// A number for each of the first [`LIMIT`] rows, append: which rows they are is not fixed.
    Limit,
    /// `select session_window(ts, '7 seconds'), key, count(*), sum(value)` by both with a watermark of [`DELAY`],
    /// append.
    Sessions,
    /// The last [`crate::last_rows::KEPT`] rows of each key in each window, append; an operator that is not the
    /// engine's.
    LastRows,
}

/// Seconds by which a row may be behind the newest.
pub(crate) const DELAY: i64 = 15;

/// Rows that arrive for the last process alone.
pub(crate) const KEPT_BACK: usize = 2;

/// Seconds of a window.
pub(crate) const WINDOW: i64 = 10;

/// Seconds after its last event in which a session ends.
pub(crate) const GAP: i64 = 7;

/// Seconds after a row within which another one meets it.
pub(crate) const REACH: i64 = 20;

/// What stands for the value of a row that is not there.
pub(crate) const NOBODY: i64 = -9999;

/// How many rows of a key, or how many keys, are the best.
pub(crate) const BEST: usize = 3;

/// How many rows pass a limit.
pub(crate) const LIMIT: usize = 30;

/// An answer's last number where it says what has become of its key: it has this row now.
pub(crate) const UPSERT: i64 = 1;

/// The same of a key that has gone.
pub(crate) const DELETE: i64 = -1;

impl Question {
    pub(crate) const ALL: [Self; 15] = [
        Self::Filter,
        Self::Update,
        Self::Complete,
        Self::CountsOfCounts,
        Self::JoinOfCounts,
        Self::BestRows,
        Self::BestKeys,
        Self::Windows,
        Self::Keys,
        Self::Moments,
        Self::LastRows,
        Self::Limit,
        Self::Sessions,
        Self::Join,
        Self::LeftJoin,
    ];

    /// Whether rows must come in the order of the source, so that none is late.
    pub(crate) fn has_watermark(self) -> bool {
        matches!(self, Self::Windows | Self::Moments | Self::LastRows | Self::Sessions | Self::Join | Self::LeftJoin)
    }

    /// The rows that a batch must write, given what the batches before it read and what it reads itself. `None` where
    /// that depends on more; see [`Question::check_all`].
    pub(crate) fn batch(self, before: &[Row], batch: &[Row]) -> Option<Vec<Answer>> {
        let all: Vec<Row> = before.iter().chain(batch).copied().collect();
        match self {
            Self::Filter => Some(sorted(filter(batch))),
            Self::Complete => Some(counts(&all)),
            Self::Update => {
                let touched: BTreeSet<_> = batch.iter().map(|row| row.key).collect();
                Some(counts(&all).into_iter().filter(|answer| touched.contains(&answer[0])).collect())
            }
            Self::CountsOfCounts | Self::JoinOfCounts | Self::BestRows | Self::BestKeys => {
                Some(changes(&self.result(before), &self.result(&all)))
            }
            Self::Windows | Self::LastRows | Self::Sessions | Self::LeftJoin => None,
            Self::Join => {
                let mut pairs = pairs(&all);
                for known in self::pairs(before) {
                    let place = pairs.iter().position(|pair| *pair == known);
                    place.map(|place| pairs.remove(place));
                }
                Some(pairs)
            }
            Self::Keys | Self::Moments => {
                let seen = self.distinct(before);
                Some(self.distinct(batch).difference(&seen).cloned().collect())
            }
            Self::Limit => Some(limited(all.len()).split_off(limited(before.len()).len())),
        }
    }

    /// A result whose keys may go, by key.
    fn result(self, rows: &[Row]) -> BTreeMap<Answer, Answer> {
        let answers = match self {
            Self::BestRows => best_rows(rows),
            Self::BestKeys => best_keys(rows),
            Self::JoinOfCounts => join_of_counts(rows),
            _ => counts_of_counts(rows),
        };
        answers.into_iter().map(|answer| (answer[..self.key_length()].to_vec(), answer)).collect()
    }

    /// How many numbers at the beginning of an answer name it.
    fn key_length(self) -> usize {
        match self {
            Self::BestRows => 2,
            // All: another answer is another row.
            Self::JoinOfCounts => 3,
            _ => 1,
        }
    }

    /// What is there after these batches.
    fn held(self, batches: &[Vec<Answer>]) -> Vec<Answer> {
        let mut newest = BTreeMap::new();
        for row in batches.iter().flatten() {
            newest.insert(row[..self.key_length()].to_vec(), row.clone());
        }
        let there = newest.into_values().filter(|row| row.last() == Some(&UPSERT));
        there.map(|row| row[..row.len() - 1].to_vec()).collect()
    }

    /// What rows are told apart by.
    fn distinct(self, rows: &[Row]) -> BTreeSet<Answer> {
        let answer = |row: &Row| if self == Self::Keys { vec![row.key] } else { vec![row.key, row.second] };
        rows.iter().map(answer).collect()
    }

    /// What all batches together must have written, once everything was read; what is wrong otherwise.
    pub(crate) fn check_all(self, all: &[Row], batches: &[Vec<Answer>]) -> Result<(), String> {
        let written = || sorted(batches.iter().flatten().cloned().collect());
        let (expected, found) = match self {
            Self::Filter => (sorted(filter(all)), written()),
            Self::Complete => (counts(all), batches.last().cloned().unwrap_or_default()),
            Self::Update => {
                let newest: BTreeMap<_, _> = batches.iter().flatten().map(|row| (row[0], row.clone())).collect();
                (counts(all), newest.into_values().collect())
            }
            Self::CountsOfCounts | Self::JoinOfCounts | Self::BestRows | Self::BestKeys => {
                (self.result(all).into_values().collect(), self.held(batches))
            }
            Self::Windows => (windows(all), written()),
            Self::LastRows => (last_rows(all), written()),
            Self::Sessions => (sessions(all), written()),
            Self::Limit => (limited(all.len()), written()),
            Self::Join => (pairs(all), written()),
            Self::LeftJoin => (sorted([pairs(all), lone(all)].concat()), written()),
            Self::Keys | Self::Moments => (self.distinct(all).into_iter().collect(), written()),
        };
        if expected == found { Ok(()) } else { Err(format!("the answer is {found:?}\n  but must be {expected:?}")) }
    }
}

fn sorted(mut answers: Vec<Answer>) -> Vec<Answer> {
    answers.sort();
    answers
}

fn filter(rows: &[Row]) -> Vec<Answer> {
    rows.iter().filter(|row| row.value % 3 != 0).map(|row| vec![row.key, row.value]).collect()
}

fn limited(rows: usize) -> Vec<Answer> {
    vec![vec![1]; rows.min(LIMIT)]
}

fn counts(rows: &[Row]) -> Vec<Answer> {
    let mut counts = BTreeMap::<i64, (i64, i64)>::new();
    for row in rows {
        let (count, sum) = counts.entry(row.key).or_default();
        (*count, *sum) = (*count + 1, *sum + row.value);
    }
    counts.into_iter().map(|(key, (count, sum))| vec![key, count, sum]).collect()
}

/// By the number of rows of a key: that number, how many keys have it, and the sum of their sums.
fn counts_of_counts(rows: &[Row]) -> Vec<Answer> {
    let mut by_count = BTreeMap::<i64, Answer>::new();
    for answer in counts(rows) {
        let (count, sum) = (answer[1], answer[2]);
        let group = by_count.entry(count).or_insert_with(|| vec![count, 0, 0]);
        (group[1], group[2]) = (group[1] + 1, group[2] + sum);
    }
    by_count.into_values().collect()
}

/// Key, number and value of the rows of each key that have the greatest values.
fn best_rows(rows: &[Row]) -> Vec<Answer> {
    let mut values = BTreeMap::<i64, Vec<i64>>::new();
    rows.iter().for_each(|row| values.entry(row.key).or_default().push(row.value));
    let best = |(key, mut values): (i64, Vec<i64>)| {
        values.sort_by_key(|value| -value);
        let numbered = (1..).zip(values).take(BEST);
        numbered.map(|(number, value)| vec![key, number, value]).collect::<Vec<_>>()
    };
    values.into_iter().flat_map(best).collect()
}

/// The keys with the most rows; of those that have as many, the least.
fn best_keys(rows: &[Row]) -> Vec<Answer> {
    let mut counts = counts(rows);
    counts.sort_by_key(|answer| (-answer[1], answer[0]));
    counts.into_iter().take(BEST).collect()
}

/// Each key with how many even and how many odd values it has.
fn join_of_counts(rows: &[Row]) -> Vec<Answer> {
    let keys: BTreeSet<i64> = rows.iter().map(|row| row.key).collect();
    let count = |key: i64, even: bool| {
        let counted = rows.iter().filter(|row| row.key == key && is_even(row) == even).count();
        if counted == 0 { NOBODY } else { counted as i64 }
    };
    let answer = |key: i64| vec![key, count(key, true), count(key, false)];
    keys.into_iter().map(answer).collect()
}

/// What becomes of keys between two results: rows that are other rows now, and those whose key has gone.
fn changes(before: &BTreeMap<Answer, Answer>, after: &BTreeMap<Answer, Answer>) -> Vec<Answer> {
    let marked = |row: &Answer, operation: i64| row.iter().copied().chain([operation]).collect();
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|(_, row)| marked(row, DELETE));
    let set = after.iter().filter(|(key, row)| before.get(*key) != Some(*row)).map(|(_, row)| marked(row, UPSERT));
    sorted(gone.chain(set).collect())
}

fn is_even(row: &&Row) -> bool {
    row.value % 2 == 0
}

fn meet(even: &Row, odd: &Row) -> bool {
    even.key == odd.key && (even.second..=even.second + REACH).contains(&odd.second)
}

/// All rows that meet.
fn pairs(rows: &[Row]) -> Vec<Answer> {
    let (even, odd): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(is_even);
    let pairs_of = |even: &Row| {
        let others = odd.iter().filter(|odd| meet(even, odd));
        others.map(|odd| vec![even.key, even.value, odd.value]).collect::<Vec<_>>()
    };
    sorted(even.into_iter().flat_map(pairs_of).collect())
}

/// The even rows that meet none and that the watermark has passed at the end.
fn lone(rows: &[Row]) -> Vec<Answer> {
    let (even, odd): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(is_even);
    let newest = |rows: &[&Row]| rows.iter().map(|row| row.second).max();
    let (Some(first), Some(second)) = (newest(&even), newest(&odd)) else { return vec![] };
    let watermark = first.min(second) - DELAY;
    let is_lone = |row: &&&Row| !odd.iter().any(|odd| meet(row, odd)) && row.second + REACH < watermark;
    even.iter().filter(is_lone).map(|row| vec![row.key, row.value, NOBODY]).collect()
}

/// Those windows that the watermark has passed at the end. No row is ever late.
fn windows(rows: &[Row]) -> Vec<Answer> {
    let watermark = rows.iter().map(|row| row.second).max().unwrap_or(0) - DELAY;
    let mut windows = BTreeMap::<i64, (i64, i64)>::new();
    for row in rows {
        let (count, sum) = windows.entry(row.second - row.second.rem_euclid(WINDOW)).or_default();
        (*count, *sum) = (*count + 1, *sum + row.value);
    }
    let is_final = |start: &i64| start + WINDOW <= watermark;
    windows.into_iter().filter(|(start, _)| is_final(start)).map(|(s, (c, v))| vec![s, s + WINDOW, c, v]).collect()
}

/// Those sessions of each key that the watermark has passed at the end.
fn sessions(rows: &[Row]) -> Vec<Answer> {
    let watermark = rows.iter().map(|row| row.second).max().unwrap_or(0) - DELAY;
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| (row.key, row.second));
    let in_one = |a: &Row, b: &Row| a.key == b.key && b.second <= a.second + GAP;
    let session = |rows: &[Row]| {
        let (first, last) = (rows[0], rows[rows.len() - 1]);
        let sum = rows.iter().map(|row| row.value).sum();
        vec![first.second, last.second + GAP, first.key, rows.len() as i64, sum]
    };
    sorted(rows.chunk_by(in_one).map(session).filter(|answer| answer[1] <= watermark).collect())
}

/// The last rows of each key in the windows that the watermark has passed at the end, equal rows once.
fn last_rows(rows: &[Row]) -> Vec<Answer> {
    let watermark = rows.iter().map(|row| row.second).max().unwrap_or(0) - DELAY;
    let mut windows = BTreeMap::<(i64, i64), BTreeSet<(i64, i64)>>::new();
    for row in rows {
        let start = row.second - row.second.rem_euclid(WINDOW);
        windows.entry((row.key, start)).or_default().insert((row.second, row.value));
    }
    let finals = windows.into_iter().filter(|((_, start), _)| start + WINDOW <= watermark);
    let answers = finals.flat_map(|((key, _), rows)| {
        let last: Vec<_> = rows.into_iter().rev().take(KEPT).collect();
        last.into_iter().map(move |(second, value)| vec![key, value, second])
    });
    sorted(answers.collect())
}

/// Rows in the order in which they come. None is behind the newest by more than the watermark allows.
pub(crate) fn generate(chance: &Chance) -> Vec<Row> {
    let (keys, mut newest) = (chance.within(1, 12), 1_767_225_600_i64);
    let rows = chance.within(5, 120);
    let row = |_| {
        newest += i64::try_from(chance.below(6)).expect("small");
        let back = i64::try_from(chance.below(DELAY.unsigned_abs())).expect("small");
        let key = i64::try_from(chance.below(keys)).expect("small");
        let value = i64::try_from(chance.below(1000)).expect("small") - 500;
        Row { key, value, second: newest - if chance.percent(40) { back } else { 0 } }
    };
    let mut rows: Vec<Row> = (0..rows).map(row).collect();
    // The last rows are the newest ones with an even and with an odd value, so that they move every watermark.
    for (at, row) in rows.iter_mut().rev().take(KEPT_BACK).enumerate() {
        let parity = i64::try_from(at % 2).expect("small");
        (row.value, row.second) = (row.value / 2 * 2 + parity, newest);
    }
    rows
}

#[cfg(test)]
mod tests;
