//! The whole state of a query after one batch, in one file, so that the log before it can go.

use std::path::Path;

use millstream_core::{BatchId, Error, Result};

use super::entry::{Entry, StateEntry};
use super::files::Files;
use super::frame::{self, Scan};
use super::history::DAMAGE_HINT;

/// The prefix of a snapshot's name; the batch follows.
const PREFIX: &str = "snapshot-";

/// All operators' state after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) batch: BatchId,
    /// By operator number.
    pub(crate) operators: Vec<Vec<u8>>,
}

impl Snapshot {
    /// The bytes that all operators hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.operators.iter().map(|state| state.len() as u64).sum()
    }

    /// Puts the snapshot into the folder, and then removes those before it.
    pub(crate) async fn save(self, files: &Files, folder: &Path, durable: bool) -> Result<()> {
        let mut payload = Vec::new();
        for (operator, delta) in self.operators.into_iter().enumerate() {
            Entry::State(StateEntry { batch: self.batch, operator, delta }).encode(&mut payload);
        }
        let mut file = Vec::with_capacity(payload.len() + frame::HEADER_BYTES);
        frame::encode(0, &payload, &mut file);
        drop(payload);
        files.replace(&folder.join(format!("{PREFIX}{}", self.batch)), file, durable).await?;
        for older in files.numbered(folder, PREFIX).await?.into_iter().filter(|&batch| batch < self.batch.0) {
            files.remove(&folder.join(format!("{PREFIX}{older}"))).await?;
        }
        Ok(())
    }

    /// The newest snapshot of the folder. One that is spoilt is refused by name: the log before it may be gone.
    pub(crate) async fn newest(files: &Files, folder: &Path) -> Result<Option<Self>> {
        let Some(batch) = files.numbered(folder, PREFIX).await?.pop() else { return Ok(None) };
        let path = folder.join(format!("{PREFIX}{batch}"));
        let damaged = || Error::data(format!("checkpoint file '{}' is damaged", path.display())).with_hint(DAMAGE_HINT);
        let bytes = files.read(&path).await?.ok_or_else(damaged)?;
        let mut payload = match frame::scan(&bytes) {
            Scan::Good { frames, end } if end == bytes.len() as u64 && frames.len() == 1 => frames[0].1,
            Scan::Good { .. } | Scan::Damaged { .. } => return Err(damaged()),
        };
        let mut operators = Vec::new();
        while !payload.is_empty() {
            match Entry::decode(&mut payload).map_err(|error| damaged().with_source(error))? {
                Entry::State(state) if state.batch.0 == batch && state.operator == operators.len() => {
                    operators.push(state.delta);
                }
                Entry::State(_) | Entry::Start(_) | Entry::Offsets(_) | Entry::Commit(_) => return Err(damaged()),
            }
        }
        Ok(Some(Self { batch: BatchId(batch), operators }))
    }
}
