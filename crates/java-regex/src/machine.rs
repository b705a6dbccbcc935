//! A matcher that tries one way after the other, as Java's does.
//!
//! Java's is a method that calls itself; here what is still to be tried lies on a stack of [`Frame`]s, so a text of any
//! length needs no stack of the thread. Bodies that are matched as a whole (look-arounds, atomic groups, most of those
//! repeated) stand above a [`Barrier`]: when one has matched, all that is above its barrier is dropped, with what would
//! undo the groups that it has set. Java forgets to undo those too, and programs can see it.
//!
//! Every step is counted, and a match that needs too many of them is given up.

mod anchor;
mod body;
mod loops;
mod repeat;

use super::grapheme::cluster_end;
use super::program::{Instruction, Program};
use super::tree::{Anchor, Fold};
use super::units::point_at;
use super::{LimitError, fold};

/// Steps that the matches of one text may take, beside [`STEPS_PER_UNIT`].
const STEPS: u64 = 10_000_000;

/// What each unit of a text adds: long texts are no attack.
const STEPS_PER_UNIT: u64 = 1000;

/// Frames at the most: 16 bytes each.
const FRAMES_MAX: usize = 4 << 20;

/// A group or mark that is not set.
const UNSET: u32 = u32::MAX;

/// What is to be done when the way that is tried fails.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Resume {
        pc: u32,
        at: u32,
    },
    UndoGroup {
        group: u32,
        from: u32,
        to: u32,
    },
    UndoLocal {
        local: u32,
        value: u32,
    },
    UndoCount {
        number: u32,
        value: u32,
    },
    /// The body of a loop did not match from here.
    Remember {
        number: u32,
        at: u32,
    },
    /// One character less, down to `least`.
    Shorten {
        pc: u32,
        at: u32,
        least: u32,
    },
    /// One character more.
    Lengthen {
        pc: u32,
        at: u32,
        count: u32,
    },
    /// No more iterations.
    RepeatExit {
        pc: u32,
        at: u32,
        count: u32,
    },
    /// One more iteration.
    RepeatMore {
        pc: u32,
        at: u32,
        count: u32,
    },
    LoopMore {
        pc: u32,
        at: u32,
    },
    Barrier,
    /// Nothing to be done; but when all has matched, the group is set again.
    Reset {
        group: u32,
        from: u32,
        to: u32,
    },
}

/// A body that is being matched as a whole.
#[derive(Debug, Clone, Copy)]
struct Barrier {
    /// How many frames are below.
    frames: usize,
    /// The instruction whose body it is.
    pc: u32,
    /// Where the instruction was met, or its iteration began.
    at: u32,
    /// Iterations before this one; of a look-behind where this try began.
    count: u32,
    /// Where the look-behind around it has to end.
    behind_end: u32,
}

/// The places where the next instruction is tried: which and where.
type Way = (u32, u32);

pub(super) struct Machine<'p> {
    program: &'p Program,
    text: Vec<u16>,
    /// Where the region begins; it ends with the text.
    region: usize,
    groups: Vec<(u32, u32)>,
    locals: Vec<u32>,
    counts: Vec<u32>,
    frames: Vec<Frame>,
    barriers: Vec<Barrier>,
    behind_end: u32,
    /// Java's `Matcher.last`: where the last match of anything ended.
    last: u32,
    /// Where the match before ended, for `\G`.
    last_match: Option<u32>,
    /// A match has to reach the end of the text.
    whole: bool,
    /// Of each loop the places where its body is known to fail, as bits.
    failures: Vec<Vec<u64>>,
    steps: u64,
}

impl<'p> Machine<'p> {
    pub(super) fn new(program: &'p Program, text: Vec<u16>, region: usize) -> Self {
        Self {
            program,
            region,
            groups: vec![(UNSET, UNSET); program.groups],
            locals: vec![UNSET; program.locals],
            counts: vec![0; program.loops],
            frames: Vec::new(),
            barriers: Vec::new(),
            behind_end: UNSET,
            last: 0,
            last_match: None,
            whole: false,
            failures: vec![Vec::new(); program.loops],
            steps: STEPS + STEPS_PER_UNIT * text.len() as u64,
            text,
        }
    }

    pub(super) fn text(&self) -> &[u16] {
        &self.text
    }

