//! The number formats of `to_number` and `to_char`: `$99,999.99S`, `000D00`, `9G999PR`.
//!
//! A format is a sequence of tokens, of which digits and commas that stand together are a group. Spark walks over them,
//! both to read and to print. Deliberately not here: digits of other scripts.

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Digits, and the commas between them.
    Group(Vec<Digits>),
    Point,
    Dollar,
    /// A sign that may be missing when it is read, `S`.
    Sign,
    /// A minus of negative numbers, `MI`.
    Minus,
    /// What opens and closes negative numbers, `PR`.
    OpenAngle,
    CloseAngle,
    Unknown(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    /// Just so many, which begin with `0`.
    Exactly(usize),
    /// At most so many.
    AtMost(usize),
    Comma,
}

impl Digits {
    fn count(self) -> usize {
        match self {
            Self::Exactly(count) | Self::AtMost(count) => count,
            Self::Comma => 0,
        }
    }
}

/// What is wrong with a format: the sub-class of Spark's INVALID_FORMAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invalid {
    Empty,
    NoDigit,
    DollarBehindDigit,
    DollarBehindPoint,
    Commas,
    CommaBehindPoint,
    /// There are two of these.
    Twice(&'static str),
    /// This stands where it may not.
    Unexpected(String),
}

/// A format that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberFormat {
    tokens: Vec<Token>,
    /// Digits before and behind the point.
    whole: usize,
    places: usize,
}

fn is_digit(letter: Option<&char>) -> bool {
    letter.is_some_and(|letter| matches!(letter, '0' | '9'))
}

/// The tokens of a format.
fn tokens(format: &str) -> Vec<Token> {
    let letters: Vec<char> = format.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let (mut at, mut behind_point) = (0, false);
    let mut group: Vec<Digits> = Vec::new();
    while let Some(&letter) = letters.get(at) {
        let start = at;
        at += 1;
        let digits = match letter {
            '0' | '9' => {
                while is_digit(letters.get(at)) {
                    at += 1;
                }
                if letter == '0' && !behind_point { Digits::Exactly(at - start) } else { Digits::AtMost(at - start) }
            }
            ',' | 'G' => Digits::Comma,
            other => {
                if !group.is_empty() {
                    tokens.push(Token::Group(std::mem::take(&mut group)));
                }
                let second = letters.get(at);
                match (other, second) {
                    ('.' | 'D', _) => {
                        behind_point = true;
                        tokens.push(Token::Point);
                    }
                    ('$', _) => tokens.push(Token::Dollar),
                    ('S', _) => tokens.push(Token::Sign),
                    ('M', Some('I')) => {
                        tokens.push(Token::Minus);
                        at += 1;
                    }
                    ('P', Some('R')) => {
                        tokens.insert(0, Token::OpenAngle);
                        tokens.push(Token::CloseAngle);
                        at += 1;
                    }
                    _ => tokens.push(Token::Unknown(other)),
                }
                continue;
            }
        };
        group.push(digits);
    }
    if !group.is_empty() {
        tokens.push(Token::Group(group));
    }
    tokens
}

fn is_group(token: &Token) -> bool {
    matches!(token, Token::Group(_))
}

/// A token in a message.
fn shown(token: &Token) -> String {
    match token {
        Token::Group(_) => "digit sequence".to_owned(),
        Token::Point => ". or D".to_owned(),
        Token::Dollar => "$".to_owned(),
        Token::Sign => "S".to_owned(),
        Token::Minus => "MI".to_owned(),
        Token::OpenAngle | Token::CloseAngle => "PR".to_owned(),
        Token::Unknown(letter) => format!("character '{letter}''"),
    }
}

