//! The function table: an entry a function, found by name.

use crate::failure::wrong_argument_count;
use std::collections::HashMap;
use std::sync::LazyLock;

use millstream_core::Result;

use super::call::{FunctionCall, Resolved};

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy)]
pub enum Arity {
    /// Just so many.
    Exactly(usize),
    /// One of these numbers.
    Between(usize, usize),
    /// So many or more.
    AtLeast(usize),
}

type Resolve = fn(&FunctionCall<'_>) -> Result<Resolved>;

/// One function of Spark.
#[derive(Debug)]
pub struct FunctionEntry {
    /// Spark's name.
    pub name: &'static str,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// How many arguments it takes.
    pub arity: Arity,
    resolve: Resolve,
    /// What it does, in a line.
    pub doc: &'static str,
}

impl FunctionEntry {
    /// An entry without further names.
    pub(super) const fn new(name: &'static str, arity: Arity, resolve: Resolve, doc: &'static str) -> Self {
        Self { name, aliases: &[], arity, resolve, doc }
    }

    /// The same under more names.
    pub(super) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Checks the number of arguments, then the arguments, and answers what the call means.
    pub fn resolve(&self, call: &FunctionCall<'_>) -> Result<Resolved> {
        let count = call.arguments.len();
        let (fits, expected) = match self.arity {
            Arity::Exactly(n) => (count == n, n.to_string()),
            Arity::Between(least, most) => {
                let numbers: Vec<_> = (least..=most).map(|n| n.to_string()).collect();
                ((least..=most).contains(&count), format!("[{}]", numbers.join(", ")))
            }
            Arity::AtLeast(least) => (count >= least, format!("> {}", least.saturating_sub(1))),
        };
        if !fits {
            return Err(wrong_argument_count(call, &expected).with_hint(format!("`{}`: {}", self.name, self.doc)));
        }
        (self.resolve)(call)
    }
}

/// All functions by all their names, in lower case.
static TABLE: LazyLock<HashMap<&'static str, &'static FunctionEntry>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for entry in entries() {
        for name in std::iter::once(entry.name).chain(entry.aliases.iter().copied()) {
            let before = table.insert(name, entry);
            assert!(before.is_none(), "two functions are called {name}");
        }
    }
    table
});

/// All entries, family by family.
pub(super) fn entries() -> impl Iterator<Item = &'static FunctionEntry> {
    let families: [&'static [FunctionEntry]; 14] = [
        super::conversion::FUNCTIONS,
        super::operators::FUNCTIONS,
        super::conditional::FUNCTIONS,
        super::string::FUNCTIONS,
        super::math::FUNCTIONS,
        super::date_time::FUNCTIONS,
        super::json::FUNCTIONS,
        super::csv::FUNCTIONS,
        super::collection::FUNCTIONS,
        super::aggregate::FUNCTIONS,
        super::generator::FUNCTIONS,
        super::window::FUNCTIONS,
        super::window_time::FUNCTIONS,
        super::session::FUNCTIONS,
    ];
    families.into_iter().flatten().chain(super::hash::FUNCTIONS)
}

/// The function of this name, in any letter case.
pub fn lookup(name: &str) -> Option<&'static FunctionEntry> {
    TABLE.get(name.to_lowercase().as_str()).copied()
}
