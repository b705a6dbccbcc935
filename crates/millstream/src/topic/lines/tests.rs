use super::*;

/// The lines of an input that comes in these parts, in the pieces in which they go on.
fn cut(parts: &[&str]) -> Vec<Vec<(u64, String)>> {
    let mut cutter = Cutter::new(100);
    let mut pieces: Vec<Piece> = Vec::new();
    for part in parts {
        pieces.extend(cutter.push(part.as_bytes().to_vec()).unwrap());
    }
    pieces.extend(cutter.finish());
    let text = |(number, line): (u64, &[u8])| (number, String::from_utf8(line.to_vec()).unwrap());
    pieces.iter().map(|piece| piece.lines().map(text).collect()).collect()
}

#[test]
fn a_line_goes_on_when_it_is_whole() {
    let check = |parts: &[&str], wanted: &[&[(u64, &str)]]| {
        let wanted: Vec<Vec<_>> = wanted
            .iter()
            .map(|piece| piece.iter().map(|&(number, line)| (number, line.to_owned())).collect())
            .collect();
        assert_eq!(cut(parts), wanted, "{parts:?}");
    };
    check(&[], &[]);
    check(&["a\n"], &[&[(1, "a")]]);
    check(&["a"], &[&[(1, "a")]]);
    check(&["a\nb\nc"], &[&[(1, "a"), (2, "b")], &[(3, "c")]]);
    check(&["a", "b\nc", "d", "\ne\n"], &[&[(1, "ab")], &[(2, "cd"), (3, "e")]]);
    check(&["\n\na\n\n"], &[&[(1, ""), (2, ""), (3, "a"), (4, "")]]);
    check(&["a\r\nb\r", "\nc\r"], &[&[(1, "a")], &[(2, "b")], &[(3, "c")]]);
}

#[test]
fn a_line_that_never_ends_is_refused() {
    let mut cutter = Cutter::new(100);
    assert_eq!(cutter.push(b"a\n".to_vec()).unwrap().map(|piece| piece.first_line), Some(1));
    assert_eq!(cutter.push(vec![b'x'; 100]), Ok(None));
    assert_eq!(cutter.push(vec![b'x']), Err(TooLong { line: 2 }));
}
