//! Recorded answers: blocks of text, and beside them the plans as PySpark sent them
//! (`conformance/streams/recording.py`).

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;
use prost::Message;
use spark_connect_proto::Relation;

/// What Apache Spark answered to one question.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) plan: Relation,
    /// `key: value` lines.
    pub(crate) answer: Vec<String>,
}

impl Recorded {
    /// Spark refuses the question.
    pub(crate) fn is_refused(&self) -> bool {
        self.answer.iter().any(|line| line.starts_with("refused: "))
    }

    /// What the clock said in each batch, in milliseconds since 1970, where that was recorded.
    pub(crate) fn batch_times_ms(&self) -> Vec<i64> {
        let times = self.answer.iter().filter_map(|line| line.strip_prefix("time: "));
        times.map(|time| time.parse().expect("a number of milliseconds")).collect()
    }
}

/// The recorded answers by the digest of their question.
pub(crate) fn read(text: &Path, plans: &Path) -> BTreeMap<String, Recorded> {
    let (Ok(text), Ok(plans)) = (fs::read_to_string(text), fs::read(plans)) else { return BTreeMap::new() };
    let plans = unpack(&plans);
    text.split("\n\n").skip(1).map(|block| recorded(block, &plans)).collect()
}

fn recorded(block: &str, plans: &[Relation]) -> (String, Recorded) {
    let mut lines = block.lines();
    let mut next = |key: &str| {
        let line = lines.next().unwrap_or_default();
        let value = line.strip_prefix(key).and_then(|line| line.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("'{line}' stands where '{key}' belongs")).to_owned()
    };
    let (name, _ask, digest, plan) = (next("case"), next("ask"), next("asked"), next("plan"));
    let plan = plans[plan.parse::<usize>().expect("the number of a plan")].clone();
    (digest, Recorded { name, plan, answer: lines.map(str::to_owned).collect() })
}

/// Each plan is its length in four bytes, the lowest first, and a message.
fn unpack(packed: &[u8]) -> Vec<Relation> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed).read_to_end(&mut bytes).expect("a stream of zlib");
    let (mut plans, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (plan, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        plans.push(Relation::decode(plan).expect("a relation"));
        rest = behind;
    }
    plans
}
