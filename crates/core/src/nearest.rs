//! What somebody most likely meant who wrote a name that there is not.

/// Words of more letters are no slips, and would take long to compare.
const WORD_CHARS_MAX: usize = 100;

/// How long a name must be at least to stand for a longer one of which it is the begin or the end.
const PART_CHARS: usize = 4;

/// The name nearest to `word` in any letter case: one that differs by a slip or two, or one that begins or ends with
/// the word. `None` where nothing is near.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    if word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let slips_max = (word.chars().count() / 3).clamp(1, 3);
    let ranked = names.into_iter().filter_map(|name| {
        let lower = name.to_lowercase();
        let slips = slips(&word, &lower);
        if slips <= slips_max {
            // Of two that are as near, the longer: a letter is left out more often than typed in addition.
            return Some(((false, slips, usize::MAX - lower.len()), name));
        }
        let is_part = word.len() >= PART_CHARS && (lower.starts_with(&word) || lower.ends_with(&word));
        is_part.then_some(((true, lower.len(), 0), name))
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, name)| name)
}

/// How many letters are left out, too many, others, or swapped with their neighbours (optimal string alignment).
fn slips(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let other = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = other.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests;
