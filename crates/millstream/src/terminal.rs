//! The only place that writes to this terminal by itself. (The console sink writes tables; it is a connector.)

/// A line for the person who started the process.
#[expect(clippy::print_stderr, reason = "the command line speaks to its user")]
pub(crate) fn say(line: &str) {
    eprintln!("millstream: {line}");
}
