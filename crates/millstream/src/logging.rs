//! Logs go to standard error; `MILLSTREAM_LOG` says which (`info`, `millstream_engine=debug`; default: warnings).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging, and makes a panic one line of it: what a client needs to know reaches it as an error.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("MILLSTREAM_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let reason = panic.payload_as_str().unwrap_or("unknown reason");
        tracing::error!(place, reason, "internal error");
    }));
}
