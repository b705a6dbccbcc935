use super::*;

fn place(end_us: i64, hash: u64) -> Place {
    Place { end_us, hash }
}

/// Groups of so many bytes: their number, and filling.
fn written(groups: &[(Place, u32)], bytes: usize, folder: &Arc<SpillFolder>) -> Option<Run> {
    let mut writer = RunWriter::create(folder).unwrap();
    for &(place, number) in groups {
        let mut group = number.to_le_bytes().to_vec();
        group.resize(bytes, 0);
        writer.push(place, &group).unwrap();
    }
    writer.finish().unwrap()
}

fn number(group: &[u8]) -> u32 {
    u32::from_le_bytes(group[..4].try_into().unwrap())
}

fn check(groups: &[(Place, u32)], bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let folder = SpillFolder::new(folder.path().join("spill")).unwrap();
    let run = written(groups, bytes, &folder).unwrap();
    assert_eq!(folder.held_bytes(), run.bytes());
    let mut reader = run.open().unwrap();
    for &(place, wanted) in groups.iter().rev() {
        let found = reader.find(place, |group| number(group) == wanted).unwrap().map(number);
        assert_eq!(found, Some(wanted), "{place:?}");
        assert!(reader.find(place, |group| number(group) == u32::MAX).unwrap().is_none());
    }
    for end_us in [i64::MIN, -1, 0, 4, 10, i64::MAX] {
        let mut cursor = run.cursor(end_us).unwrap();
        let mut all = vec![];
        while let Some(group) = cursor.next().unwrap() {
            all.push(number(group));
        }
        // A cursor may begin early by part of a block, never late.
        let above: Vec<u32> =
            groups.iter().filter(|(place, _)| place.end_us > end_us).map(|(_, number)| *number).collect();
        assert!(all.ends_with(&above), "above {end_us}: {all:?}");
        assert!((all.len() - above.len()) * bytes <= BLOCK_BYTES + 2 * bytes, "above {end_us}");
    }
    drop(run);
    assert_eq!(folder.held_bytes(), 0);
}

#[test]
fn groups_are_found_and_walked_in_order() {
    for bytes in [4, 100, 3 * BLOCK_BYTES] {
        check(&[(place(0, 7), 1)], bytes);
        let many: Vec<_> = (0..500).map(|n| (place(i64::from(n / 100), u64::from(n) << 40), n)).collect();
        check(&many, bytes);
        // As if all keys had the same hash, over several blocks.
        let same: Vec<_> = (0..500).map(|n| (place(if n < 100 { 0 } else { 5 }, 42), n)).collect();
        check(&same, bytes);
    }
}

#[test]
fn without_groups_there_is_no_file() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("spill");
    let folder = SpillFolder::new(path.clone()).unwrap();
    assert!(written(&[], 4, &folder).is_none());
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    drop(folder);
    assert!(!path.exists());
}

#[test]
fn a_spoilt_block_is_refused_by_name() {
    let parent = tempfile::tempdir().unwrap();
    let folder = SpillFolder::new(parent.path().join("spill")).unwrap();
    let run = written(&[(place(0, 1), 1)], 4, &folder).unwrap();
    let path = run.file.path();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[2] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let error = run.cursor(i64::MIN).unwrap().next().unwrap_err();
    assert!(error.message().contains("spill/0' is damaged at byte 0"), "{error}");
}

/// A killed process cannot clean up after itself.
#[test]
fn files_of_an_earlier_process_are_removed() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("spill");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("0"), "left behind").unwrap();
    SpillFolder::new(path.clone()).unwrap();
    assert!(!path.exists());
}
