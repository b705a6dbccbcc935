//! Spark's `toPrettySQL`: the text of an expression, which is also its column's name when the user gives none.

use super::typed_expr::TypedExpr;

/// The text of a call, by the name that it was called with.
pub fn call_sql(name: &str, arguments: &[TypedExpr], distinct: bool) -> String {
    let texts: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
    let lower = name.to_ascii_lowercase();
    match (lower.as_str(), texts.as_slice()) {
        ("==", [left, right]) => format!("({left} = {right})"),
        ("!=" | "<>", [left, right]) => format!("(NOT ({left} = {right}))"),
        ("and" | "or" | "div", [left, right]) => {
            let word = if lower == "div" { "div".to_owned() } else { lower.to_ascii_uppercase() };
            format!("({left} {word} {right})")
        }
        ("+" | "-" | "*" | "/" | "%" | "=" | "<=>" | "<" | "<=" | ">" | ">=" | "&" | "|" | "^", [left, right]) => {
            format!("({left} {lower} {right})")
        }
        ("-" | "+" | "positive", [only]) => format!("({} {only})", if lower == "-" { "-" } else { "+" }),
        ("~", [only]) => format!("~{only}"),
        ("not" | "!", [only]) => format!("(NOT {only})"),
        ("isnull", [only]) => format!("({only} IS NULL)"),
        ("isnotnull", [only]) => format!("({only} IS NOT NULL)"),
        ("in", [value, list @ ..]) => format!("({value} IN ({}))", list.join(", ")),
        ("like", [value, pattern]) => format!("{value} LIKE {pattern}"),
        ("rlike" | "regexp_like" | "regexp", [value, pattern]) => format!("RLIKE({value}, {pattern})"),
        ("if", [_, _, _]) => format!("(IF({}))", texts.join(", ")),
        ("when", _) => case_sql(&texts),
        // Schema and options are no children of these to Spark.
        ("from_json" | "from_csv", [value, ..]) => format!("{lower}({value})"),
        ("||", _) => format!("concat({})", texts.join(", ")),
        _ => {
            let shown = match lower.as_str() {
                "ceil" | "floor" | "rank" | "dense_rank" | "percent_rank" => name.to_ascii_uppercase(),
                _ => name.to_owned(),
            };
            format!("{shown}({}{})", if distinct { "DISTINCT " } else { "" }, texts.join(", "))
        }
    }
}

fn case_sql(texts: &[&str]) -> String {
    let mut text = "CASE".to_owned();
    let mut pairs = texts.chunks_exact(2);
    for pair in &mut pairs {
        text.push_str(&format!(" WHEN {} THEN {}", pair[0], pair[1]));
    }
    if let [otherwise] = pairs.remainder() {
        text.push_str(&format!(" ELSE {otherwise}"));
    }
    text.push_str(" END");
    text
}
