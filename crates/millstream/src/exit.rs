//! How errors end the process: one line, a hint where there is one, and a status that scripts can tell apart.

use std::process::ExitCode;

use millstream_core::{Error, ErrorKind};

use crate::terminal;

/// Says what went wrong and gives the exit status for it.
pub(crate) fn report(error: &Error) -> ExitCode {
    terminal::say(&one_line(error));
    if let Some(hint) = error.hint() {
        terminal::say(&format!("hint: {hint}"));
    }
    ExitCode::from(status(error.kind()))
}

/// The message with its causes behind it, but for those that it quotes.
fn one_line(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let text = current.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = current.source();
    }
    line.replace('\n', " ")
}

/// The exit status that tells scripts what kind of error it was.
pub(crate) fn status(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid | ErrorKind::NotFound => 2,
        ErrorKind::Unsupported => 3,
        ErrorKind::Unavailable => 4,
        ErrorKind::Conflict => 5,
        ErrorKind::Data => 6,
        ErrorKind::Internal => 70,
        ErrorKind::Cancelled => 130,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_on_the_same_line() {
        let error = Error::unavailable("cannot listen on 127.0.0.1:1").with_source(std::io::Error::other("in\nuse"));
        assert_eq!(one_line(&error), "cannot listen on 127.0.0.1:1: in use");
        let quoting = Error::data("query 7 failed: bad row").with_source(Error::data("bad row"));
        assert_eq!(one_line(&quoting), "query 7 failed: bad row");
    }
}
