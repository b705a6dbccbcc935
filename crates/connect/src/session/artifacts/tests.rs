use super::*;

/// With a name of 7 bytes.
const UPLOAD: &[u8] = &[7; 53];

fn upload(artifacts: &Artifacts, name: &str) -> Result<()> {
    artifacts.add(name.to_owned(), Bytes::from_static(UPLOAD), artifacts.reservation())
}

#[test]
fn uploads_are_counted_until_the_session_ends() {
    let memory = MemoryLedger::new(100);
    let artifacts = Artifacts::new(&memory, "s1");
    upload(&artifacts, "cache/a").unwrap();
    assert_eq!((artifacts.has("cache/a"), memory.used_bytes()), (true, 60));
    let error = upload(&artifacts, "cache/b").unwrap_err();
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().starts_with("what session s1 has uploaded needs 60 bytes more"), "{error}");
    assert!(!artifacts.has("cache/b"));
    drop(artifacts);
    assert_eq!(memory.used_bytes(), 0);
}

/// A session that was made from another one has its uploads, which lie in memory once.
#[test]
fn shared_uploads_are_counted_once() {
    let memory = MemoryLedger::new(100);
    let first = Artifacts::new(&memory, "s1");
    upload(&first, "cache/a").unwrap();
    let second = Artifacts::new(&memory, "s2");
    second.share(&first);
    assert_eq!(memory.used_bytes(), 60);
    drop(first);
    assert_eq!((second.get("cache/a").as_deref(), memory.used_bytes()), (Some(UPLOAD), 60));
    drop(second);
    assert_eq!(memory.used_bytes(), 0);
}
