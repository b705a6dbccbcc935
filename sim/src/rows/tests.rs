use super::*;

const fn row(key: i64, value: i64, second: i64) -> Row {
    Row { key, value, second }
}

/// Two rows of one window, and one that lets the watermark pass it.
const ROWS: [Row; 3] = [row(1, 3, 20), row(2, 4, 29), row(1, 5, 45)];

#[test]
fn answers_are_those_of_a_batch_query() {
    assert_eq!(Question::Filter.batch(&ROWS[..1], &ROWS[1..]), Some(vec![vec![1, 5], vec![2, 4]]));
    assert_eq!(Question::Update.batch(&ROWS[..2], &ROWS[2..]), Some(vec![vec![1, 2, 8]]));
    assert_eq!(Question::Complete.batch(&ROWS[..2], &ROWS[2..]), Some(vec![vec![1, 2, 8], vec![2, 1, 4]]));
    // The key with one row has two now: nobody has one any more.
    let (one, two) = (ROWS[..1].to_vec(), [row(1, 5, 45)]);
    assert_eq!(Question::CountsOfCounts.batch(&one, &two), Some(vec![vec![1, 1, 3, DELETE], vec![2, 1, 8, UPSERT]]));
    let batches = [vec![vec![1, 1, 3, UPSERT]], vec![vec![1, 1, 3, DELETE], vec![2, 1, 8, UPSERT]]];
    assert_eq!(Question::CountsOfCounts.check_all(&[ROWS[0], two[0]], &batches), Ok(()));
    // A key with one odd value gets an even one: another row stands for it.
    let (odd, even) = (vec![1, NOBODY, 1], vec![1, 1, 1]);
    let change = vec![[&odd[..], &[DELETE]].concat(), [&even[..], &[UPSERT]].concat()];
    assert_eq!(Question::JoinOfCounts.batch(&one, &[row(1, 2, 50)]), Some(change.clone()));
    let batches = [vec![[&odd[..], &[UPSERT]].concat()], change];
    assert_eq!(Question::JoinOfCounts.check_all(&[ROWS[0], row(1, 2, 50)], &batches), Ok(()));
    // The best row of its key becomes the second, and a key with more rows comes in front of another.
    let numbered = vec![vec![1, 1, 5, UPSERT], vec![1, 2, 3, UPSERT]];
    assert_eq!(Question::BestRows.batch(&one, &two), Some(numbered.clone()));
    assert_eq!(Question::BestRows.check_all(&[ROWS[0], two[0]], &[vec![vec![1, 1, 3, UPSERT]], numbered]), Ok(()));
    let few = [row(1, 1, 20), row(2, 1, 20), row(3, 1, 20)];
    let more = [row(4, 1, 20), row(4, 2, 20)];
    assert_eq!(Question::BestKeys.batch(&few, &more), Some(vec![vec![3, 1, 1, DELETE], vec![4, 2, 3, UPSERT]]));
    assert_eq!(Question::Windows.check_all(&ROWS, &[vec![], vec![vec![20, 30, 2, 7]]]), Ok(()));
    // The second row of the key touches the end of the first one's session; the third does not.
    let sessions = [row(1, 3, 20), row(1, 4, 27), row(2, 5, 20), row(1, 6, 35), row(2, 7, 90)];
    let answers = vec![vec![20, 27, 2, 1, 5], vec![20, 34, 1, 2, 7], vec![35, 42, 1, 1, 6]];
    assert_eq!(Question::Sessions.check_all(&sessions, &[answers]), Ok(()));
    assert_eq!(Question::Keys.batch(&ROWS[..1], &ROWS[1..]), Some(vec![vec![2]]));
    assert_eq!(Question::Moments.batch(&ROWS[..1], &ROWS), Some(vec![vec![1, 45], vec![2, 29]]));
    assert_eq!(Question::Limit.batch(&ROWS[..1], &ROWS[1..]), Some(vec![vec![1], vec![1]]));
    assert_eq!(Question::Limit.batch(&[ROWS[0]; LIMIT], &ROWS), Some(vec![]));
    assert_eq!(Question::Limit.batch(&[ROWS[0]; LIMIT - 1], &ROWS), Some(vec![vec![1]]));
    let near = [row(1, 2, 20), row(1, 3, 40), row(1, 5, 41), row(2, 4, 20), row(3, 1, 100), row(3, 8, 100)];
    assert_eq!(Question::Join.batch(&near[..1], &near[1..]), Some(vec![vec![1, 2, 3], vec![3, 8, 1]]));
    let all = [vec![vec![1, 2, 3], vec![3, 8, 1]], vec![vec![2, 4, NOBODY]]];
    assert_eq!(Question::LeftJoin.check_all(&near, &all), Ok(()));
    assert_eq!(Question::Keys.check_all(&ROWS, &[vec![vec![2]], vec![vec![1]]]), Ok(()));
    assert_eq!(Question::Update.check_all(&ROWS, &[vec![vec![1, 1, 3], vec![2, 1, 4]], vec![vec![1, 2, 8]]]), Ok(()));
}

#[test]
fn another_answer_is_seen() {
    // One more, that another one of its key meets.
    let rows = [&ROWS[..], &[row(1, 4, 19)]].concat();
    for question in Question::ALL {
        let twice = [vec![vec![1, 1, 3]], vec![vec![1, 1, 3]]];
        assert!(question.check_all(&rows, &twice).is_err(), "{question:?}");
        assert!(question.check_all(&rows, &[]).is_err(), "{question:?}");
    }
}

#[test]
fn no_generated_row_is_late() {
    for seed in 0..50 {
        let mut newest = i64::MIN;
        for row in generate(&Chance::new(seed)) {
            newest = newest.max(row.second);
            assert!(newest - row.second < DELAY);
        }
    }
}
