//! Regular expressions beside those of the JDK: patterns and texts made at random, with what a JDK 17 answered
//! (`golden/pairs.tsv`, a line a pair, as `dev/conformance/java_regex/Oracle.java` writes them).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use millstream_java_regex::{JavaRegex, LimitError, PatternError, Replacement, Wanted};

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pairs.tsv")
}

/// `MILLSTREAM_JAVA_REGEX_PAIRS` names another file to compare with, as the script beside the oracle does.
#[test]
fn patterns_find_replace_and_split_as_those_of_the_jdk() {
    let path = std::env::var_os("MILLSTREAM_JAVA_REGEX_PAIRS").map_or_else(golden, PathBuf::from);
    let pairs = std::fs::read_to_string(path).unwrap();
    let (mut differing, mut unsupported, mut compared) = (String::new(), BTreeMap::new(), 0);
    for line in pairs.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = fields[5..].join("\t");
        match answer(&fields) {
            Ok(given) if given == expected => compared += 1,
            Ok(given) => writeln!(differing, "{line}\n  here: {given}").unwrap(),
            Err(refusal) => *unsupported.entry(refusal).or_insert(0) += 1,
        }
    }
    assert!(differing.is_empty(), "{compared} agree, and these differ:\n{differing}");
    assert!(compared > 300, "{compared} pairs were compared");
    assert!(unsupported.values().sum::<usize>() * 100 < compared, "{unsupported:?}");
}

/// The answer in the oracle's form, or what is not supported.
fn answer(fields: &[&str]) -> Result<String, String> {
    let [pattern, text, replacement] = [0, 1, 2].map(|field| unescape(fields[field]));
    let (limit, skipped) = (fields[3].parse().expect("a limit"), fields[4].parse().expect("a number of units"));
    let regex = match JavaRegex::new(&pattern) {
        Ok(regex) => regex,
        Err(PatternError::Syntax { description, index }) => {
            return Ok(format!("error\t{}\t{index}", escape(&description)));
        }
        Err(PatternError::Unsupported(what)) => return Err(what.to_owned()),
        Err(PatternError::TooDeep) => return Err("brackets".to_owned()),
    };
    let all = || -> Result<String, LimitError> {
        let with_groups = matches(&regex, &text, Wanted::Groups)?;
        let spans: Vec<String> = matches(&regex, &text, Wanted::Span)?;
        let firsts: Vec<&str> = with_groups.iter().map(|groups| groups.split(',').next().expect("a match")).collect();
        assert_eq!(firsts, spans, "{pattern} on {text}: the ways to look differ");
        assert_eq!(regex.is_found_in(&text)?, !spans.is_empty(), "{pattern} on {text}: the ways to look differ");
        let parts = regex.matcher(&text, Wanted::Span).split(limit)?;
        let parts: Vec<String> = parts.iter().map(|part| format!("={}", escape(part))).collect();
        let from_region = replaced(&regex, &text, &replacement, skipped)?;
        let replaced = replaced(&regex, &text, &replacement, 0)?;
        let whole = regex.matches(&text)?;
        Ok(format!("{}\t{whole}\t{replaced}\t{from_region}\t{}", with_groups.join(" "), parts.join("|")))
    };
    all().map_err(|error| error.to_string())
}

fn matches(regex: &JavaRegex, text: &str, wanted: Wanted) -> Result<Vec<String>, LimitError> {
    let (mut found, mut matcher) = (Vec::new(), regex.matcher(text, wanted));
    let groups = if wanted == Wanted::Groups { regex.group_count() } else { 0 };
    while matcher.find()? {
        let place = |group: usize| match matcher.span(group) {
            Some(span) => format!("{}:{}", matcher.units_before(span.start), matcher.units_before(span.end)),
            None => "-1:-1".to_owned(),
        };
        found.push((0..=groups).map(place).collect::<Vec<_>>().join(","));
    }
    Ok(found)
}

fn replaced(regex: &JavaRegex, text: &str, replacement: &str, skipped: usize) -> Result<String, LimitError> {
    match Replacement::new(replacement, regex) {
        Ok(replacement) => {
            let matcher = regex.matcher_behind(text, Wanted::Groups, skipped);
            Ok(format!("={}", escape(&matcher.replace_all(&replacement, &mut |_| true)?)))
        }
        Err(error) if regex.matcher_behind(text, Wanted::Span, skipped).find()? => {
            Ok(format!("!{}", escape(error.message())))
        }
        Err(_) => Ok(format!("={}", escape(text))),
    }
}

fn escape(text: &str) -> String {
    let plain = |unit: &u16| (33..127).contains(unit) && !matches!(*unit, 0x5C | 0x7C);
    let shown = |unit: u16| if plain(&unit) { char::from(unit as u8).to_string() } else { format!("\\u{unit:04x}") };
    text.encode_utf16().map(shown).collect()
}

fn unescape(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut units: Vec<u16> = parts.next().expect("a first part").encode_utf16().collect();
    for part in parts {
        units.push(u16::from_str_radix(&part[..4], 16).expect("four hexadecimal digits"));
        units.extend(part[4..].encode_utf16());
    }
    String::from_utf16(&units).expect("whole characters")
}

/// Java itself ends with a StackOverflowError or runs for ages; an answer, or an error with a name, is wanted at once.
#[test]
fn patterns_that_would_run_for_ever_are_given_up() {
    let text = "a".repeat(5000);
    for pattern in ["(?=(a*)*b)c", "(a*)*\\1b", "(?:(?:a|aa)+)+(?!a)b", "(a|a)*+b", "((?:a+)+)+\\1b$", "(?=a)(a|aa)*?b"]
    {
        let regex = JavaRegex::new(pattern).unwrap();
        let found = regex.is_found_in(&text);
        assert!(matches!(found, Ok(false) | Err(LimitError::Steps | LimitError::Memory)), "{pattern}: {found:?}");
    }
    let steps = JavaRegex::new("(?=(?:a|aa)+b)(a|aa)+\\1b").unwrap();
    assert_eq!(steps.is_found_in(&"a".repeat(200)), Err(LimitError::Steps));
}

#[test]
fn patterns_whose_language_is_plain_are_answered_whatever_the_quantifiers() {
    for (pattern, text) in [("(a*)*b", "a".repeat(5000)), ("(x+x+)+y", "x".repeat(5000))] {
        assert_eq!(JavaRegex::new(pattern).unwrap().is_found_in(&text), Ok(false), "{pattern}");
    }
}

#[test]
fn long_texts_and_deep_patterns_need_no_stack() {
    let text = "ab".repeat(300_000);
    let regex = JavaRegex::new("(?=a)(?:(a)|(b))*\\z").unwrap();
    assert_eq!(regex.is_found_in(&text), Ok(true));
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(JavaRegex::new(&nested(1500)).unwrap().is_found_in("ba"), Ok(true));
    for deep in [nested(100_000), "[".repeat(100_000), "(?:(?=".repeat(50_000), "[a&&".repeat(100_000)] {
        assert_eq!(JavaRegex::new(&deep).unwrap_err(), PatternError::TooDeep);
    }
    let wide = "(a)".repeat(20_000);
    assert!(JavaRegex::new(&wide).is_ok());
}
