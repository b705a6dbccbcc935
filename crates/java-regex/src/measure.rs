//! How long a match of a node can be, and whether there is only one way to match it: as Java computes both, with its
//! 32-bit numbers and its gaps, because look-behinds and the way in which groups are repeated depend on them.

use super::tree::{Greed, Node, Times, UNBOUNDED};

/// What is known of a sequence of nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) min: i32,
    pub(super) max: i32,
    /// There is a longest match, and `max` is its length.
    pub(super) max_valid: bool,
    pub(super) deterministic: bool,
}

const NOTHING: Measured = Measured { min: 0, max: 0, max_valid: true, deterministic: true };

pub(super) fn measure(node: &Node) -> Measured {
    Measuring::of(NOTHING, node)
}

/// A sequence that is being measured. Behind alternatives Java begins anew, and adds what was before at the end; its
/// checks for overflow see the newer part alone.
struct Measuring {
    before: Measured,
    now: Measured,
}

impl Measuring {
    /// The measures of a sequence and one more node.
    fn of(now: Measured, node: &Node) -> Measured {
        let mut measuring = Self { before: NOTHING, now };
        measuring.add(node);
        let Self { before, now } = measuring;
        Measured {
            min: before.min.wrapping_add(now.min),
            max: before.max.wrapping_add(now.max),
            max_valid: before.max_valid && now.max_valid,
            deterministic: before.deterministic && now.deterministic,
        }
    }

    /// Adds a node that follows. `false` where the rest of the sequence is not to be looked at.
    fn add(&mut self, node: &Node) -> bool {
        match node {
            Node::Char(_) | Node::Set(_) => self.grow(1, 1),
            Node::LineEnding => self.grow(1, 2),
            Node::Grapheme => {
                self.grow(1, 0);
                self.now.deterministic = false;
            }
            Node::Anchor(_) | Node::Look { .. } => {}
            Node::BackReference { .. } => self.now.max_valid = false,
            Node::Concat(nodes) => return nodes.iter().all(|node| self.add(node)),
            Node::Group(group) => return self.add(&group.body),
            Node::Alternate(alternatives) => self.add_alternatives(alternatives),
            Node::Repeat { body, times, group } => self.add_repeated(body, *times, group.is_some()),
            Node::Loop { .. } => {
                self.now.max_valid = false;
                self.now.deterministic = false;
                return false;
            }
        }
        true
    }

    fn grow(&mut self, min: i32, max: i32) {
        self.now.min = self.now.min.wrapping_add(min);
        self.now.max = self.now.max.wrapping_add(max);
    }

    fn add_alternatives(&mut self, alternatives: &[Node]) {
        let (mut least, mut most, mut valid) = (i32::MAX, -1, true);
        for measured in alternatives.iter().map(measure) {
            least = least.min(measured.min);
            most = most.max(measured.max);
            valid &= measured.max_valid;
        }
        self.grow(least, most);
        self.before = Measured {
            min: self.before.min.wrapping_add(self.now.min),
            max: self.before.max.wrapping_add(self.now.max),
            max_valid: self.before.max_valid && self.now.max_valid && valid,
            deterministic: false,
        };
        self.now = NOTHING;
    }

    fn add_repeated(&mut self, body: &Node, times: Times, is_group: bool) {
        let single = matches!(body, Node::Char(_) | Node::Set(_)) && !is_group;
        if single && times.greed == Greed::Greedy && times.max == UNBOUNDED {
            self.grow(times.min as i32, if self.now.max_valid { i32::MAX } else { 0 });
            self.now.deterministic = false;
            return;
        }
        if times.optional {
            let least = self.now.min;
            self.now = Self::of(self.now, body);
            if times.min == 0 {
                self.now.min = least;
                self.now.deterministic = false;
            }
            return;
        }
        let before = self.now;
        let measured = measure(body);
        let least = measured.min.wrapping_mul(times.min as i32).wrapping_add(before.min);
        let most = measured.max.wrapping_mul(times.max as i32).wrapping_add(before.max);
        let bounded = before.max_valid && measured.max_valid;
        self.now = Measured {
            min: if least < before.min { 0x0FFF_FFFF } else { least },
            max: if bounded { most } else { measured.max },
            max_valid: bounded && most >= before.max,
            deterministic: measured.deterministic && times.min == times.max && before.deterministic,
        };
    }
}
