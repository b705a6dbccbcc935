//! Dates and timestamps. Parts of a timestamp are those that the clock in the session's zone shows.

mod arithmetic;
mod construct;
mod current;
mod field;
mod parse;
mod pattern;
mod truncate;
mod unix;

use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;

/// The date and time functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::scalar(
        "current_timestamp",
        Exactly(0),
        current::current_timestamp,
        "now, for the whole query or batch",
    )
    .or(&["now"]),
    FunctionEntry::scalar("current_date", Exactly(0), current::current_date, "today in the session's zone")
        .or(&["curdate"]),
    FunctionEntry::scalar("localtimestamp", Exactly(0), current::localtimestamp, "now, as the clock shows it"),
    FunctionEntry::scalar("current_timezone", Exactly(0), current::current_timezone, "the session's zone"),
    FunctionEntry::scalar("to_timestamp", Between(1, 2), parse::to_timestamp, "a timestamp out of text, by a pattern"),
    FunctionEntry::scalar(
        "try_to_timestamp",
        Between(1, 2),
        parse::try_to_timestamp,
        "the same, NULL for what is none",
    ),
    FunctionEntry::scalar("to_date", Between(1, 2), parse::to_date, "a date out of text, by a pattern"),
    FunctionEntry::scalar("unix_timestamp", Between(0, 2), parse::unix_timestamp, "seconds since 1970")
        .or(&["to_unix_timestamp"]),
    FunctionEntry::scalar("date_format", Exactly(2), unix::date_format, "as text, by a pattern"),
    FunctionEntry::scalar(
        "from_unixtime",
        Between(1, 2),
        unix::from_unixtime,
        "seconds since 1970 as text, by a pattern",
    ),
    FunctionEntry::scalar(
        "timestamp_seconds",
        Exactly(1),
        unix::timestamp_seconds,
        "seconds since 1970 as a timestamp",
    ),
    FunctionEntry::scalar(
        "timestamp_millis",
        Exactly(1),
        unix::timestamp_millis,
        "milliseconds since 1970 as a timestamp",
    ),
    FunctionEntry::scalar(
        "timestamp_micros",
        Exactly(1),
        unix::timestamp_micros,
        "microseconds since 1970 as a timestamp",
    ),
    FunctionEntry::scalar("unix_seconds", Exactly(1), unix::unix_seconds, "seconds since 1970"),
    FunctionEntry::scalar("unix_millis", Exactly(1), unix::unix_millis, "milliseconds since 1970"),
    FunctionEntry::scalar("unix_micros", Exactly(1), unix::unix_micros, "microseconds since 1970"),
    FunctionEntry::scalar("unix_date", Exactly(1), unix::unix_date, "days since 1970"),
    FunctionEntry::scalar("date_from_unix_date", Exactly(1), unix::date_from_unix_date, "days since 1970 as a date"),
    FunctionEntry::scalar(
        "from_utc_timestamp",
        Exactly(2),
        unix::from_utc_timestamp,
        "what a zone's clock shows when UTC shows this",
    ),
    FunctionEntry::scalar(
        "to_utc_timestamp",
        Exactly(2),
        unix::to_utc_timestamp,
        "what UTC shows when a zone's clock shows this",
    ),
    FunctionEntry::scalar("year", Exactly(1), field::year, "the year"),
    FunctionEntry::scalar("quarter", Exactly(1), field::quarter, "the quarter"),
    FunctionEntry::scalar("month", Exactly(1), field::month, "the month"),
    FunctionEntry::scalar("day", Exactly(1), field::day, "the day of the month").or(&["dayofmonth"]),
    FunctionEntry::scalar("dayofweek", Exactly(1), field::dayofweek, "the day of the week, Sunday being 1"),
    FunctionEntry::scalar("weekday", Exactly(1), field::weekday, "the day of the week, Monday being 0"),
    FunctionEntry::scalar("dayofyear", Exactly(1), field::dayofyear, "the day of the year"),
    FunctionEntry::scalar("weekofyear", Exactly(1), field::weekofyear, "the week of the year (ISO)"),
    FunctionEntry::scalar("hour", Exactly(1), field::hour, "the hour"),
    FunctionEntry::scalar("minute", Exactly(1), field::minute, "the minute"),
    FunctionEntry::scalar("second", Exactly(1), field::second, "the second"),
    FunctionEntry::scalar("extract", Exactly(2), field::extract, "a part by its name").or(&["date_part", "datepart"]),
    FunctionEntry::scalar("date_add", Exactly(2), arithmetic::date_add, "so many days later").or(&["dateadd"]),
    FunctionEntry::scalar("date_sub", Exactly(2), arithmetic::date_sub, "so many days earlier"),
    FunctionEntry::scalar("datediff", Exactly(2), arithmetic::datediff, "the days between two dates")
        .or(&["date_diff"]),
    FunctionEntry::scalar("add_months", Exactly(2), arithmetic::add_months, "so many months later"),
    FunctionEntry::scalar("months_between", Between(2, 3), arithmetic::months_between, "the months between two times"),
    FunctionEntry::scalar("last_day", Exactly(1), arithmetic::last_day, "the last day of the month"),
    FunctionEntry::scalar("next_day", Exactly(2), arithmetic::next_day, "the next such day of the week"),
    FunctionEntry::scalar("timestampadd", Exactly(3), arithmetic::timestampadd, "so many units later"),
    FunctionEntry::scalar("timestampdiff", Exactly(3), arithmetic::timestampdiff, "the whole units between two times"),
    FunctionEntry::scalar("trunc", Exactly(2), truncate::trunc, "the first day of the unit"),
    FunctionEntry::scalar("date_trunc", Exactly(2), truncate::date_trunc, "the first moment of the unit"),
    FunctionEntry::scalar("make_date", Exactly(3), construct::make_date, "a date of year, month and day"),
    FunctionEntry::scalar("make_timestamp", Between(6, 7), construct::make_timestamp, "a timestamp of its parts"),
];
