//! The arithmetic and the text of decimals, as whole numbers with a scale.

/// Where halves and the rest go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

/// A whole number divided by a power of ten, rounded.
pub(crate) fn divide(value: i128, divisor: i128, rounding: Rounding) -> i128 {
    let (quotient, remainder) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    // Its double would leave the type.
    let to_next = divisor - remainder;
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => remainder > 0,
        Rounding::HalfUp => remainder > to_next || (remainder == to_next && value > 0),
        Rounding::HalfEven => remainder > to_next || (remainder == to_next && quotient % 2 != 0),
    };
    quotient + i128::from(up)
}

/// 10 to this power, up to 38.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// `value / divisor`, halves away from zero.
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    let up = remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs();
    if up { quotient + value.signum() * divisor.signum() } else { quotient }
}

/// The same number with another scale, if it fits the precision.
pub(crate) fn rescale(value: i128, from_scale: i8, precision: u8, scale: i8) -> Option<i128> {
    let shift = i32::from(scale) - i32::from(from_scale);
    let rescaled = if shift >= 0 {
        if value == 0 { 0 } else { value.checked_mul(power_of_ten(shift.unsigned_abs())?)? }
    } else {
        match power_of_ten(shift.unsigned_abs()) {
            Some(divisor) => divide_half_up(value, divisor),
            None => 0,
        }
    };
    (rescaled.unsigned_abs() < power_of_ten(precision.into())?.unsigned_abs()).then_some(rescaled)
}

/// A decimal number in plain or scientific notation: digits and scale. Digits beyond 38 significant ones are `None`,
/// except those after the point, which are cut where they cannot matter.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<Option<i128>> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    // The point's place among the digits decides which of them the target keeps.
    let point = i64::from(exponent) + whole.len() as i64;
    let kept = point + i64::from(scale);
    let mut value: i128 = 0;
    for place in 0..kept.max(0) {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        if value == 0 && digit == 0 && place >= digits.len() as i64 {
            break;
        }
        match value.checked_mul(10).and_then(|value| value.checked_add(digit.into())) {
            Some(next) => value = next,
            None => return Some(None),
        }
    }
    let rounds_up =
        kept >= 0 && usize::try_from(kept).ok().and_then(|at| digits.get(at)).is_some_and(|&digit| digit >= 5);
    value += i128::from(rounds_up);
    let value = if negative { -value } else { value };
    Some((value.unsigned_abs() < power_of_ten(precision.into())?.unsigned_abs()).then_some(value))
}

/// A decimal in plain notation.
pub(crate) fn decimal_text(value: i128, scale: i8) -> String {
    let Ok(places @ 1..) = usize::try_from(scale) else { return value.to_string() };
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// The double nearest to a decimal.
pub(crate) fn to_double(value: i128, scale: i8) -> f64 {
    const EXACT: u128 = 1 << 53;
    if value.unsigned_abs() <= EXACT && (0..=22).contains(&scale) {
        // Both are exact doubles, so the quotient is rounded once.
        return value as f64 / 10_f64.powi(scale.into());
    }
    decimal_text(value, scale).parse().unwrap_or(f64::NAN)
}

/// A number in text rounded to so many places, exactly; `None` where 128 bits do not hold its digits.
pub(crate) fn round_decimal_text(text: &str, places: i32, rounding: Rounding) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if scale <= places {
        return Some(text.to_owned());
    }
    let rounded = match power_of_ten((scale - places).unsigned_abs()) {
        Some(divisor) => divide(digits, divisor, rounding),
        None => 0,
    };
    // The sign of a zero goes, as in a decimal.
    Some(format!("{rounded}E{}", -places))
}
