//! Java's functions of doubles to the last bit, as far as they are those of fdlibm (`StrictMath`, which Spark calls).
//!
//! The crate `libm` descends from fdlibm too; what it computes in another way than Java is here. Sine, cosine and
//! tangent are not: the JVM has its own, to which the platform's are nearer.

pub(super) use libm::{acos, asin, atan, exp, expm1, log1p};

/// Beyond this e to the power overflows, and below it does not.
const LARGEST_EXPONENT: f64 = 709.782_712_893_384;
/// Beyond this half of e to the power overflows.
const LARGEST_HALVED: f64 = 710.475_860_073_943_9;

/// Beyond this a square and 1 are the square.
const LARGE: f64 = 268_435_456.0;

/// One to an infinite power, and anything to a power that is no number, are no number.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let is_undefined = y.is_nan() || (x.abs() == 1.0 && y.is_infinite());
    if is_undefined { f64::NAN } else { libm::pow(x, y) }
}

pub(super) fn asinh(value: f64) -> f64 {
    let size = value.abs();
    if !size.is_finite() || size < 1.0 / LARGE {
        return value;
    }
    let square = size * size;
    let result = if size > LARGE {
        log(size) + std::f64::consts::LN_2
    } else if size > 2.0 {
        log(2.0 * size + 1.0 / ((square + 1.0).sqrt() + size))
    } else {
        log1p(size + square / (1.0 + (1.0 + square).sqrt()))
    };
    result.copysign(value)
}

pub(super) fn acosh(value: f64) -> f64 {
    match value {
        _ if value.is_nan() || value < 1.0 => f64::NAN,
        1.0 => 0.0,
        _ if value >= LARGE => {
            if value.is_finite() {
                log(value) + std::f64::consts::LN_2
            } else {
                value
            }
        }
        _ if value > 2.0 => log(2.0 * value - 1.0 / (value + (value * value - 1.0).sqrt())),
        _ => {
            let over = value - 1.0;
            log1p(over + (2.0 * over + over * over).sqrt())
        }
    }
}

pub(super) fn atan2(y: f64, x: f64) -> f64 {
    // Where y is so much larger that the quotient is not computed, Java's result for a negative x lies a step further.
    let steep = x < 0.0 && x.is_finite() && y.is_finite() && y.abs() >= x.abs() * 2.0_f64.powi(61);
    if steep { 1.570_796_326_794_896_8_f64.copysign(y) } else { libm::atan2(y, x) }
}

pub(super) fn cosh(value: f64) -> f64 {
    let size = value.abs();
    if !size.is_finite() {
        return size * size;
    }
    if size < 0.5 * std::f64::consts::LN_2 {
        let less_one = expm1(size);
        let one_and = 1.0 + less_one;
        return if size < 2.0_f64.powi(-55) { one_and } else { 1.0 + less_one * less_one / (one_and + one_and) };
    }
    match size {
        ..22.0 => {
            let power = exp(size);
            0.5 * power + 0.5 / power
        }
        ..LARGEST_EXPONENT => 0.5 * exp(size),
        ..=LARGEST_HALVED => halved_power(size, 0.5),
        _ => f64::INFINITY,
    }
}

pub(super) fn sinh(value: f64) -> f64 {
    let (size, half) = (value.abs(), if value < 0.0 { -0.5 } else { 0.5 });
    match size {
        _ if !size.is_finite() => value,
        ..22.0 => {
            if size < 2.0_f64.powi(-28) {
                return value;
            }
            let less_one = expm1(size);
            let over = less_one / (less_one + 1.0);
            if size < 1.0 {
                half * (2.0 * less_one - less_one * less_one / (less_one + 1.0))
            } else {
                half * (less_one + over)
            }
        }
        ..LARGEST_EXPONENT => half * exp(size),
        ..=LARGEST_HALVED => halved_power(size, half),
        _ => value * f64::INFINITY,
    }
}

/// `half · eˣ` where eˣ alone would be too large.
fn halved_power(size: f64, half: f64) -> f64 {
    let root = exp(0.5 * size);
    half * root * root
}

pub(super) fn tanh(value: f64) -> f64 {
    let size = value.abs();
    let result = match size {
        _ if value.is_nan() => return value,
        ..22.0 => {
            if size < 2.0_f64.powi(-55) {
                return value * (1.0 + value);
            }
            if size >= 1.0 {
                1.0 - 2.0 / (expm1(2.0 * size) + 2.0)
            } else {
                let less_one = expm1(-2.0 * size);
                -less_one / (less_one + 2.0)
            }
        }
        _ => 1.0,
    };
    if value < 0.0 { -result } else { result }
}

