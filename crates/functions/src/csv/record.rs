//! One CSV record: its fields, and the text of them.

/// How a record is written.
pub(super) struct Dialect<'a> {
    pub(super) separator: &'a str,
    pub(super) quote: Option<char>,
    pub(super) escape: Option<char>,
    /// What stands for NULL.
    pub(super) null: &'a str,
    pub(super) trims_start: bool,
    pub(super) trims_end: bool,
}

impl Dialect<'_> {
    /// The fields of a record. A line break is a letter like others; a field with nothing in it is NULL.
    pub(super) fn fields(&self, record: &str) -> Vec<Option<String>> {
        let mut fields = Vec::new();
        let mut rest = record;
        loop {
            let start = if self.trims_start { rest.trim_start_matches([' ', '\t']) } else { rest };
            let (field, after) = match self.quoted(start) {
                Some((text, after)) => (Some(text).filter(|text| text != self.null), after),
                None => {
                    let (text, after) = self.until_separator(start);
                    let text = if self.trims_end { text.trim_end_matches([' ', '\t']) } else { text };
                    (Some(text.to_owned()).filter(|text| !text.is_empty() && text != self.null), after)
                }
            };
            fields.push(field);
            match after {
                Some(after) => rest = after,
                None => return fields,
            }
        }
    }

    /// The text before the next separator, and what is behind that.
    fn until_separator<'t>(&self, text: &'t str) -> (&'t str, Option<&'t str>) {
        text.split_once(self.separator).map_or((text, None), |(field, after)| (field, Some(after)))
    }

    /// The field if it is in quotes; something else behind the second one makes it a plain field.
    fn quoted<'t>(&self, text: &'t str) -> Option<(String, Option<&'t str>)> {
        let quote = self.quote?;
        let mut rest = text.strip_prefix(quote)?;
        let mut out = String::new();
        loop {
            let Some(letter) = rest.chars().next() else { return Some((out, None)) };
            let after = &rest[letter.len_utf8()..];
            let escaped = after.chars().next().filter(|next| *next == quote || Some(*next) == self.escape);
            match escaped {
                Some(next) if Some(letter) == self.escape => {
                    out.push(next);
                    rest = &after[next.len_utf8()..];
                }
                _ if letter == quote => {
                    let behind = after.trim_start_matches([' ', '\t']);
                    return match behind.strip_prefix(self.separator) {
                        Some(next) => Some((out, Some(next))),
                        None => behind.is_empty().then_some((out, None)),
                    };
                }
                _ => {
                    out.push(letter);
                    rest = after;
                }
            }
        }
    }

    /// The record of these fields.
    pub(super) fn record<'t>(&self, fields: impl Iterator<Item = Option<&'t str>>) -> String {
        let mut out = String::new();
        for (place, field) in fields.enumerate() {
            if place > 0 {
                out.push_str(self.separator);
            }
            match field {
                None => out.push_str(self.null),
                Some(text) => self.write(text.trim_matches(|letter| letter <= ' '), place == 0, &mut out),
            }
        }
        out
    }

    fn write(&self, text: &str, first: bool, out: &mut String) {
        let Some(quote) = self.quote else { return out.push_str(text) };
        // What begins with # would be a comment.
        let needs = text.is_empty()
            || text.contains([quote, '\n', '\r'])
            || text.contains(self.separator)
            || (first && text.starts_with('#'));
        if !needs {
            return out.push_str(text);
        }
        out.push(quote);
        for letter in text.chars() {
            if let Some(escape) = self.escape.filter(|escape| letter == quote || letter == *escape) {
                out.push(escape);
            }
            out.push(letter);
        }
        out.push(quote);
    }
}
