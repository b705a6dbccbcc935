//! JSON with a line for each field, as the `pretty` of Spark's JSON library writes it: elements stay on their line.

/// The same JSON, which must have no blanks outside of its strings, over several lines.
pub(super) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    // The brackets that are open, and how many of them are objects.
    let mut open: Vec<char> = Vec::new();
    let mut depth = 0;
    let (mut quoted, mut escaped) = (false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                out.push(letter);
                open.push(letter);
                let empty = letters.peek().is_some_and(|next| matches!(next, '}' | ']'));
                depth += usize::from(letter == '{');
                if letter == '[' {
                    // A blank stands on both sides of elements; of none there is one in between.
                    out.push_str(if empty { "" } else { " " });
                } else if !empty {
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                let is_object = open.pop() == Some('{');
                depth -= usize::from(is_object);
                if is_object && !out.ends_with('{') {
                    new_line(&mut out, depth);
                } else {
                    out.push(' ');
                }
                out.push(letter);
            }
            ',' if open.last() == Some(&'{') => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ',' => out.push_str(", "),
            ':' => out.push_str(" : "),
            other => {
                out.push(other);
                quoted = other == '"';
            }
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
