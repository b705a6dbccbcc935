//! Loops whose iterations are tried in every way.

use super::super::program::{Instruction, Looped};
use super::super::tree::Greed;
use super::{Frame, LimitError, Machine, Way};

impl Machine<'_> {
    pub(super) fn loop_start(&mut self, looped: &Looped, at: u32) -> Result<Option<Way>, LimitError> {
        if looped.times.max == 0 {
            return Ok(Some((looped.next, at)));
        }
        self.set_count(looped.number, 1)?;
        let (first, second) =
            if looped.times.greed == Greed::Lazy { (looped.next, looped.body) } else { (looped.body, looped.next) };
        if looped.times.min > 0 {
            return Ok(Some((looped.body, at)));
        }
        self.push(Frame::Resume { pc: second, at })?;
        Ok(Some((first, at)))
    }

    /// An iteration of a loop has matched. One without a character is the last.
    pub(super) fn loop_next(&mut self, pc: u32, looped: &Looped, at: u32) -> Result<Option<Way>, LimitError> {
        let count = self.counts[looped.number as usize];
        if at <= self.locals[looped.local as usize] {
            return Ok(Some((looped.next, at)));
        }
        if count < looped.times.min {
            self.set_count(looped.number, count + 1)?;
            return Ok(Some((looped.body, at)));
        }
        if looped.times.greed == Greed::Lazy {
            self.push(Frame::LoopMore { pc, at })?;
            return Ok(Some((looped.next, at)));
        }
        if count >= looped.times.max || looped.remembers && self.remembers(looped.number, at) {
            return Ok(Some((looped.next, at)));
        }
        self.push(Frame::Resume { pc: looped.next, at })?;
        if looped.remembers {
            self.push(Frame::Remember { number: looped.number, at })?;
        }
        self.set_count(looped.number, count + 1)?;
        Ok(Some((looped.body, at)))
    }

    pub(super) fn loop_more(&mut self, pc: u32, at: u32) -> Result<Option<Way>, LimitError> {
        let Instruction::LoopNext(looped) = &self.program.instructions[pc as usize] else { return Ok(None) };
        let count = self.counts[looped.number as usize];
        if count >= looped.times.max {
            return Ok(None);
        }
        self.set_count(looped.number, count + 1)?;
        Ok(Some((looped.body, at)))
    }

    fn remembers(&self, number: u32, at: u32) -> bool {
        let word = self.failures[number as usize].get(at as usize / 64);
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(super) fn remember(&mut self, number: u32, at: u32) {
        let words = self.text.len() / 64 + 1;
        let failures = &mut self.failures[number as usize];
        failures.resize(words, 0);
        failures[at as usize / 64] |= 1 << (at % 64);
    }
}
