//! Bytes cut into lines as `java.io.BufferedReader` does: at `\n`, `\r` and `\r\n`.

/// What has come of a line that is not over.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    /// The last byte was `\r`: a `\n` behind it belongs to the same end.
    after_return: bool,
}

impl Lines {
    /// Takes bytes, and gives each line that is over with them.
    pub(super) fn add(&mut self, bytes: &[u8], mut give: impl FnMut(String)) {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_return = bytes.is_empty();
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.begun.extend_from_slice(&rest[..end]);
            give(self.take());
            let is_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_return {
                self.after_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.begun.extend_from_slice(rest);
    }

    /// Bytes of the line that is not over.
    pub(super) fn begun_bytes(&self) -> usize {
        self.begun.len()
    }

    /// The last line, where the end came without a line's end.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.begun.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        self.begun.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        parts.iter().for_each(|part| lines.add(part, |line| found.push(line)));
        found.extend(lines.finish());
        found
    }

    #[test]
    fn lines_end_as_java_ends_them_wherever_the_bytes_are_cut() {
        let text = b"one\ntwo\r\nthr\xffee\rfour\r\r\n\n\nend";
        let expected = ["one", "two", "thr\u{fffd}ee", "four", "", "", "", "end"];
        assert_eq!(lines(&[text]), expected);
        for first in 0..text.len() {
            for second in first..text.len() {
                let parts: [&[u8]; 3] = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(lines(&parts), expected, "cut at {first} and {second}");
            }
        }
        assert_eq!(lines(&[b"one\n"]), ["one"]);
        assert_eq!(lines(&[]), [""; 0]);
    }
}
