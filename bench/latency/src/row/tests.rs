use super::*;

#[test]
fn what_is_written_is_read() {
    let mut writer = RowWriter::new();
    let row = writer.write(12_345, 987_654_321);
    assert!((1050..1150).contains(&row.len()), "{} bytes", row.len());
    assert_eq!(number(row, "id").expect("an id"), 12_345);
    assert_eq!(number(row, "sent").expect("a time"), 987_654_321);
    assert_eq!(user(row).expect("a user"), 345);
    let json: serde_json::Value = serde_json::from_slice(row).expect("JSON");
    assert_eq!((json["id"].as_u64(), json["user"].as_str()), (Some(12_345), Some("u345")));
}

#[test]
fn a_result_of_another_shape_is_refused() {
    assert_eq!(number(br#"{"n":7}"#, "n").expect("a number"), 7);
    let refused = number(br#"{"n":null}"#, "n").expect_err("no number").to_string();
    assert_eq!(refused, r#"no number "n" in {"n":null}"#);
    assert!(user(br#"{"user":"u1000"}"#).is_err(), "there are users 0 to 999");
}
