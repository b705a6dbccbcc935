//! Strings, which count in characters (code points), from 1.

mod binary;
mod casing;
mod choice;
mod encoding;
mod format;
mod format_number;
mod format_string;
mod pattern;
mod search;
mod slicing;
mod url;
mod utf8;

pub(super) use encoding::{base64, decode, hex};
pub(super) use format::joined;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;
use millstream_core::Result;

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::{FunctionEntry, Parameter, Preset};
use super::kernel::{Evaluation, Function};
use super::room::Room;

/// The string functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("upper", Exactly(1), casing::upper, "in upper case").or(&["ucase"]),
    FunctionEntry::new("lower", Exactly(1), casing::lower, "in lower case").or(&["lcase"]),
    FunctionEntry::new("initcap", Exactly(1), casing::initcap, "words with a capital first letter"),
    FunctionEntry::new("trim", Between(1, 2), slicing::trim, "without blanks around"),
    FunctionEntry::new("btrim", Between(1, 2), slicing::btrim, "without blanks around"),
    FunctionEntry::new("ltrim", Between(1, 2), slicing::ltrim, "without blanks before"),
    FunctionEntry::new("rtrim", Between(1, 2), slicing::rtrim, "without blanks behind"),
    FunctionEntry::new("length", Exactly(1), slicing::length, "the number of characters, or bytes").or(&[
        "len",
        "char_length",
        "character_length",
    ]),
    FunctionEntry::new("octet_length", Exactly(1), slicing::octet_length, "the number of bytes"),
    FunctionEntry::new("bit_length", Exactly(1), slicing::bit_length, "the number of bits"),
    FunctionEntry::new("substring", Between(2, 3), slicing::substring, "a part of it").or(&["substr"]),
    FunctionEntry::new("left", Exactly(2), slicing::left, "the first characters"),
    FunctionEntry::new("right", Exactly(2), slicing::right, "the last characters"),
    FunctionEntry::new("substring_index", Exactly(3), slicing::substring_index, "what lies before the n-th delimiter"),
    FunctionEntry::new("overlay", Between(3, 4), slicing::overlay, "with a part replaced"),
    FunctionEntry::new("lpad", Between(2, 3), slicing::lpad, "filled up on the left"),
    FunctionEntry::new("rpad", Between(2, 3), slicing::rpad, "filled up on the right"),
    FunctionEntry::new("repeat", Exactly(2), slicing::repeat, "so many times in a row"),
    FunctionEntry::new("space", Exactly(1), slicing::space, "so many blanks"),
    FunctionEntry::new("concat_ws", AtLeast(1), format::concat_ws, "joined with a separator; NULL is left out"),
    FunctionEntry::new("format_string", AtLeast(1), format_string::format_string, "by a format with %d and %s")
        .or(&["printf"]),
    FunctionEntry::new("format_number", Exactly(2), format_number::format_number, "with thousands and so many places"),
    FunctionEntry::new("translate", Exactly(3), search::translate, "with letters exchanged"),
    FunctionEntry::new("replace", Between(2, 3), search::replace, "with a text exchanged"),
    FunctionEntry::new("instr", Exactly(2), search::instr, "the place of a text, or 0"),
    FunctionEntry::new("locate", Between(2, 3), search::locate, "the place of a text, or 0")
        .or(&["position", "charindex"]),
    FunctionEntry::new("startswith", Exactly(2), search::startswith, "whether it begins with a text"),
    FunctionEntry::new("endswith", Exactly(2), search::endswith, "whether it ends with a text"),
    FunctionEntry::new("contains", Exactly(2), search::contains, "whether a text is in it"),
    FunctionEntry::new("levenshtein", Between(2, 3), search::levenshtein, "the number of edits between two texts"),
    FunctionEntry::new("split", Between(2, 3), pattern::split, "the parts between matches of a regular expression"),
    FunctionEntry::new("split_part", Exactly(3), search::split_part, "the n-th part between delimiters"),
    FunctionEntry::new("regexp_replace", Between(3, 4), pattern::regexp_replace, "with all matches exchanged"),
    FunctionEntry::new("regexp_extract", Between(2, 3), pattern::regexp_extract, "a group of the first match"),
    FunctionEntry::new("regexp_extract_all", Between(2, 3), pattern::regexp_extract_all, "a group of every match"),
    FunctionEntry::new("regexp_substr", Exactly(2), pattern::regexp_substr, "the first match"),
    FunctionEntry::new("regexp_count", Exactly(2), pattern::regexp_count, "the number of matches"),
    FunctionEntry::new("regexp_instr", Between(2, 3), pattern::regexp_instr, "the place of the first match, or 0"),
    FunctionEntry::new("ascii", Exactly(1), encoding::ascii, "the code point of the first character"),
    FunctionEntry::new("chr", Exactly(1), encoding::chr, "the character of a code").or(&["char"]),
    FunctionEntry::new("base64", Exactly(1), base64, "in base 64"),
    FunctionEntry::new("unbase64", Exactly(1), encoding::unbase64, "out of base 64"),
    FunctionEntry::new("hex", Exactly(1), hex, "in base 16"),
    FunctionEntry::new("unhex", Exactly(1), encoding::unhex, "out of base 16"),
    FunctionEntry::new("encode", Exactly(2), encoding::encode, "as bytes of a character set"),
    FunctionEntry::new("decode", AtLeast(2), decode, "bytes of a character set as text"),
    FunctionEntry::new("to_binary", Between(1, 2), binary::to_binary, "bytes written in a format"),
    FunctionEntry::new("try_to_binary", Between(1, 2), binary::try_to_binary, "the same, NULL for what is none"),
    FunctionEntry::new("elt", AtLeast(2), choice::elt, "the text at a place in the list"),
    FunctionEntry::new("find_in_set", Exactly(2), choice::find_in_set, "the place in a list with commas, or 0"),
    FunctionEntry::new("mask", Between(1, 5), choice::mask, "with letters and digits made unreadable").named(&[
        Parameter::required("str"),
        Parameter::optional("upperChar", Preset::Text("X")),
        Parameter::optional("lowerChar", Preset::Text("x")),
        Parameter::optional("digitChar", Preset::Text("n")),
        Parameter::optional("otherChar", Preset::Null),
    ]),
    FunctionEntry::new("luhn_check", Exactly(1), choice::luhn_check, "whether the check digit is right"),
    FunctionEntry::new("url_encode", Exactly(1), url::url_encode, "as in a URL"),
    FunctionEntry::new("url_decode", Exactly(1), url::url_decode, "out of a URL"),
    FunctionEntry::new("try_url_decode", Exactly(1), url::try_url_decode, "out of a URL, NULL for what is none"),
    FunctionEntry::new("parse_url", Between(2, 3), url::parse_url, "a part of a URL"),
    FunctionEntry::new("try_parse_url", Between(2, 3), url::try_parse_url, "a part of a URL, NULL for what is none"),
    FunctionEntry::new("quote", Exactly(1), choice::quote, "as a literal of SQL"),
    FunctionEntry::new("is_valid_utf8", Exactly(1), utf8::is_valid_utf8, "whether the bytes are UTF-8"),
    FunctionEntry::new("make_valid_utf8", Exactly(1), utf8::make_valid_utf8, "with a mark for what is no UTF-8"),
    FunctionEntry::new("validate_utf8", Exactly(1), utf8::validate_utf8, "the same text, an error if it is no UTF-8"),
    FunctionEntry::new(
        "try_validate_utf8",
        Exactly(1),
        utf8::try_validate_utf8,
        "the same text, NULL if it is no UTF-8",
    ),
    FunctionEntry::new("soundex", Exactly(1), encoding::soundex, "how it sounds, for names"),
];

