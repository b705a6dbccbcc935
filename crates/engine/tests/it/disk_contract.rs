//! What every disk does for a checkpoint, shown on the machine's and on object stores.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_core::Disk;
use millstream_engine::LocalDisk;

use crate::object_store::{Store, disk};

/// Something that holds in an empty folder of any disk.
type Property = for<'a> fn(&'a dyn Disk, &'a Path) -> BoxFuture<'a, ()>;

const PROPERTIES: [(&str, Property); 10] = [
    ("where nothing is, nothing is read, listed or removed", |disk, folder| nothing(disk, folder).boxed()),
    ("a file grows by what is appended", |disk, folder| grows(disk, folder).boxed()),
    ("a file of many appends is read as one", |disk, folder| many_appends(disk, folder).boxed()),
    ("a name that is taken is not created", |disk, folder| taken(disk, folder).boxed()),
    ("a file is replaced as a whole", |disk, folder| replaced(disk, folder).boxed()),
    ("a file is cut", |disk, folder| cut(disk, folder).boxed()),
    ("a removed name is free", |disk, folder| removed(disk, folder).boxed()),
    ("a folder lists each of its names once", |disk, folder| listed(disk, folder).boxed()),
    ("a folder goes with all in it, and nothing else", |disk, folder| folder_removed(disk, folder).boxed()),
    ("a lock is held once, until it is released", |disk, folder| locked(disk, folder).boxed()),
];

#[tokio::test]
async fn every_disk_is_a_disk() {
    for (name, property) in PROPERTIES {
        let temporary = tempfile::tempdir().unwrap();
        let memory = disk(&Store::memory());
        let server = Store::server();
        let s3 = disk(&server);
        let disks: [(&str, Arc<dyn Disk>, PathBuf); 3] = [
            ("the machine's disk", Arc::new(LocalDisk), temporary.path().join("folder")),
            ("an object store in memory", memory, "s3://bucket/folder".into()),
            ("S3", s3, "s3://bucket/folder".into()),
        ];
        for (kind, disk, folder) in disks {
            disk.create_folder(&folder, true).await.unwrap();
            let held = std::panic::AssertUnwindSafe(property(&*disk, &folder)).catch_unwind().await;
            assert!(held.is_ok(), "{name}: not so on {kind}");
        }
    }
}

async fn write(disk: &dyn Disk, path: &Path, appends: &[&[u8]]) {
    let file = disk.create_file(path).await.unwrap();
    for bytes in appends {
        file.append(bytes).await.unwrap();
    }
    file.sync().await.unwrap();
}

async fn nothing(disk: &dyn Disk, folder: &Path) {
    assert_eq!(disk.read(&folder.join("file")).await.unwrap(), None);
    assert!(disk.list(&folder.join("none")).await.unwrap().is_empty());
    assert!(disk.list(folder).await.unwrap().is_empty());
    disk.remove(&folder.join("file")).await.unwrap();
}

async fn grows(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("log-0");
    let file = disk.create_file(&path).await.unwrap();
    let mut expected = Vec::new();
    for bytes in [&b"one"[..], b"t", b"three"] {
        file.append(bytes).await.unwrap();
        expected.extend_from_slice(bytes);
        assert_eq!(disk.read(&path).await.unwrap().as_ref(), Some(&expected));
    }
    disk.sync_folder(folder).await.unwrap();
    assert_eq!(disk.list(folder).await.unwrap(), ["log-0"]);
}

async fn many_appends(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("log-0");
    let file = disk.create_file(&path).await.unwrap();
    let mut expected = Vec::new();
    for number in 0..300_u16 {
        file.append(&number.to_be_bytes()).await.unwrap();
        expected.extend(number.to_be_bytes());
    }
    let large = vec![7; 1 << 20];
    file.append(&large).await.unwrap();
    expected.extend(large);
    assert!(disk.read(&path).await.unwrap() == Some(expected));
}

