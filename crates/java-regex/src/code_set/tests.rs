//! Sets of code points.

use super::{CodeSet, LAST};

#[test]
fn touching_ranges_become_one_and_the_complement_is_the_rest() {
    let set = CodeSet::new(vec![(200, 300), (10, 20), (21, 30), (15, 25)]);
    assert_eq!(set.ranges(), [(10, 30), (200, 300)]);
    assert_eq!(set.complement().ranges(), [(0, 9), (31, 199), (301, LAST)]);
    assert_eq!(set.complement().complement(), set);
    assert_eq!(CodeSet::range(0..=LAST).complement().ranges(), []);
}

#[test]
fn membership_is_that_of_the_ranges() {
    let (left, right) = (CodeSet::new(vec![(5, 90), (120, 300)]), CodeSet::new(vec![(80, 130), (299, 400)]));
    for point in 0..500 {
        let (one, two) = (left.contains(point), right.contains(point));
        assert_eq!(one, (5..=90).contains(&point) || (120..=300).contains(&point), "{point}");
        assert_eq!(left.union(&right).contains(point), one || two, "{point}");
        assert_eq!(left.intersection(&right).contains(point), one && two, "{point}");
        assert_eq!(left.complement().contains(point), !one, "{point}");
    }
}
