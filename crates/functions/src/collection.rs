//! Arrays, maps and structs: making them, and looking into them.

mod access;
mod array;
mod construct;
mod fold;
mod lambda_function;
mod map;
mod map_zip;
mod merge;
mod sequence;
mod set;
mod shuffle;
mod sort_by;
mod vector;

pub(super) use array::{joined_bytes, lists_of};
pub(super) use construct::struct_of;
pub use fold::array_fold;
pub use map::map_sorted;
pub use sort_by::array_sort_by;
pub(super) use vector::{differing_dimensions, vector};

use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm;

/// The functions on collections.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("array", AtLeast(0), construct::array, "an array of these elements"),
    FunctionEntry::new("named_struct", AtLeast(0), construct::named_struct, "a struct of names and values"),
    FunctionEntry::new("map", AtLeast(0), construct::map, "a map of keys and values").or(&["create_map"]),
    FunctionEntry::new(
        "map_from_arrays",
        Exactly(2),
        construct::map_from_arrays,
        "a map of an array of keys and one of values",
    ),
    FunctionEntry::new("concat", AtLeast(0), construct::concat, "strings, binaries or arrays one behind the other"),
    FunctionEntry::new("||", AtLeast(0), construct::concat, "`concat` as an operator")
        .shown(SqlForm::Template("concat({..})")),
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
    FunctionEntry::new("array_union", Exactly(2), set::union, "the elements of both, each once"),
    FunctionEntry::new("array_intersect", Exactly(2), set::intersect, "the elements that both have, each once"),
    FunctionEntry::new("array_except", Exactly(2), set::except, "the elements that the other has not, each once"),
    FunctionEntry::new("arrays_overlap", Exactly(2), set::overlap, "whether they share an element"),
    FunctionEntry::new("array_remove", Exactly(2), set::remove, "without an element"),
    FunctionEntry::new("array_append", Exactly(2), set::append, "with an element at the end"),
    FunctionEntry::new("array_prepend", Exactly(2), set::prepend, "with an element in front"),
    FunctionEntry::new("array_insert", Exactly(3), set::insert, "with an element at a place"),
    FunctionEntry::new("array_compact", Exactly(1), set::compact, "without NULL"),
    FunctionEntry::new("arrays_zip", AtLeast(1), set::zip, "the n-th elements of all as structs"),
    FunctionEntry::new("arrays_zip_by_place", Exactly(2), set::zip_by_place, "`zip_with`'s pairs"),
    FunctionEntry::new("array_with_index", Exactly(1), set::with_index, "the elements, each with its index from 0"),
    FunctionEntry::new("map_zip_entries", Exactly(2), map_zip::zip_entries, "`map_zip_with`'s entries")
        .shown(SqlForm::Template("map_zip_with({}, {}, lambdafunction())")),
    FunctionEntry::new("map_concat", AtLeast(0), merge::map_concat, "the entries of all maps"),
    FunctionEntry::new("map_from_entries", Exactly(1), merge::map_from_entries, "a map of an array of pairs"),
    FunctionEntry::new("str_to_map", Between(1, 3), merge::str_to_map, "a map of a text of pairs"),
    FunctionEntry::new("shuffle", Between(1, 2), shuffle::shuffle, "the elements in an order of chance")
        .shown(SqlForm::FirstArgument),
    FunctionEntry::new("vector_inner_product", Exactly(2), vector::inner_product, "the inner product of two vectors"),
    FunctionEntry::new("vector_cosine_similarity", Exactly(2), vector::cosine_similarity, "the cosine of their angle"),
    FunctionEntry::new("vector_l2_distance", Exactly(2), vector::l2_distance, "how far two vectors lie apart"),
    FunctionEntry::new("vector_norm", Between(1, 2), vector::norm, "the length of a vector"),
    FunctionEntry::new("vector_normalize", Between(1, 2), vector::normalize, "the vector with the length 1"),
    FunctionEntry::new("sequence", Between(2, 3), sequence::sequence, "the values from one to another"),
];
