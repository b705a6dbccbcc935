//! Random calls as SQL text.

use millstream_functions::{Arity, FunctionEntry};

use super::values::{COLUMNS, CONDITIONS, LAMBDAS, LITERALS, TABLE, WINDOWS};

/// Draws calls; the same seed draws the same.
pub(super) struct Calls {
    state: u64,
}

impl Calls {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `end`, by SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let number = u128::from(mixed ^ (mixed >> 31)) * end as u128;
        usize::try_from(number >> 64).expect("less than `end`")
    }

    pub(super) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    /// A query with a call of `entry`.
    pub(super) fn query(&mut self, entry: &FunctionEntry) -> String {
        let mut call = self.call(entry, 0);
        if self.one_in(12) {
            call = format!("{call} IGNORE NULLS");
        }
        if self.one_in(12) {
            let condition = self.pick(CONDITIONS);
            call = format!("{call} FILTER (WHERE {condition})");
        }
        let is_window = is_window_function(entry.name);
        if if is_window { !self.one_in(10) } else { self.one_in(6) } {
            let window = self.pick(WINDOWS);
            call = format!("{call} OVER {window}");
        }
        format!("SELECT {call} AS r FROM {TABLE}")
    }

    fn call(&mut self, entry: &FunctionEntry, depth: usize) -> String {
        let (least, most) = match entry.arity {
            Arity::Exactly(count) => (count, count),
            Arity::Between(least, most) => (least, most),
            Arity::AtLeast(least) => (least, least + 4),
        };
        // Now and then one too few or too many.
        let count = match self.below(20) {
            0 => most + 1,
            1 => least.saturating_sub(1),
            _ => least + self.below(most - least + 1),
        };
        // Arguments of one kind meet more often than they would by chance.
        let kin = self.one_in(3).then(|| self.value(depth));
        let arguments: Vec<_> = (0..count)
            .map(|_| match &kin {
                Some(value) if self.coin() => value.clone(),
                _ => self.argument(depth),
            })
            .collect();
        let distinct = if depth == 0 && self.one_in(15) { "DISTINCT " } else { "" };
        format!("`{}`({distinct}{})", entry.name, arguments.join(", "))
    }

    fn argument(&mut self, depth: usize) -> String {
        if self.one_in(12) { self.pick(LAMBDAS) } else { self.value(depth) }
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(10) {
            0..=3 => self.pick(COLUMNS),
            4 if depth < 2 => {
                let entries: Vec<_> = millstream_functions::entries().collect();
                let entry = entries[self.below(entries.len())];
                self.call(entry, depth + 1)
            }
            _ => self.pick(LITERALS),
        }
    }
}

fn is_window_function(name: &str) -> bool {
    ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value"]
        .contains(&name)
}
