//! How calls stand in SQL text: Spark's `toPrettySQL`, which is also a column's name when the user gives none.

use super::typed_expr::TypedExpr;

/// How the calls of a function are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlForm {
    /// `name(a, b)`, in lower case.
    Call,
    /// `name(a, b)` under this name, whatever the user called it.
    Named(&'static str),
    /// This symbol between two arguments where the call is by a symbol, `(a << b)`, else as [`SqlForm::Call`].
    Symbol,
    /// `NAME(a)` with one argument, as [`SqlForm::Call`] with more.
    CapitalsOfOne,
    /// `NAME(a, b)`
    Capitals,
    /// This symbol between two arguments, `(a + b)`, or before a single one, `(- a)`.
    Infix(&'static str),
    /// This text with an argument for each `{}`, and with all that are left for `{..}`.
    Template(&'static str),
    /// `name(a)`, without the further arguments, which are no children of the function to Spark.
    FirstArgument,
    /// `CASE WHEN a THEN b ELSE c END`
    Case,
}

impl SqlForm {
    /// The text of a call by this name. A call with more or fewer arguments than the form has places for is written as
    /// [`SqlForm::Call`] is.
    pub fn text(self, name: &str, arguments: &[TypedExpr], distinct: bool) -> String {
        let texts: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
        let written = match self {
            Self::Call => None,
            Self::Named(known) => Some(call(known, &texts, distinct)),
            Self::Symbol if !name.contains(char::is_alphabetic) => infix(name, &texts),
            Self::CapitalsOfOne if texts.len() == 1 => Some(call(&name.to_ascii_uppercase(), &texts, distinct)),
            Self::Symbol | Self::CapitalsOfOne => None,
            Self::Capitals => Some(call(&name.to_ascii_uppercase(), &texts, distinct)),
            Self::Infix(symbol) => infix(symbol, &texts),
            Self::Template(template) => fill(template, &texts),
            Self::FirstArgument => Some(call(&name.to_ascii_lowercase(), &texts[..texts.len().min(1)], distinct)),
            Self::Case => Some(case(&texts)),
        };
        written.unwrap_or_else(|| call(&name.to_lowercase(), &texts, distinct))
    }
}

fn call(name: &str, texts: &[&str], distinct: bool) -> String {
    format!("{name}({}{})", if distinct { "DISTINCT " } else { "" }, texts.join(", "))
}

fn infix(symbol: &str, texts: &[&str]) -> Option<String> {
    match texts {
        [only] => Some(format!("({symbol} {only})")),
        [left, right] => Some(format!("({left} {symbol} {right})")),
        _ => None,
    }
}

/// The template with these texts, if they are as many as it has places for.
fn fill(template: &str, texts: &[&str]) -> Option<String> {
    let (mut written, mut template, mut texts) = (String::new(), template, texts);
    while let Some((before, after)) = template.split_once('{') {
        written.push_str(before);
        if let Some(after) = after.strip_prefix("..}") {
            written.push_str(&texts.join(", "));
            (template, texts) = (after, &[]);
        } else {
            let (first, rest) = texts.split_first()?;
            written.push_str(first);
            (template, texts) = (after.strip_prefix('}')?, rest);
        }
    }
    written.push_str(template);
    texts.is_empty().then_some(written)
}

fn case(texts: &[&str]) -> String {
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
