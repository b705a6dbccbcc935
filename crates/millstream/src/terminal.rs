//! The only place that writes to this terminal by itself. (The console sink writes tables; it is a connector.)

use std::io::Write;

/// Lines of a program, which stand as they are.
pub(crate) fn show(lines: &str) {
    let _gone = writeln!(std::io::stderr(), "{lines}");
}

/// A line for the person who started the process. Where nobody reads standard error any more, nothing is said: the
/// process goes on, and so does what it started.
pub(crate) fn say(line: &str) {
    let _gone = writeln!(std::io::stderr(), "millstream: {line}");
}
