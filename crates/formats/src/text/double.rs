//! Floating-point numbers as the JVM prints them (`Double.toString`, `Float.toString` of Java 17).
//!
//! Not the shortest text that reads back: the JVM's digit generation (Steele and White's, in three widths) stops one
//! digit late for numbers in scientific form, so that 2E23 prints as `1.9999999999999998E23`. Clusters run on it, so
//! the digits here are generated in the same way, bound by bound.

use std::cmp::Ordering;

/// Bits of a double after the hidden one.
const EXP_SHIFT: i32 = 52;

/// Appends `Double.toString(value)`.
pub fn push_double(out: &mut String, value: f64) {
    let bits = value.to_bits();
    let exponent = ((bits >> EXP_SHIFT) & 0x7ff) as i32;
    push(out, value.is_sign_negative(), Class::of(value.is_nan(), value.is_infinite(), value == 0.0), || {
        let fraction = bits & ((1 << EXP_SHIFT) - 1);
        if exponent == 0 {
            return denormal(fraction, 1 - 1023);
        }
        digits(exponent - 1023, fraction | (1 << EXP_SHIFT), EXP_SHIFT + 1)
    });
}

/// Appends `Float.toString(value)`.
pub fn push_float(out: &mut String, value: f32) {
    const SHIFT: i32 = 23;
    let bits = value.to_bits();
    let exponent = ((bits >> SHIFT) & 0xff) as i32;
    push(out, value.is_sign_negative(), Class::of(value.is_nan(), value.is_infinite(), value == 0.0), || {
        let fraction = u64::from(bits & ((1 << SHIFT) - 1)) << (EXP_SHIFT - SHIFT);
        if exponent == 0 {
            let (binary, normal, _) = normalize(fraction, 1 - 127);
            let significant = 64 - (fraction >> (EXP_SHIFT - SHIFT)).leading_zeros() as i32;
            return digits(binary, normal, significant);
        }
        digits(exponent - 127, fraction | (1 << EXP_SHIFT), SHIFT + 1)
    });
}

enum Class {
    Nan,
    Infinite,
    Zero,
    Number,
}

impl Class {
    fn of(nan: bool, infinite: bool, zero: bool) -> Self {
        match (nan, infinite, zero) {
            (true, _, _) => Self::Nan,
            (_, true, _) => Self::Infinite,
            (_, _, true) => Self::Zero,
            _ => Self::Number,
        }
    }
}

fn push(out: &mut String, negative: bool, class: Class, digits: impl FnOnce() -> Digits) {
    if matches!(class, Class::Nan) {
        return out.push_str("NaN");
    }
    if negative {
        out.push('-');
    }
    match class {
        Class::Nan | Class::Infinite => out.push_str("Infinity"),
        Class::Zero => out.push_str("0.0"),
        Class::Number => digits().push_to(out),
    }
}

fn normalize(fraction: u64, binary: i32) -> (i32, u64, i32) {
    let zeros = fraction.leading_zeros() as i32;
    let shift = zeros - (63 - EXP_SHIFT);
    (binary - shift, fraction << shift, 64 - zeros)
}

fn denormal(fraction: u64, binary: i32) -> Digits {
    let (binary, normal, significant) = normalize(fraction, binary);
    digits(binary, normal, significant)
}

/// Decimal digits `0.d₁d₂… · 10^exponent`.
struct Digits {
    text: Vec<u8>,
    exponent: i32,
}

impl Digits {
    /// Plain notation from 10⁻³ up to 10⁷, scientific beyond; always a digit after the point.
    fn push_to(&self, out: &mut String) {
        let digit = |byte: &u8| char::from(*byte);
        match self.exponent {
            1..=7 => {
                let whole = self.exponent.unsigned_abs() as usize;
                out.extend(self.text.iter().take(whole).map(digit));
                out.extend(std::iter::repeat_n('0', whole.saturating_sub(self.text.len())));
                out.push('.');
                match self.text.get(whole..) {
                    Some(rest) if !rest.is_empty() => out.extend(rest.iter().map(digit)),
                    _ => out.push('0'),
                }
            }
            -2..=0 => {
                out.push_str("0.");
                out.extend(std::iter::repeat_n('0', self.exponent.unsigned_abs() as usize));
                out.extend(self.text.iter().map(digit));
            }
            _ => {
                out.push(digit(&self.text[0]));
                out.push('.');
                if self.text.len() > 1 {
                    out.extend(self.text[1..].iter().map(digit));
                } else {
                    out.push('0');
                }
                out.push('E');
                out.push_str(&(self.exponent - 1).to_string());
            }
        }
    }

    fn round_up(&mut self) {
        for index in (0..self.text.len()).rev() {
            if self.text[index] != b'9' {
                self.text[index] += 1;
                return;
            }
            self.text[index] = b'0';
        }
        self.text[0] = b'1';
        self.exponent += 1;
    }
}

