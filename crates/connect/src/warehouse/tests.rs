//! What a warehouse keeps.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{NewDatabase, Table, TableName, Warehouse, columns_of_folders, folders_of_partitions};

fn table(location: &Path) -> Table {
    Table {
        provider: "json".to_owned(),
        schema: "{\"type\":\"struct\",\"fields\":[]}".to_owned(),
        partition_columns: vec!["k".to_owned()],
        location: location.to_owned(),
        managed: true,
        options: BTreeMap::from([("header".to_owned(), "true".to_owned())]),
        comment: None,
        properties: BTreeMap::new(),
        created_ms: 1,
        tracks_partitions: true,
        clustering_columns: Vec::new(),
    }
}

fn name(text: &str) -> TableName {
    TableName::of(&text.split('.').map(str::to_owned).collect::<Vec<_>>(), "default").unwrap()
}

#[test]
fn tables_and_databases_last() {
    let folder = TempDir::new().unwrap();
    let warehouse = || Warehouse::new(folder.path().to_owned());
    assert_eq!(warehouse().databases().unwrap(), ["default"]);
    assert_eq!(warehouse().tables("default").unwrap(), Vec::<String>::new());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "to look makes nothing");
    warehouse().create_database(NewDatabase { name: "Db1", ..NewDatabase::default() }, false).unwrap();
    let location = warehouse().managed_location(&name("db1.T")).unwrap();
    assert_eq!(location, folder.path().join("db1.db/t"));
    warehouse().put(&name("db1.T"), &table(&location), false).unwrap();
    assert_eq!(warehouse().table(&name("spark_catalog.DB1.t")).unwrap(), Some(table(&location)));
    assert_eq!(warehouse().table(&name("t")).unwrap(), None);
    assert_eq!(warehouse().databases().unwrap(), ["db1", "default"]);
    assert_eq!(warehouse().tables("DB1").unwrap(), ["t"]);
    let again = warehouse().put(&name("db1.t"), &table(&location), false).unwrap_err();
    assert_eq!(again.class(), Some("TABLE_OR_VIEW_ALREADY_EXISTS"));
    warehouse().put(&name("db1.t"), &table(&location), true).unwrap();
    assert_eq!(warehouse().drop_database("db1", false, false).unwrap_err().class(), Some("SCHEMA_NOT_EMPTY"));
    fs::create_dir_all(&location).unwrap();
    warehouse().drop_database("db1", false, true).unwrap();
    assert!(!location.exists());
    assert_eq!(warehouse().databases().unwrap(), ["default"]);
}

#[test]
fn files_of_external_tables_stay() {
    let (folder, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let warehouse = Warehouse::new(folder.path().to_owned());
    warehouse.put(&name("e"), &Table { managed: false, ..table(data.path()) }, false).unwrap();
    assert!(warehouse.drop_table(&name("e")).unwrap());
    assert!(!warehouse.drop_table(&name("e")).unwrap());
    assert!(data.path().exists());
}

#[test]
fn names_are_no_paths() {
    let folder = TempDir::new().unwrap();
    let warehouse = Warehouse::new(folder.path().to_owned());
    for bad in ["../x", "..", ".", "/x", "a/b", "", "a b", "a.b", "é"] {
        let name = TableName { database: "default".to_owned(), table: bad.to_owned() };
        assert_eq!(warehouse.table(&name).unwrap(), None);
        let error = warehouse.put(&name, &table(folder.path()), false).unwrap_err();
        assert_eq!(error.class(), Some("INVALID_SCHEMA_OR_RELATION_NAME"), "{bad}");
        assert!(warehouse.create_database(NewDatabase { name: bad, ..NewDatabase::default() }, false).is_err());
        assert_eq!(warehouse.database(bad).unwrap_err().class(), Some("SCHEMA_NOT_FOUND"));
        let error = warehouse.managed_location(&name).unwrap_err();
        assert_eq!(error.class(), Some("INVALID_SCHEMA_OR_RELATION_NAME"), "{bad}");
    }
}

/// Every name that a table may have is one that the warehouse has no use for itself.
#[test]
fn no_table_stands_in_the_way_of_the_warehouse() {
    let folder = TempDir::new().unwrap();
    let warehouse = Warehouse::new(folder.path().to_owned());
    warehouse.create_database(NewDatabase { name: "db1", ..NewDatabase::default() }, false).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!super::name::is_valid(&name), "{name} is a folder that a table may have");
    }
    for table_name in ["default._database", "db1._database", "default._millstream_catalog", "default.db1"] {
        let name = name(table_name);
        let location = warehouse.managed_location(&name).unwrap();
        assert!(!location.exists(), "{table_name}");
        warehouse.put(&name, &table(&location), false).unwrap();
        assert!(warehouse.tables(&name.database).unwrap().contains(&name.table), "{table_name}");
        assert_eq!(warehouse.table(&name).unwrap(), Some(table(&location)));
        assert!(warehouse.drop_table(&name).unwrap());
        assert_eq!(warehouse.databases().unwrap(), ["db1", "default"]);
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = TempDir::new().unwrap();
    let warehouse = Warehouse::new(folder.path().to_owned());
    warehouse.put(&name("t"), &table(folder.path()), false).unwrap();
    fs::write(folder.path().join("_millstream.catalog/default/t.json"), "{").unwrap();
    assert!(warehouse.table(&name("t")).unwrap_err().message().contains("default/t.json"));
}

