//! The function table: every entry of every family, found by name.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::entry::FunctionEntry;

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
pub fn entries() -> impl Iterator<Item = &'static FunctionEntry> {
    let families: [&'static [FunctionEntry]; 14] = [
        crate::conversion::FUNCTIONS,
        crate::operators::FUNCTIONS,
        crate::conditional::FUNCTIONS,
        crate::string::FUNCTIONS,
        crate::math::FUNCTIONS,
        crate::date_time::FUNCTIONS,
        crate::json::FUNCTIONS,
        crate::csv::FUNCTIONS,
        crate::collection::FUNCTIONS,
        crate::aggregate::FUNCTIONS,
        crate::generator::FUNCTIONS,
        crate::window::FUNCTIONS,
        crate::window_time::FUNCTIONS,
        crate::session::FUNCTIONS,
    ];
    families.into_iter().flatten().chain(crate::hash::FUNCTIONS)
}

/// The function of this name, in any letter case.
pub fn lookup(name: &str) -> Option<&'static FunctionEntry> {
    TABLE.get(name.to_lowercase().as_str()).copied()
}
