//! Quantifiers over one character, and over bodies that are matched as a whole.

use super::super::program::{Instruction, Single};
use super::super::tree::{Greed, Times, UNBOUNDED};
use super::super::units::point_before;
use super::{Barrier, Frame, LimitError, Machine, Way};

impl Machine<'_> {
    /// As many characters as there are, or as few as must be.
    pub(super) fn singles(
        &mut self,
        pc: u32,
        at: u32,
        single: &Single,
        times: Times,
    ) -> Result<Option<Way>, LimitError> {
        let wanted = if times.greed == Greed::Lazy { times.min } else { times.max };
        let (mut end, mut count, mut least) = (at, 0, at);
        while count < wanted {
            let Some((point, behind)) = self.point(end) else { break };
            if !single.contains(point) {
                break;
            }
            (end, count) = (behind, count + 1);
            if count == times.min {
                least = end;
            }
        }
        self.count_steps(u64::from(count) / 8)?;
        if count > 0 && (times.greed != Greed::Greedy || times.max != UNBOUNDED) {
            self.last = end;
        }
        if count < times.min {
            return Ok(None);
        }
        match times.greed {
            Greed::Greedy if end > least => self.push(Frame::Shorten { pc, at: end, least })?,
            Greed::Lazy => self.push(Frame::Lengthen { pc, at: end, count })?,
            Greed::Greedy | Greed::Possessive => {}
        }
        Ok(Some((pc + 1, end)))
    }

    pub(super) fn shorten(&mut self, pc: u32, at: u32, least: u32) -> Result<Option<Way>, LimitError> {
        let shorter = (point_before(&self.text, at as usize).1 as u32).max(least);
        if shorter > least {
            self.push(Frame::Shorten { pc, at: shorter, least })?;
        }
        Ok(Some((pc + 1, shorter)))
    }

    pub(super) fn lengthen(&mut self, pc: u32, at: u32, count: u32) -> Result<Option<Way>, LimitError> {
        let Instruction::Singles { single, times } = &self.program.instructions[pc as usize] else { return Ok(None) };
        let next = self.point(at).filter(|(point, _)| count < times.max && single.contains(*point));
        let Some((_, end)) = next else { return Ok(None) };
        self.last = end;
        self.push(Frame::Lengthen { pc, at: end, count: count + 1 })?;
        Ok(Some((pc + 1, end)))
    }

    /// Goes on after `count` iterations.
    pub(super) fn repeat(&mut self, pc: u32, at: u32, count: u32) -> Result<Option<Way>, LimitError> {
        let Instruction::Repeat { times, .. } = &self.program.instructions[pc as usize] else { return Ok(None) };
        if count < times.min {
            return Ok(self.enter(pc, at, count, at));
        }
        match times.greed {
            Greed::Lazy => {
                self.push(Frame::RepeatMore { pc, at, count })?;
                self.repeat_exit(pc, at, count)
            }
            _ if count >= times.max => self.repeat_exit(pc, at, count),
            Greed::Greedy => {
                self.push(Frame::RepeatExit { pc, at, count })?;
                Ok(self.enter(pc, at, count, at))
            }
            Greed::Possessive => Ok(self.enter(pc, at, count, at)),
        }
    }

    pub(super) fn repeat_more(&mut self, pc: u32, at: u32, count: u32) -> Result<Option<Way>, LimitError> {
        let Instruction::Repeat { times, .. } = &self.program.instructions[pc as usize] else { return Ok(None) };
        Ok(if count < times.max { self.enter(pc, at, count, at) } else { None })
    }

    /// Leaves a repetition. A group of it is set again when all has matched, where iterations could have been given
    /// back.
    pub(super) fn repeat_exit(&mut self, pc: u32, at: u32, count: u32) -> Result<Option<Way>, LimitError> {
        let Instruction::Repeat { times, captures, next } = &self.program.instructions[pc as usize] else {
            return Ok(None);
        };
        if let Some(group) = captures.filter(|_| times.greed == Greed::Greedy && count > times.min) {
            let (from, to) = self.groups[group as usize];
            self.push(Frame::Reset { group, from, to })?;
        }
        Ok(Some((*next, at)))
    }

    /// An iteration has matched. Behind the wanted ones, one without a character is the last.
    pub(super) fn iteration_end(&mut self, barrier: Barrier, at: u32) -> Result<Option<Way>, LimitError> {
        let Barrier { pc, at: start, count, .. } = barrier;
        let Instruction::Repeat { times, captures, next } = &self.program.instructions[pc as usize] else {
            return Ok(None);
        };
        if at == start && count >= times.min && !times.optional {
            return Ok(match times.greed {
                Greed::Lazy => None,
                Greed::Greedy => {
                    // The way out from here is this one.
                    self.frames.pop();
                    Some((*next, at))
                }
                Greed::Possessive => Some((*next, at)),
            });
        }
        if let Some(group) = *captures {
            self.set_group(group, start, at)?;
        }
        self.repeat(pc, at, count + 1)
    }
}
