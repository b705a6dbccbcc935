use std::path::Path;

use super::*;
use crate::args;

fn parse_with(line: &str, variables: &[(&str, &str)], file: Option<&Path>) -> Result<std::result::Result<Cli, u8>> {
    let file = file.map(|file| format!("--config={}", file.display()));
    let words = ["millstream"].into_iter().chain(file.as_deref()).chain(line.split(' '));
    let arguments: Vec<_> = words.map(OsString::from).collect();
    let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    parse(&arguments, find)
}

fn serve_args(line: &str, variables: &[(&str, &str)], file: Option<&Path>) -> args::ServeArgs {
    let cli = parse_with(line, variables, file).expect("settings").expect("a command line");
    match cli.command {
        args::Command::Serve(args) => args,
        other => panic!("{other:?}"),
    }
}

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, text).expect("writable");
    (folder, path)
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let (_folder, file) =
        written("cores = 3\nlisten = '127.0.0.1:1'\n[serve]\nlisten = '127.0.0.1:2'\nmemory = '3GB'\n");
    let general = ("MILLSTREAM_LISTEN", "127.0.0.1:3");
    let particular = ("MILLSTREAM_SERVE_LISTEN", "127.0.0.1:4");
    for (line, variables, port) in [
        ("serve", &[][..], 2),
        ("serve", &[general], 3),
        ("serve", &[general, particular], 4),
        ("serve --listen 127.0.0.1:5", &[general, particular], 5),
    ] {
        let args = serve_args(line, variables, Some(&file));
        assert_eq!(args.listen.port(), port, "{line} {variables:?}");
        assert_eq!(args.engine.cores, Some(3));
    }
}

#[test]
fn an_option_whose_value_may_be_left_out_is_true_or_false() {
    for (value, address) in [("true", Some("127.0.0.1:9092")), ("false", None), ("127.0.0.1:7", Some("127.0.0.1:7"))] {
        let args = serve_args("serve", &[("MILLSTREAM_BROKER", value)], None);
        assert_eq!(args.engine.broker.broker.map(|address| address.to_string()).as_deref(), address, "{value}");
    }
}

#[test]
fn options_of_a_command_reach_the_commands_below_it() {
    let (general, particular) = (("MILLSTREAM_BOOTSTRAP", "a:1"), ("MILLSTREAM_TOPIC_BOOTSTRAP", "b:2"));
    for (line, variables, bootstrap) in [
        ("topic list", &[][..], None),
        ("topic list", &[general], Some("a:1")),
        ("topic list", &[general, particular], Some("b:2")),
        ("topic --bootstrap c:3 list", &[general, particular], Some("c:3")),
        ("topic list --bootstrap c:3", &[general, particular], Some("c:3")),
    ] {
        let cli = parse_with(line, variables, None).expect("settings").expect("a command line");
        let args::Command::Topic(args) = cli.command else { panic!("{line}") };
        assert_eq!(args.connection.bootstrap.as_deref(), bootstrap, "{line} {variables:?}");
    }
}

#[test]
fn the_environment_names_the_file() {
    let (_folder, file) = written("log = 'debug'\nlog-format = 'json'\n");
    let cli = parse_with("serve", &[("MILLSTREAM_CONFIG", &file.display().to_string())], None);
    let cli = cli.expect("settings").expect("a command line");
    assert_eq!((cli.log.as_deref(), cli.log_format), (Some("debug"), crate::logging::LogFormat::Json));
}

#[test]
fn mistakes_in_the_file_are_named() {
    for (text, expected) in [
        ("memroy = '2GB'", "FILE: 'memroy' is no option of any command"),
        ("[serve]\nrate = 3", "FILE: 'serve.rate' is no option of any command"),
        ("memory =", "FILE:1: "),
        ("cores = 1979-05-27", "'cores' in FILE is no value of an option"),
    ] {
        let (_folder, file) = written(text);
        let error = parse_with("serve", &[], Some(&file)).expect_err(text).to_string();
        let expected = expected.replace("FILE", &file.display().to_string());
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
    let (_folder, file) = written("[serve]\nmemroy = '2GB'");
    let error = parse_with("serve", &[], Some(&file)).expect_err("misspelt");
    assert!(error.hint().is_some_and(|hint| hint.starts_with("did you mean 'serve.memory'? ")), "{error:?}");
    let error = parse_with("serve", &[], Some(Path::new("/nowhere.toml"))).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read '/nowhere.toml'"), "{error}");
}

#[test]
fn variables_with_a_slip_are_told() {
    let names =
        ["MILLSTREAM_MEMROY", "MILLSTREAM_MEMORY", "MILLSTREAM_PYHTON", "MILLSTREAM_PYTHON", "MILLSTREAM_TOOLS"];
    let names = names.into_iter().chain(["MILLSTREAM_SERVE_LISTN", "MILLSTREAM_FAIL_POINT", "HOME"]).map(str::to_owned);
    let told = misspelt_variables(names);
    let told: Vec<_> = told.iter().map(|(name, meant)| (name.as_str(), meant.as_str())).collect();
    let expected = [
        ("MILLSTREAM_MEMROY", "MILLSTREAM_MEMORY"),
        ("MILLSTREAM_PYHTON", "MILLSTREAM_PYTHON"),
        ("MILLSTREAM_SERVE_LISTN", "MILLSTREAM_SERVE_LISTEN"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_value_that_is_refused_ends_with_a_status() {
    let refused = parse_with("serve", &[("MILLSTREAM_CORES", "many")], None).expect("settings");
    assert_eq!(refused.expect_err("refused"), 2);
}
