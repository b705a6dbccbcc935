//! What round brackets begin.

use super::{Parser, Result, measure};
use crate::PatternError;
use crate::tree::{Behind, Greed, Group, Node, RepeatedGroup, Times, UNBOUNDED};

/// A group in brackets, before its quantifier.
enum Bracket {
    Group(Group),
    /// A look-around or an atomic group: a quantifier takes it as a whole.
    Whole(Node),
}

const ONCE: Times = Times { min: 1, max: 1, greed: Greed::Possessive, optional: true };

impl Parser {
    /// Reads a group and its quantifier. Flags alone, such as `(?i)`, are no node.
    pub(super) fn group(&mut self) -> Result<Option<Node>> {
        let flags = self.cursor.flags;
        let outer = self.outer_loops.len();
        let Some(bracket) = self.bracket(outer)? else { return Ok(None) };
        if self.cursor.read() != u32::from(')') {
            return Err(self.cursor.error("Unclosed group"));
        }
        self.cursor.flags = flags;
        let times = self.quantifier()?;
        Ok(Some(match (bracket, times) {
            (Bracket::Group(group), None) => Node::Group(Box::new(group)),
            (Bracket::Whole(node), None) => node,
            (Bracket::Whole(node), Some(times)) => repeat(node, times),
            (Bracket::Group(group), Some(times)) => {
                self.outer_loops.truncate(outer);
                self.repeated(group, times)
            }
        }))
    }

    fn bracket(&mut self, outer: usize) -> Result<Option<Bracket>> {
        if self.cursor.next() != u32::from('?') {
            return self.captured(None).map(Some);
        }
        let point = self.cursor.skip_raw();
        Ok(Some(match char::from_u32(point) {
            Some(':') => Bracket::Group(self.anonymous()?),
            Some('>') => {
                let group = self.anonymous()?;
                Bracket::Whole(repeat(Node::Group(Box::new(group)), ONCE))
            }
            Some(sign @ ('=' | '!')) => {
                let body = Box::new(Node::Group(Box::new(self.anonymous()?)));
                Bracket::Whole(Node::Look { behind: None, negative: sign == '!', body })
            }
            Some('<') => {
                let point = self.cursor.read();
                match char::from_u32(point) {
                    Some(sign @ ('=' | '!')) => Bracket::Whole(self.look_behind(sign == '!', outer)?),
                    _ => {
                        let name = self.group_name(point)?;
                        if self.names.iter().any(|(known, _)| *known == name) {
                            let message = format!("Named capturing group <{name}> is already defined");
                            return Err(self.cursor.error(message));
                        }
                        self.captured(Some(name))?
                    }
                }
            }
            Some('$' | '@') => return Err(self.cursor.error("Unknown group type")),
            _ => {
                self.cursor.unread();
                self.read_flags()?;
                match char::from_u32(self.cursor.read()) {
                    Some(')') => return Ok(None),
                    Some(':') => Bracket::Group(self.anonymous()?),
                    _ => return Err(self.cursor.error("Unknown inline modifier")),
                }
            }
        }))
    }

    fn local(&mut self) -> u32 {
        self.locals += 1;
        self.locals - 1
    }

    fn captured(&mut self, name: Option<String>) -> Result<Bracket> {
        let (local, index) = (self.local(), self.groups);
        self.groups += 1;
        self.names.extend(name.map(|name| (name, index)));
        let body = self.expression()?;
        Ok(Bracket::Group(Group { index: Some(index), local, body }))
    }

    fn anonymous(&mut self) -> Result<Group> {
        let local = self.local();
        Ok(Group { index: None, local, body: self.expression()? })
    }

    fn look_behind(&mut self, negative: bool, outer: usize) -> Result<Node> {
        let from = self.cursor.at();
        let body = Node::Group(Box::new(self.anonymous()?));
        let measured = measure::measure(&body);
        if !measured.max_valid {
            return Err(self.cursor.error("Look-behind group does not have an obvious maximum length"));
        }
        // Java looks at the whole rest of the pattern, which is more than the group.
        let points = (from..self.cursor.length())
            .map(|at| self.cursor.point(at))
            .any(|point| point > 0xFFFF || (0xD800..0xE000).contains(&point));
        // What fails in a look-behind depends on where it has to end.
        self.outer_loops.truncate(outer);
        let behind = Behind { min: measured.min, max: measured.max, points };
        Ok(Node::Look { behind: Some(behind), negative, body: Box::new(body) })
    }

    /// A group under a quantifier, which is matched iteration by iteration where there is only one way to match it.
    fn repeated(&mut self, group: Group, times: Times) -> Node {
        let (possessive, optional) = (times.greed == Greed::Possessive, times.optional);
        if possessive {
            return repeat(Node::Group(Box::new(group)), times);
        }
        if optional {
            let (group, nothing) = (Node::Group(Box::new(group)), Node::Concat(Vec::new()));
            let both = if times.greed == Greed::Greedy { vec![group, nothing] } else { vec![nothing, group] };
            return Node::Alternate(both);
        }
        if measure::measure(&group.body).deterministic {
            let repeated = RepeatedGroup { captures: group.index };
            return Node::Repeat { body: Box::new(group.body), times, group: Some(repeated) };
        }
        let number = self.loops;
        self.loops += 1;
        if times.greed == Greed::Greedy && times.max == UNBOUNDED {
            self.outer_loops.push(number);
        }
        Node::Loop { group: Box::new(group), times, number }
    }

    /// The name of a group, whose first letter has been read, and the bracket behind it.
    pub(super) fn group_name(&mut self, first: u32) -> Result<String> {
        let letter = |point: u32| char::from_u32(point).filter(char::is_ascii_alphanumeric);
        if !letter(first).is_some_and(|letter| letter.is_ascii_alphabetic()) {
            return Err(self.cursor.error("capturing group name does not start with a Latin letter"));
        }
        let (mut name, mut point) = (String::new(), first);
        while let Some(letter) = letter(point) {
            name.push(letter);
            point = self.cursor.read();
        }
        if point != u32::from('>') {
            return Err(self.cursor.error("named capturing group is missing trailing '>'"));
        }
        Ok(name)
    }

    /// Reads flags, `idmsux-idmsux`.
    fn read_flags(&mut self) -> Result<()> {
        let mut on = true;
        let mut point = self.cursor.peek();
        loop {
            let flags = &mut self.cursor.flags;
            match char::from_u32(point) {
                Some('i') => flags.any_case = on,
                Some('m') => flags.multiline = on,
                Some('s') => flags.dot_all = on,
                Some('d') => flags.unix_lines = on,
                Some('u') => flags.unicode_case = on,
                Some('x') => flags.comments = on,
                Some('U') => (flags.unicode_classes, flags.unicode_case) = (on, on),
                // Java has it for itself and says nowhere what it means.
                Some('c') if on => return Err(PatternError::Unsupported("canonical equivalence, (?c)")),
                Some('c') => {}
                Some('-') if on => on = false,
                _ => return Ok(()),
            }
            point = self.cursor.next();
        }
    }
}

fn repeat(node: Node, times: Times) -> Node {
    Node::Repeat { body: Box::new(node), times, group: None }
}