async fn taken(disk: &dyn Disk, folder: &Path) {
    let (grown, whole) = (folder.join("grown"), folder.join("whole"));
    write(disk, &grown, &[b"one"]).await;
    disk.replace(&whole, b"one".to_vec(), false).await.unwrap();
    for path in [grown, whole] {
        assert_eq!(disk.create_file(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(disk.read(&path).await.unwrap(), Some(b"one".to_vec()));
    }
}

async fn replaced(disk: &dyn Disk, folder: &Path) {
    let path = folder.join(".name with a space.crc");
    for (bytes, durable) in [(&b"first"[..], false), (b"second, which is longer", true), (b"", true)] {
        disk.replace(&path, bytes.to_vec(), durable).await.unwrap();
        assert_eq!(disk.read(&path).await.unwrap().as_deref(), Some(bytes));
    }
    // A file that has grown too.
    let grown = folder.join("grown");
    write(disk, &grown, &[b"one", b"two"]).await;
    disk.replace(&grown, b"new".to_vec(), true).await.unwrap();
    assert_eq!(disk.read(&grown).await.unwrap(), Some(b"new".to_vec()));
    assert_eq!(disk.list(folder).await.unwrap().len(), 2);
}

async fn cut(disk: &dyn Disk, folder: &Path) {
    let (grown, whole) = (folder.join("grown"), folder.join("whole"));
    write(disk, &grown, &[b"one", b"two"]).await;
    disk.replace(&whole, b"onetwo".to_vec(), false).await.unwrap();
    for path in [grown, whole] {
        disk.truncate(&path, 4).await.unwrap();
        assert_eq!(disk.read(&path).await.unwrap(), Some(b"onet".to_vec()));
    }
}

async fn removed(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("file");
    write(disk, &path, &[b"one", b"two"]).await;
    disk.remove(&path).await.unwrap();
    assert_eq!(disk.read(&path).await.unwrap(), None);
    write(disk, &path, &[b"new"]).await;
    assert_eq!(disk.read(&path).await.unwrap(), Some(b"new".to_vec()));
    disk.replace(&path, b"whole".to_vec(), true).await.unwrap();
    disk.remove(&path).await.unwrap();
    assert_eq!(disk.read(&path).await.unwrap(), None);
    assert!(disk.list(folder).await.unwrap().is_empty());
}

async fn listed(disk: &dyn Disk, folder: &Path) {
    let expected: Vec<_> = (0..8).map(|number| format!("snapshot-4.{number}")).collect();
    for name in &expected {
        write(disk, &folder.join(name), &[b"one", b"two"]).await;
    }
    disk.create_folder(&folder.join("sources/0"), false).await.unwrap();
    disk.replace(&folder.join("sources/0/0"), b"x".to_vec(), false).await.unwrap();
    let mut names = disk.list(folder).await.unwrap();
    names.sort();
    assert_eq!(names, [&expected[..], &["sources".to_owned()]].concat());
    assert_eq!(disk.list(&folder.join("sources")).await.unwrap(), ["0"]);
}

async fn folder_removed(disk: &dyn Disk, folder: &Path) {
    let (gone, stays) = (folder.join("a"), folder.join("ab"));
    for inside in [&gone, &stays] {
        disk.create_folder(inside, false).await.unwrap();
        write(disk, &inside.join("log-0"), &[b"one", b"two"]).await;
        disk.replace(&inside.join("metadata"), b"x".to_vec(), false).await.unwrap();
    }
    disk.remove_folder(&gone).await.unwrap();
    assert!(disk.list(&gone).await.unwrap().is_empty());
    assert_eq!(disk.list(folder).await.unwrap(), ["ab"]);
    assert_eq!(disk.list(&stays).await.unwrap().len(), 2);
}

async fn locked(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("lock");
    for _ in 0..2 {
        let lock = disk.lock(&path).await.unwrap();
        assert_eq!(disk.lock(&path).await.unwrap_err().kind(), ErrorKind::WouldBlock);
        lock.release().await.unwrap();
    }
}
