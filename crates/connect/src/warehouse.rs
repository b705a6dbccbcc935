//! Tables that last: databases and tables under a folder (`spark.sql.warehouse.dir`).
//!
//! What is known of a table is a JSON file of its own below `_millstream.catalog`, written whole or not at all. It is
//! read whenever it is asked for: processes on the same folder see each other's tables, and nothing is there to repair
//! after a crash. The data lies where Spark would put it (`docs/adr/0023-a-warehouse-of-files.md`).

mod name;
mod partitions;
mod table;
mod view;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use millstream_core::{Error, Result, spark_error};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub(crate) use self::name::TableName;
pub(crate) use self::partitions::{columns_of_folders, folders_of_partitions};
pub(crate) use self::table::{Database, Table, table_schema};
pub(crate) use self::view::View;

/// The database that is always there.
pub(crate) const DEFAULT: &str = "default";

/// The only catalog.
pub(crate) const CATALOG: &str = "spark_catalog";

/// The folder of what is known of databases and tables. Its name hides it from readers of files, and is no table's.
const FOLDER: &str = "_millstream.catalog";

/// What is known of a database lies in a file that no table can be called by.
const DATABASE_FILE: &str = "_database";

/// All databases and tables.
#[derive(Debug)]
pub(crate) struct Warehouse {
    folder: PathBuf,
    /// Held while something is changed, so that no two make the same table.
    changing: Mutex<()>,
}

