use super::*;

const AT: Duration = Duration::ZERO;

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// What is left of `/a/f` in many power cuts of the same disk.
fn left(make: impl Fn(&mut FileSystem)) -> BTreeSet<Option<Vec<u8>>> {
    let cut = |seed| {
        let mut disk = FileSystem::default();
        disk.create_folder(&path("/a"), true);
        make(&mut disk);
        disk.cut_power(&Chance::new(seed));
        disk.read(&path("/a/f"))
    };
    (0..200).map(cut).collect()
}

fn written(disk: &mut FileSystem) -> FileId {
    let id = disk.create(&path("/a/f")).unwrap();
    disk.append(id, &[1, 2], AT);
    id
}

#[test]
fn what_is_synced_stays() {
    let all = left(|disk| {
        let id = written(disk);
        disk.sync(id);
        disk.sync_folder(&path("/a"));
    });
    assert_eq!(all, [Some(vec![1, 2])].into());
}

#[test]
fn what_is_not_synced_stays_as_a_beginning_with_zeros_or_not_at_all() {
    let unnamed = left(|disk| {
        let id = written(disk);
        disk.sync(id);
    });
    assert_eq!(unnamed, [None, Some(vec![1, 2])].into());
    let unsynced = left(|disk| {
        written(disk);
        disk.sync_folder(&path("/a"));
    });
    assert_eq!(unsynced, [vec![], vec![1], vec![1, 0], vec![1, 2], vec![0], vec![0, 0]].map(Some).into());
}

#[test]
fn after_a_failed_sync_another_one_helps_nothing() {
    let all = left(|disk| {
        let id = written(disk);
        disk.lose(id);
        disk.sync(id);
        disk.sync_folder(&path("/a"));
    });
    assert!(all.contains(&Some(vec![])), "{all:?}");
}

#[test]
fn a_file_is_replaced_or_not() {
    let all = left(|disk| {
        let id = written(disk);
        disk.sync(id);
        disk.sync_folder(&path("/a"));
        disk.rename_into(&path("/a/f"), vec![9], true);
    });
    assert_eq!(all, [Some(vec![1, 2]), Some(vec![9])].into());
}

#[test]
fn files_go_with_their_folder() {
    let all = left(|disk| {
        disk.create_folder(&path("/b"), false);
        let id = disk.create(&path("/b/f")).unwrap();
        disk.sync(id);
        disk.sync_folder(&path("/b"));
    });
    assert_eq!(all, [None].into());
}