/// A text of a text.
fn map_text(one: &Evaluation<'_>, map: impl Fn(&str) -> String) -> ArrayRef {
    Arc::new(one.strings(0).iter().map(|text| text.map(&map)).collect::<StringArray>())
}

/// A value of each row in which all arguments are there.
fn rows<C: FromIterator<Option<T>> + Array + 'static, T>(
    one: &Evaluation<'_>,
    value: impl FnMut(usize) -> T,
) -> ArrayRef {
    let mut value = value;
    Arc::new((0..one.rows).map(|row| one.all_valid(row).then(|| value(row))).collect::<C>())
}

/// The same for strings that may be longer than the arguments: each value takes room before it is made.
fn long_texts(
    one: &Evaluation<'_>,
    function: &'static str,
    mut value: impl FnMut(usize, &mut Room<'_>) -> Result<String>,
) -> Result<ArrayRef> {
    let mut room = one.room(function);
    let mut value = |row: usize| one.all_valid(row).then(|| value(row, &mut room)).transpose();
    Ok(Arc::new((0..one.rows).map(&mut value).collect::<Result<StringArray>>()?))
}

/// A function of strings to a value of this type.
fn of_strings(call: &FunctionCall<'_>, function: &'static Function, data_type: DataType) -> Result<Resolved> {
    scalar(function.call(call.all_strings()?, data_type, call))
}