impl NumberFormat {
    /// Checks a format, which is in upper case.
    ///
    /// # Errors
    /// What Spark finds wrong with it first.
    pub(super) fn new(format: &str) -> Result<Self, Invalid> {
        if format.is_empty() {
            return Err(Invalid::Empty);
        }
        let tokens = tokens(format);
        let place = |wanted: fn(&Token) -> bool| tokens.iter().position(wanted);
        let digits = place(is_group).ok_or(Invalid::NoDigit)?;
        let point = place(|token| *token == Token::Point);
        if let Some(dollar) = place(|token| *token == Token::Dollar) {
            if digits < dollar {
                return Err(Invalid::DollarBehindDigit);
            }
            if point.is_some_and(|point| point < dollar) {
                return Err(Invalid::DollarBehindPoint);
            }
        }
        let (before, behind) = tokens.split_at(point.unwrap_or(tokens.len()));
        let groups = |tokens: &[Token]| -> Vec<Vec<Digits>> {
            tokens
                .iter()
                .filter_map(|token| if let Token::Group(group) = token { Some(group.clone()) } else { None })
                .collect()
        };
        let misplaced = |group: &Vec<Digits>| {
            let ends = group.first() == Some(&Digits::Comma) || group.last() == Some(&Digits::Comma);
            ends || group.windows(2).any(|pair| pair == [Digits::Comma, Digits::Comma])
        };
        if groups(before).iter().any(misplaced) {
            return Err(Invalid::Commas);
        }
        if groups(behind).iter().any(|group| group.contains(&Digits::Comma)) {
            return Err(Invalid::CommaBehindPoint);
        }
        for (token, name) in [
            (Token::Point, ". or D"),
            (Token::Sign, "S"),
            (Token::Minus, "MI"),
            (Token::Dollar, "$"),
            (Token::CloseAngle, "PR"),
        ] {
            if tokens.iter().filter(|known| **known == token).count() > 1 {
                return Err(Invalid::Twice(name));
            }
        }
        check_order(&tokens)?;
        let count = |tokens: &[Token]| groups(tokens).iter().flatten().map(|digits| digits.count()).sum();
        let (whole, places) = (count(before), count(behind));
        Ok(Self { tokens, whole, places })
    }

    /// Digits and scale of the decimals that are read.
    pub(super) fn precision(&self) -> (usize, usize) {
        (self.whole + self.places, self.places)
    }

    /// The number of a text, times ten to the scale; none if it does not match.
    pub(super) fn read(&self, text: &str) -> Option<i128> {
        let letters: Vec<char> = text.chars().collect();
        let (mut at, mut behind_point, mut negative) = (0, false, false);
        let (mut opened, mut closed) = (false, false);
        let (mut before, mut behind) = (String::new(), String::new());
        for token in &self.tokens {
            let next = letters.get(at);
            match (token, next) {
                (Token::Group(group), _) => {
                    let digits = if behind_point { &mut behind } else { &mut before };
                    at = read_group(group, &letters, at, digits)?;
                }
                (_, None) => {}
                (Token::Point, Some('.')) => {
                    behind_point = true;
                    at += 1;
                }
                (Token::Dollar, Some('$')) | (Token::Sign, Some('+')) => at += 1,
                (Token::Dollar, _) => return None,
                (Token::Sign | Token::Minus, Some('-')) => {
                    negative = !negative;
                    at += 1;
                }
                (Token::OpenAngle, Some('<')) => {
                    opened = true;
                    at += 1;
                }
                (Token::CloseAngle, Some('>')) => {
                    if !opened {
                        return None;
                    }
                    (closed, negative) = (true, !negative);
                    at += 1;
                }
                _ => {}
            }
        }
        if at < letters.len() || opened != closed || before.is_empty() && behind.is_empty() {
            return None;
        }
        let value: i128 = format!("{before}{behind:0<places$}", places = self.places).parse().ok()?;
        Some(if negative { -value } else { value })
    }

    /// The text of a decimal. What has more digits than the format has `#` for each.
    pub(super) fn print(&self, value: i128, scale: usize) -> String {
        let digits = format!("{:0>width$}", value.unsigned_abs().to_string(), width = scale + 1);
        let (whole, places) = digits.split_at(digits.len() - scale);
        let (whole, places) = (whole.trim_start_matches('0'), places.trim_end_matches('0'));
        let fits = whole.len() <= self.whole && places.len() <= self.places;
        let (whole, places) = if fits {
            (format!("{whole:>width$}", width = self.whole), format!("{places:0<width$}", width = self.places))
        } else {
            ("#".repeat(self.whole), "#".repeat(self.places))
        };
        let mut printer = Printer { out: Vec::new(), whole: whole.chars(), places: places.chars() };
        let mut behind_point = false;
        for token in &self.tokens {
            match token {
                Token::Group(group) => printer.group(group, behind_point),
                Token::Point => {
                    if let Some(last) = printer.out.last_mut().filter(|last| **last == ' ') {
                        *last = '0';
                    }
                    printer.out.push('.');
                    behind_point = true;
                }
                other => printer.sign(other, value < 0),
            }
        }
        printer.strip_point();
        let text: String = printer.out.into_iter().collect();
        if matches!(text.as_str(), "" | "+" | "-") { "0".to_owned() } else { text }
    }
}

