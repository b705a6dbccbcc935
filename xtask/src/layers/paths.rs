//! The paths by which a source file names other modules of its crate: `crate::a::b`, `super::super::a`, and both with
//! groups, anywhere in the file and inside of macro calls too. What is compiled for tests only is left out.
//!
//! A path without `crate`, `self` or `super` is not looked at: it names a child, an import, or another crate.

use std::iter::Peekable;

use anyhow::{Result, anyhow};
use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path from the crate's root, and the line where it stands. A `*` at the end is a segment.
#[derive(Debug, PartialEq)]
pub(super) struct NamedPath {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

/// All paths that `text`, the source of the module `module`, names within its crate.
pub(super) fn named_paths(text: &str, module: &[String]) -> Result<Vec<NamedPath>> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut reader = Reader { module: module.to_vec(), found: Vec::new() };
    reader.read(tokens);
    Ok(reader.found)
}

/// The paths that the crate's root, whose source `text` is, takes in by `use`: their last segments are names of the
/// root.
pub(super) fn root_imports(text: &str) -> Result<Vec<NamedPath>> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut reader = Reader { module: Vec::new(), found: Vec::new() };
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if matches!(token, TokenTree::Ident(word) if word == "use") {
            reader.read_tail(&mut Vec::new(), &mut tokens);
        }
    }
    Ok(reader.found)
}

/// The names of the macros that `text` exports, which Rust puts into the crate's root whatever module they are in.
pub(super) fn exported_macros(text: &str) -> Result<Vec<String>> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut names = Vec::new();
    let mut is_exported = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_exported |= group.stream().to_string().starts_with("macro_export");
            }
            TokenTree::Ident(word) if word == "macro_rules" && is_exported => {
                let name = tokens.by_ref().find(|token| matches!(token, TokenTree::Ident(_)));
                names.extend(name.map(|name| name.to_string()));
                is_exported = false;
            }
            _ => {}
        }
    }
    Ok(names)
}

struct Reader {
    /// The module that the tokens being read are in: the file's, or an inline module of it.
    module: Vec<String>,
    found: Vec<NamedPath>,
}

type Tokens = Peekable<IntoIter>;

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => skip_item_of_tests(&mut tokens),
                TokenTree::Ident(word) if word == "mod" => self.read_inline_module(&mut tokens),
                TokenTree::Ident(word) if word == "crate" || word == "self" || word == "super" => {
                    self.read_path(&word.to_string(), &mut tokens);
                }
                TokenTree::Group(group) => self.read(group.stream()),
                _ => {}
            }
        }
    }

    /// Reads `name { … }` as a module within this one. A module that is a file of its own is another call's.
    fn read_inline_module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.peek() else { return };
        let name = name.to_string();
        tokens.next();
        if let Some(body) = next_braces(tokens) {
            self.module.push(name);
            self.read(body.stream());
            self.module.pop();
        }
    }

    /// Reads the rest of a path whose first segment is `crate`, `self` or `super`.
    fn read_path(&mut self, first: &str, tokens: &mut Tokens) {
        let mut path = match first {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            _ => parent(&self.module),
        };
        // Only what goes on is a path: `self` alone is a receiver, `pub(crate)` says who may see.
        if skip_colons(tokens) {
            self.read_tail(&mut path, tokens);
        }
    }

    /// Reads what follows a `::`: a segment and its own tail, a group of tails, or `*`.
    fn read_tail(&mut self, path: &mut Vec<String>, tokens: &mut Tokens) {
        let Some(token) = tokens.peek() else { return };
        let line = token.span().start().line;
        match token.clone() {
            TokenTree::Ident(segment) => {
                tokens.next();
                match segment.to_string().as_str() {
                    "super" => *path = parent(path),
                    "self" | "crate" => {}
                    name => path.push(name.to_owned()),
                }
                if skip_colons(tokens) {
                    self.read_tail(path, tokens);
                } else {
                    self.found.push(NamedPath { line, segments: path.clone() });
                }
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                tokens.next();
                let mut inner = group.stream().into_iter().peekable();
                while inner.peek().is_some() {
                    self.read_tail(&mut path.clone(), &mut inner);
                    // Steps over `, ` and over `as name`.
                    inner.find(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','));
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '*' => {
                tokens.next();
                path.push("*".to_owned());
                self.found.push(NamedPath { line, segments: path.clone() });
            }
            // `crate::a::<T>`: the path ends, and the type is read as any other.
            _ => self.found.push(NamedPath { line, segments: path.clone() }),
        }
    }
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

fn skip_colons(tokens: &mut Tokens) -> bool {
    let mut is_colon = || tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':'));
    is_colon().is_some() && is_colon().is_some()
}

fn next_braces(tokens: &mut Tokens) -> Option<Group> {
    match tokens.next_if(|token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)) {
        Some(TokenTree::Group(group)) => Some(group),
        _ => None,
    }
}

/// Behind a `#`: where the attribute is `cfg(test)`, steps over the item that it belongs to.
fn skip_item_of_tests(tokens: &mut Tokens) {
    let Some(TokenTree::Group(attribute)) = tokens.peek() else { return };
    let words: Vec<String> = attribute.stream().into_iter().map(|token| token.to_string()).collect();
    if words != ["cfg", "(test)"] {
        return;
    }
    // An item ends with its body or with `;`; a `use` has braces of its own before its `;`.
    let mut is_use = false;
    for token in tokens.by_ref() {
        match token {
            TokenTree::Ident(word) if word == "use" => is_use = true,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => return,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
