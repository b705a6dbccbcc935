//! The options of a stream of files.

use millstream_core::interval::parse_duration;
use millstream_core::{Error, Options, ReadLimit, Result};

use crate::file::found_file::FoundFile;

/// How long files are remembered, where nothing is said: a week.
const MAX_AGE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How many files a batch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Most {
    All,
    Files(u64),
    Bytes(u64),
}

/// What a user says of a stream of files.
#[derive(Debug, Clone)]
pub(super) struct StreamOptions {
    most: Most,
    /// The newest files come first.
    pub(super) latest_first: bool,
    /// Files of one name in two folders are the same file.
    pub(super) name_only: bool,
    /// A file that is older than the newest by more than this is not read any more.
    pub(super) max_age_ms: i64,
}

fn number(options: &Options, name: &str, least: u64, wanted: &str) -> Result<Option<u64>> {
    let Some(text) = options.get(name) else { return Ok(None) };
    match text.parse().ok().filter(|value| *value >= least) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::illegal_argument(format!("Invalid value '{text}' for option '{name}', must be {wanted}"))),
    }
}

fn flag(options: &Options, name: &str) -> Result<bool> {
    match options.get(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(text) => Err(Error::illegal_argument(format!(
            "Invalid value '{text}' for option '{name}', must be 'true' or 'false'"
        ))),
    }
}

fn age(options: &Options) -> Result<i64> {
    let Some(text) = options.get("maxFileAge") else { return Ok(MAX_AGE_MS) };
    // Spark's units, beside which it takes a bare number for milliseconds.
    let spelled = match text.trim_start_matches(|c: char| c.is_ascii_digit()).trim() {
        "" => format!("{text} milliseconds"),
        "d" => text.replace('d', " days"),
        "h" => text.replace('h', " hours"),
        "m" | "min" => text.replace("min", "m").replace('m', " minutes"),
        _ => text.to_owned(),
    };
    let parsed = parse_duration(&spelled).ok().and_then(|age| i64::try_from(age.as_millis()).ok());
    parsed.ok_or_else(|| {
        Error::illegal_argument(format!(
            "Time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), hour (h), \
             or day (d). E.g. 50s, 100ms, or 250us. Failed to parse time string: {text}"
        ))
    })
}

impl StreamOptions {
    pub(super) fn from_options(options: &Options) -> Result<Self> {
        let files = number(options, "maxFilesPerTrigger", 1, "a positive integer")?;
        let bytes = number(options, "maxBytesPerTrigger", 1, "a positive integer")?;
        let most = match (files, bytes) {
            (Some(_), Some(_)) => {
                return Err(Error::illegal_argument(
                    "Options 'maxFilesPerTrigger' and 'maxBytesPerTrigger' can't be both set at the same time",
                ));
            }
            (Some(files), None) => Most::Files(files),
            (None, Some(bytes)) => Most::Bytes(bytes),
            (None, None) => Most::All,
        };
        number(options, "maxCachedFiles", 0, "an integer greater than or equal to 0")?;
        if let Some(text) = options.get("discardCachedInputRatio")
            && !text.parse::<f32>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio))
        {
            return Err(Error::illegal_argument(format!(
                "Invalid value '{text}' for option 'discardCachedInputRatio', must be a positive float between 0 and 1"
            )));
        }
        let latest_first = flag(options, "latestFirst")?;
        let given = age(options)?;
        // With the newest first, and not all at once, an old file is one whose turn has not come.
        let max_age_ms = if latest_first && most != Most::All { i64::MAX } else { given };
        Ok(Self { most, latest_first, name_only: flag(options, "fileNameOnly")?, max_age_ms })
    }

    /// Leaves the files of one batch: at least one.
    pub(super) fn take(&self, files: &mut Vec<FoundFile>, limit: ReadLimit) {
        match self.most {
            _ if limit == ReadLimit::AllAvailable => {}
            Most::All => {}
            Most::Files(most) => files.truncate(usize::try_from(most).unwrap_or(usize::MAX)),
            Most::Bytes(most) => {
                let mut sum = 0_u64;
                let fits = |file: &FoundFile| {
                    sum = sum.saturating_add(file.size);
                    sum <= most
                };
                let taken = files.iter().map(fits).take_while(|fits| *fits).count();
                files.truncate(taken.max(1));
            }
        }
    }
}