    /// A group of the last match.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        self.groups.get(group).filter(|(from, _)| *from != UNSET).map(|&(from, to)| (from as usize, to as usize))
    }

    /// The first match that begins at or behind `from`.
    pub(super) fn search(&mut self, from: usize) -> Result<bool, LimitError> {
        self.begin(from);
        let found = self.search_from(from)?;
        self.last_match = Some(self.last);
        Ok(found)
    }

    /// A match of the whole region.
    pub(super) fn matches(&mut self) -> Result<bool, LimitError> {
        self.begin(self.region);
        self.whole = true;
        let found = self.run(self.region);
        self.whole = false;
        found
    }

    fn begin(&mut self, from: usize) {
        self.last_match.get_or_insert(from as u32);
        self.groups.fill((UNSET, UNSET));
        self.failures.iter_mut().for_each(|failures| failures.fill(0));
    }

    fn search_from(&mut self, from: usize) -> Result<bool, LimitError> {
        let anchored = matches!(self.program.instructions.first(), Some(Instruction::Anchor(Anchor::Begin)));
        let mut at = from;
        loop {
            if self.run(at)? {
                return Ok(true);
            }
            if at >= self.text.len() || anchored {
                return Ok(false);
            }
            at = if self.program.supplementary { point_at(&self.text, at).1 } else { at + 1 };
        }
    }

    fn run(&mut self, from: usize) -> Result<bool, LimitError> {
        self.frames.clear();
        self.barriers.clear();
        let mut way = Some((0, from as u32));
        loop {
            self.count_steps(1)?;
            way = match way {
                Some((pc, at)) => {
                    if matches!(self.program.instructions[pc as usize], Instruction::Match)
                        && (!self.whole || at as usize == self.text.len())
                    {
                        self.finish(from as u32, at);
                        return Ok(true);
                    }
                    self.step(pc, at)?
                }
                None => match self.frames.pop() {
                    Some(frame) => self.fail(frame)?,
                    None => return Ok(false),
                },
            };
        }
    }

    fn count_steps(&mut self, steps: u64) -> Result<(), LimitError> {
        self.steps = self.steps.checked_sub(steps).ok_or(LimitError::Steps)?;
        Ok(())
    }

    fn push(&mut self, frame: Frame) -> Result<(), LimitError> {
        if self.frames.len() >= FRAMES_MAX {
            return Err(LimitError::Memory);
        }
        self.frames.push(frame);
        Ok(())
    }

    fn finish(&mut self, from: u32, to: u32) {
        self.reset_groups(0);
        self.groups[0] = (from, to);
        self.last = to;
    }

    /// What Java does when it returns from a match: groups of repetitions that gave back nothing are set again, the
    /// outermost last.
    fn reset_groups(&mut self, above: usize) {
        for frame in self.frames[above..].iter().rev() {
            if let Frame::Reset { group, from, to } = *frame {
                self.groups[group as usize] = (from, to);
            }
        }
    }

    fn set_group(&mut self, group: u32, from: u32, to: u32) -> Result<(), LimitError> {
        let (old_from, old_to) = self.groups[group as usize];
        self.push(Frame::UndoGroup { group, from: old_from, to: old_to })?;
        self.groups[group as usize] = (from, to);
        Ok(())
    }

    fn set_count(&mut self, number: u32, value: u32) -> Result<(), LimitError> {
        self.push(Frame::UndoCount { number, value: self.counts[number as usize] })?;
        self.counts[number as usize] = value;
        Ok(())
    }

    /// Carries an instruction out; `None` where it does not match.
    fn step(&mut self, pc: u32, at: u32) -> Result<Option<Way>, LimitError> {
        let program = self.program;
        Ok(match &program.instructions[pc as usize] {
            Instruction::Single(single) => {
                let next = self.point(at).filter(|(point, _)| single.contains(*point));
                next.map(|(_, end)| (pc + 1, end))
            }
            Instruction::Anchor(anchor) => self.is_at(*anchor, at as usize).then_some((pc + 1, at)),
            Instruction::BackReference { group, fold } => {
                self.back_reference(*group, *fold, at)?.map(|end| (pc + 1, end))
            }
            Instruction::LineEnding => self.line_ending(pc, at)?,
            Instruction::Grapheme => {
                let inside = (at as usize) < self.text.len();
                inside.then(|| (pc + 1, cluster_end(&self.text, at as usize) as u32))
            }
            Instruction::Fork { first, second } => {
                self.push(Frame::Resume { pc: *second, at })?;
                Some((*first, at))
            }
            Instruction::Jump(to) => Some((*to, at)),
            Instruction::Mark(local) => {
                self.push(Frame::UndoLocal { local: *local, value: self.locals[*local as usize] })?;
                self.locals[*local as usize] = at;
                Some((pc + 1, at))
            }
            Instruction::Close { group, local } => {
                self.set_group(*group, self.locals[*local as usize], at)?;
                Some((pc + 1, at))
            }
            Instruction::Singles { single, times } => self.singles(pc, at, single, *times)?,
            Instruction::Repeat { .. } => self.repeat(pc, at, 0)?,
            Instruction::LoopStart(looped) => self.loop_start(looped, at)?,
            Instruction::LoopNext(looped) => self.loop_next(pc, looped, at)?,
            Instruction::Look { behind, .. } => self.look(pc, at, *behind),
            Instruction::BodyEnd => self.body_end(at)?,
            Instruction::BehindEnd => (at == self.behind_end).then_some((pc + 1, at)),
            Instruction::Match => None,
        })
    }

    /// Takes a frame back: `None` where there is nothing to be tried.
    fn fail(&mut self, frame: Frame) -> Result<Option<Way>, LimitError> {
        Ok(match frame {
            Frame::Resume { pc, at } => Some((pc, at)),
            Frame::UndoGroup { group, from, to } => {
                self.groups[group as usize] = (from, to);
                None
            }
            Frame::UndoLocal { local, value } => {
                self.locals[local as usize] = value;
                None
            }
            Frame::UndoCount { number, value } => {
                self.counts[number as usize] = value;
                None
            }
            Frame::Remember { number, at } => {
                self.remember(number, at);
                None
            }
            Frame::Shorten { pc, at, least } => self.shorten(pc, at, least)?,
            Frame::Lengthen { pc, at, count } => self.lengthen(pc, at, count)?,
            Frame::RepeatExit { pc, at, count } => self.repeat_exit(pc, at, count)?,
            Frame::RepeatMore { pc, at, count } => self.repeat_more(pc, at, count)?,
            Frame::LoopMore { pc, at } => self.loop_more(pc, at)?,
            Frame::Barrier => self.body_failed()?,
            Frame::Reset { .. } => None,
        })
    }

    /// The character at a place and where it ends.
    fn point(&self, at: u32) -> Option<(u32, u32)> {
        let at = at as usize;
        (at < self.text.len()).then(|| point_at(&self.text, at)).map(|(point, end)| (point, end as u32))
    }

    fn line_ending(&mut self, pc: u32, at: u32) -> Result<Option<Way>, LimitError> {
        let unit = |at: u32| self.text.get(at as usize).copied();
        Ok(match unit(at) {
            Some(0x0D) if unit(at + 1) == Some(0x0A) => {
                self.push(Frame::Resume { pc: pc + 1, at: at + 1 })?;
                Some((pc + 1, at + 2))
            }
            Some(0x0A..=0x0D | 0x85 | 0x2028 | 0x2029) => Some((pc + 1, at + 1)),
            _ => None,
        })
    }

    fn back_reference(&mut self, group: u32, fold: Fold, at: u32) -> Result<Option<u32>, LimitError> {
        let Some((from, to)) = self.group(group as usize) else { return Ok(None) };
        let (at, length) = (at as usize, to - from);
        self.count_steps(length as u64 / 8)?;
        let same = at + length <= self.text.len() && self.same(from, at, length, fold);
        Ok(same.then_some((at + length) as u32))
    }

    fn same(&self, from: usize, at: usize, length: usize, fold: Fold) -> bool {
        let text = &self.text;
        if fold == Fold::Exact {
            return text[from..from + length] == text[at..at + length];
        }
        let (mut left, mut right) = (from, at);
        // As many characters as there are units, as Java counts: more than the group has where some are pairs.
        for _ in 0..length {
            if right >= text.len() {
                return false;
            }
            let ((one, one_end), (two, two_end)) = (point_at(text, left), point_at(text, right));
            let same = match fold {
                Fold::Exact => one == two,
                Fold::Ascii => fold::ascii_lower(one) == fold::ascii_lower(two),
                Fold::Unicode => one == two || fold::folded(one) == fold::folded(two),
            };
            if !same {
                return false;
            }
            (left, right) = (one_end, two_end);
        }
        true
    }
}
