//! INTERVAL literals: `5 MINUTES`, `'5 minutes'`, `'1 02:03' DAY TO MINUTE`.
//!
//! Each becomes a year-month or a day-time interval with the fields it names, as in Spark; one that mixes both kinds is
//! refused.

use millstream_core::interval::{CalendarInterval, parse_interval};
use millstream_core::spark_error;
use spark_connect_proto::Expression;
use spark_connect_proto::data_type::{DayTimeInterval, Kind as TypeKind, YearMonthInterval};
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{ExprType, Literal};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::message::expression;
use super::schema::data_type;
use super::token::Kind;

/// Fields of day-time intervals in Spark's numbering, with their microseconds.
const DAY_TIME: [(&str, i64); 4] =
    [("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000)];
/// Fields of year-month intervals in Spark's numbering.
const YEAR_MONTH: [&str; 2] = ["year", "month"];

impl Parser<'_> {
    /// Whether INTERVAL at the cursor begins a literal rather than naming a column.
    pub(crate) fn starts_interval(&self) -> bool {
        let signed = usize::from(self.at_ahead(1, "-") || self.at_ahead(1, "+"));
        matches!(self.peek_at(1 + signed).kind, Kind::Text | Kind::Number) && self.unit_at(2 + signed).is_some()
    }

    /// `INTERVAL` with values and units as tokens.
    pub(crate) fn interval(&mut self) -> Parsed<Expression> {
        let start = self.peek().start;
        self.expect_word("INTERVAL")?;
        let mut text = String::new();
        let mut units = Vec::new();
        loop {
            let place = self.peek().start;
            let value = self.interval_value()?;
            // Before `unit TO unit` stands a text whose form is looked at as a whole.
            if value.contains(char::is_alphabetic) && !self.at_word_ahead(1, "TO") {
                self.advance();
                return Err(SyntaxError::interval_number(&value, (place, self.last_end())));
            }
            let Some(unit) = self.unit_at(0) else { return self.fail() };
            self.advance();
            if units.is_empty() && self.accept_word("TO") {
                let Some(end) = self.unit_at(0) else { return self.fail() };
                self.advance();
                return self.unit_to_unit(&value, (&unit, &end), start);
            }
            text.push_str(&format!("{value} {unit} "));
            units.push(unit);
            let signed = usize::from(self.at("-") || self.at("+"));
            let goes_on = matches!(self.peek_at(signed).kind, Kind::Text | Kind::Number);
            if !(goes_on && self.unit_at(1 + signed).is_some()) {
                break;
            }
        }
        let span = (start, self.last_end());
        if is_mixed(&units) {
            return Err(SyntaxError::mixed_interval(&self.source[span.0..span.1], span));
        }
        // Numbers and units are what they should be, so only their size can be wrong.
        let beyond = || spark_error!("INVALID_INTERVAL_FORMAT.ARITHMETIC_EXCEPTION", input = text.trim());
        interval_literal(&text, &units).ok_or_else(|| SyntaxError::refused(beyond(), span))
    }

    /// The text behind `INTERVAL`, which names its units itself unless a unit follows.
    pub(crate) fn interval_text(&mut self, start: usize) -> Parsed<Expression> {
        if self.unit_at(1).is_some() {
            let index = self.position();
            self.rewind(index - 1);
            return self.interval();
        }
        let text = self.text()?;
        let span = (start, self.last_end());
        let units: Option<Vec<String>> = text
            .split(|ch: char| !ch.is_ascii_alphabetic())
            .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("interval"))
            .map(unit_of)
            .collect();
        if units.as_deref().is_some_and(is_mixed) {
            return Err(SyntaxError::mixed_interval(&self.source[span.0..span.1], span));
        }
        let parsed = units.and_then(|units| interval_literal(&text, &units));
        parsed.ok_or_else(|| SyntaxError::typed_literal("INTERVAL", &text, span))
    }

    fn interval_value(&mut self) -> Parsed<String> {
        let negative = self.accept("-");
        if !negative {
            self.accept("+");
        }
        let value = match self.peek().kind {
            Kind::Number => self.advance().text,
            _ => self.text()?.trim().to_owned(),
        };
        Ok(match (negative, value.strip_prefix('-')) {
            (true, Some(positive)) => positive.to_owned(),
            (true, None) => format!("-{value}"),
            (false, _) => value,
        })
    }

    fn unit_at(&self, ahead: usize) -> Option<String> {
        let token = self.peek_at(ahead);
        if token.kind == Kind::Word { unit_of(&token.text) } else { None }
    }

    fn unit_to_unit(&self, value: &str, (from, to): (&str, &str), start: usize) -> Parsed<Expression> {
        let span = (start, self.last_end());
        let field = |fields: &[&str], unit: &str| fields.iter().position(|field| *field == unit);
        if let (Some(0), Some(1)) = (field(&YEAR_MONTH, from), field(&YEAR_MONTH, to)) {
            let months = year_month(value).ok_or_else(|| unmatched_year_month(value, span))?;
            return Ok(year_month_literal(months, (0, 1)));
        }
        let names = DAY_TIME.map(|(name, _)| name);
        match (field(&names, from), field(&names, to)) {
            (Some(first), Some(last)) if first < last => {
                let us = day_time(value, first, last).ok_or_else(|| unmatched_day_time(value, (first, last), span))?;
                Ok(day_time_literal(us, (first, last)))
            }
            _ => {
                let error = spark_error!(
                    "INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION",
                    input = value,
                    from = from.to_lowercase(),
                    to = to.to_lowercase(),
                );
                Err(SyntaxError::refused(error, span))
            }
        }
    }
}

