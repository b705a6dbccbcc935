//! The file that `run` and `crash-test` are given: what it is, and its text.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use millstream_core::{Error, Result, nearest};

/// What a program is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Sql,
}

/// The language of a program, by the end of its name. A name without one is a script of Python.
///
/// # Errors
/// There is no such file, or it is no program that can be run here.
pub(crate) fn language(path: &Path) -> Result<Language> {
    let name = path.display();
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound if path == Path::new("-") => not_a_file("standard input"),
        ErrorKind::NotFound => no_program(path),
        _ => unreadable(path, error),
    })?;
    if metadata.is_dir() {
        return Err(Error::invalid(format!("'{name}' is a folder")).with_hint("name the program in it"));
    }
    if !metadata.is_file() {
        return Err(not_a_file(&format!("'{name}'")));
    }
    let Some(extension) = path.extension().and_then(OsStr::to_str) else { return Ok(Language::Python) };
    match extension.to_ascii_lowercase().as_str() {
        "py" => Ok(Language::Python),
        "sql" => Ok(Language::Sql),
        "ipynb" => Err(Error::invalid(format!("'{name}' is a notebook"))
            .with_hint("jupyter nbconvert --to script makes a program of it; or start 'millstream serve', and connect from the notebook")),
        "jar" | "scala" | "java" | "class" | "kt" => Err(Error::unsupported(format!("'{name}' is a program for a JVM"))
            .with_hint("a program that uses Spark's Connect client for the JVM can connect to 'millstream serve'")),
        _ => Err(Error::invalid(format!("'{name}' is no program")).with_hint("programs end in .py (PySpark) or .sql")),
    }
}

/// The error for a program that is not there, with the file beside it that was most likely meant.
fn no_program(path: &Path) -> Error {
    let error = Error::not_found(format!("there is no program '{}'", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else {
        return error.with_hint(format!("there is no folder '{}'", folder.display()));
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.filter(|name| name.ends_with(".py") || name.ends_with(".sql")).collect();
    let wanted = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    match nearest(wanted, names.iter().map(String::as_str)) {
        Some(name) => error.with_hint(format!("did you mean '{}'?", folder.join(name).display())),
        None => error,
    }
}

/// Whether a program is SQL by its name.
pub(crate) fn is_sql(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
}

fn not_a_file(what: &str) -> Error {
    Error::invalid(format!("{what} is no file"))
        .with_hint("a program is read more than once; write it into a file that ends in .py or .sql")
}

/// The bytes of a program.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

/// The text of a program in SQL. A byte order mark before it is none of its text.
pub(crate) fn sql(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path)?).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::invalid(format!("{}:{line}: this is no UTF-8 text", path.display())).with_hint("save the file as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "give this user the right to read it, and to look into the folders above it",
        _ => "see whether the disk and the network that it lies on work",
    };
    Error::unavailable(format!("cannot read '{}'", path.display())).with_source(error).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_are_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("a file");
            path
        };
        assert_eq!(language(&file("a.py")).expect("py"), Language::Python);
        assert_eq!(language(&file("a.SQL")).expect("sql"), Language::Sql);
        assert_eq!(language(&file("script")).expect("no end"), Language::Python);
        for (path, expected) in [
            (file("a.ipynb"), "is a notebook"),
            (file("a.jar"), "is a program for a JVM"),
            (file("a.txt"), "is no program"),
            (folder.path().to_owned(), "is a folder"),
            (folder.path().join("b.py"), "there is no program '"),
            ("-".into(), "standard input is no file"),
            ("/dev/null".into(), "'/dev/null' is no file"),
        ] {
            let error = language(&path).expect_err(expected);
            assert!(error.message().contains(expected), "{error}");
        }
        file("monitor.py");
        let hint = |path: &str| language(&folder.path().join(path)).expect_err("no file").hint().map(str::to_owned);
        let meant = format!("did you mean '{}'?", folder.path().join("monitor.py").display());
        assert_eq!(hint("moniter.py"), Some(meant));
        assert_eq!(hint("other.sql"), None);
        let no_folder = format!("there is no folder '{}'", folder.path().join("jobs").display());
        assert_eq!(hint("jobs/monitor.py"), Some(no_folder));
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_other_bytes_have_a_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "\u{feff}SELECT 1").expect("written");
        assert_eq!(sql(file.path()).expect("text"), "SELECT 1");
        fs::write(file.path(), b"SELECT 1;\n\xff").expect("written");
        assert!(sql(file.path()).expect_err("no UTF-8").message().ends_with(":2: this is no UTF-8 text"));
    }
}
