//! A file system of 256 kB that is really full, and really read-only. Needs the right to mount one; says so where there
//! is none.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use millstream_engine::SyncPolicy;
use tempfile::TempDir;

use crate::script::{Bench, Step, check, rows};

/// A small file system, which goes when this does.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], folder.path()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        for piece in [4096, 1] {
            loop {
                match filler.write_all(&vec![0; piece]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    Command::new("mount").args(options).arg(at).output().is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_full_disk_stops_the_query_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("left out: no file system can be mounted here");
        return;
    };
    let bench = Bench { sync: SyncPolicy::Always, ..Bench::counting() };
    let checkpoint = tempfile::tempdir_in(disk.path()).unwrap();
    let bench = Bench { checkpoint, ..bench };
    bench.stream.add(rows(1..=3));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    disk.fill();
    // A page of the log may have room left for some batches.
    let mut added = 3;
    while query.is_active() {
        bench.stream.add(rows([added + 1]));
        added += 1;
        let _ = query.process_all_available().await;
        assert!(added < 10_000, "the disk is not full");
    }
    let text = query.exception().unwrap().to_spark_message();
    for part in
        ["cannot write checkpoint file '", "log-0000000000': No space left on device", "free space on that disk"]
    {
        assert!(text.contains(part), "{text}");
    }
    let refused = bench.manager(None).start(bench.spec()).await;
    let refused = match refused {
        Ok(query) => query.await_termination(None).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(refused.to_spark_message().contains("free space on that disk"), "{refused:?}");

    fs::remove_file(disk.path().join("filler")).unwrap();
    assert!(mount(&["-o", "remount,ro"], disk.path()));
    let refused = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert!(refused.to_spark_message().contains("make that file system writable"), "{refused:?}");

    assert!(mount(&["-o", "remount,rw"], disk.path()));
    check(&bench, vec![Step::Start, Step::Process, Step::Stop]).await;
    let newest = |parity| bench.sink.rows().into_iter().rev().find(|row| row[0] == parity).unwrap()[1];
    assert_eq!(newest(0) + newest(1), added);
}
