//! Logs go to standard error: `--log` says which, `--log-format` how.

use std::io::IsTerminal;

use clap::ValueEnum;
use millstream_core::{Error, Result};
use tracing_subscriber::EnvFilter;

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
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        Error::invalid(format!("'{filter}' is no log filter"))
            .with_source(error)
            .with_hint("such as info, or warn,millstream_kafka=debug")
    })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
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
