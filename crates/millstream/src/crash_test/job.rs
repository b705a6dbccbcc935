//! What is run and killed: a program of the user, or one of those built in, which are checked by arithmetic too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::Compare;
use super::compare::{Comparison, Difference, OutputRow, Row, compare, out_of_order};
use super::rows::{Rows, Sent};
use crate::program_file::Language;

/// What the keys of the counts begin with where two queries write to one topic.
const COUNT_OF: &str = "count of ";

/// A job that needs no program of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BuiltIn {
    /// Each row as it is.
    Pass,
    /// How many rows each key has in each second, once the second is over (append mode).
    Windows,
    /// How many rows each key has in each session, once the session is over (append mode): a session is a second with
    /// rows, and those of every other second are left out.
    Sessions,
    /// How many rows each key has (update mode).
    Counts,
    /// The same (complete mode).
    Complete,
    /// How many keys have so many rows (update mode); a number that no key has any more is deleted.
    Chained,
    /// The keys that have the most rows, by a join of their counts with the greatest (update mode); a key that is
    /// overtaken is deleted.
    Most,
    /// The keys with the most rows (update mode); a key that is no longer among them is deleted.
    Top,
    /// Rows and counts, by two queries that share a reader.
    Shared,
    /// Each row with the one that comes seven seconds after it: a left outer join of two streams (append mode).
    Join,
    /// Each row as it is, through a folder of files that one query writes and another reads.
    Files,
}

/// How many keys are the first.
const TOP_KEYS: usize = 7;

/// How many rows after a row the one comes that a join finds for it.
const JOINED_AFTER: u64 = 700;

/// What is run.
#[derive(Debug, Clone)]
pub(super) enum Job {
    BuiltIn(BuiltIn),
    Program { path: PathBuf, language: Language, args: Vec<OsString>, compare: Compare },
}

impl BuiltIn {
    pub(super) const ALL: [Self; 11] = [
        Self::Pass,
        Self::Windows,
        Self::Sessions,
        Self::Counts,
        Self::Complete,
        Self::Chained,
        Self::Most,
        Self::Top,
        Self::Shared,
        Self::Join,
        Self::Files,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Windows => "windows",
            Self::Sessions => "sessions",
            Self::Counts => "counts",
            Self::Complete => "complete",
            Self::Chained => "chained",
            Self::Most => "most",
            Self::Top => "top",
            Self::Shared => "shared",
            Self::Join => "join",
            Self::Files => "files",
        }
    }

    /// The program.
    fn sql(self) -> &'static str {
        match self {
            Self::Pass => include_str!("jobs/pass.sql"),
            Self::Windows => include_str!("jobs/windows.sql"),
            Self::Sessions => include_str!("jobs/sessions.sql"),
            Self::Counts => include_str!("jobs/counts.sql"),
            Self::Complete => include_str!("jobs/complete.sql"),
            Self::Chained => include_str!("jobs/chained.sql"),
            Self::Most => include_str!("jobs/most.sql"),
            Self::Top => include_str!("jobs/top.sql"),
            Self::Shared => include_str!("jobs/shared.sql"),
            Self::Join => include_str!("jobs/join.sql"),
            Self::Files => include_str!("jobs/files.sql"),
        }
    }

    /// The newest rows that are due at the end, by arithmetic; all of them where rows do not replace each other.
    fn due(self, rows: &Rows, sent: Sent) -> Vec<Row> {
        let row = |key: String, value: String| (Some(key.into_bytes()), Some(value.into_bytes()));
        let all = || (0..sent.all()).map(|number| row(rows.key(number), rows.value(number, number >= sent.under_load)));
        let counts = |key: &dyn Fn(u64) -> Option<String>, until| {
            let mut counts = BTreeMap::new();
            (0..until).filter_map(key).for_each(|key| *counts.entry(key).or_insert(0_u64) += 1);
            counts.into_iter().map(|(key, count)| row(key, count.to_string())).collect::<Vec<_>>()
        };
        let in_second = |number| format!("{} {}", rows.key(number), Rows::second(number));
        match self {
            Self::Pass | Self::Files => all().collect(),
            // The seconds of the last rows are never over.
            Self::Windows => counts(&|number| Some(in_second(number)), sent.under_load),
            Self::Sessions => {
                counts(&|number| Rows::is_in_even_second(number).then(|| in_second(number)), sent.under_load)
            }
            Self::Counts | Self::Complete => counts(&|number| Some(rows.key(number)), sent.all()),
            Self::Chained => {
                let mut keys_of = BTreeMap::new();
                for (_, count) in counts(&|number| Some(rows.key(number)), sent.all()) {
                    *keys_of.entry(count).or_insert(0_u64) += 1;
                }
                keys_of.into_iter().map(|(count, keys)| (count, Some(keys.to_string().into_bytes()))).collect()
            }
            Self::Most => {
                let counts = counts(&|number| Some(rows.key(number)), sent.all());
                let count =
                    |(_, value): &Row| -> Option<u64> { std::str::from_utf8(value.as_ref()?).ok()?.parse().ok() };
                let most = counts.iter().filter_map(count).max();
                counts.into_iter().filter(|row| count(row) == most).collect()
            }
            Self::Top => {
                let mut counts = BTreeMap::new();
                (0..sent.all()).for_each(|number| *counts.entry(rows.key(number)).or_insert(0_u64) += 1);
                let mut counts: Vec<_> = counts.into_iter().collect();
                // Stable: of keys with as many rows, the least comes first.
                counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                counts.into_iter().take(TOP_KEYS).map(|(key, count)| row(key, count.to_string())).collect()
            }
            // The last rows come a day later, so that nothing before meets them, and wait for others for ever.
            Self::Join => {
                let later = |number: u64| Some(number + JOINED_AFTER).filter(|later| *later < sent.under_load);
                let value = |number| later(number).map_or_else(|| "none".to_owned(), |later| later.to_string());
                (0..sent.under_load).map(|number| row(number.to_string(), value(number))).collect()
            }
            Self::Shared => {
                let count_of = |number| Some(format!("{COUNT_OF}{}", rows.key(number)));
                all().chain(counts(&count_of, sent.all())).collect()
            }
        }
    }

    /// Counts that do not follow those before: in update mode a count is written when it has grown.
    fn out_of_order(self, seen: &[OutputRow]) -> Vec<Difference> {
        let is_count = |seen: &&OutputRow| seen.row.0.as_ref().is_some_and(|key| key.starts_with(COUNT_OF.as_bytes()));
        match self {
            // How many keys have a number of rows goes up and down, and so does who has the most; a key may come back.
            Self::Chained | Self::Most | Self::Top => Vec::new(),
            Self::Pass | Self::Windows | Self::Sessions | Self::Join | Self::Files => Vec::new(),
            Self::Counts => out_of_order(seen.iter(), false),
            Self::Complete => out_of_order(seen.iter(), true),
            Self::Shared => out_of_order(seen.iter().filter(is_count), false),
        }
    }
}