/// The cube root: a first guess from the exponent, a rational step, a rounding to 20 bits, and one step of Newton's.
pub(super) fn cbrt(value: f64) -> f64 {
    const HIGH: u64 = 0xFFFF_FFFF_0000_0000;
    const LEAST_NORMAL: f64 = f64::MIN_POSITIVE;
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let size = value.abs();
    let third = |bits: u64, bias: u64| ((bits >> 32) / 3 + bias) << 32;
    let mut root = if size < LEAST_NORMAL {
        let scaled = (size * 2.0_f64.powi(54)).to_bits();
        f64::from_bits(third(scaled, 696_219_795) | (scaled & !HIGH))
    } else {
        f64::from_bits(third(size.to_bits(), 715_094_163))
    };
    let rest = 19.0 / 35.0 + root * root / size * root;
    root *= 5.0 / 14.0 + 45.0 / 28.0 / (rest + 99.0 / 70.0 + -864.0 / 1225.0 / rest);
    root = f64::from_bits((root.to_bits() & HIGH) + (1 << 32));
    let step = size / (root * root);
    root += root * ((step - root) / (root + root + step));
    root.copysign(value)
}

/// The natural logarithm: of a number between √½ and √2 by a polynomial, of any other with a multiple of that of 2.
pub(super) fn log(value: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const EVEN: [f64; 3] = [3.999_999_999_940_942e-1, 2.222_219_843_214_978_4e-1, 1.531_383_769_920_937_3e-1];
    const ODD: [f64; 4] =
        [6.666_666_666_666_735e-1, 2.857_142_874_366_239e-1, 1.818_357_216_161_805e-1, 1.479_819_860_511_658_6e-1];
    if !(value > 0.0 && value.is_finite()) {
        return value.ln();
    }
    let (scaled, shift) = if value < f64::MIN_POSITIVE { (value * 2.0_f64.powi(54), -54) } else { (value, 0) };
    let high = (scaled.to_bits() >> 32) as i32;
    let mantissa = high & 0x000F_FFFF;
    // A number above √2 is halved.
    let halved = (mantissa + 0x9_5F64) & 0x10_0000;
    let power = f64::from((high >> 20) - 1023 + shift + (halved >> 20));
    let normal = (((mantissa | (halved ^ 0x3FF0_0000)) as u64) << 32) | (scaled.to_bits() & 0xFFFF_FFFF);
    let over = f64::from_bits(normal) - 1.0;
    let (power_high, power_low) = (power * LN_2_HIGH, power * LN_2_LOW);
    // Without a power of 2 these are the same terms in another order of operations.
    let joined = |rest: f64| if power == 0.0 { over - rest } else { power_high - ((rest - power_low) - over) };
    if (0x000F_FFFF & (2 + mantissa)) < 3 {
        if over == 0.0 {
            return if power == 0.0 { 0.0 } else { power_high + power_low };
        }
        return joined(over * over * (0.5 - 0.333_333_333_333_333_3 * over));
    }
    let share = over / (2.0 + over);
    let square = share * share;
    let fourth = square * square;
    let even = fourth * (EVEN[0] + fourth * (EVEN[1] + fourth * EVEN[2]));
    let odd = square * (ODD[0] + fourth * (ODD[1] + fourth * (ODD[2] + fourth * ODD[3])));
    let rest = odd + even;
    if ((mantissa - 0x6_147A) | (0x6_B851 - mantissa)) > 0 {
        let half = 0.5 * over * over;
        if power == 0.0 {
            return over - (half - share * (half + rest));
        }
        return power_high - ((half - (share * (half + rest) + power_low)) - over);
    }
    joined(share * (over - rest))
}

/// The logarithm to the base 10, from the natural one of what is left beside a power of 2.
pub(super) fn log10(value: f64) -> f64 {
    const LOG10_2_HIGH: f64 = 3.010_299_956_636_117_7e-1;
    const LOG10_2_LOW: f64 = 3.694_239_077_158_931e-13;
    const MANTISSA: u64 = (1 << 52) - 1;
    if !(value > 0.0 && value.is_finite()) {
        return value.log10();
    }
    let (scaled, shift) = if value < f64::MIN_POSITIVE { (value * 2.0_f64.powi(54), -54) } else { (value, 0) };
    let bits = scaled.to_bits();
    let exponent = (bits >> 52) as i64 - 1023 + shift;
    let below_one = i64::from(exponent < 0);
    let rest = f64::from_bits((bits & MANTISSA) | ((1023 - below_one) as u64) << 52);
    let power = (exponent + below_one) as f64;
    let low = power * LOG10_2_LOW + std::f64::consts::LOG10_E * log(rest);
    low + power * LOG10_2_HIGH
}
