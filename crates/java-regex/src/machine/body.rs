//! Bodies that are matched as a whole: look-arounds here, repetitions in `repeat.rs`.

use super::super::program::Instruction;
use super::super::tree::{Behind, Greed};
use super::super::units::{point_before, points_ahead, points_back};
use super::{Barrier, Frame, LimitError, Machine, Way};

impl Machine<'_> {
    /// Begins a body.
    pub(super) fn enter(&mut self, pc: u32, at: u32, count: u32, start: u32) -> Option<Way> {
        let barrier = Barrier { frames: self.frames.len(), pc, at, count, behind_end: self.behind_end };
        self.barriers.push(barrier);
        self.frames.push(Frame::Barrier);
        Some((pc + 1, start))
    }

    pub(super) fn look(&mut self, pc: u32, at: u32, behind: Option<Behind>) -> Option<Way> {
        let Some(behind) = behind else { return self.enter(pc, at, at, at) };
        let start = if behind.points {
            points_back(&self.text, at as usize, behind.min) as i64
        } else {
            i64::from((at as i32).wrapping_sub(behind.min))
        };
        self.look_behind(pc, at, behind, start)
    }

    /// Tries a look-behind from one place, if that is not too far.
    fn look_behind(&mut self, pc: u32, at: u32, behind: Behind, start: i64) -> Option<Way> {
        let farthest = self.farthest_behind(at, behind);
        if start < farthest.max(self.region as i64) {
            return self.look_failed(pc, at);
        }
        let way = self.enter(pc, at, start as u32, start as u32);
        self.behind_end = at;
        way
    }

    /// Where a look-behind begins at the earliest. Java's 32 bits may overflow, and the sign then says another way.
    fn farthest_behind(&self, at: u32, behind: Behind) -> i64 {
        let place = i64::from(at);
        match behind.max {
            max if !behind.points => i64::from((at as i32).wrapping_sub(max)),
            max @ 0.. => points_back(&self.text, at as usize, max) as i64,
            i32::MIN => place,
            max => 2 * place - points_ahead(&self.text, at as usize, -max) as i64,
        }
    }

    fn look_failed(&self, pc: u32, at: u32) -> Option<Way> {
        match &self.program.instructions[pc as usize] {
            Instruction::Look { negative: true, next, .. } => Some((*next, at)),
            _ => None,
        }
    }

    /// A body has matched up to here.
    pub(super) fn body_end(&mut self, at: u32) -> Result<Option<Way>, LimitError> {
        let Some(barrier) = self.barriers.pop() else { return Ok(None) };
        self.reset_groups(barrier.frames);
        self.frames.truncate(barrier.frames);
        self.behind_end = barrier.behind_end;
        match &self.program.instructions[barrier.pc as usize] {
            Instruction::Look { behind, negative, next } => {
                if behind.is_none() {
                    self.last = at;
                }
                Ok((!negative).then_some((*next, barrier.at)))
            }
            _ => {
                self.last = at;
                self.iteration_end(barrier, at)
            }
        }
    }

    /// A body has not matched.
    pub(super) fn body_failed(&mut self) -> Result<Option<Way>, LimitError> {
        let Some(barrier) = self.barriers.pop() else { return Ok(None) };
        self.behind_end = barrier.behind_end;
        match &self.program.instructions[barrier.pc as usize] {
            Instruction::Look { behind: Some(behind), .. } => {
                let tried = barrier.count as usize;
                let back =
                    if behind.points && tried > self.region { tried - point_before(&self.text, tried).1 } else { 1 };
                Ok(self.look_behind(barrier.pc, barrier.at, *behind, tried as i64 - back as i64))
            }
            Instruction::Look { .. } => Ok(self.look_failed(barrier.pc, barrier.at)),
            Instruction::Repeat { times, .. } if times.greed == Greed::Possessive && barrier.count >= times.min => {
                self.repeat_exit(barrier.pc, barrier.at, barrier.count)
            }
            _ => Ok(None),
        }
    }
}