impl Job {
    pub(super) fn name(&self) -> String {
        match self {
            Self::BuiltIn(job) => job.name().to_owned(),
            Self::Program { path, .. } => path.display().to_string(),
        }
    }

    pub(super) fn is_python(&self) -> bool {
        matches!(self, Self::Program { language: Language::Python, .. })
    }

    /// The file to run; a built-in one is written into this folder.
    pub(super) fn file(&self, folder: &Path) -> std::io::Result<PathBuf> {
        match self {
            Self::Program { path, .. } => Ok(path.clone()),
            Self::BuiltIn(job) => {
                let file = folder.join(job.name()).with_extension("sql");
                std::fs::write(&file, job.sql())?;
                Ok(file)
            }
        }
    }

    pub(super) fn args(&self) -> &[OsString] {
        match self {
            Self::Program { args, .. } => args,
            Self::BuiltIn(_) => &[],
        }
    }

    /// Partitions of the input. Windows, sessions and joins need its rows in the order of their events, so that none is
    /// late.
    pub(super) fn input_partitions(&self, partitions: i32) -> i32 {
        let in_order = matches!(self, Self::BuiltIn(BuiltIn::Windows | BuiltIn::Sessions | BuiltIn::Join));
        if in_order { 1 } else { partitions }
    }

    /// How often it must run to read all there is: a query that reads what another one writes ends with what is there
    /// when it starts.
    pub(super) fn runs_to_end(&self) -> usize {
        if matches!(self, Self::BuiltIn(BuiltIn::Files)) { 2 } else { 1 }
    }

    pub(super) fn comparison(&self) -> Comparison {
        match self {
            Self::BuiltIn(BuiltIn::Pass | BuiltIn::Windows | BuiltIn::Sessions | BuiltIn::Join | BuiltIn::Files)
            | Self::Program { compare: Compare::Rows, .. } => Comparison::Rows,
            Self::BuiltIn(BuiltIn::Counts | BuiltIn::Complete | BuiltIn::Chained | BuiltIn::Most | BuiltIn::Top)
            | Self::Program { compare: Compare::Newest, .. } => Comparison::Newest,
            Self::BuiltIn(BuiltIn::Shared) => Comparison::NewestOf(COUNT_OF),
        }
    }

    /// What arithmetic says against an output; nothing where the job is not known.
    pub(super) fn refute(&self, rows: &Rows, sent: Sent, seen: &[OutputRow]) -> Vec<Difference> {
        let Self::BuiltIn(job) = self else { return Vec::new() };
        let mut differences = compare(self.comparison(), seen, &job.due(rows, sent));
        differences.extend(job.out_of_order(seen));
        differences
    }
}

#[cfg(test)]
mod tests;
