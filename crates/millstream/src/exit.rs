//! How errors end the process: one line, the line of the program that it is about, a hint where there is one, and a
//! status that scripts can tell apart.

use std::process::ExitCode;

use millstream_core::error::TextPlace;
use millstream_core::{Error, ErrorKind};

use crate::terminal;

/// How much of a long line is shown before the place that is marked, and behind it.
const EXCERPT_CHARS: usize = 60;

/// Says what went wrong and gives the exit status for it.
pub(crate) fn report(error: &Error) -> ExitCode {
    terminal::say(&one_line(error));
    if let Some(place) = error.place() {
        terminal::show(&excerpt(place));
    }
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

/// The line of a program with a mark under the place that is meant.
fn excerpt(place: &TextPlace) -> String {
    let TextPlace { text, offset } = place;
    let (before, behind) = text.split_at(*offset);
    let number = before.matches('\n').count() + 1;
    let before = before.rsplit('\n').next().unwrap_or_default();
    let behind = behind.split('\n').next().unwrap_or_default().trim_end();
    let skipped = before.chars().count().saturating_sub(EXCERPT_CHARS);
    let before: String = before.chars().skip(skipped).collect();
    let cut: String = behind.chars().take(EXCERPT_CHARS).collect();
    let (start, end) = (if skipped > 0 { "…" } else { "" }, if cut.len() < behind.len() { "…" } else { "" });
    // Tabs stay, so that the mark is moved as far as the text above it.
    let blank: String = before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
    let margin = " ".repeat(number.to_string().len());
    let pad = " ".repeat(start.chars().count());
    format!("  {number} | {start}{before}{cut}{end}\n  {margin} | {pad}{blank}^")
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

    #[test]
    fn the_line_is_shown_with_a_mark() {
        let shown = |text: &str, offset| excerpt(&TextPlace { text: text.to_owned(), offset });
        assert_eq!(shown("SELECT 1;\nSELECT\tä b\r\n;", 20), "  2 | SELECT\tä b\n    |       \t  ^");
        assert_eq!(shown("SELECT", 6), "  1 | SELECT\n    |       ^");
        let long = format!("{}x{}", "a".repeat(100), "b".repeat(100));
        let expected = format!("  1 | …{}x{}…\n    | {}^", "a".repeat(60), "b".repeat(59), " ".repeat(61));
        assert_eq!(shown(&long, 100), expected);
    }
}
