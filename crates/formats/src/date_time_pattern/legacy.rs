//! Which patterns Spark 2 knew: Java's SimpleDateFormat. Spark tells who uses one of those that it is read in another
//! way now.

/// Returns `true` if SimpleDateFormat takes the pattern.
pub(super) fn accepts(pattern: &str) -> bool {
    let mut quoted = false;
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => quoted = !quoted,
            'a'..='z' | 'A'..='Z' if !quoted => {
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                if !"GyMdkHmsSEDFwWahKzZYuXL".contains(letter) || letter == 'X' && count > 3 {
                    return false;
                }
            }
            _ => {}
        }
    }
    !quoted
}