/// The number is B/S, the half distance to its neighbours M/S; all three as mantissa and powers of 2 and 5.
struct Scale {
    mantissa: u64,
    mantissa_bits: i32,
    b2: i32,
    b5: i32,
    s2: i32,
    s5: i32,
    m2: i32,
}

/// `fraction` has its hidden bit at [`EXP_SHIFT`]; of its bits `significant` count.
fn digits(binary: i32, fraction: u64, significant: i32) -> Digits {
    let tail_zeros = fraction.trailing_zeros() as i32;
    let fraction_bits = EXP_SHIFT + 1 - tail_zeros;
    let tiny_bits = (fraction_bits - binary - 1).max(0);
    if tiny_bits == 0 && (-21..=62).contains(&binary) {
        return whole_number(binary, fraction, significant);
    }
    let exponent = estimate_exponent(fraction, binary);
    let b5 = (-exponent).max(0);
    let s5 = exponent.max(0);
    let (mut b2, mut s2) = (b5 + tiny_bits + binary, s5 + tiny_bits);
    let mut m2 = b2 - significant;
    b2 -= fraction_bits - 1;
    let common = b2.min(s2);
    (b2, s2, m2) = (b2 - common, s2 - common, m2 - common);
    if fraction_bits == 1 {
        // Below a power of two the neighbour is only half as far away.
        m2 -= 1;
    }
    if m2 < 0 {
        (b2, s2, m2) = (b2 - m2, s2 - m2, 0);
    }
    let scale = Scale { mantissa: fraction >> tail_zeros, mantissa_bits: fraction_bits, b2, b5, s2, s5, m2 };
    scale.digits(exponent)
}

fn whole_number(binary: i32, fraction: u64, significant: i32) -> Digits {
    let mut value =
        if binary >= EXP_SHIFT { fraction << (binary - EXP_SHIFT) } else { fraction >> (EXP_SHIFT - binary) };
    let mut exponent = 0;
    if binary > significant {
        // Digits that the missing low bits cannot vouch for are rounded away; their number is ⌊bits · log₁₀ 2⌋.
        let dropped = ((binary - significant - 1) as f64 * std::f64::consts::LOG10_2) as u32;
        let unit = 10u64.pow(dropped);
        let rest = value % unit;
        value /= unit;
        exponent = dropped as i32;
        if dropped > 0 && rest >= unit / 2 {
            value += 1;
        }
    }
    let text = value.to_string().into_bytes();
    exponent += text.len() as i32;
    let kept = text.iter().rposition(|&byte| byte != b'0').map_or(1, |last| last + 1);
    Digits { text: text[..kept].to_vec(), exponent }
}

/// ⌊log₁₀⌋ of the number, or one more: a tangent at 1.5.
#[expect(clippy::approx_constant, reason = "the digits depend on the very number that the JVM has")]
fn estimate_exponent(fraction: u64, binary: i32) -> i32 {
    let mantissa = f64::from_bits((1023 << EXP_SHIFT) | (fraction & ((1 << EXP_SHIFT) - 1)));
    ((mantissa - 1.5) * 0.289_529_654 + 0.176_091_259 + f64::from(binary) * 0.301_029_995_663_981).floor() as i32
}

/// Bits of 5ⁿ; an estimate from 27 on.
fn bits_of_pow5(power: i32) -> i32 {
    if power < 27 { 64 - 5u64.pow(power.unsigned_abs()).leading_zeros() as i32 } else { power * 3 }
}

impl Scale {
    fn digits(&self, exponent: i32) -> Digits {
        let b_bits = self.mantissa_bits + self.b2 + bits_of_pow5(self.b5);
        let ten_s_bits = self.s2 + 1 + bits_of_pow5(self.s5 + 1);
        if b_bits < 32 && ten_s_bits < 32 {
            self.generate(exponent, Narrow::new(self, |m| i64::from(m as i32)))
        } else if b_bits < 64 && ten_s_bits < 64 {
            self.generate(exponent, Narrow::new(self, |m| m))
        } else {
            self.generate(exponent, Wide::new(self))
        }
    }

    #[expect(clippy::unused_self, reason = "the digits belong to this scale; the generator has been made from it")]
    fn generate(&self, exponent: i32, mut generator: impl Generator) -> Digits {
        let mut digits = Digits { text: Vec::with_capacity(20), exponent };
        let mut step = generator.next_digit();
        if step.digit == 0 && !step.high {
            digits.exponent -= 1;
        } else {
            digits.text.push(b'0' + step.digit);
        }
        // Scientific form needs two digits, so the bounds are not looked at after the first.
        if !(-3..8).contains(&digits.exponent) {
            (step.low, step.high) = (false, false);
        }
        while !step.low && !step.high {
            step = generator.next_digit();
            digits.text.push(b'0' + step.digit);
        }
        digits.exponent += 1;
        let odd = digits.text.last().is_some_and(|digit| digit & 1 == 1);
        let up = step.high
            && (!step.low
                || match generator.compare_rest_to_half() {
                    Ordering::Greater => true,
                    Ordering::Equal => odd,
                    Ordering::Less => false,
                });
        if up {
            digits.round_up();
        }
        digits
    }
}

