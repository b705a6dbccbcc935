//! A folder for files that are not whole yet. Its name hides it from readers.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::folder;
use millstream_core::Result;

/// Where files lie until all of a batch are whole.
pub(super) const TEMPORARY: &str = "_temporary";

/// A folder that goes, with what is still in it, when nobody has it any more.
#[derive(Debug)]
pub(super) struct Staging {
    /// The folder of the write, which stays.
    target: PathBuf,
    root: PathBuf,
}

impl Staging {
    /// A new one within a folder, for this owner.
    pub(super) fn within(target: &Path, owner: &str, id: Uuid) -> Self {
        let root = target.join(TEMPORARY).join(owner).join(id.to_string());
        Self { target: target.to_owned(), root }
    }

    /// The folder itself. It is made when a file is put into it.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Removes what a process left that was killed.
    pub(super) fn clear(target: &Path, owner: &str) -> Result<()> {
        folder::remove(&target.join(TEMPORARY).join(owner))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed is hidden and does no harm.
        drop(fs::remove_dir_all(&self.root));
        let above = self.root.ancestors().skip(1).take_while(|above| *above != self.target);
        for folder in above {
            // Another write may still be under way there: then it is not empty and stays.
            drop(fs::remove_dir(folder));
        }
    }
}
