//! The partitions of a table: listed, added, dropped, found again.

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use millstream_core::{Result, spark_error};
use millstream_sql::parser::PartitionSpec;

use super::{Partition, Target};
use crate::service::lasting_table::{failed, make_folder, remove};
use crate::service::sql_command::{nothing, texts};
use crate::session::Computation;
use crate::warehouse::{Table, TableName, folders_of_partitions};

pub(super) async fn show(target: &Target<'_>, spec: Option<PartitionSpec>) -> Result<RecordBatch> {
    if target.table.partition_columns.is_empty() {
        let name = target.name.quoted();
        return Err(spark_error!("INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY", name = name));
    }
    check_tracked(target, "SHOW PARTITIONS")?;
    let partitions = match spec {
        Some(spec) => target.partitions(spec).await?,
        None => target.known()?,
    };
    texts(&[("partition", partitions)])
}

pub(super) async fn add(target: &Target<'_>, specs: Vec<PartitionSpec>, if_not_exists: bool) -> Result<RecordBatch> {
    check_tracked(target, "ALTER TABLE ADD PARTITION")?;
    let known = target.known()?;
    let mut folders = Vec::new();
    for spec in specs {
        let partition = complete(target, spec).await?;
        let folder = partition.folder();
        if known.contains(&folder) && !if_not_exists {
            return Err(already_exist(target, &partition));
        }
        folders.push(folder);
    }
    for folder in &folders {
        make_folder(&target.table.location.join(folder))?;
    }
    target.session.warehouse().add_partitions(&target.name, folders.iter().map(String::as_str))?;
    nothing()
}

pub(super) async fn drop(target: &Target<'_>, specs: Vec<PartitionSpec>, if_exists: bool) -> Result<RecordBatch> {
    check_tracked(target, "ALTER TABLE DROP PARTITION")?;
    let mut folders = Vec::new();
    for spec in specs {
        let partition = Partition::of(target.session, (&target.name, &target.table), spec).await?;
        let found = partition.among(&target.known()?)?;
        if found.is_empty() && !if_exists {
            return Err(not_found(target, &partition));
        }
        // Spark takes the keys that are named for all of them, and finds no partition.
        if !partition.is_complete() && !if_exists {
            return Err(not_found(target, &partition));
        }
        folders.extend(found.into_iter().filter(|_| partition.is_complete()));
    }
    for folder in folders {
        target.session.warehouse().forget_partition(&target.name, &folder)?;
        if target.table.managed {
            remove(&target.table.location.join(&folder))?;
            remove_empty(&target.table.location, &folder);
        }
    }
    nothing()
}

/// Folders above a partition that hold no other one.
fn remove_empty(location: &Path, folder: &str) {
    let path = location.join(folder);
    for above in path.ancestors().skip(1).take_while(|above| *above != location) {
        // One that is not empty stays.
        std::mem::drop(fs::remove_dir(above));
    }
}

/// Forgets all partitions but these.
pub(crate) fn drop_all(session: &Computation, name: &TableName, gone: &[String], written: &[String]) -> Result<()> {
    gone.iter()
        .filter(|folder| !written.contains(folder))
        .try_for_each(|folder| session.warehouse().forget_partition(name, folder))
}

pub(super) async fn rename(target: &Target<'_>, from: PartitionSpec, to: PartitionSpec) -> Result<RecordBatch> {
    check_tracked(target, "ALTER TABLE RENAME PARTITION")?;
    let (from, to) = (complete(target, from).await?, complete(target, to).await?);
    let known = target.known()?;
    let (old, new) = (from.folder(), to.folder());
    if !known.contains(&old) {
        return Err(not_found(target, &from));
    }
    if known.contains(&new) {
        return Err(already_exist(target, &to));
    }
    if target.table.managed {
        let (old, new) = (target.table.location.join(&old), target.table.location.join(&new));
        if let Some(above) = new.parent() {
            make_folder(above)?;
        }
        fs::rename(&old, &new).map_err(|error| failed("rename", &old, error))?;
    } else {
        return Err(crate::error::handle::unsupported("ALTER TABLE … PARTITION … RENAME TO of an external table"));
    }
    target.session.warehouse().add_partitions(&target.name, [new.as_str()])?;
    target.session.warehouse().forget_partition(&target.name, &old)?;
    remove_empty(&target.table.location, &old);
    nothing()
}

/// Makes partitions of the folders that are named so, and forgets those without a folder.
pub(crate) fn repair(
    session: &Computation,
    (name, table): (&TableName, &Table),
    operation: &str,
    (add, remove): (bool, bool),
) -> Result<()> {
    if table.partition_columns.is_empty() {
        let name = name.quoted();
        return Err(spark_error!("NOT_A_PARTITIONED_TABLE", operation = operation, tableIdentWithDB = name));
    }
    let there = folders_of_partitions(&table.location, &table.partition_columns)?;
    let known = session.warehouse().partitions(name, table.partition_columns.len())?;
    if add {
        session.warehouse().add_partitions(name, there.iter().map(String::as_str))?;
        session.warehouse().change(name, |table| {
            table.tracks_partitions = true;
            Ok(())
        })?;
    }
    if remove {
        drop_all(session, name, &known, &there)?;
    }
    Ok(())
}

pub(super) async fn truncate(target: &Target<'_>, spec: Option<PartitionSpec>) -> Result<RecordBatch> {
    if !target.table.managed {
        return Err(spark_error!("CANNOT_TRUNCATE_EXTERNAL_TABLE", tableName = target.name.quoted()));
    }
    let partitions = match spec {
        Some(_) if target.table.partition_columns.is_empty() => {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1267", tableIdentWithDB = target.name.quoted()));
        }
        Some(spec) => {
            check_tracked(target, "TRUNCATE TABLE ... PARTITION")?;
            let partition = Partition::of(target.session, (&target.name, &target.table), spec).await?;
            let found = partition.among(&target.known()?)?;
            if found.is_empty() && partition.is_complete() {
                return Err(not_found(target, &partition));
            }
            found
        }
        None if target.table.tracks_partitions => {
            remove(&target.table.location)?;
            target.known()?
        }
        None => vec![String::new()],
    };
    for folder in partitions {
        let path = target.table.location.join(folder);
        remove(&path)?;
        make_folder(&path)?;
    }
    make_folder(&target.table.location)?;
    nothing()
}

async fn complete(target: &Target<'_>, spec: PartitionSpec) -> Result<Partition> {
    let partition = Partition::of(target.session, (&target.name, &target.table), spec).await?;
    if partition.is_complete() {
        return Ok(partition);
    }
    Err(spark_error!(
        "_LEGACY_ERROR_TEMP_1232",
        specKeys = partition.named().join(", "),
        partitionColumnNames = target.table.partition_columns.join(", "),
        tableName = target.name.quoted(),
    ))
}

/// Partitions that nobody has made known are not to be changed one by one.
pub(super) fn check_tracked(target: &Target<'_>, action: &str) -> Result<()> {
    if target.table.tracks_partitions {
        return Ok(());
    }
    Err(spark_error!("_LEGACY_ERROR_TEMP_1251", action = action, tableName = target.name.table))
}

pub(super) fn not_found(target: &Target<'_>, partition: &Partition) -> millstream_core::Error {
    spark_error!("PARTITIONS_NOT_FOUND", partitionList = partition.shown(), tableName = target.name.in_catalog())
}

fn already_exist(target: &Target<'_>, partition: &Partition) -> millstream_core::Error {
    spark_error!("PARTITIONS_ALREADY_EXIST", partitionList = partition.shown(), tableName = target.name.in_catalog())
}
