use std::io::Write;

use uuid::Uuid;

use super::{CommittedOffset, Entry, FILE_NAME, Journal, Snapshot};

fn offset(partition: i32, offset: i64) -> Entry {
    let committed = CommittedOffset { offset, leader_epoch: 0, metadata: "m".to_owned(), committed_ms: 1 };
    Entry::Offset { group: "g".to_owned(), topic: "t".to_owned(), partition, committed }
}

fn topic(name: &str, partitions: i32) -> Entry {
    Entry::Topic { name: name.to_owned(), id: Uuid::from_u128(1), partitions, config: [].into() }
}

fn offsets(snapshot: &Snapshot) -> Vec<(i32, i64)> {
    let group = snapshot.offsets.get("g");
    group.into_iter().flatten().map(|((_, partition), committed)| (*partition, committed.offset)).collect()
}

#[test]
fn the_newest_entry_of_a_name_counts_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, empty) = Journal::open(folder.path()).expect("it opens");
    assert!(empty.topics.is_empty());
    journal.append(vec![topic("a", 1), topic("b", 1), offset(0, 5), offset(1, 6)]).expect("room");
    journal.append(vec![topic("a", 3), offset(0, 7), Entry::TopicDeleted { name: "b".to_owned() }]).expect("room");
    drop(journal);
    let (_, sum) = Journal::open(folder.path()).expect("it opens");
    assert_eq!(
        sum.topics.iter().map(|(name, topic)| (name.as_str(), topic.partitions)).collect::<Vec<_>>(),
        [("a", 3)]
    );
    assert_eq!(offsets(&sum), [(0, 7), (1, 6)]);
}

#[test]
fn a_torn_end_is_cut_and_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    for torn in [&[0, 0, 0, 9][..], &[0, 0, 0, 2, 1, 2, 3, 4, b'{', b'}'], &[0; 64]] {
        let (journal, sum) = Journal::open(folder.path()).expect("it opens");
        let next = offsets(&sum).len() as i32;
        journal.append(vec![offset(next, 1)]).expect("room");
        drop(journal);
        let mut file = std::fs::File::options().append(true).open(folder.path().join(FILE_NAME)).expect("a file");
        file.write_all(torn).expect("room");
    }
    let (_, sum) = Journal::open(folder.path()).expect("it opens");
    assert_eq!(offsets(&sum), [(0, 1), (1, 1), (2, 1)]);
}

#[test]
fn history_is_thrown_away_when_there_is_much_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = Journal::open(folder.path()).expect("it opens");
    let length = || std::fs::metadata(folder.path().join(FILE_NAME)).expect("a file").len();
    for round in 0..60 {
        journal.append((0..1000).map(|value| offset(0, round * 1000 + value)).collect()).expect("room");
    }
    let before = length();
    assert!(before > super::REWRITE_FROM_BYTES);
    journal.tidy().expect("room");
    assert!(length() < 1000);
    journal.append(vec![offset(1, 1)]).expect("room");
    drop(journal);
    let (_, sum) = Journal::open(folder.path()).expect("it opens");
    assert_eq!(offsets(&sum), [(0, 59_999), (1, 1)]);
}
