//! Decimals out of text.

/// A decimal number with optional exponent, rounded half up to the scale; none where it needs more digits than it may.
pub fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text.as_bytes()),
    };
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            let exponent = std::str::from_utf8(&unsigned[at + 1..]).ok()?;
            (&unsigned[..at], exponent.parse::<i32>().ok()?)
        }
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    let digits = || whole.iter().chain(fraction);
    let count = whole.len() + fraction.len();
    if count == 0 || !digits().all(u8::is_ascii_digit) {
        return None;
    }
    // Spark's decimals cannot even pass through an exponent far from their digits.
    let magnitude = whole.len() as i64 + i64::from(exponent);
    if exponent.unsigned_abs() > 10_000 {
        return None;
    }
    // How many leading digits stand before the place that is rounded away.
    let kept = magnitude + i64::from(scale);
    let mut value: i128 = 0;
    let mut place = 0;
    for digit in digits() {
        if place >= kept {
            break;
        }
        value = push_digit(value, digit - b'0')?;
        place += 1;
    }
    while place < kept && value != 0 {
        value = push_digit(value, 0)?;
        place += 1;
    }
    let next = usize::try_from(kept).ok().and_then(|kept| digits().nth(kept));
    if next.is_some_and(|&digit| digit >= b'5') {
        value += 1;
    }
    if value >= 10i128.pow(u32::from(precision)) {
        return None;
    }
    Some(if negative { -value } else { value })
}

fn push_digit(value: i128, digit: u8) -> Option<i128> {
    value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit)))
}
