//! The rules are those that `java.util.Properties.load` documents.

use super::*;

fn check(text: &str, wanted: &[(&str, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(parse(text), Ok(wanted), "{text}");
}

#[test]
fn names_end_where_java_ends_them() {
    check("Truth = Beauty", &[("Truth", "Beauty")]);
    check(" Truth:Beauty", &[("Truth", "Beauty")]);
    check("Truth                    :Beauty", &[("Truth", "Beauty")]);
    check("cheeses", &[("cheeses", "")]);
    check("key value = more", &[("key", "value = more")]);
    check("a=b=c", &[("a", "b=c")]);
    check("a==b", &[("a", "=b")]);
    check(r"\:\= = x", &[(":=", "x")]);
    check("a=b  ", &[("a", "b  ")]);
}

#[test]
fn comments_and_blank_lines_are_passed_over() {
    check("# a=b\n\n  ! c=d\n \t\ne=f\r\n", &[("e", "f")]);
}

#[test]
fn lines_are_taken_together() {
    check("fruits  apple, banana, \\\n        pear", &[("fruits", "apple, banana, pear")]);
    check("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]);
    check("a=b\\", &[("a", "b")]);
}

#[test]
fn escapes_are_read() {
    check(r"path=c:\\kafka\tx", &[("path", "c:\\kafka\tx")]);
    check(r"u=\u00e4\uD83D\uDE00\q", &[("u", "ä😀q")]);
    assert_eq!(parse("a=b\nu=\\u12g4"), Err(2));
    assert_eq!(parse("u=\\u12"), Err(1));
}