struct Step {
    digit: u8,
    low: bool,
    high: bool,
}

trait Generator {
    /// The next digit, and whether cutting off below or above it would still read back as the same number.
    fn next_digit(&mut self) -> Step;
    fn compare_rest_to_half(&self) -> Ordering;
}

/// 64 bits, or what an `int` makes of them; sums wrap as on the JVM.
struct Narrow {
    b: i64,
    s: i64,
    m: i64,
    wrap: fn(i64) -> i64,
}

impl Narrow {
    fn new(scale: &Scale, wrap: fn(i64) -> i64) -> Self {
        let pow5 = |power: i32| 5i64.wrapping_pow(power.unsigned_abs());
        Self {
            b: (scale.mantissa as i64).wrapping_mul(pow5(scale.b5)) << scale.b2,
            s: pow5(scale.s5) << scale.s2,
            m: wrap(pow5(scale.b5).wrapping_shl(scale.m2.unsigned_abs())),
            wrap,
        }
    }
}

impl Generator for Narrow {
    fn next_digit(&mut self) -> Step {
        let digit = (self.b / self.s) as u8;
        self.b = 10 * (self.b % self.s);
        self.m = (self.wrap)(self.m.wrapping_mul(10));
        if self.m <= 0 {
            // It has overflowed, so it is above both bounds.
            return Step { digit, low: true, high: true };
        }
        Step { digit, low: self.b < self.m, high: (self.wrap)(self.b.wrapping_add(self.m)) > self.s * 10 }
    }

    fn compare_rest_to_half(&self) -> Ordering {
        // Overflows and all: the last digit of some numbers depends on it.
        (self.wrap)(self.b.wrapping_mul(2).wrapping_sub(self.s * 10)).cmp(&0)
    }
}

/// Any width. `m` is kept ten times as large, for the digit that comes next.
struct Wide {
    b: Big,
    s: Big,
    ten_s: Big,
    m: Big,
    first: bool,
}

impl Wide {
    fn new(scale: &Scale) -> Self {
        Self {
            b: Big::new(scale.mantissa).times_pow5(scale.b5).shifted(scale.b2),
            s: Big::new(1).times_pow5(scale.s5).shifted(scale.s2),
            ten_s: Big::new(1).times_pow5(scale.s5 + 1).shifted(scale.s2 + 1),
            m: Big::new(1).times_pow5(scale.b5 + 1).shifted(scale.m2 + 1),
            first: true,
        }
    }
}

impl Generator for Wide {
    fn next_digit(&mut self) -> Step {
        let mut digit = 0;
        while self.b.compare(&self.s) != Ordering::Less {
            self.b.subtract(&self.s);
            digit += 1;
        }
        self.b.times(10);
        if !std::mem::take(&mut self.first) {
            self.m.times(10);
        }
        let mut above = self.b.clone();
        above.add(&self.m);
        Step {
            digit,
            low: self.b.compare(&self.m) == Ordering::Less,
            high: above.compare(&self.ten_s) != Ordering::Less,
        }
    }

    fn compare_rest_to_half(&self) -> Ordering {
        let mut twice = self.b.clone();
        twice.times(2);
        twice.compare(&self.ten_s)
    }
}

/// A natural number; 32-bit digits, the lowest first, no zeros on top.
#[derive(Clone)]
struct Big(Vec<u32>);

impl Big {
    fn new(value: u64) -> Self {
        let mut big = Self(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn times(&mut self, factor: u32) {
        let mut carry = 0;
        for digit in &mut self.0 {
            let product = u64::from(*digit) * u64::from(factor) + carry;
            *digit = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn times_pow5(mut self, mut power: i32) -> Self {
        const STEP: i32 = 13; // the highest power of 5 in 32 bits
        while power > 0 {
            let step = power.min(STEP);
            self.times(5u32.pow(step.unsigned_abs()));
            power -= step;
        }
        self
    }

    fn shifted(mut self, bits: i32) -> Self {
        self.times(1 << (bits % 32));
        let mut digits = vec![0; (bits / 32).unsigned_abs() as usize];
        digits.append(&mut self.0);
        Self(digits)
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut carry = 0;
        for (index, digit) in self.0.iter_mut().enumerate() {
            let sum = u64::from(*digit) + u64::from(other.0.get(index).copied().unwrap_or(0)) + carry;
            *digit = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// `other` must not be larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (index, digit) in self.0.iter_mut().enumerate() {
            let taken = i64::from(*digit) - i64::from(other.0.get(index).copied().unwrap_or(0)) - borrow;
            *digit = taken as u32;
            borrow = i64::from(taken < 0);
        }
        self.trim();
    }
}
