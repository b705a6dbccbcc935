//! Options that stand elsewhere than on the command line: in `MILLSTREAM_*` variables, or in a TOML file.
//!
//! Each becomes the default of its option, so the command line wins over the environment, and that over the file. The
//! most particular name wins: `MILLSTREAM_SERVE_LISTEN` over `MILLSTREAM_LISTEN`, `listen` under `[serve]` over one
//! above all tables.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::ArgAction;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use millstream_core::{Error, Result, nearest};
use toml::{Table, Value};

use crate::args::Cli;
use crate::terminal;

/// The file that is read where none is named.
const FILE: &str = "millstream.toml";

/// Reads the command line with all that stands behind it. `None` when clap has said all there is to say; then with its
/// exit status.
pub(crate) fn parse(
    arguments: &[OsString],
    environment: impl Fn(&str) -> Option<String>,
) -> Result<std::result::Result<Cli, u8>> {
    // What is wrong is said below; only the file's name is wanted here.
    let first_look = Cli::command().ignore_errors(true).try_get_matches_from(arguments);
    let named = first_look.ok().and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    let file = file(named.or_else(|| environment("MILLSTREAM_CONFIG").map(PathBuf::from)))?;
    let settings = Settings { environment: &environment, file: &file, used: RefCell::default() };
    let command = settings.apply(Cli::command(), &mut Vec::new())?;
    settings.check_all_used()?;
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_or_else(
        |error| {
            // Nobody reads what cannot be written.
            let _gone = error.print();
            settings.say_where(&error);
            say_what_was_meant(&error);
            Ok(Err(u8::try_from(error.exit_code()).unwrap_or(2)))
        },
        |cli| Ok(Ok(cli)),
    )
}

/// A file and what it says.
struct SettingsFile {
    path: PathBuf,
    table: Table,
}

fn file(named: Option<PathBuf>) -> Result<SettingsFile> {
    let path = match named {
        Some(named) => named,
        None if Path::new(FILE).is_file() => PathBuf::from(FILE),
        None => return Ok(SettingsFile { path: PathBuf::new(), table: Table::new() }),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::not_found(format!("cannot read '{}'", path.display())).with_source(error))?;
    let table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Error::invalid(format!("{}:{line}: {}", path.display(), error.message()))
    })?;
    Ok(SettingsFile { path, table })
}

/// A value and where it stands.
struct Setting {
    values: Vec<String>,
    place: String,
}

struct Settings<'a, E> {
    environment: &'a E,
    file: &'a SettingsFile,
    /// What was found: keys of the file that belong to an option, and values with their places.
    used: RefCell<Used>,
}

#[derive(Default)]
struct Used {
    keys: BTreeSet<Vec<String>>,
    values: Vec<(String, String)>,
}

