//! Dates and timestamps. Parts of a timestamp are those that the clock in the session's zone shows.

mod arithmetic;
mod construct;
mod current;
mod field;
mod parse;
mod truncate;
mod unix;

pub(super) use self::unix::date_format;

use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm;

/// The date and time functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new(
        "current_timestamp",
        Exactly(0),
        current::current_timestamp,
        "now, for the whole query or batch",
    )
    .or(&["now"]),
    FunctionEntry::new("current_date", Exactly(0), current::current_date, "today in the session's zone")
        .or(&["curdate"]),
    FunctionEntry::new("localtimestamp", Exactly(0), current::localtimestamp, "now, as the clock shows it"),
    FunctionEntry::new("current_timezone", Exactly(0), current::current_timezone, "the session's zone"),
    FunctionEntry::new("to_timestamp", Between(1, 2), parse::to_timestamp, "a timestamp out of text, by a pattern"),
    FunctionEntry::new("try_to_timestamp", Between(1, 2), parse::try_to_timestamp, "the same, NULL for what is none"),
    FunctionEntry::new("to_date", Between(1, 2), parse::to_date, "a date out of text, by a pattern"),
    FunctionEntry::new("try_to_date", Between(1, 2), parse::try_to_date, "a date out of text, NULL for what is none"),
    FunctionEntry::new("to_timestamp_ltz", Between(1, 2), parse::to_timestamp, "a timestamp out of text, by a pattern"),
    FunctionEntry::new(
        "to_timestamp_ntz",
        Between(1, 2),
        parse::to_timestamp_ntz,
        "a timestamp without zone out of text, by a pattern",
    ),
    FunctionEntry::new("dayname", Exactly(1), unix::dayname, "the day of the week in three letters"),
    FunctionEntry::new("monthname", Exactly(1), unix::monthname, "the month in three letters"),
    FunctionEntry::new("unix_timestamp", Between(0, 2), parse::unix_timestamp, "seconds since 1970")
        .or(&["to_unix_timestamp"]),
    FunctionEntry::new("date_format", Exactly(2), date_format, "as text, by a pattern"),
    FunctionEntry::new("from_unixtime", Between(1, 2), unix::from_unixtime, "seconds since 1970 as text, by a pattern"),
    FunctionEntry::new("timestamp_seconds", Exactly(1), unix::timestamp_seconds, "seconds since 1970 as a timestamp"),
    FunctionEntry::new(
        "timestamp_millis",
        Exactly(1),
        unix::timestamp_millis,
        "milliseconds since 1970 as a timestamp",
    ),
    FunctionEntry::new(
        "timestamp_micros",
        Exactly(1),
        unix::timestamp_micros,
        "microseconds since 1970 as a timestamp",
    ),
    FunctionEntry::new("unix_seconds", Exactly(1), unix::unix_seconds, "seconds since 1970"),
    FunctionEntry::new("unix_millis", Exactly(1), unix::unix_millis, "milliseconds since 1970"),
    FunctionEntry::new("unix_micros", Exactly(1), unix::unix_micros, "microseconds since 1970"),
    FunctionEntry::new("unix_date", Exactly(1), unix::unix_date, "days since 1970"),
    FunctionEntry::new("date_from_unix_date", Exactly(1), unix::date_from_unix_date, "days since 1970 as a date"),
    FunctionEntry::new(
        "from_utc_timestamp",
        Exactly(2),
        unix::from_utc_timestamp,
        "what a zone's clock shows when UTC shows this",
    ),
    FunctionEntry::new(
        "to_utc_timestamp",
        Exactly(2),
        unix::to_utc_timestamp,
        "what UTC shows when a zone's clock shows this",
    ),
    FunctionEntry::new("year", Exactly(1), field::year, "the year"),
    FunctionEntry::new("quarter", Exactly(1), field::quarter, "the quarter"),
    FunctionEntry::new("month", Exactly(1), field::month, "the month"),
    FunctionEntry::new("day", Exactly(1), field::day, "the day of the month").or(&["dayofmonth"]),
    FunctionEntry::new("dayofweek", Exactly(1), field::dayofweek, "the day of the week, Sunday being 1"),
    FunctionEntry::new("weekday", Exactly(1), field::weekday, "the day of the week, Monday being 0"),
    FunctionEntry::new("dayofyear", Exactly(1), field::dayofyear, "the day of the year"),
    FunctionEntry::new("weekofyear", Exactly(1), field::weekofyear, "the week of the year (ISO)"),
    FunctionEntry::new("hour", Exactly(1), field::hour, "the hour"),
    FunctionEntry::new("minute", Exactly(1), field::minute, "the minute"),
    FunctionEntry::new("second", Exactly(1), field::second, "the second"),
    FunctionEntry::new("extract", Exactly(2), field::extract, "a part by its name").or(&["date_part", "datepart"]),
    FunctionEntry::new("date_add", Exactly(2), arithmetic::date_add, "so many days later")
        .or(&["dateadd"])
        .shown(SqlForm::Named("date_add")),
    FunctionEntry::new("date_sub", Exactly(2), arithmetic::date_sub, "so many days earlier"),
    FunctionEntry::new("datediff", Exactly(2), arithmetic::datediff, "the days between two dates").or(&["date_diff"]),
    FunctionEntry::new("add_months", Exactly(2), arithmetic::add_months, "so many months later"),
    FunctionEntry::new("months_between", Between(2, 3), arithmetic::months_between, "the months between two times"),
    FunctionEntry::new("last_day", Exactly(1), arithmetic::last_day, "the last day of the month"),
    FunctionEntry::new("next_day", Exactly(2), arithmetic::next_day, "the next such day of the week"),
    FunctionEntry::new("timestampadd", Exactly(3), arithmetic::timestampadd, "so many units later"),
    FunctionEntry::new("timestampdiff", Exactly(3), arithmetic::timestampdiff, "the whole units between two times"),
    FunctionEntry::new("trunc", Exactly(2), truncate::trunc, "the first day of the unit"),
    FunctionEntry::new("date_trunc", Exactly(2), truncate::date_trunc, "the first moment of the unit"),
    FunctionEntry::new("make_date", Exactly(3), construct::make_date, "a date of year, month and day"),
    FunctionEntry::new("make_timestamp", Between(6, 7), construct::make_timestamp, "a timestamp of its parts")
        .or(&["make_timestamp_ltz"]),
    FunctionEntry::new("make_timestamp_ntz", Exactly(6), construct::make_timestamp_ntz, "a timestamp without zone"),
    FunctionEntry::new(
        "try_make_timestamp",
        Between(6, 7),
        construct::try_make_timestamp,
        "a timestamp of its parts, NULL for what is none",
    )
    .or(&["try_make_timestamp_ltz"]),
    FunctionEntry::new(
        "try_make_timestamp_ntz",
        Exactly(6),
        construct::try_make_timestamp_ntz,
        "a timestamp without zone, NULL for what is none",
    ),
    FunctionEntry::new("make_dt_interval", Between(0, 4), construct::make_day_time_interval, "a day-time interval"),
    FunctionEntry::new("make_ym_interval", Between(0, 2), construct::make_year_month_interval, "a year-month interval"),
    FunctionEntry::new(
        "convert_timezone",
        Between(2, 3),
        unix::convert_timezone,
        "what another zone's clock shows at that time",
    ),
];
