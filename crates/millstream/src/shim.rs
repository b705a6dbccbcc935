//! What lets a script that was written for `spark-submit` run over Spark Connect without a change.
//!
//! Python imports a module called `sitecustomize` at its start if one is on its path. Ours waits for PySpark to be
//! imported and then fits three things: `.master(…)` of the session builder, which a Connect client refuses, has no
//! effect; `spark.sparkContext` is an object with the few methods that streaming scripts call; and an error is told
//! once, without the line of JSON that the client prints beside the traceback.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use millstream_core::{Error, Result};

const SOURCE: &str = include_str!("shim/sitecustomize.py");

/// The shim in a folder of its own, which is removed with it.
#[derive(Debug)]
pub(crate) struct Shim {
    folder: PathBuf,
}

impl Shim {
    /// Writes the folder.
    pub(crate) fn write() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("millstream-{}", uuid::Uuid::new_v4()));
        let cannot = |error: std::io::Error| Error::unavailable("cannot write a temporary folder").with_source(error);
        std::fs::create_dir(&folder).map_err(cannot)?;
        let shim = Self { folder };
        std::fs::write(shim.folder.join("sitecustomize.py"), SOURCE).map_err(cannot)?;
        Ok(shim)
    }

    /// The folder, for files that shall be gone with it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `PYTHONPATH` with the shim before what the user has there.
    pub(crate) fn python_path(&self) -> OsString {
        let mut path = self.folder.clone().into_os_string();
        if let Some(users) = std::env::var_os("PYTHONPATH").filter(|users| !users.is_empty()) {
            path.push(":");
            path.push(users);
        }
        path
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "cannot remove a temporary folder");
        }
    }
}
