//! Files of settings as `java.util.Properties` reads them: what Kafka's own tools are given works here too.

/// Names and values in the order of the file. Any text is valid but a broken `\u` escape, whose line is the error.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut properties = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut logical = line.trim_start_matches(BLANKS).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        // An odd number of backslashes at the end takes the next line in.
        while trailing_backslashes(&logical) % 2 == 1 {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(BLANKS));
        }
        let (name, value) = split(&logical);
        let unescaped = |part: &str| unescape(part).ok_or(number + 1);
        properties.push((unescaped(name)?, unescaped(value)?));
    }
    Ok(properties)
}

const BLANKS: [char; 3] = [' ', '\t', '\x0c'];

fn trailing_backslashes(line: &str) -> usize {
    line.len() - line.trim_end_matches('\\').len()
}

/// The name ends at the first `=`, `:` or blank that no backslash stands before.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let ends = |letter: char| letter == '=' || letter == ':' || BLANKS.contains(&letter);
    let end = line.char_indices().find(|&(_, letter)| {
        let found = !escaped && ends(letter);
        escaped = !escaped && letter == '\\';
        found
    });
    let (name, rest) = line.split_at(end.map_or(line.len(), |(at, _)| at));
    let rest = rest.trim_start_matches(BLANKS);
    (name, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANKS))
}

fn unescape(text: &str) -> Option<String> {
    let mut units = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    let put = |letter: char, units: &mut Vec<u16>| units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            put(letter, &mut units);
            continue;
        }
        match letters.next() {
            None => {}
            Some('t') => units.push(u16::from(b'\t')),
            Some('n') => units.push(u16::from(b'\n')),
            Some('r') => units.push(u16::from(b'\r')),
            Some('f') => units.push(0x0c),
            Some('u') => {
                let code = letters.as_str().get(..4).filter(|code| code.bytes().all(|it| it.is_ascii_hexdigit()))?;
                units.push(u16::from_str_radix(code, 16).ok()?);
                letters = letters.as_str()[4..].chars();
            }
            Some(other) => put(other, &mut units),
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests;
