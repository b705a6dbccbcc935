//! The questions of `conformance/streams/questions` and its feeds, read as `conformance/streams/questions.py` reads
//! them.
//!
//! The replayer runs no Python: it needs a question's name, settings and digest, and takes the plan from the recording.
//! The digest covers everything that the question asks, so that one that was changed and not asked again is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// `conformance/streams`
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/streams")
}

/// A stream of rows, as `feeds.txt` defines it.
#[derive(Debug)]
pub(crate) struct FeedDefinition {
    /// Its columns in DDL.
    pub(crate) ddl: String,
    /// For each step its rows as JSON, or nothing where it brings no batch.
    pub(crate) steps: Vec<Option<Vec<String>>>,
    /// The lines of its definition, which are part of the digest of every question about it.
    lines: Vec<String>,
}

/// What is asked of an engine.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) mode: String,
    /// The feeds it reads, by name.
    pub(crate) feeds: BTreeSet<String>,
    /// Settings of the session.
    pub(crate) conf: BTreeMap<String, String>,
    /// Whether all steps lie there when the query starts (`availableNow`), or each comes when the one before is done.
    pub(crate) is_backlog: bool,
    /// Whether the rows of a batch have an order.
    pub(crate) is_ordered: bool,
    pub(crate) digest: String,
}

/// Lines without comments; a line that is indented continues the one before.
fn content(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') && !line.trim().is_empty() {
            let last = lines.last_mut().expect("an indented line continues another");
            last.push(' ');
            last.push_str(line.trim());
        } else {
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

/// All feeds by name.
pub(crate) fn feeds() -> BTreeMap<String, FeedDefinition> {
    let text = fs::read_to_string(folder().join("feeds.txt")).expect("the definitions of the feeds");
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in content(&text).into_iter().filter(|line| !line.is_empty()) {
        if let Some(head) = line.strip_prefix("feed ") {
            let (name, ddl) = head.split_once(": ").expect("a feed's name and columns");
            let feed = FeedDefinition { ddl: ddl.to_owned(), steps: Vec::new(), lines: vec![line.clone()] };
            found.insert(name.to_owned(), feed);
            name.clone_into(&mut current);
            continue;
        }
        let feed = found.get_mut(&current).expect("a feed begins with its name");
        match line.as_str() {
            "batch" => feed.steps.push(Some(Vec::new())),
            "nothing" => feed.steps.push(None),
            row => feed.steps.last_mut().and_then(Option::as_mut).expect("rows are in a batch").push(row.to_owned()),
        }
        feed.lines.push(line);
    }
    found
}

/// What a file of questions says, block by block.
struct File<'a> {
    lets: Vec<(String, String)>,
    feeds: &'a BTreeMap<String, FeedDefinition>,
}

/// The questions of one file.
pub(crate) fn questions(path: &Path, feeds: &BTreeMap<String, FeedDefinition>) -> Vec<Question> {
    let text = fs::read_to_string(path).expect("a file of questions");
    let (mut file, mut blocks, mut block) = (File { lets: Vec::new(), feeds }, Vec::new(), Vec::new());
    for line in content(&text).into_iter().chain([String::new()]) {
        if let Some(definition) = line.strip_prefix("let ") {
            let (name, expression) = definition.split_once(" = ").expect("a name and an expression");
            file.lets.push((name.to_owned(), expression.to_owned()));
        } else if !line.is_empty() {
            let (key, value) = line.split_once(": ").unwrap_or((&line, ""));
            block.push((key.to_owned(), value.to_owned()));
        } else if !block.is_empty() {
            blocks.push(std::mem::take(&mut block));
        }
    }
    blocks.iter().flat_map(|block| file.expand(block)).collect()
}

impl File<'_> {
    /// A question for every choice of `for`, and for every output mode.
    fn expand(&self, block: &[(String, String)]) -> Vec<Question> {
        let mut choices: Vec<Vec<(String, String)>> = vec![Vec::new()];
        for (name, values) in block.iter().filter_map(|(key, value)| Some((key.strip_prefix("for ")?, value))) {
            let with = |before: &Vec<(String, String)>, value: &str| {
                let mut all = before.clone();
                all.push((format!("{{{name}}}"), value.to_owned()));
                all
            };
            choices =
                choices.iter().flat_map(|before| values.split(" | ").map(move |value| with(before, value))).collect();
        }
        let mut questions = Vec::new();
        for chosen in &choices {
            let fill =
                |value: &String| chosen.iter().fold(value.clone(), |value, (name, choice)| value.replace(name, choice));
            let filled: Vec<(&str, String)> = block.iter().map(|(key, value)| (key.as_str(), fill(value))).collect();
            let (_, modes) = filled.iter().find(|(key, _)| *key == "modes").expect("output modes");
            questions.extend(modes.split(", ").map(|mode| self.question(&filled, mode)));
        }
        questions
    }

    fn question(&self, filled: &[(&str, String)], mode: &str) -> Question {
        let find = |wanted: &str| filled.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str());
        let ask = find("ask").expect("what is asked");
        let lets = self.needed(ask);
        let settings = filled.iter().filter(|(key, _)| *key == "conf").map(|(_, setting)| setting);
        let conf: Vec<(&str, &str)> =
            settings.map(|setting| setting.split_once('=').expect("a setting and its value")).collect();
        let drive = find("drive").unwrap_or("live");
        let (is_ordered, has_clock) = (find("ordered").is_some(), find("clock").is_some());
        let named = Regex::new(r#"feed\("(\w+)"\)"#).expect("a pattern");
        let texts = lets.iter().map(|(_, expression)| expression.as_str()).chain([ask]);
        let feeds: BTreeSet<String> =
            texts.flat_map(|text| named.captures_iter(text).map(|name| name[1].to_owned())).collect();
        let mut parts: Vec<String> = lets.iter().map(|(name, text)| format!("let {name} = {text}")).collect();
        parts.extend(feeds.iter().flat_map(|name| self.feeds[name].lines.clone()));
        parts.extend([ask.to_owned(), mode.to_owned(), drive.to_owned()]);
        parts.extend([is_ordered.to_string(), has_clock.to_string()]);
        parts.extend(conf.iter().map(|(key, value)| format!("{key}={value}")));
        Question {
            name: format!("{} [{mode}]", find("question").expect("a question has a name")),
            mode: mode.to_owned(),
            feeds,
            conf: conf.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            is_backlog: drive == "backlog",
            is_ordered,
            digest: format!("{:016x}", fnv(&parts.join("\n"))),
        }
    }

    /// The definitions that a text names, and those that they name, in the file's order.
    fn needed(&self, text: &str) -> Vec<&(String, String)> {
        let word = Regex::new(r"\w+").expect("a pattern");
        let (mut names, mut todo) = (BTreeSet::new(), vec![text]);
        while let Some(text) = todo.pop() {
            for found in word.find_iter(text) {
                let definition = self.lets.iter().find(|(name, _)| name == found.as_str());
                if let Some((name, expression)) = definition
                    && names.insert(name.as_str())
                {
                    todo.push(expression);
                }
            }
        }
        self.lets.iter().filter(|(name, _)| names.contains(name.as_str())).collect()
    }
}

/// FNV-1a in 64 bits: short enough to be written twice.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
