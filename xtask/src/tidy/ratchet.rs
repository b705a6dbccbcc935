//! Rules of style that older code breaks in many places: each has the number of places that are left. The number may be
//! lowered, and never raised.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Source;

/// Columns of a comment, as of code.
const COMMENT_COLUMNS: usize = 120;
/// Columns of prose in Markdown.
const PROSE_COLUMNS: usize = 150;
/// Names that cannot be searched for and say nothing.
const EMPTY_NAMES: [&str; 3] = ["of", "one", "it"];

/// A rule, and how many places may break it.
struct Ratchet {
    rule: &'static str,
    most: usize,
    extension: &'static str,
    /// The numbers of the lines that break the rule.
    places: fn(&str) -> Result<Vec<usize>>,
}

const RATCHETS: &[Ratchet] = &[
    Ratchet { rule: "a comment wraps at 120 columns", most: 11, extension: "rs", places: long_comments },
    Ratchet { rule: "documentation is a sentence, not a word or two", most: 250, extension: "rs", places: short_docs },
    Ratchet { rule: "no variable is called of, one or it", most: 620, extension: "rs", places: empty_names },
    Ratchet { rule: "no tuple stands in for parameters", most: 120, extension: "rs", places: tuple_parameters },
    Ratchet { rule: "a file opens with //!, tests too", most: 80, extension: "rs", places: missing_head },
    Ratchet { rule: "prose wraps at 150 columns", most: 30, extension: "md", places: long_prose },
];

/// Every ratchet that more places break than before, with the places in the files that were changed last.
pub(super) fn findings(sources: &[Source], root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for ratchet in RATCHETS {
        let mut broken = Vec::new();
        for source in sources
            .iter()
            .filter(|source| source.path.extension().is_some_and(|extension| extension == ratchet.extension))
        {
            let places =
                (ratchet.places)(&source.text).map_err(|error| error.context(source.path.display().to_string()))?;
            broken.extend(places.into_iter().map(|line| (source.path.as_path(), line)));
        }
        if broken.len() > ratchet.most {
            let changed = changed_files(root);
            let (count, most) = (broken.len(), ratchet.most);
            findings.push(format!(
                "  {}: {count} places break it, and {most} did before; of the changed files:",
                ratchet.rule
            ));
            broken.retain(|(path, _)| changed.as_ref().is_none_or(|changed| changed.contains(*path)));
            findings.extend(broken.iter().map(|(path, line)| format!("    {}:{line}", path.display())));
        }
    }
    Ok(findings)
}

/// The files that the last commit or the working tree changed; `None` where git cannot tell.
fn changed_files(root: &Path) -> Option<BTreeSet<std::path::PathBuf>> {
    let output = Command::new("git").args(["diff", "--name-only", "HEAD~1"]).current_dir(root).output().ok()?;
    let names = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8_lossy(&names).lines().map(Into::into).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "other rules have to read the file as Rust first")]
fn long_comments(text: &str) -> Result<Vec<usize>> {
    let is_long = |line: &str| line.trim_start().starts_with("//") && line.chars().count() > COMMENT_COLUMNS;
    Ok(numbered(text).filter(|(_, line)| is_long(line)).map(|(number, _)| number).collect())
}

/// Documentation comments of one line and at most two words.
#[expect(clippy::unnecessary_wraps, reason = "other rules have to read the file as Rust first")]
fn short_docs(text: &str) -> Result<Vec<usize>> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let is_doc = |line: Option<&&str>| line.is_some_and(|line| line.starts_with("///"));
    let is_short = |at: usize| {
        is_doc(lines.get(at))
            && lines[at]["///".len()..].split_whitespace().count() <= 2
            && !is_doc(lines.get(at + 1))
            && (at == 0 || !is_doc(lines.get(at - 1)))
    };
    Ok((0..lines.len()).filter(|at| is_short(*at)).map(|at| at + 1).collect())
}

/// Declarations by which a variable, a parameter or a field gets an empty name.
fn empty_names(text: &str) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    walk(parse(text)?, &mut |tokens, at| {
        let TokenTree::Ident(word) = &tokens[at] else { return };
        if !EMPTY_NAMES.contains(&word.to_string().as_str()) {
            return;
        }
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let bound = match before {
            Some(TokenTree::Ident(word)) => ["let", "mut", "for"].contains(&word.to_string().as_str()),
            // The bar behind a parameter looks like the bar before it.
            before => is_punct(before, '|') && ['|', ',', ':'].iter().any(|end| is_punct(tokens.get(at + 1), *end)),
        };
        let typed = is_punct(tokens.get(at + 1), ':') && !is_punct(tokens.get(at + 2), ':');
        if bound || typed {
            places.push(word.span().start().line);
        }
    });
    Ok(places)
}

/// Parameters of functions that are a pattern in parentheses.
fn tuple_parameters(text: &str) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    walk(parse(text)?, &mut |tokens, at| {
        if !matches!(&tokens[at], TokenTree::Ident(word) if word == "fn") {
            return;
        }
        // The name, and perhaps type parameters, stand between the word and the list.
        let list = tokens[at..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group),
            _ => None,
        });
        let parameters: Vec<TokenTree> = list.map(|list| list.stream().into_iter().collect()).unwrap_or_default();
        for (at, token) in parameters.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            let is_typed = is_punct(parameters.get(at + 1), ':');
            if is_typed && group.delimiter() == Delimiter::Parenthesis {
                places.push(group.span_open().start().line);
            }
        }
    });
    Ok(places)
}

#[expect(clippy::unnecessary_wraps, reason = "other rules have to read the file as Rust first")]
fn missing_head(text: &str) -> Result<Vec<usize>> {
    Ok(if text.starts_with("//!") { Vec::new() } else { vec![1] })
}

/// Lines of Markdown outside of code and tables.
#[expect(clippy::unnecessary_wraps, reason = "other rules have to read the file as Rust first")]
fn long_prose(text: &str) -> Result<Vec<usize>> {
    let mut in_code = false;
    let mut places = Vec::new();
    for (number, line) in numbered(text) {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code && !line.trim_start().starts_with('|') && line.chars().count() > PROSE_COLUMNS {
            places.push(number);
        }
    }
    Ok(places)
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn parse(text: &str) -> Result<TokenStream> {
    text.parse().map_err(|error| anyhow!("not Rust: {error}"))
}

/// Calls `visit` with each token of `stream`: with all tokens of its group, and its place among them.
fn walk(stream: TokenStream, visit: &mut impl FnMut(&[TokenTree], usize)) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for at in 0..tokens.len() {
        visit(&tokens, at);
        if let TokenTree::Group(group) = &tokens[at] {
            walk(group.stream(), visit);
        }
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

#[cfg(test)]
mod tests;
