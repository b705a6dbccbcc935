//! Places as Spark shows them. The expected texts are Spark 4.2's.

use super::*;

fn part(text: &str, part: &str) -> SqlContext {
    let start = text.find(part).expect("the part stands in the text");
    let object = None;
    SqlContext { text: Arc::new(SqlText { text: text.to_owned(), object }), part: start..start + part.len() }
}

#[test]
fn a_part_of_one_line_is_underlined() {
    let context = part("SELECT\n  id,\n  1 / id AS x\nFROM numbers", "1 / id");
    assert_eq!((context.start_index(), context.stop_index()), (15, 20));
    assert_eq!(context.summary(), "== SQL (line 3, position 3) ==\n  1 / id AS x\n  ^^^^^^\n");
}

#[test]
fn a_part_of_several_lines_is_underlined_on_each() {
    let context = part("SELECT 1 /\n  (id -\n   id) FROM numbers", "1 /\n  (id -\n   id)");
    let lines = "SELECT 1 /\n       ^^^\n  (id -\n^^^^^^^\n   id) FROM numbers\n^^^^^^\n";
    assert_eq!(context.summary(), format!("== SQL (line 1, position 8) ==\n{lines}"));
}

#[test]
fn a_long_line_is_cut_on_both_sides() {
    let columns = |name: char| (0..20).map(|i| format!("id + {i} AS {name}{i}")).collect::<Vec<_>>().join(", ");
    let context = part(&format!("SELECT {}, 1 / id AS x, {} FROM numbers", columns('c'), columns('d')), "1 / id");
    assert_eq!((context.start_index(), context.stop_index()), (307, 312));
    let line = "...id + 18 AS c18, id + 19 AS c19, 1 / id AS x, id + 0 AS d0, id + 1 AS d...";
    let summary = format!("== SQL (line 1, position 308) ==\n{line}\n{}^^^^^^\n", " ".repeat(35));
    assert_eq!(context.summary(), summary);
}

#[test]
fn a_view_is_named() {
    let object = Some(("VIEW".to_owned(), "v".to_owned()));
    let text = Arc::new(SqlText { text: "SELECT 1/0 AS x".to_owned(), object });
    let summary = "== SQL of VIEW v (line 1, position 8) ==\nSELECT 1/0 AS x\n       ^^^\n";
    assert_eq!(SqlContext { text, part: 7..10 }.summary(), summary);
}

#[test]
fn a_place_outside_the_text_shows_nothing() {
    for part in [5..9, 9..12, 1..2] {
        let text = Arc::new(SqlText { text: "é".to_owned(), object: None });
        let context = SqlContext { text, part };
        assert_eq!((context.summary(), context.fragment()), (String::new(), ""));
    }
}
