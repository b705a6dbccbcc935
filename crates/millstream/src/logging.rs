//! Logs go to standard error: `--log` says which, `--log-format` how.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use clap::ValueEnum;
use millstream_core::{Clock, Error, Result};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::process::system_clock;

/// Libraries that tell at `debug` of each frame and each call. They are only heard where `--log` names them.
const TALKATIVE: [&str; 12] = [
    "datafusion",
    "datafusion_optimizer",
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "object_store",
    "reqwest",
    "rustls",
    "tokio",
    "tonic",
    "tower",
];

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line, for collectors.
    Json,
}

/// Starts logging, and makes a panic one line of it: what a client needs to know reaches it as an error.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<()> {
    let parsed =
        EnvFilter::try_new(quiet_about_libraries(filter)).map_err(|error| no_filter(filter).with_source(error))?;
    check_words(filter)?;
    // Where standard error is gone there is nobody to hear that it is.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_timer(Milliseconds)
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let reason = panic.payload_as_str().unwrap_or("unknown reason");
        tracing::error!(place, reason, "internal error");
    }));
    Ok(())
}

/// ISO 8601 in UTC.
struct Milliseconds;

impl FormatTime for Milliseconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = chrono::DateTime::from_timestamp_millis(system_clock().now_ms()).unwrap_or_default();
        writer.write_str(&now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

/// The filter, with libraries kept at `info` where the user asks everybody for more and names none of them.
fn quiet_about_libraries(filter: &str) -> String {
    let level = filter.split(',').filter_map(|word| LevelFilter::from_str(word.trim()).ok()).next_back();
    if level.is_none_or(|level| level <= LevelFilter::INFO) {
        return filter.to_owned();
    }
    TALKATIVE.iter().map(|library| format!("{library}=info,")).collect::<String>() + filter
}

/// Refuses a word that is neither a level nor the name of something that logs: the library would take it for the name
/// of a crate that says nothing, and be silent about everything else.
fn check_words(filter: &str) -> Result<()> {
    for word in filter.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (target, is_alone) = word.split_once('=').map_or((word, true), |(target, _)| (target, false));
        let target = target.split(['[', ':']).next().unwrap_or_default();
        let is_level = is_alone && LevelFilter::from_str(word).is_ok();
        let is_ours = CRATES.contains(&target);
        // Everybody's libraries may be named with a level; alone, a word is more likely a level with a slip.
        let is_library = TALKATIVE.contains(&target) || (!is_alone && !target.starts_with("millstream"));
        if !(is_level || is_ours || is_library || word.starts_with('[')) {
            return Err(no_filter(word));
        }
    }
    Ok(())
}

/// The crates that `--log` may name.
const CRATES: [&str; 11] = [
    "millstream",
    "millstream_broker",
    "millstream_connect",
    "millstream_connectors",
    "millstream_core",
    "millstream_engine",
    "millstream_formats",
    "millstream_functions",
    "millstream_java_regex",
    "millstream_kafka",
    "millstream_sql",
];

fn no_filter(text: &str) -> Error {
    Error::invalid(format!("'{text}' is no log filter"))
        .with_hint("levels are error, warn, info, debug and trace; such as info, or warn,millstream_kafka=debug")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for filter in
            ["info", "WARN", "off", "3", "warn,millstream_kafka=debug", "millstream", "h2=trace", "", "debug,"]
        {
            check_words(filter).expect(filter);
            EnvFilter::try_new(quiet_about_libraries(filter)).expect(filter);
        }
        for (filter, word) in
            [("inof", "inof"), ("warn,millstream_kafak=debug", "millstream_kafak=debug"), ("warn, debg", "debg")]
        {
            let error = check_words(filter).expect_err(filter);
            assert_eq!(error.message(), format!("'{word}' is no log filter"));
        }
    }

    #[test]
    fn libraries_are_heard_where_they_are_named() {
        assert_eq!(quiet_about_libraries("info"), "info");
        assert!(quiet_about_libraries("debug").contains("h2=info,"));
        let named = EnvFilter::try_new(quiet_about_libraries("debug,h2=trace")).expect("a filter").to_string();
        assert!(named.contains("h2=trace") && !named.contains("h2=info"), "{named}");
    }

    #[test]
    fn all_crates_can_be_named() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folders = std::fs::read_dir(folder).expect("crates");
        let names = folders.map(|entry| entry.expect("a folder").file_name().to_string_lossy().replace('-', "_"));
        // What is only in tests logs nothing for users.
        let mut names: Vec<_> = names
            .filter(|name| !name.starts_with("test"))
            .map(|name| if name == "millstream" { name } else { format!("millstream_{name}") })
            .collect();
        names.sort();
        assert_eq!(names, CRATES);
    }
}
