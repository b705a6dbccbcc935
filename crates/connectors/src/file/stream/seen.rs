//! Which files have been read (Spark: `SeenFilesMap`).

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use super::options::StreamOptions;

/// Files by name with the time of each. Those that are older than the newest by more than the limit are forgotten, and
/// one so old is never new again.
#[derive(Debug)]
pub(super) struct Seen {
    times: HashMap<OsString, i64>,
    name_only: bool,
    max_age_ms: i64,
    newest_ms: i64,
    /// What is older is not new, whatever its name.
    oldest_ms: i64,
}

impl Seen {
    pub(super) fn new(options: &StreamOptions) -> Self {
        let StreamOptions { name_only, max_age_ms, .. } = *options;
        Self { times: HashMap::new(), name_only, max_age_ms, newest_ms: 0, oldest_ms: 0 }
    }

    fn key<'p>(&self, path: &'p Path) -> &'p std::ffi::OsStr {
        path.file_name().filter(|_| self.name_only).unwrap_or(path.as_os_str())
    }

    pub(super) fn add(&mut self, path: &Path, modified_ms: i64) {
        let key = self.key(path).to_owned();
        self.times.insert(key, modified_ms);
        self.newest_ms = self.newest_ms.max(modified_ms);
    }

    /// Whether the name is new.
    pub(super) fn is_new_name(&self, path: &Path) -> bool {
        !self.times.contains_key(self.key(path))
    }

    /// Whether a file of this time can be new.
    pub(super) fn is_new_time(&self, modified_ms: i64) -> bool {
        modified_ms >= self.oldest_ms
    }

    /// Forgets the files that are too old to be new.
    pub(super) fn forget_old(&mut self) {
        let oldest = self.newest_ms.saturating_sub(self.max_age_ms);
        if oldest > self.oldest_ms {
            self.oldest_ms = oldest;
            self.times.retain(|_, time| *time >= oldest);
        }
    }
}
