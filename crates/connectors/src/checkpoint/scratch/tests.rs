//! Folders come and go.

use super::*;

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_a_dead_process_left_goes_and_what_a_living_one_has_stays() {
    let parent = tempfile::tempdir().unwrap();
    let living = ScratchFolder::new(parent.path()).unwrap();
    let dead = parent.path().join(format!("{PREFIX}dead"));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join(LOCK), "").unwrap();
    fs::write(parent.path().join("other"), "").unwrap();
    let new = ScratchFolder::new(parent.path()).unwrap();
    assert!(!dead.exists());
    assert!(living.path().exists() && new.path().exists());
    drop((living, new));
    assert_eq!(names(parent.path()), [parent.path().join("other")]);
}
