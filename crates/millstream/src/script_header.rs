//! The header in which a Python script says what it needs (PEP 723): `# /// script`, TOML in comments, `# ///`.

use millstream_core::{Error, Result};
use serde::Deserialize;

/// What a script asks for. Tables of other tools are theirs.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct ScriptHeader {
    /// Requirements as pip takes them (PEP 508).
    pub(crate) dependencies: Vec<String>,
    /// Versions of Python (PEP 440), such as `>=3.11`.
    pub(crate) requires_python: Option<String>,
}

impl ScriptHeader {
    /// The header of a script; the default where it has none.
    ///
    /// # Errors
    /// Two headers, or what is no TOML of the right types.
    pub(crate) fn find(script: &str) -> Result<Self> {
        let lines: Vec<_> = script.lines().collect();
        let starts: Vec<_> = (0..lines.len()).filter(|&at| lines[at].trim_end() == "# /// script").collect();
        let mut blocks = starts.into_iter().filter_map(|start| block(&lines[start + 1..]).map(|text| (start, text)));
        let Some((start, text)) = blocks.next() else { return Ok(Self::default()) };
        if blocks.next().is_some() {
            return Err(Error::invalid("the program has two '# /// script' headers").with_hint("PEP 723 allows one"));
        }
        toml::from_str(&text).map_err(|error| {
            let line = start + 2 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            Error::invalid(format!("line {line} of the program, in its '# /// script' header: {}", error.message()))
        })
    }
}

/// The text of a block: comment lines up to the last `# ///` that follows without a gap.
fn block(lines: &[&str]) -> Option<String> {
    let comments = lines.iter().take_while(|line| **line == "#" || line.starts_with("# "));
    let comments: Vec<_> = comments.collect();
    let end = comments.iter().rposition(|line| line.trim_end() == "# ///")?;
    let text = comments[..end].iter().map(|line| line.get(2..).unwrap_or_default());
    Some(text.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dependencies: &[&str], requires_python: Option<&str>) -> ScriptHeader {
        let dependencies = dependencies.iter().map(|text| (*text).to_owned()).collect();
        ScriptHeader { dependencies, requires_python: requires_python.map(str::to_owned) }
    }

    #[test]
    fn headers_are_found() {
        for (script, expected) in [
            ("import x\n", header(&[], None)),
            // The example of PEP 723, with a table of another tool.
            (
                "#!/usr/bin/env python\n# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n#   \
                 \"requests<3\",\n#   \"rich\",\n# ]\n#\n# [tool.x]\n# y = 1\n# ///\n\nimport requests\n",
                header(&["requests<3", "rich"], Some(">=3.11")),
            ),
            // Without an end it is a comment.
            ("# /// script\n# dependencies = [\"a\"]\nimport a\n", header(&[], None)),
            ("# /// other\n# dependencies = [\"a\"]\n# ///\n", header(&[], None)),
        ] {
            assert_eq!(ScriptHeader::find(script).expect(script), expected, "{script}");
        }
    }

    #[test]
    fn mistakes_have_a_line() {
        let error = ScriptHeader::find("\n# /// script\n# dependencies = [\n# 7]\n# ///\n").expect_err("a number");
        assert!(error.message().starts_with("line 4 of the program, in its '# /// script' header: "), "{error}");
        let two = "# /// script\n# ///\n\n# /// script\n# ///\n";
        assert_eq!(ScriptHeader::find(two).expect_err("two").message(), "the program has two '# /// script' headers");
    }
}