/// `[MI|S] [$] digits [.] digits [$] [PR|MI|S]`
fn check_order(tokens: &[Token]) -> Result<(), Invalid> {
    let allowed: [&[Token]; 8] = [
        &[Token::OpenAngle],
        &[Token::Minus, Token::Sign],
        &[Token::Dollar],
        &[Token::Group(Vec::new())],
        &[Token::Point],
        &[Token::Group(Vec::new())],
        &[Token::Dollar],
        &[Token::Minus, Token::Sign, Token::CloseAngle],
    ];
    let mut at = 0;
    for place in allowed {
        let fits = |token: &Token| place.iter().any(|one| one == token || is_group(one) && is_group(token));
        at += usize::from(tokens.get(at).is_some_and(fits));
    }
    tokens.get(at).map_or(Ok(()), |token| Err(Invalid::Unexpected(shown(token))))
}

/// Reads digits, commas and blanks as long as there are any; the place behind them, if each run of digits between
/// commas has as many as it should, counted from the last.
fn read_group(group: &[Digits], letters: &[char], start: usize, out: &mut String) -> Option<usize> {
    let (mut at, mut runs) = (start, vec![0_usize]);
    while let Some(letter) = letters.get(at) {
        match letter {
            ',' => runs.push(0),
            _ if letter.is_whitespace() => {}
            _ => {
                let Some(digit) = letter.to_digit(10) else { break };
                out.push(char::from_digit(digit, 10)?);
                *runs.last_mut()? += 1;
            }
        }
        at += 1;
    }
    let expected: Vec<Digits> = group.iter().rev().filter(|digits| **digits != Digits::Comma).copied().collect();
    if runs.len() > expected.len() {
        return None;
    }
    let runs = runs.iter().rev().copied().chain(std::iter::repeat(0));
    let fits = expected.iter().zip(runs).all(|(expected, run)| match expected {
        Digits::Exactly(count) => run == *count,
        Digits::AtMost(count) => run <= *count,
        Digits::Comma => true,
    });
    fits.then_some(at)
}

/// Prints a number token by token. Blanks stand before signs, not behind them.
struct Printer<'d> {
    out: Vec<char>,
    whole: std::str::Chars<'d>,
    places: std::str::Chars<'d>,
}

impl Printer<'_> {
    fn group(&mut self, group: &[Digits], behind_point: bool) {
        for digits in group {
            if *digits == Digits::Comma {
                match self.out.last() {
                    Some(last) if last.is_ascii_digit() => self.out.push(','),
                    _ => self.blank(),
                }
                continue;
            }
            for _ in 0..digits.count() {
                let digit = if behind_point { self.places.next() } else { self.whole.next() };
                match digit {
                    Some(' ') if matches!(digits, Digits::Exactly(_)) => self.out.push('0'),
                    Some(' ') => self.blank(),
                    Some(digit) => self.out.push(digit),
                    None => {}
                }
            }
        }
    }

    /// A blank, before the signs at the end.
    fn blank(&mut self) {
        let signs = self.out.iter().rev().take_while(|letter| matches!(letter, '+' | '-' | '<')).count();
        self.out.insert(self.out.len() - signs, ' ');
    }

    /// A sign, before the blanks at the end.
    fn before_blanks(&mut self, sign: char) {
        let blanks = self.out.iter().rev().take_while(|letter| **letter == ' ').count();
        self.out.insert(self.out.len() - blanks, sign);
    }

    fn sign(&mut self, token: &Token, negative: bool) {
        match (token, negative) {
            (Token::Dollar, _) => self.out.push('$'),
            (Token::Sign, _) => {
                self.strip_point();
                self.before_blanks(if negative { '-' } else { '+' });
            }
            (Token::Minus, true) => {
                self.strip_point();
                self.before_blanks('-');
            }
            (Token::Minus, false) => self.out.push(' '),
            (Token::OpenAngle, true) => self.out.push('<'),
            (Token::CloseAngle, true) => {
                self.strip_point();
                self.before_blanks('>');
            }
            (Token::CloseAngle, false) => {
                self.strip_point();
                self.out.extend([' ', ' ']);
            }
            _ => {}
        }
    }

    /// A point behind which nothing stands becomes a blank.
    fn strip_point(&mut self) {
        if let Some(point) = self.out.iter().position(|letter| *letter == '.')
            && self.out.get(point + 1).is_none_or(|next| *next == ' ')
        {
            self.out[point] = ' ';
        }
    }
}
