//! Which objects make up a file.

use chrono::DateTime;

use super::*;

fn listed(objects: &[(&str, u64)]) -> (Key, Vec<ObjectMeta>) {
    let path = Key::from("file");
    let object = |(name, size): &(&str, u64)| ObjectMeta {
        location: path.clone().join(*name),
        last_modified: DateTime::UNIX_EPOCH,
        size: *size,
        e_tag: None,
        version: None,
    };
    (path.clone(), objects.iter().map(object).collect())
}

/// The names and sizes of objects, and what they are: the places where pieces begin, the end, and whether that is
/// final.
fn check(objects: &[(&str, u64)], expected: Option<(&[u64], u64, bool)>) {
    let (path, listed) = listed(objects);
    let cover = Cover::of(&path, &listed).unwrap();
    let found = cover.map(|cover| {
        let starts: Vec<_> = cover.pieces.iter().map(|piece| piece.start).collect();
        (starts, cover.end, cover.is_sealed)
    });
    assert_eq!(found, expected.map(|(starts, end, is_sealed)| (starts.to_vec(), end, is_sealed)), "{objects:?}");
}

#[test]
fn a_file_is_its_largest_pieces_in_order() {
    check(&[], None);
    check(&[("other", 5)], None);
    check(&[("chunk-00", 3)], Some((&[0], 3, false)));
    check(&[("chunk-03", 4), ("chunk-00", 3)], Some((&[0, 3], 7, false)));
    // Merged, and the chunks not yet removed, or only some of them.
    check(&[("chunk-00", 3), ("chunk-03", 4), ("merged-00-07", 7)], Some((&[0], 7, false)));
    check(&[("chunk-03", 4), ("merged-00-07", 7), ("chunk-07", 1)], Some((&[0, 7], 8, false)));
    check(&[("chunk-00", 3), ("chunk-03", 0)], Some((&[0], 3, true)));
    check(&[("chunk-00", 0)], Some((&[], 0, true)));
    // A seal without its file.
    check(&[("chunk-03", 0)], None);
}

#[test]
fn a_seal_lasts_for_a_week() {
    let (_, mut objects) = listed(&[("chunk-00", 3), ("chunk-03", 0), ("chunk-00", 0), ("lock", 5)]);
    for (days, old) in [(0, vec![]), (7, vec![]), (8, vec![objects[1].location.clone()])] {
        objects[3].last_modified = DateTime::UNIX_EPOCH + TimeDelta::days(days);
        assert_eq!(old_seals(&objects), old, "after {days} days");
    }
    assert!(old_seals(&[]).is_empty());
}

#[test]
fn a_piece_that_is_missing_is_named() {
    for (objects, missing) in [
        (vec![("chunk-00", 3), ("chunk-05", 1)], "file/chunk-00000000000000000003"),
        (vec![("chunk-05", 1)], "file/chunk-00000000000000000000"),
        (vec![("chunk-00", 3), ("chunk-05", 0)], "file/chunk-00000000000000000003"),
    ] {
        let (path, listed) = listed(&objects);
        let error = Cover::of(&path, &listed).unwrap_err();
        assert_eq!(error.to_string(), format!("the object '{missing}' is missing"));
    }
}