impl Warehouse {
    /// The warehouse in a folder, which is made when the first table is.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, changing: Mutex::new(()) }
    }

    /// Where it lies, as an absolute path.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        std::path::absolute(&self.folder).map_err(|error| failed("find", &self.folder, error))
    }

    /// The names of the databases.
    pub(crate) fn databases(&self) -> Result<Vec<String>> {
        let mut names: Vec<_> = names_in(&self.folder.join(FOLDER))?
            .into_iter()
            .filter(|name| self.folder.join(FOLDER).join(name).join(DATABASE_FILE).exists())
            .collect();
        names.push(DEFAULT.to_owned());
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// A database.
    ///
    /// # Errors
    /// `SCHEMA_NOT_FOUND`
    pub(crate) fn database(&self, name: &str) -> Result<Database> {
        let name = name.to_lowercase();
        if name == DEFAULT {
            if let Some(changed) = read(&self.path(&name, DATABASE_FILE))? {
                return Ok(changed);
            }
            let comment = Some("default database".to_owned());
            return Ok(Database { name, location: self.folder()?, comment, properties: BTreeMap::new() });
        }
        let found = if name::is_valid(&name) { read(&self.path(&name, DATABASE_FILE))? } else { None };
        found.ok_or_else(|| schema_not_found(&name))
    }

    pub(crate) fn has_database(&self, name: &str) -> Result<bool> {
        match self.database(name) {
            Err(error) if error.class() == Some("SCHEMA_NOT_FOUND") => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Makes a database; without a location its tables will lie in a folder of the warehouse.
    pub(crate) fn create_database(&self, database: NewDatabase<'_>, if_not_exists: bool) -> Result<()> {
        let NewDatabase { name, location, comment, properties } = database;
        let name = name::checked(name)?;
        let _changing = self.changing.lock();
        if self.has_database(&name)? {
            let exists = || spark_error!("SCHEMA_ALREADY_EXISTS", schemaName = format!("`{name}`"));
            return if if_not_exists { Ok(()) } else { Err(exists()) };
        }
        let location = match location {
            Some(location) => location,
            None => self.folder()?.join(format!("{name}.db")),
        };
        fs::create_dir_all(&location).map_err(|error| failed("create", &location, error))?;
        let path = self.path(&name, DATABASE_FILE);
        write(&path, &Database { name, location, comment, properties })
    }

    /// Changes what is known of a database.
    pub(crate) fn change_database(&self, name: &str, change: impl FnOnce(&mut Database)) -> Result<()> {
        let _changing = self.changing.lock();
        let mut database = self.database(name)?;
        change(&mut database);
        write(&self.path(&database.name, DATABASE_FILE), &database)
    }

    /// Drops a database, with `cascade` its tables too.
    pub(crate) fn drop_database(&self, name: &str, if_exists: bool, cascade: bool) -> Result<()> {
        let name = name.to_lowercase();
        if name == DEFAULT {
            return Err(spark_error!(
                "UNSUPPORTED_FEATURE.DROP_DATABASE",
                database = format!("`{CATALOG}`.`{DEFAULT}`")
            ));
        }
        if if_exists && !self.has_database(&name)? {
            return Ok(());
        }
        let database = self.database(&name)?;
        let tables = self.tables(&name)?;
        let empty = tables.is_empty() && self.views(&name)?.is_empty();
        if !cascade && !empty {
            return Err(spark_error!("SCHEMA_NOT_EMPTY", schemaName = format!("`{name}`")));
        }
        for table in tables {
            self.drop_table(&TableName { database: name.clone(), table })?;
        }
        for table in self.views(&name)? {
            self.drop_view(&TableName { database: name.clone(), table })?;
        }
        let _changing = self.changing.lock();
        remove(&self.folder.join(FOLDER).join(&name))?;
        // What is not a table's is not ours to remove.
        drop(fs::remove_dir(&database.location));
        Ok(())
    }

    /// The names of the tables of a database.
    pub(crate) fn tables(&self, database: &str) -> Result<Vec<String>> {
        self.names_of(database, ".json")
    }

    /// The names of the views of a database.
    pub(crate) fn views(&self, database: &str) -> Result<Vec<String>> {
        self.names_of(database, ".view")
    }

    fn names_of(&self, database: &str, ending: &str) -> Result<Vec<String>> {
        let database = self.database(database)?;
        let names = names_in(&self.folder.join(FOLDER).join(database.name))?;
        let mut found: Vec<_> = names
            .into_iter()
            .filter(|name| name != DATABASE_FILE)
            .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// A view, if it is there.
    pub(crate) fn view(&self, name: &TableName) -> Result<Option<View>> {
        if !name::is_valid(&name.database) || !name::is_valid(&name.table) {
            return Ok(None);
        }
        read(&self.view_path(name))
    }

    /// Whether there is a table or a view of this name.
    pub(crate) fn has(&self, name: &TableName) -> Result<bool> {
        Ok(self.table(name)?.is_some() || self.view(name)?.is_some())
    }

    /// Refuses the name of another table or view for one that is renamed or made like another.
    pub(crate) fn check_free(&self, name: &TableName) -> Result<()> {
        if self.has(name)? {
            return Err(spark_error!("TABLE_OR_VIEW_ALREADY_EXISTS", relationName = name.in_catalog()));
        }
        Ok(())
    }

    /// Keeps a view, in the place of one of its name if `replace` says so.
    pub(crate) fn put_view(&self, name: &TableName, view: &View, replace: bool) -> Result<()> {
        name::checked(&name.table)?;
        self.database(&name.database)?;
        let _changing = self.changing.lock();
        if self.table(name)?.is_some() || (!replace && self.view(name)?.is_some()) {
            return Err(table_exists(name));
        }
        write(&self.view_path(name), view)
    }

    /// Forgets a view.
    pub(crate) fn drop_view(&self, name: &TableName) -> Result<()> {
        let _changing = self.changing.lock();
        remove(&self.view_path(name))
    }

    /// A table, if it is there.
    pub(crate) fn table(&self, name: &TableName) -> Result<Option<Table>> {
        if !name::is_valid(&name.database) || !name::is_valid(&name.table) {
            return Ok(None);
        }
        read(&self.table_path(name))
    }

    /// Where a table of this name lies that names no place.
    ///
    /// # Errors
    /// `INVALID_SCHEMA_OR_RELATION_NAME`: the name could lead anywhere.
    pub(crate) fn managed_location(&self, name: &TableName) -> Result<PathBuf> {
        name::checked(&name.table)?;
        Ok(self.database(&name.database)?.location.join(&name.table))
    }

    /// Keeps what is known of a table, in the place of what was known of one of its name if `replace` says so.
    pub(crate) fn put(&self, name: &TableName, table: &Table, replace: bool) -> Result<()> {
        name::checked(&name.table)?;
        self.database(&name.database)?;
        let _changing = self.changing.lock();
        if self.view(name)?.is_some() || (!replace && self.table(name)?.is_some()) {
            return Err(table_exists(name));
        }
        write(&self.table_path(name), table)
    }

    /// Changes what is known of a table.
    pub(crate) fn change(&self, name: &TableName, change: impl FnOnce(&mut Table) -> Result<()>) -> Result<()> {
        let _changing = self.changing.lock();
        // Whoever asks has seen it; another process may have dropped it since.
        let Some(mut table) = self.table(name)? else { return Err(table_not_found(name)) };
        change(&mut table)?;
        write(&self.table_path(name), &table)
    }

    /// Gives a table of the same database another name; the files of a managed one move along.
    pub(crate) fn rename_table(&self, from: &TableName, to: &TableName) -> Result<()> {
        name::checked(&to.table)?;
        let location = self.managed_location(to)?;
        let _changing = self.changing.lock();
        let Some(mut table) = self.table(from)? else { return Err(table_not_found(from)) };
        self.check_free(to)?;
        let usual = table.location == self.managed_location(from)?;
        if table.managed && usual && table.location.exists() {
            if location.exists() {
                let location = format!("'file:{}'", location.display());
                return Err(spark_error!("LOCATION_ALREADY_EXISTS", identifier = to.quoted(), location = location));
            }
            fs::rename(&table.location, &location).map_err(|error| failed("rename", &table.location, error))?;
            table.location = location;
        }
        self.rename_partitions(from, to)?;
        write(&self.table_path(to), &table)?;
        remove(&self.table_path(from))
    }

    /// Forgets a table, and removes what lies in it if it is managed. Says whether there was one.
    pub(crate) fn drop_table(&self, name: &TableName) -> Result<bool> {
        let Some(table) = self.table(name)? else { return Ok(false) };
        let _changing = self.changing.lock();
        remove(&self.table_path(name))?;
        self.forget_partitions(name)?;
        if table.managed {
            remove(&table.location)?;
        }
        Ok(true)
    }

    fn path(&self, database: &str, file: &str) -> PathBuf {
        self.folder.join(FOLDER).join(database).join(file)
    }

    fn view_path(&self, name: &TableName) -> PathBuf {
        self.path(&name.database, &format!("{}.view", name.table))
    }

    fn table_path(&self, name: &TableName) -> PathBuf {
        self.path(&name.database, &format!("{}.json", name.table))
    }
}

/// A database that is to be made.
#[derive(Debug, Default)]
pub(crate) struct NewDatabase<'a> {
    pub(crate) name: &'a str,
    pub(crate) location: Option<PathBuf>,
    pub(crate) comment: Option<String>,
    pub(crate) properties: BTreeMap<String, String>,
}

fn table_not_found(name: &TableName) -> Error {
    millstream_sql::table_not_found(&[name.database.clone(), name.table.clone()])
}

pub(crate) fn table_exists(name: &TableName) -> Error {
    spark_error!("TABLE_OR_VIEW_ALREADY_EXISTS", relationName = name.quoted())
}

pub(crate) fn schema_not_found(name: &str) -> Error {
    spark_error!("SCHEMA_NOT_FOUND", schemaName = format!("`{CATALOG}`.`{name}`"))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| failed("read", path, error))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::data(format!("what the warehouse knows in '{}' cannot be read", path.display())).with_source(error)
    })
}

/// Under another name first, so that a reader finds the file whole or not at all.
fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::internal(error.to_string()))?;
    let temporary = path.with_extension(format!("{}.tmp", Uuid::new_v4()));
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))?;
    let written = File::create_new(&temporary).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // It is no table's name; the error that is told is the first one.
        drop(fs::remove_file(&temporary));
    }
    written.map_err(|error| failed("write", path, error))
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| failed("list", folder, error))?,
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| failed("list", folder, error))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests;
