//! Every way in which a file can name a module, and what only looks like one.

use super::named_paths;

/// The paths that a file of the module `a::b` names, each with its line.
fn paths(text: &str) -> Vec<String> {
    let module = ["a".to_owned(), "b".to_owned()];
    let found = named_paths(text, &module).unwrap();
    found.iter().map(|path| format!("{} {}", path.line, path.segments.join("::"))).collect()
}

#[test]
fn single_paths() {
    assert_eq!(paths("use crate::x::Y;"), ["1 x::Y"]);
    assert_eq!(paths("\nfn f() -> crate::x::Y<crate::z::W> {}"), ["2 x::Y", "2 z::W"]);
    assert_eq!(paths("fn f() { crate::x::g::<crate::z::W>(1) }"), ["1 x::g", "1 z::W"]);
    assert_eq!(paths("use crate::x::*;"), ["1 x::*"]);
    assert_eq!(paths("use crate::x as y;"), ["1 x"]);
}

#[test]
fn groups() {
    assert_eq!(paths("use crate::{x, y::z};"), ["1 x", "1 y::z"]);
    assert_eq!(
        paths("use crate::{\n    x::{self, A as B, c::{D, *}},\n    y::Z,\n};"),
        ["2 x", "2 x::A", "2 x::c::D", "2 x::c::*", "3 y::Z"]
    );
    assert_eq!(paths("use {crate::x::A, super::y::B};"), ["1 x::A", "1 a::y::B"]);
}

#[test]
fn super_climbs_to_other_modules() {
    assert_eq!(paths("use super::c::D;"), ["1 a::c::D"]);
    assert_eq!(paths("use super::super::x::Y;"), ["1 x::Y"]);
    assert_eq!(paths("use super::{super::x::Y, c};"), ["1 x::Y", "1 a::c"]);
    assert_eq!(paths("use self::c::D;"), ["1 a::b::c::D"]);
    assert_eq!(paths("mod inner { use super::super::super::x::Y; }"), ["1 x::Y"]);
}

#[test]
fn inside_of_macro_calls() {
    assert_eq!(paths(r#"fn f() { vec![crate::x::Y, format!("{}", super::c::Z)] }"#), ["1 x::Y", "1 a::c::Z"]);
}

#[test]
fn comments_texts_receivers_and_visibility_are_not_paths() {
    assert_eq!(paths("// crate::x\n/* crate::y */\n/// [`crate::z`]\nfn f() {}"), [""; 0]);
    assert_eq!(paths(r##"const A: &str = "crate::x"; const B: &str = r#"crate::y"#;"##), [""; 0]);
    assert_eq!(paths("pub(crate) fn f(&self) -> Self { self.x() }"), [""; 0]);
    assert_eq!(paths("use other::crates::x;"), [""; 0]);
}

#[test]
fn what_only_tests_compile_is_left_out() {
    assert_eq!(paths("#[cfg(test)]\nmod tests { use crate::x::Y; }\nuse crate::z::W;"), ["3 z::W"]);
    assert_eq!(paths("#[cfg(test)]\nmod tests;\nuse crate::z::W;"), ["3 z::W"]);
    assert_eq!(paths("#[cfg(test)]\nuse crate::x::{A, B};\nuse crate::z::W;"), ["3 z::W"]);
    assert_eq!(paths("#[cfg(test)]\nfn f(x: [u8; 3]) { crate::x::g() }\nuse crate::z::W;"), ["3 z::W"]);
    assert_eq!(paths("#[cfg(unix)]\nuse crate::z::W;"), ["2 z::W"]);
}

#[test]
fn names_of_the_root() {
    let text = "mod x;\nuse std::sync::Arc;\npub use self::x::{Y, z::Z};\npub(crate) use crate::w::W;\nfn f() {}";
    let found = super::root_imports(text).unwrap();
    let found: Vec<String> = found.iter().map(|path| path.segments.join("::")).collect();
    assert_eq!(found, ["std::sync::Arc", "x::Y", "x::z::Z", "w::W"]);
}

#[test]
fn macros_of_the_root() {
    let text = "/// Doc.\n#[macro_export]\nmacro_rules! shown { () => {}; }\nmacro_rules! hidden { () => {}; }";
    assert_eq!(super::exported_macros(text).unwrap(), ["shown"]);
}
