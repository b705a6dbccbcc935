//! Kernels are told apart, whatever their names; and no two have one name, because plans name columns by it.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, Int32Array};
use datafusion::common::ScalarValue;
use regex::Regex;

use super::*;

static ONE: Function = Function::new("number", |_| Ok(numbers(1)));
static TWO: Function = Function::new("number", |_| Ok(numbers(2)));

fn numbers(value: i32) -> ArrayRef {
    Arc::new(Int32Array::from(vec![value]))
}

fn call_of(function: &'static Function, data_type: DataType) -> Expr {
    let argument = TypedExpr::literal(ScalarValue::from(1_i32), "1");
    function.over([argument], data_type, true, &QuerySettings::default()).expr
}

fn hash_of(expr: &Expr) -> u64 {
    let mut hasher = DefaultHasher::new();
    expr.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_kernel_equals_itself_alone() {
    let (one, again) = (call_of(&ONE, DataType::Int32), call_of(&ONE, DataType::Int32));
    assert_eq!(one, again);
    assert_eq!(hash_of(&one), hash_of(&again));
    assert_ne!(one, call_of(&TWO, DataType::Int32), "another kernel of the same name");
    assert_ne!(one, call_of(&ONE, DataType::Int64), "another type");
}

/// Where kernels are made, and the text or constant that names each.
fn kernels(file: &Path, text: &str) -> Vec<String> {
    let made = Regex::new(r#"Function::(?:new|total|volatile)\(\s*("(\w+)"|[A-Z_]+|stringify!)"#).unwrap();
    let statics = Regex::new(r"static [A-Z0-9_]+: Function =\s*Function::").unwrap();
    assert_eq!(made.find_iter(text).count(), statics.find_iter(text).count(), "{}: a static each", file.display());
    let named = |name: &str| {
        let constant = Regex::new(&format!(r#"const {name}: &str = "(\w+)";"#)).unwrap();
        constant.captures(text).unwrap_or_else(|| panic!("{}: what is {name}?", file.display()))[1].to_owned()
    };
    let mut found = Vec::new();
    for kernel in made.captures_iter(text) {
        match (&kernel[1], kernel.get(2)) {
            (_, Some(literal)) => found.push(literal.as_str().to_owned()),
            // The one macro that makes kernels has a line for each: `name = what it computes;`.
            ("stringify!", None) => {
                let lines = text.rsplit_once("\nfunctions_of_double! {").expect("the macro is called").1;
                let lines = lines.lines().skip(1).take_while(|line| *line != "}");
                found.extend(lines.map(|line| line.trim().split_once(" = ").expect("a name").0.to_owned()));
            }
            (constant, None) => found.push(named(constant)),
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_two_kernels_have_one_name() {
    let mut files_of: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if file.extension().is_none_or(|extension| extension != "rs") || file.ends_with("tests.rs") {
            continue;
        }
        for name in kernels(&file, &fs::read_to_string(&file).unwrap()) {
            files_of.entry(name).or_default().push(file.clone());
        }
    }
    assert!(files_of.len() > 200, "only {} kernels were found", files_of.len());
    let clashes: Vec<_> = files_of.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(clashes.is_empty(), "{clashes:#?}");
}
