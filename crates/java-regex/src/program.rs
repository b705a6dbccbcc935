//! A tree as a list of instructions, so that a match needs no recursion.

use std::sync::Arc;

use super::code_set::CodeSet;
use super::tree::{Anchor, Behind, Fold, Greed, Group, Node, Times, Tree};

/// One character that is matched.
#[derive(Debug, Clone)]
pub(super) enum Single {
    Char(u32),
    Set(Arc<CodeSet>),
}

impl Single {
    pub(super) fn contains(&self, point: u32) -> bool {
        match self {
            Self::Char(char) => *char == point,
            Self::Set(set) => set.contains(point),
        }
    }
}

/// A loop whose iterations are tried in every way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looped {
    /// The number of its counter.
    pub(super) number: u32,
    /// Where its iteration began is kept here.
    pub(super) local: u32,
    pub(super) times: Times,
    pub(super) body: u32,
    pub(super) next: u32,
    /// A failure at a place is remembered.
    pub(super) remembers: bool,
}

#[derive(Debug)]
pub(super) enum Instruction {
    Single(Single),
    Anchor(Anchor),
    BackReference {
        group: u32,
        fold: Fold,
    },
    LineEnding,
    Grapheme,
    /// Goes on at `first`, and at `second` if that fails.
    Fork {
        first: u32,
        second: u32,
    },
    Jump(u32),
    /// Keeps where a group begins.
    Mark(u32),
    /// Sets a group from its mark to here.
    Close {
        group: u32,
        local: u32,
    },
    /// A quantifier over one character.
    Singles {
        single: Single,
        times: Times,
    },
    /// A quantifier over the body behind it, whose iterations are matched as a whole.
    Repeat {
        times: Times,
        captures: Option<u32>,
        next: u32,
    },
    LoopStart(Looped),
    LoopNext(Looped),
    /// A look-around with the body behind it.
    Look {
        behind: Option<Behind>,
        negative: bool,
        next: u32,
    },
    /// The end of a body.
    BodyEnd,
    /// The end of a look-behind has to be where it was met.
    BehindEnd,
    Match,
}

#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    pub(super) groups: usize,
    pub(super) locals: usize,
    pub(super) loops: usize,
    pub(super) supplementary: bool,
}

pub(super) fn compile(tree: &Tree) -> Program {
    let mut compiler = Compiler { tree, instructions: Vec::new() };
    compiler.node(&tree.root);
    compiler.instructions.push(Instruction::Match);
    Program {
        instructions: compiler.instructions,
        groups: tree.groups as usize,
        locals: tree.locals as usize,
        loops: tree.remembers.len(),
        supplementary: tree.supplementary,
    }
}

struct Compiler<'t> {
    tree: &'t Tree,
    instructions: Vec<Instruction>,
}

impl Compiler<'_> {
    fn at(&self) -> u32 {
        self.instructions.len() as u32
    }

    fn push(&mut self, instruction: Instruction) -> usize {
        self.instructions.push(instruction);
        self.instructions.len() - 1
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Char(char) => drop(self.push(Instruction::Single(Single::Char(*char)))),
            Node::Set(set) => drop(self.push(Instruction::Single(Single::Set(Arc::clone(set))))),
            Node::Anchor(anchor) => drop(self.push(Instruction::Anchor(*anchor))),
            Node::BackReference { group, fold } => {
                self.push(Instruction::BackReference { group: *group, fold: *fold });
            }
            Node::LineEnding => drop(self.push(Instruction::LineEnding)),
            Node::Grapheme => drop(self.push(Instruction::Grapheme)),
            Node::Concat(nodes) => nodes.iter().for_each(|node| self.node(node)),
            Node::Alternate(alternatives) => self.alternatives(alternatives),
            Node::Group(group) => self.group(group, group.index.is_some()),
            Node::Repeat { body, times, group } => self.repeat(body, *times, group.and_then(|group| group.captures)),
            Node::Loop { group, times, number } => self.looped(group, *times, *number),
            Node::Look { behind, negative, body } => self.look(*behind, *negative, body),
        }
    }

    fn alternatives(&mut self, alternatives: &[Node]) {
        let mut jumps = Vec::new();
        for (place, alternative) in alternatives.iter().enumerate() {
            if place + 1 == alternatives.len() {
                self.node(alternative);
                break;
            }
            let fork = self.push(Instruction::Fork { first: 0, second: 0 });
            let first = self.at();
            self.node(alternative);
            jumps.push(self.push(Instruction::Jump(0)));
            let second = self.at();
            self.instructions[fork] = Instruction::Fork { first, second };
        }
        let end = self.at();
        for jump in jumps {
            self.instructions[jump] = Instruction::Jump(end);
        }
    }

    fn group(&mut self, group: &Group, marked: bool) {
        if marked {
            self.push(Instruction::Mark(group.local));
        }
        self.node(&group.body);
        if let Some(index) = group.index {
            self.push(Instruction::Close { group: index, local: group.local });
        }
    }

    fn repeat(&mut self, body: &Node, times: Times, captures: Option<u32>) {
        let single = match body {
            Node::Char(char) => Some(Single::Char(*char)),
            Node::Set(set) => Some(Single::Set(Arc::clone(set))),
            _ => None,
        };
        if let Some(single) = single.filter(|_| captures.is_none()) {
            self.push(Instruction::Singles { single, times });
            return;
        }
        let start = self.push(Instruction::Jump(0));
        self.node(body);
        self.push(Instruction::BodyEnd);
        self.instructions[start] = Instruction::Repeat { times, captures, next: self.at() };
    }

    fn looped(&mut self, group: &Group, times: Times, number: u32) {
        let start = self.push(Instruction::Jump(0));
        let body = self.at();
        self.group(group, true);
        let remembers = self.tree.remembers[number as usize] && times.greed == Greed::Greedy;
        let next = self.at() + 1;
        let looped = Looped { number, local: group.local, times, body, next, remembers };
        self.push(Instruction::LoopNext(looped));
        self.instructions[start] = Instruction::LoopStart(looped);
    }

    fn look(&mut self, behind: Option<Behind>, negative: bool, body: &Node) {
        let start = self.push(Instruction::Jump(0));
        self.node(body);
        if behind.is_some() {
            self.push(Instruction::BehindEnd);
        }
        self.push(Instruction::BodyEnd);
        self.instructions[start] = Instruction::Look { behind, negative, next: self.at() };
    }
}
