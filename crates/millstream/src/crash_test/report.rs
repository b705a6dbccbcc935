//! What the user is told: a line a round, and of a fault what it is, after which kill it came, and how to have it
//! again.

use std::fmt::Write as _;
use std::time::Duration;

use super::compare::{Difference, What};
use super::kills::{Kill, Place, Target};
use super::round::{Cycle, Fault, Finished, Outcome, Setup};

/// Differences that are shown; the others are counted.
const SHOWN: usize = 5;

/// What is under test.
pub(super) fn opening(setup: &Setup, kills: u64) -> String {
    format!("{kills} kills with seed {} on {}\n", setup.draw.seed, setup.bootstrap)
}

/// A line on a round.
pub(super) fn of_round(finished: &Finished) -> String {
    let rows = finished.sent.map_or(0, |sent| sent.all());
    let outcome = match finished.fault {
        None => "nothing lost, doubled or different",
        Some(_) => "FAULT",
    };
    format!("{}: {rows} rows, {outcome} ({:.1} s)\n", title(finished), finished.took.as_secs_f64())
}

fn title(finished: &Finished) -> String {
    format!("kills {} to {}, {}", finished.kills.start, finished.kills.end - 1, finished.job)
}

/// What was found.
pub(super) fn of_fault(finished: &Finished, fault: &Fault, setup: &Setup) -> String {
    let mut text = String::new();
    match fault {
        Fault::Ended { kill, status, said } => {
            let _ = writeln!(text, "  the job ended by itself before kill {kill} ({status}): {said}");
        }
        Fault::CannotFinish { status: Some(status), said } => {
            let _ = writeln!(text, "  after the kills the job cannot read the rest ({status}): {said}");
        }
        Fault::CannotFinish { status: None, said } => {
            let _ = writeln!(text, "  after the kills the job does not come to the end of its input: {said}");
        }
        Fault::Differs { from, differences } => {
            let _ = writeln!(text, "  the output is not {from}; {} differences", differences.len());
            differences.iter().take(SHOWN).for_each(|difference| of_difference(&mut text, finished, difference));
            if !finished.is_built_in {
                text.push_str(hint(differences));
            }
        }
    }
    let (seed, first) = (setup.draw.seed, finished.kills.start);
    let count = finished.kills.end - first;
    let _ = writeln!(
        text,
        "  again: the same command with --seed {seed} --first-kill {first} --kills {count} --round {count}{}; --round 1 tells \
         after which kill\n  kept: {} and the topics {}-{first}-…",
        if finished.is_built_in { format!(" --job {}", finished.job) } else { String::new() },
        setup.folder.display(),
        setup.name
    );
    text
}

fn of_difference(text: &mut String, finished: &Finished, difference: &Difference) {
    let _ = write!(text, "    {difference}");
    // Of a key's newest row nobody can tell since when it is wrong.
    let at = difference.at.filter(|_| !matches!(difference.what, What::Instead(_)));
    if let Some(cycle) = at.and_then(|at| finished.kill_before(at)) {
        let _ = write!(text, ", after kill {} ({})", cycle.kill.number, of_kill(&cycle.kill));
    }
    text.push('\n');
}

/// What a program of the user may lack.
fn hint(differences: &[Difference]) -> &'static str {
    let any = |what: &What| differences.iter().any(|difference| difference.what == *what);
    if any(&What::Doubled) {
        "  hint: each row is written once only where the sink has 'delivery.guarantee' = 'exactly-once'\n"
    } else if any(&What::Unexpected) {
        "  hint: in update and complete mode rows replace each other, which --compare newest respects\n"
    } else {
        ""
    }
}

/// Who, and where.
fn of_kill(kill: &Kill) -> String {
    let who = match kill.target {
        Target::Engine | Target::Broker => format!("of the {}", kill.target.name()),
        Target::Both => "of both".to_owned(),
    };
    format!("{who}, {}", place(kill))
}

/// Where, as it stands in the result file too.
pub(super) fn place(kill: &Kill) -> String {
    match kill.place {
        Place::Moment => format!("at {} ms", kill.moment.as_millis()),
        Place::FailPoint(name, count) => format!("{name}:{count}"),
    }
}

/// How a kill went, as it stands in the result file too.
pub(super) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Killed => "killed".to_owned(),
        Outcome::NotReached => "killed before the fail point".to_owned(),
        Outcome::HadEnded(status) => format!("had ended after its broker died ({status})"),
    }
}

/// Names and numbers for the end.
pub(super) fn summary(rounds: &[Finished]) -> Vec<(&'static str, String)> {
    let cycles: Vec<&Cycle> = rounds.iter().flat_map(|round| &round.cycles).collect();
    let of = |target| cycles.iter().filter(|cycle| cycle.kill.target == target).count();
    let times = |of_engine: bool| {
        let chosen = cycles.iter().filter(|cycle| (cycle.kill.target == Target::Engine) == of_engine);
        let mut times: Vec<Duration> = chosen.map(|cycle| cycle.took).collect();
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let text = |time: Option<&Duration>| time.map_or("-".to_owned(), |time| time.as_millis().to_string());
        format!("{} / {} / {}", text(at(50)), text(at(99)), text(times.last()))
    };
    let fail_points = cycles.iter().filter(|cycle| cycle.kill.place != Place::Moment);
    let reached = fail_points.filter(|cycle| cycle.outcome == Outcome::Killed).count();
    let ended = cycles.iter().filter(|cycle| matches!(cycle.outcome, Outcome::HadEnded(_))).count();
    let busy = cycles.iter().filter(|cycle| cycle.written > 0).count();
    let rows: u64 = rounds.iter().filter_map(|round| round.sent).map(|sent| sent.all()).sum();
    let faults = rounds.iter().filter(|round| round.fault.is_some()).count();
    vec![
        ("kills", cycles.len().to_string()),
        ("of the engine", of(Target::Engine).to_string()),
        ("of the broker", of(Target::Broker).to_string()),
        ("of both", of(Target::Both).to_string()),
        ("at fail points", reached.to_string()),
        ("while the output grew", busy.to_string()),
        ("job had ended after its broker died", ended.to_string()),
        ("rounds", rounds.len().to_string()),
        ("rows", rows.to_string()),
        ("cycle of an engine's kill, ms: median / 99 % / longest", times(true)),
        ("cycle with a broker's kill, ms: median / 99 % / longest", times(false)),
        ("faults", faults.to_string()),
    ]
}
