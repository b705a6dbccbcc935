//! `--result`: a line for each kill, tab-separated, between what was run and a summary, whose lines begin with `#`. It
//! is written as the test goes on, so that a test that is broken off leaves what it has seen.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use millstream_core::{Error, Result};

use super::report;
use super::round::Finished;

const COLUMNS: &str = "kill\tjob\ttarget\tplace\tcycle_ms\toutput_grew_by\toutcome";

/// The file.
pub(super) struct ResultFile {
    path: PathBuf,
    file: File,
}

impl ResultFile {
    /// Begins it with what is run.
    pub(super) fn create(path: &Path, what: &[(&str, String)]) -> Result<Self> {
        let file = File::create(path).map_err(|error| cannot(path, error))?;
        let mut result = Self { path: path.to_owned(), file };
        result.comments(what)?;
        result.write(&format!("{COLUMNS}\n"))?;
        Ok(result)
    }

    /// Adds a round.
    pub(super) fn add(&mut self, round: &Finished) -> Result<()> {
        let mut lines = String::new();
        for cycle in &round.cycles {
            let kill = &cycle.kill;
            let fields = [
                kill.number.to_string(),
                round.job.clone(),
                kill.target.name().to_owned(),
                report::place(kill),
                cycle.took.as_millis().to_string(),
                cycle.written.to_string(),
                report::outcome(cycle.outcome),
            ];
            lines.push_str(&fields.join("\t"));
            lines.push('\n');
        }
        self.write(&lines)
    }

    /// Adds lines for people.
    pub(super) fn comment(&mut self, text: &str) -> Result<()> {
        let lines: String = text.lines().map(|line| format!("# {line}\n")).collect();
        self.write(&lines)
    }

    /// Adds names with their values.
    pub(super) fn comments(&mut self, pairs: &[(&str, String)]) -> Result<()> {
        pairs.iter().try_for_each(|(name, value)| self.comment(&format!("{name}: {value}")))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|error| cannot(&self.path, error))
    }
}

fn cannot(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!("cannot write '{}'", path.display())).with_source(error)
}
