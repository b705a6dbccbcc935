use super::*;

#[test]
fn a_loop_that_broke_off_is_known_by_more_than_its_words() {
    let point = FailPoint::break_off("after_report", 2).unwrap();
    assert!(pass(Some(&point), "after_report").is_ok());
    let broken_off = pass(Some(&point), "after_report").unwrap_err();
    assert!(is_broken_off(&broken_off));
    let words = broken_off.message().to_owned();
    assert!(is_broken_off(&broken_off.within("the sink wrote half of it")));
    assert!(!is_broken_off(&Error::cancelled(words)));
    assert!(pass(Some(&point), "after_report").is_ok(), "a fail point strikes once");
}