#[test]
fn partitions_are_known_one_by_one() {
    let folder = TempDir::new().unwrap();
    let warehouse = || Warehouse::new(folder.path().to_owned());
    let (one, data) = (name("t"), folder.path().join("t"));
    warehouse().put(&one, &table(&data), false).unwrap();
    assert_eq!(warehouse().partitions(&one, 2).unwrap(), Vec::<String>::new());
    warehouse().add_partitions(&one, ["k=1/d=x", "k=1/d=y", "k=2/d=x", "k=1/d=x"]).unwrap();
    warehouse().forget_partition(&one, "k=1/d=x").unwrap();
    warehouse().forget_partition(&one, "k=2/d=x").unwrap();
    warehouse().forget_partition(&one, "k=3/d=x").unwrap();
    assert_eq!(warehouse().partitions(&one, 2).unwrap(), ["k=1/d=y"]);
    assert_eq!(warehouse().tables("default").unwrap(), ["t"], "their folder is no table");
    warehouse().rename_table(&one, &name("u")).unwrap();
    assert_eq!(warehouse().partitions(&name("u"), 2).unwrap(), ["k=1/d=y"]);
    assert!(warehouse().drop_table(&name("u")).unwrap());
    warehouse().put(&name("u"), &table(&data), false).unwrap();
    assert_eq!(warehouse().partitions(&name("u"), 2).unwrap(), Vec::<String>::new(), "another table of that name");
}

#[test]
fn folders_are_found_as_partitions() {
    let folder = TempDir::new().unwrap();
    for path in ["K=1/d=x", "K=2/d=y/deeper", "other", "_temporary/d=1", "K=3", "k=4/d=%2F"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    fs::write(folder.path().join("K=5"), "a file").unwrap();
    let columns = ["k".to_owned(), "d".to_owned()];
    let found = folders_of_partitions(folder.path(), &columns).unwrap();
    assert_eq!(found, ["K=1/d=x", "K=2/d=y", "k=4/d=%2F"]);
    assert_eq!(columns_of_folders(&folder.path().join("K=1")).unwrap(), ["d"]);
    assert_eq!(columns_of_folders(&folder.path().join("gone")).unwrap(), Vec::<String>::new());
}

#[test]
fn a_table_without_a_word_of_partitions_has_all_folders() {
    let text = r#"{"provider":"json","schema":"{}","partitionColumns":["k"],"location":"/x","managed":true,"options":{},
        "comment":null,"properties":{},"createdMs":1}"#;
    let table: Table = serde_json::from_str(text).unwrap();
    assert!(!table.tracks_partitions, "it was made before partitions were known one by one");
}
