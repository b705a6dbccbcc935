//! A worn-out disk changes a file between two lives of a process: the next one must notice, or must not need it.

use std::path::{Path, PathBuf};

use crate::fate::Fate;
use crate::life::{End, live};
use crate::world::{World, is_loss};

/// Spoils a file, and lets a process find it. Unless that goes on, the file is put back from a copy, as a person would.
pub(crate) fn suffer(world: &World) -> Result<(), String> {
    let copy = world.disk.with_files(|files| files.clone());
    let paths = copy.paths();
    // A source's log has Spark's layout, which has no room for a checksum.
    let is_checked = |path: &Path| !path.parent().is_some_and(|parent| parent.parent().is_some_and(is_sources));
    let spoilable = |path: &&PathBuf| is_checked(path) && copy.read(path).is_some_and(|bytes| !bytes.is_empty());
    let spoilable: Vec<_> = paths.iter().filter(spoilable).cloned().collect();
    if spoilable.is_empty() {
        return Ok(());
    }
    let path = world.chance.pick(&spoilable);
    spoil(world, &path);
    let fate = Fate::short(&world.chance);
    let end = live(world, &fate)?;
    world.trace.add(format!("the process on a spoilt disk ended: {end:?}"));
    world.check_sink()?;
    match end {
        // It did not need what was spoilt.
        End::Stopped { has_written: true } => return Ok(()),
        End::Failed(error) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !error.to_spark_message().contains(&*name) && !is_loss(&error) {
                return Err(format!("'{}' was spoilt, and the query says: {error:?}", path.display()));
            }
        }
        // It did not come to look.
        End::Stopped { has_written: false } | End::Died => {}
    }
    world.disk.with_files(|files| *files = copy);
    Ok(())
}

/// Whether it is the folder of the sources' logs.
fn is_sources(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "sources")
}

/// A bit changes, or a write never came to the disk and zeros are in its place.
fn spoil(world: &World, path: &Path) {
    let chance = &world.chance;
    world.disk.with_files(|files| {
        files.spoil(path, |bytes| {
            let at = chance.index(bytes.len());
            if chance.percent(70) {
                let bit = chance.below(8);
                bytes[at] ^= 1 << bit;
                world.trace.add(format!("bit {bit} of byte {at} of '{}' changes", path.display()));
            } else {
                let end = bytes.len().min(at + 1 + chance.index(64));
                bytes[at..end].fill(0);
                world.trace.add(format!("bytes {at} to {end} of '{}' are lost", path.display()));
            }
        });
    });
}
