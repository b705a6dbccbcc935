//! Plans as no client sends them: those that were recorded, with fields changed, left out, doubled and taken from other
//! plans. Whatever a message says, it has an answer or an error with a name, never a panic and never INTERNAL_ERROR.
//!
//! Seed and number are fixed, so that a run is like the one before. For other and longer runs:
//!
//! ```text
//! MILLSTREAM_FUZZ=SEED:PLANS cargo test -p millstream-sql --test it mutated
//! ```

mod message;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use prost::Message;
use spark_connect_proto::Relation;
use tokio::runtime::Builder;

use self::message::{Mutator, parts};
use super::feed::Feed;
use super::{Case, cases, question, read_feeds, replay};

const SEED: u64 = 12;
const PLANS: u64 = 600;
/// Who walks a plan goes as deep as it nests.
const STACK_BYTES: usize = 256 << 20;

#[test]
fn no_plan_panics_or_gives_an_internal_error() {
    let (seed, plans) = std::env::var("MILLSTREAM_FUZZ").map_or((SEED, PLANS), |text| {
        let (seed, plans) = text.split_once(':').expect("SEED:PLANS");
        (seed.parse().expect("a seed"), plans.parse().expect("a number of plans"))
    });
    let asked = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || ask_all(seed, plans));
    let (asked, failures) = asked.expect("a thread").join().expect("the fuzz itself does not panic");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(asked * 3 > plans, "{asked} of {plans} messages are plans: too few of them mean anything");
}

/// How many of the mutated messages are plans, and what went wrong with them.
fn ask_all(seed: u64, plans: u64) -> (u64, Vec<String>) {
    let definitions = question::feeds();
    let (cases, _) = cases(&definitions);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let feeds = Arc::new(runtime.block_on(read_feeds(definitions)));
    let mut pool = BTreeMap::new();
    for case in &cases {
        parts(&case.recorded.plan.encode_to_vec(), &mut pool);
    }
    let (mut asked, mut failures) = (0, Vec::new());
    for number in 0..plans {
        let mut mutator = Mutator::new(seed.wrapping_mul(1 << 32).wrapping_add(number), &pool);
        let case = &cases[mutator.below(cases.len())];
        let mut bytes = case.recorded.plan.encode_to_vec();
        for _ in 0..=mutator.below(3) {
            bytes = mutator.mutate(&bytes);
        }
        let Ok(plan) = Relation::decode(bytes.as_slice()) else { continue };
        asked += 1;
        let wrong = runtime.block_on(ask(case, &plan, &feeds));
        failures.extend(wrong.map(|wrong| format!("seed {seed}, plan {number}, of {}: {wrong}", case.question.name)));
    }
    (asked, failures)
}

/// What is wrong with the answer to a plan.
async fn ask(case: &Case, plan: &Relation, feeds: &Arc<BTreeMap<String, Feed>>) -> Option<String> {
    let started = replay::start_and_stop(&case.question, plan, replay::all_feeds(feeds));
    match AssertUnwindSafe(started).catch_unwind().await {
        Ok(Err(error)) if error.class() == Some("INTERNAL_ERROR") => Some(error.to_spark_message()),
        Ok(_) => None,
        Err(_) => Some("it panics".to_owned()),
    }
}