impl<E: Fn(&str) -> Option<String>> Settings<'_, E> {
    /// Makes what is set the defaults of a command and those below it.
    fn apply(&self, mut command: Command, path: &mut Vec<String>) -> Result<Command> {
        let options: Vec<_> = command.get_arguments().filter(|option| option.get_long().is_some()).cloned().collect();
        for option in options {
            let long = option.get_long().unwrap_or_default();
            if matches!(long, "help" | "version" | "config" if path.is_empty()) {
                continue;
            }
            if let Some(setting) = self.find(path, &option)? {
                let mut used = self.used.borrow_mut();
                used.values.extend(setting.values.iter().map(|value| (value.clone(), setting.place.clone())));
                // What has a default cannot be required.
                let with_default = |option: Arg| option.required(false).default_values(setting.values);
                command = command.mut_arg(option.get_id().clone(), with_default);
            }
        }
        let names: Vec<_> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
        for name in names {
            path.push(name.clone());
            let below = command.find_subcommand(&name).cloned().unwrap_or_default();
            let below = self.apply(below, path)?;
            command = command.mut_subcommand(&name, |_| below);
            path.pop();
        }
        Ok(command)
    }

    /// The value of an option, if it is set anywhere.
    fn find(&self, path: &[String], option: &Arg) -> Result<Option<Setting>> {
        // The file is asked in any case, so that it is known which of its keys mean something.
        let in_file = self.in_file(path, option)?;
        let set = self.in_environment(path, option).or(in_file);
        Ok(set.filter(|setting| is_given(option, &setting.values)))
    }

    fn in_environment(&self, path: &[String], option: &Arg) -> Option<Setting> {
        names(path, option).find_map(|words| {
            let name =
                words.iter().fold("MILLSTREAM".to_owned(), |name, word| format!("{name}_{}", constant_case(word)));
            (self.environment)(&name).map(|value| Setting { values: vec![value], place: name })
        })
    }

    fn in_file(&self, path: &[String], option: &Arg) -> Result<Option<Setting>> {
        let mut found = None;
        for keys in names(path, option) {
            let Some(value) = look_up(&self.file.table, &keys) else { continue };
            let place = format!("'{}' in {}", keys.join("."), self.file.path.display());
            let values = texts(value).ok_or_else(|| Error::invalid(format!("{place} is no value of an option")))?;
            found.get_or_insert(Setting { values, place });
            self.used.borrow_mut().keys.insert(keys);
        }
        Ok(found)
    }

    /// A key that belongs to no option is a mistake, not something to be passed over.
    fn check_all_used(&self) -> Result<()> {
        let used = &self.used.borrow().keys;
        let mut open = vec![(Vec::new(), &self.file.table)];
        while let Some((path, table)) = open.pop() {
            for (key, value) in table {
                let keys: Vec<_> = path.iter().chain([key]).cloned().collect();
                match value {
                    Value::Table(below) => open.push((keys, below)),
                    _ if used.contains(&keys) => {}
                    _ => {
                        let (key, path) = (keys.join("."), self.file.path.display());
                        let names = option_names();
                        let meant = nearest(&key, names.iter().map(String::as_str));
                        let meant = meant.map(|name| format!("did you mean '{name}'? ")).unwrap_or_default();
                        return Err(Error::invalid(format!("{path}: '{key}' is no option of any command")).with_hint(
                            format!("{meant}keys are the long options, as millstream COMMAND --help shows them"),
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// For a value that clap refuses and that does not stand on the command line.
    fn say_where(&self, error: &clap::Error) {
        let Some(ContextValue::String(refused)) = error.get(ContextKind::InvalidValue) else { return };
        let used = self.used.borrow();
        if let Some((_, place)) = used.values.iter().find(|(value, _)| value == refused) {
            terminal::say(&format!("hint: the value is that of {place}"));
        }
    }
}

/// Where clap proposes nothing for a command that there is not.
fn say_what_was_meant(error: &clap::Error) {
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if error.get(ContextKind::SuggestedSubcommand).is_some() {
        return;
    }
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    if let Some(meant) = nearest(given, names.iter().copied()) {
        terminal::say(&format!("hint: did you mean '{meant}'?"));
    }
}

/// The keys that may stand in a file: each option alone, and under its command.
fn option_names() -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![(Vec::new(), Cli::command())];
    while let Some((path, command)) = open.pop() {
        for option in command.get_arguments().filter(|option| !matches!(option.get_long(), None | Some("help"))) {
            names.extend(self::names(&path, option).map(|keys| keys.join(".")));
        }
        for below in command.get_subcommands() {
            open.push(([path.clone(), vec![below.get_name().to_owned()]].concat(), below.clone()));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Variables that nobody looks at, each with the one that was most likely meant. Those without such a one may be
/// anybody's.
pub(crate) fn misspelt_variables(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let options = option_names().into_iter().map(|name| constant_case(&name.replace('.', "-")));
    let known: Vec<String> = options.chain(["PYTHON".to_owned()]).collect();
    let misspelt = |name: String| {
        let short = name.strip_prefix("MILLSTREAM_").filter(|short| !known.iter().any(|known| known == short))?;
        let meant = nearest(short, known.iter().map(String::as_str))?;
        Some((name.clone(), format!("MILLSTREAM_{meant}")))
    };
    names.into_iter().filter_map(misspelt).collect()
}

/// The names of an option, the most particular first: under its whole command down to none of it.
fn names(path: &[String], option: &Arg) -> impl Iterator<Item = Vec<String>> {
    let long = option.get_long().unwrap_or_default();
    (0..=path.len()).rev().map(move |depth| path[..depth].iter().cloned().chain([long.to_owned()]).collect())
}

/// `broker-data` as `BROKER_DATA`.
fn constant_case(word: &str) -> String {
    word.replace('-', "_").to_ascii_uppercase()
}

fn look_up<'a>(table: &'a Table, keys: &[String]) -> Option<&'a Value> {
    let (last, path) = keys.split_last()?;
    path.iter().try_fold(table, |table, key| table.get(key)?.as_table())?.get(last).filter(|value| !value.is_table())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Float(number) => Some(vec![number.to_string()]),
        Value::Boolean(flag) => Some(vec![flag.to_string()]),
        Value::Array(values) => values.iter().map(texts).collect::<Option<Vec<_>>>().map(|texts| texts.concat()),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// An option whose value may be left out is not given when it is set to `false`.
fn is_given(option: &Arg, values: &[String]) -> bool {
    let value_optional = option.get_num_args().is_some_and(|count| count.min_values() == 0);
    let is_flag = matches!(option.get_action(), ArgAction::SetTrue);
    !(value_optional && !is_flag && values == ["false"])
}

#[cfg(test)]
mod tests;
