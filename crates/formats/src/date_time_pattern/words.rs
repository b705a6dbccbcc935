//! English names of months, days, quarters, eras and halves of a day.

use super::item::{Field, Style};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SHORT_MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SHORT_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const QUARTERS: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
const SHORT_QUARTERS: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];
const ERAS: [&str; 2] = ["Before Christ", "Anno Domini"];
const SHORT_ERAS: [&str; 2] = ["BC", "AD"];
const HALVES: [&str; 2] = ["AM", "PM"];

/// The words of a field in the order of its values; none for a field that is always a number. Eras and halves of a day
/// count from 0, the others from 1.
pub(super) fn words(field: Field, style: Style) -> &'static [&'static str] {
    match (field, style) {
        (Field::Month, Style::Full) => &MONTHS,
        (Field::Month, Style::Short) => &SHORT_MONTHS,
        (Field::DayOfWeek, Style::Full) => &DAYS,
        (Field::DayOfWeek, Style::Short) => &SHORT_DAYS,
        (Field::Quarter, Style::Full) => &QUARTERS,
        (Field::Quarter, Style::Short) => &SHORT_QUARTERS,
        (Field::Era, Style::Full) => &ERAS,
        (Field::Era, Style::Short) => &SHORT_ERAS,
        (Field::HalfDay, _) => &HALVES,
        _ => &[],
    }
}