/// A text that is not written as years and months.
fn unmatched_year_month(text: &str, span: (usize, usize)) -> SyntaxError {
    let error = spark_error!(
        "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING",
        input = text,
        intervalStr = "year-month",
        supportedFormat = supported_format("y-m", "YEAR TO MONTH"),
        typeName = "interval year to month",
    );
    SyntaxError::refused(error, span)
}

/// A text that is not written as the fields between these two.
fn unmatched_day_time(text: &str, (first, last): (usize, usize), span: (usize, usize)) -> SyntaxError {
    let fields = ["d", "h", "m", "s.n"];
    let format = match first {
        0 => format!("d {}", fields[1..=last].join(":")),
        _ => fields[first..=last].join(":"),
    };
    let range = format!("{} to {}", DAY_TIME[first].0, DAY_TIME[last].0);
    let error = spark_error!(
        "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE",
        input = text,
        intervalStr = "day-time",
        supportedFormat = supported_format(&format, &range.to_uppercase()),
        typeName = format!("interval {range}"),
    );
    SyntaxError::refused(error, span)
}

/// The two ways to write it, as a text to be cast and as a literal.
fn supported_format(format: &str, range: &str) -> String {
    format!("`[+|-]{format}`, `INTERVAL [+|-]'[+|-]{format}' {range}`")
}

/// The unit in the singular, from any letter case and number.
fn unit_of(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    let known =
        ["year", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond"];
    known.contains(&singular).then(|| singular.to_owned())
}

/// Whether the units are of both kinds of intervals.
fn is_mixed(units: &[String]) -> bool {
    let months = units.iter().filter(|unit| YEAR_MONTH.contains(&unit.as_str())).count();
    months > 0 && months < units.len()
}

fn interval_literal(text: &str, units: &[String]) -> Option<Expression> {
    let parsed = parse_interval(text).ok()?;
    let year_month: Vec<usize> =
        units.iter().filter_map(|unit| YEAR_MONTH.iter().position(|field| field == unit)).collect();
    if is_mixed(units) {
        return None;
    }
    if let (Some(first), Some(last)) = (year_month.iter().min(), year_month.iter().max()) {
        return Some(year_month_literal(parsed.months, (*first, *last)));
    }
    let fields = units.iter().map(|unit| match unit.as_str() {
        "week" => 0,
        unit => DAY_TIME.iter().position(|(field, _)| *field == unit).unwrap_or(3),
    });
    let (first, last) = (fields.clone().min()?, fields.max()?);
    Some(day_time_literal(CalendarInterval::fixed_us(parsed)?, (first, last)))
}

/// `[+-]years-months`
fn year_month(text: &str) -> Option<i32> {
    let (sign, text) = signed(text);
    let (years, months) = text.split_once('-')?;
    let months = months.trim().parse::<i32>().ok().filter(|months| (0..12).contains(months))?;
    // In 64 bits, because the least of 32 has no counterpart.
    let total = i64::from(sign) * (i64::from(years.trim().parse::<i32>().ok()?) * 12 + i64::from(months));
    i32::try_from(total).ok()
}

/// `[+-]d h:m:s.f`, from the first field to the last.
fn day_time(text: &str, first: usize, last: usize) -> Option<i64> {
    let (sign, text) = signed(text);
    let (days, clock) = if first == 0 { text.split_once(' ')? } else { ("", text) };
    let clock_fields: Vec<&str> = clock.trim().split(':').collect();
    let start = first.max(1);
    if clock_fields.len() != last - start + 1 {
        return None;
    }
    let mut us = if first == 0 { days.parse::<i64>().ok()?.checked_mul(DAY_TIME[0].1)? } else { 0 };
    for (at, field) in clock_fields.iter().enumerate() {
        let (whole, fraction) = field.split_once('.').unwrap_or((field, ""));
        let is_second = start + at == 3;
        if (!fraction.is_empty() && !is_second) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let limit = if at == 0 && first != 0 { i64::MAX } else { [24, 60, 60][start + at - 1] };
        let whole = whole.parse::<i64>().ok().filter(|value| (0..limit).contains(value))?;
        let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
        us = us.checked_add(whole.checked_mul(DAY_TIME[start + at].1)?)?.checked_add(micros.parse().ok()?)?;
    }
    us.checked_mul(sign.into())
}

fn signed(text: &str) -> (i32, &str) {
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn year_month_literal(months: i32, (first, last): (usize, usize)) -> Expression {
    let fields = (i32::try_from(first).ok(), i32::try_from(last).ok());
    let narrow = TypeKind::YearMonthInterval(YearMonthInterval {
        start_field: fields.0,
        end_field: fields.1,
        type_variation_reference: 0,
    });
    typed(LiteralType::YearMonthInterval(months), narrow)
}

fn day_time_literal(us: i64, (first, last): (usize, usize)) -> Expression {
    let fields = (i32::try_from(first).ok(), i32::try_from(last).ok());
    let narrow = TypeKind::DayTimeInterval(DayTimeInterval {
        start_field: fields.0,
        end_field: fields.1,
        type_variation_reference: 0,
    });
    typed(LiteralType::DayTimeInterval(us), narrow)
}

fn typed(value: LiteralType, kind: TypeKind) -> Expression {
    expression(ExprType::Literal(Literal { literal_type: Some(value), data_type: Some(data_type(kind)) }))
}
