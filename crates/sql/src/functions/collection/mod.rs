//! Arrays, maps and structs: making them, and looking into them.

mod access;
mod array;
mod construct;
mod map;
mod sequence;

use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;

/// The functions on collections.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("array", AtLeast(0), construct::array, "an array of these elements"),
    FunctionEntry::new("named_struct", AtLeast(2), construct::named_struct, "a struct of names and values"),
    FunctionEntry::new("map", AtLeast(0), construct::map, "a map of keys and values").or(&["create_map"]),
    FunctionEntry::new(
        "map_from_arrays",
        Exactly(2),
        construct::map_from_arrays,
        "a map of an array of keys and one of values",
    ),
    FunctionEntry::new("concat", AtLeast(0), construct::concat, "strings, binaries or arrays one behind the other")
        .or(&["||"]),
    FunctionEntry::new("get_item", Exactly(2), access::get_item, "`array[index]`, `map[key]`").or(&["getitem"]),
    FunctionEntry::new("get_array_struct_fields", Exactly(2), access::array_struct_fields, "`array.field`"),
    FunctionEntry::new("element_at", Exactly(2), access::element_at, "the n-th element from 1, or a key's value"),
    FunctionEntry::new("try_element_at", Exactly(2), access::try_element_at, "the same, NULL for none"),
    FunctionEntry::new("get", Exactly(2), access::get, "the element at an index from 0, NULL for none"),
    FunctionEntry::new("size", Exactly(1), access::size, "the number of elements").or(&["cardinality"]),
    FunctionEntry::new("array_size", Exactly(1), access::array_size, "the number of elements"),
    FunctionEntry::new("map_keys", Exactly(1), map::keys, "the keys"),
    FunctionEntry::new("map_values", Exactly(1), map::values, "the values"),
    FunctionEntry::new("map_entries", Exactly(1), map::entries, "keys and values as structs"),
    FunctionEntry::new("map_contains_key", Exactly(2), map::contains_key, "whether there is such a key"),
    FunctionEntry::new("array_contains", Exactly(2), array::contains, "whether there is such an element"),
    FunctionEntry::new("array_position", Exactly(2), array::position, "the place of an element from 1, or 0"),
    FunctionEntry::new("array_distinct", Exactly(1), array::distinct, "each element once"),
    FunctionEntry::new("array_join", Between(2, 3), array::join, "the elements as one text"),
    FunctionEntry::new("array_max", Exactly(1), array::max, "the greatest element"),
    FunctionEntry::new("array_min", Exactly(1), array::min, "the least element"),
    FunctionEntry::new("sort_array", Between(1, 2), array::sort_array, "the elements in order"),
    FunctionEntry::new("array_sort", Exactly(1), array::array_sort, "the elements in order, NULL last"),
    FunctionEntry::new("flatten", Exactly(1), array::flatten, "the elements of the elements"),
    FunctionEntry::new("slice", Exactly(3), array::slice, "some elements from a place on"),
    FunctionEntry::new("reverse", Exactly(1), array::reverse, "elements or letters, last first"),
    FunctionEntry::new("array_repeat", Exactly(2), array::repeat, "a value so many times"),
    FunctionEntry::new("sequence", Between(2, 3), sequence::sequence, "the values from one to another"),
];
