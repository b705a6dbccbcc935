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
    FunctionEntry::scalar("array", AtLeast(0), construct::array, "an array of these elements"),
    FunctionEntry::scalar("named_struct", AtLeast(2), construct::named_struct, "a struct of names and values"),
    FunctionEntry::scalar("map", AtLeast(0), construct::map, "a map of keys and values").or(&["create_map"]),
    FunctionEntry::scalar(
        "map_from_arrays",
        Exactly(2),
        construct::map_from_arrays,
        "a map of an array of keys and one of values",
    ),
    FunctionEntry::scalar("concat", AtLeast(0), construct::concat, "strings, binaries or arrays one behind the other")
        .or(&["||"]),
    FunctionEntry::scalar("get_item", Exactly(2), access::get_item, "`array[index]`, `map[key]`").or(&["getitem"]),
    FunctionEntry::scalar("get_array_struct_fields", Exactly(2), access::array_struct_fields, "`array.field`"),
    FunctionEntry::scalar("element_at", Exactly(2), access::element_at, "the n-th element from 1, or a key's value"),
    FunctionEntry::scalar("try_element_at", Exactly(2), access::try_element_at, "the same, NULL for none"),
    FunctionEntry::scalar("get", Exactly(2), access::get, "the element at an index from 0, NULL for none"),
    FunctionEntry::scalar("size", Exactly(1), access::size, "the number of elements").or(&["cardinality"]),
    FunctionEntry::scalar("array_size", Exactly(1), access::array_size, "the number of elements"),
    FunctionEntry::scalar("map_keys", Exactly(1), map::keys, "the keys"),
    FunctionEntry::scalar("map_values", Exactly(1), map::values, "the values"),
    FunctionEntry::scalar("map_entries", Exactly(1), map::entries, "keys and values as structs"),
    FunctionEntry::scalar("map_contains_key", Exactly(2), map::contains_key, "whether there is such a key"),
    FunctionEntry::scalar("array_contains", Exactly(2), array::contains, "whether there is such an element"),
    FunctionEntry::scalar("array_position", Exactly(2), array::position, "the place of an element from 1, or 0"),
    FunctionEntry::scalar("array_distinct", Exactly(1), array::distinct, "each element once"),
    FunctionEntry::scalar("array_join", Between(2, 3), array::join, "the elements as one text"),
    FunctionEntry::scalar("array_max", Exactly(1), array::max, "the greatest element"),
    FunctionEntry::scalar("array_min", Exactly(1), array::min, "the least element"),
    FunctionEntry::scalar("sort_array", Between(1, 2), array::sort_array, "the elements in order"),
    FunctionEntry::scalar("array_sort", Exactly(1), array::array_sort, "the elements in order, NULL last"),
    FunctionEntry::scalar("flatten", Exactly(1), array::flatten, "the elements of the elements"),
    FunctionEntry::scalar("slice", Exactly(3), array::slice, "some elements from a place on"),
    FunctionEntry::scalar("reverse", Exactly(1), array::reverse, "elements or letters, last first"),
    FunctionEntry::scalar("array_repeat", Exactly(2), array::repeat, "a value so many times"),
    FunctionEntry::scalar("sequence", Between(2, 3), sequence::sequence, "the values from one to another"),
];
