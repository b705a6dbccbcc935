//! How rows are numbered, and what changes when an entry moves.

use super::super::place::Place;
use super::{Numbering, Numbers, Shown};

fn numbers(numbering: Numbering) -> Vec<i64> {
    let mut numbers = Numbers::new(numbering);
    // One row, two that are equal, another with the same order, and one behind.
    [(b"a", 1), (b"b", 2), (b"b", 1), (b"c", 1)].map(|(order, rows)| numbers.next(order, rows)).to_vec()
}

#[test]
fn rows_are_numbered_as_the_functions_say() {
    assert_eq!(numbers(Numbering::RowNumber), [1, 2, 4, 5]);
    assert_eq!(numbers(Numbering::Rank), [1, 2, 2, 5]);
    assert_eq!(numbers(Numbering::DenseRank), [1, 2, 2, 3]);
}

fn moved(shown: &Shown, before: (i64, i64), after: (i64, i64)) -> Vec<(i64, i64)> {
    let place = |(first, count)| Place { weight: 9, first, count };
    shown.difference(place(before), place(after))
}

#[test]
fn copies_of_a_row_have_numbers_of_their_own() {
    let shown = Shown { numbering: Numbering::RowNumber, first: 2, last: 4, has_number: true };
    assert_eq!(moved(&shown, (0, 0), (1, 3)), [(2, 1), (3, 1)]);
    assert_eq!(moved(&shown, (1, 3), (2, 3)), [(4, 1)]);
    assert_eq!(moved(&shown, (2, 3), (0, 0)), [(2, -1), (3, -1), (4, -1)]);
    let hidden = Shown { has_number: false, ..shown };
    assert_eq!(moved(&hidden, (1, 3), (2, 3)), [(0, 1)]);
    assert_eq!(moved(&hidden, (2, 1), (3, 1)), []);
}

#[test]
fn copies_of_a_row_share_a_rank() {
    let shown = Shown { numbering: Numbering::Rank, first: 1, last: 4, has_number: true };
    assert_eq!(moved(&shown, (1, 2), (3, 2)), [(1, -2), (3, 2)]);
    assert_eq!(moved(&shown, (3, 2), (3, 5)), [(3, 3)]);
}
