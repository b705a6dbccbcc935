//! The partitions that a table has: folders below `<table>.partitions`, named as those of its files are.
//!
//! A partition is a folder, so processes add and drop partitions of one table beside each other. That a folder of files
//! is no partition before somebody says so is Spark's rule: a table over folders that are there begins without rows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use millstream_core::Result;

use super::{Warehouse, failed, names_in, remove};
use crate::warehouse::TableName;

impl Warehouse {
    /// The partitions of a table, as the paths of their folders: `k=1/d=x`.
    pub(crate) fn partitions(&self, name: &TableName, depth: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        collect(&self.partitions_path(name), depth, "", &mut found)?;
        found.sort_unstable();
        Ok(found)
    }

    /// Makes partitions known; those that are stay.
    pub(crate) fn add_partitions<'a>(
        &self,
        name: &TableName,
        partitions: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let folder = self.partitions_path(name);
        for partition in partitions {
            let path = folder.join(partition);
            fs::create_dir_all(&path).map_err(|error| failed("create", &path, error))?;
        }
        Ok(())
    }

    /// Forgets a partition.
    pub(crate) fn forget_partition(&self, name: &TableName, partition: &str) -> Result<()> {
        let folder = self.partitions_path(name);
        let path = folder.join(partition);
        match fs::remove_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path, error)),
            _ => {}
        }
        // Folders above that hold other partitions are not empty and stay.
        for above in path.ancestors().skip(1).take_while(|above| *above != folder) {
            drop(fs::remove_dir(above));
        }
        Ok(())
    }

    /// Forgets all partitions of a table.
    pub(crate) fn forget_partitions(&self, name: &TableName) -> Result<()> {
        remove(&self.partitions_path(name))
    }

    pub(super) fn rename_partitions(&self, from: &TableName, to: &TableName) -> Result<()> {
        let (from, to) = (self.partitions_path(from), self.partitions_path(to));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("rename", &from, error)),
            _ => Ok(()),
        }
    }

    fn partitions_path(&self, name: &TableName) -> PathBuf {
        self.path(&name.database, &format!("{}.partitions", name.table))
    }
}

fn collect(folder: &Path, depth: usize, before: &str, found: &mut Vec<String>) -> Result<()> {
    if depth == 0 {
        found.push(before.trim_end_matches('/').to_owned());
        return Ok(());
    }
    for name in names_in(folder)? {
        collect(&folder.join(&name), depth - 1, &format!("{before}{name}/"), found)?;
    }
    Ok(())
}

/// The folders below a table's that are named as partitions of these columns are.
pub(crate) fn folders_of_partitions(location: &Path, columns: &[String]) -> Result<Vec<String>> {
    let mut found = vec![String::new()];
    for column in columns {
        let mut deeper = Vec::new();
        for folder in found {
            let path = location.join(&folder);
            for name in names_in(&path)? {
                let key = name.split_once('=').map(|(key, _)| key.to_lowercase());
                let wanted = millstream_formats::partition_name::escaped(column).to_lowercase();
                if key == Some(wanted) && path.join(&name).is_dir() {
                    deeper.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
                }
            }
        }
        found = deeper;
    }
    found.sort_unstable();
    Ok(found)
}

/// The columns that the folders below a table's are named by.
pub(crate) fn columns_of_folders(location: &Path) -> Result<Vec<String>> {
    let (mut columns, mut folder) = (Vec::new(), location.to_owned());
    loop {
        let names = names_in(&folder)?;
        let found = names.into_iter().find_map(|name| {
            let key = name.split_once('=')?.0.to_owned();
            folder.join(&name).is_dir().then_some((key, name))
        });
        let Some((key, name)) = found else { return Ok(columns) };
        columns.push(key);
        folder.push(name);
    }
}
