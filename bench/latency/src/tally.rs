//! What has come back, and whether it is what must come back: a latency without the right answer is worth nothing.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::row::{self, KEYS};
use crate::schedule::Schedule;

/// What the measured program makes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expect {
    /// Every row, once
    All,
    /// Every row whose id does not end in 9, once
    NineOfTen,
    /// Rows with `user`, `n` and the newest `sent`; the last of each user counts all of its rows
    Counts,
}

/// The results so far.
#[derive(Debug)]
pub(crate) struct Tally {
    expect: Expect,
    schedule: Schedule,
    /// By row: whether it came.
    seen: Vec<bool>,
    /// By user: its newest count.
    counts: Vec<u64>,
    /// Rows that came, or counted rows.
    done: u64,
    wanted: u64,
    results: Vec<Timed>,
}

/// A result that counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    /// When its row was due, from the first one's.
    pub(crate) due_ns: u64,
    pub(crate) latency_ns: u64,
}

impl Tally {
    pub(crate) fn new(expect: Expect, schedule: Schedule) -> Self {
        let rows = schedule.rows;
        let wanted = if expect == Expect::NineOfTen { rows - rows / 10 } else { rows };
        Self {
            expect,
            schedule,
            seen: vec![false; if expect == Expect::Counts { 0 } else { usize::try_from(rows).unwrap_or(0) }],
            counts: vec![0; usize::try_from(KEYS).unwrap_or(0)],
            done: 0,
            wanted,
            results: Vec::new(),
        }
    }

    /// Takes in a result that was read at `now_ns` of the driver's clock, when the sender's began at `begin_ns`.
    pub(crate) fn add(&mut self, value: &[u8], (begin_ns, now_ns): (u64, u64)) -> Result<()> {
        match self.expect {
            Expect::Counts => self.count(value)?,
            Expect::All | Expect::NineOfTen => self.see(row::number(value, "id")?)?,
        }
        let sent_ns = row::number(value, "sent")?;
        ensure!(sent_ns <= now_ns, "a result came before it was sent");
        let due_ns = sent_ns.saturating_sub(begin_ns);
        if u128::from(due_ns) >= self.schedule.skip.as_nanos() {
            self.results.push(Timed { due_ns, latency_ns: now_ns - sent_ns });
        }
        Ok(())
    }

    fn see(&mut self, id: u64) -> Result<()> {
        ensure!(self.expect == Expect::All || id % 10 != 9, "row {id} should have been filtered out");
        let seen = usize::try_from(id).ok().and_then(|id| self.seen.get_mut(id));
        let first = seen.is_some_and(|seen| !std::mem::replace(seen, true));
        ensure!(first, "row {id} came twice, or was never sent");
        self.done += 1;
        Ok(())
    }

    fn count(&mut self, value: &[u8]) -> Result<()> {
        let (user, n) = (row::user(value)?, row::number(value, "n")?);
        let before = self.counts[user];
        let most = self.schedule.rows_of(user as u64);
        ensure!(before < n && n <= most, "user {user} was counted {n} times after {before}, of {most}");
        self.done += n - before;
        self.counts[user] = n;
        Ok(())
    }

    /// Whether everything has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.done == self.wanted
    }

    /// What has come of what must come.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.done, self.wanted)
    }

    /// The results that count, once everything has come.
    pub(crate) fn into_results(self) -> Vec<Timed> {
        self.results
    }
}

#[cfg(test)]
mod tests;
