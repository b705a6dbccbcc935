//! Joined aggregates of events in update mode, from topic to topic: the last record of each user and hour is what plain
//! sets and counts say.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use millstream_test_servers::require_or_skip;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::program::{Program, available, fill};

/// An event, as far as the program looks at it.
#[derive(Debug, Clone)]
struct Event {
    user: Option<String>,
    is_login: bool,
    device: Option<String>,
    city: Option<String>,
    /// Minutes after noon.
    minute: u32,
}

/// Events that are different for each seed, with NULL in every place.
fn events(seed: u64, count: usize) -> Vec<Event> {
    let mut state = seed;
    let mut draw = |below: u64| {
        // A step of a linear congruential generator (Knuth's MMIX); its upper bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut named = |name: &str, count: u64| {
        let number = draw(count + 1);
        (number > 0).then(|| format!("{name}{number}"))
    };
    let mut event = || {
        let (user, device, city) = (named("user", 4), named("device", 2), named("city", 2));
        let is_login = named("", 2).is_some();
        let minute = named("", 119).and_then(|minute| minute.parse().ok()).unwrap_or(0);
        Event { user, is_login, device, city, minute }
    };
    (0..count).map(|_| event()).collect()
}

fn json_of(event: &Event) -> String {
    let (hour, minute) = (12 + event.minute / 60, event.minute % 60);
    json!({
        "user_id": event.user,
        "event_type": if event.is_login { "login" } else { "browse" },
        "device_id": event.device,
        "city": event.city,
        "event_time": format!("2026-01-01T{hour}:{minute:02}:00Z"),
    })
    .to_string()
}

/// The level of each user and hour, computed from all of their events.
fn levels(events: &[Event]) -> BTreeMap<(Option<String>, String), Value> {
    let mut groups: BTreeMap<(Option<String>, u32), Vec<&Event>> = BTreeMap::new();
    events.iter().for_each(|event| groups.entry((event.user.clone(), event.minute / 60)).or_default().push(event));
    let level = |((user, hour), events): ((Option<String>, u32), Vec<&Event>)| {
        let distinct = |value: fn(&Event) -> &Option<String>| {
            events.iter().filter_map(|event| value(event).as_ref()).collect::<BTreeSet<_>>().len()
        };
        let devices = distinct(|event| &event.device);
        // A NULL user meets nothing in a join, so nothing is known of it but what comes first.
        let (cities, log_ins) = match user {
            Some(_) => (distinct(|event| &event.city), events.iter().filter(|event| event.is_login).count()),
            None => (0, 0),
        };
        let level = match (devices > 1 && cities > 1, log_ins > 5) {
            (true, _) => "HIGH",
            (false, true) => "MEDIUM",
            (false, false) => "LOW",
        };
        let start = format!("2026-01-01T{}:00:00.000Z", 12 + hour);
        let mut row = json!({"start": start, "devices": devices, "cities": cities, "log_ins": log_ins, "level": level});
        if let Some(user) = &user {
            row["user_id"] = json!(user);
        }
        ((user, start), row)
    };
    groups.into_iter().map(level).collect()
}

/// The last record of each user and hour on the topic.
fn written(cluster: &Cluster) -> BTreeMap<(Option<String>, String), Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args([
        "topic",
        "consume",
        "risk_levels",
        "--from-beginning",
        "--to-end",
        "--bootstrap",
        &cluster.bootstrap,
    ]);
    let output = command.output().expect("the binary can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a record is JSON");
        let user = row.get("user_id").and_then(Value::as_str).map(str::to_owned);
        ((user, row["start"].as_str().expect("a time").to_owned()), row)
    };
    text.lines().map(row).collect()
}

#[test]
fn levels_follow_the_events_through_a_restart() {
    require_or_skip!(available());
    for (cluster, seed) in Cluster::all().into_iter().zip([11, 12]) {
        let checkpoints = tempfile::tempdir().expect("temporary folder");
        let (first, second) = (events(seed, 40), events(seed + 100, 30));
        cluster.tool("create risk_levels 1 1");
        let texts: Vec<_> = first.iter().map(json_of).collect();
        fill(cluster, "account_events", &texts.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
        let program = Program::example("risk_levels.py")
            .on(cluster)
            .set("CHECKPOINTS", checkpoints.path().to_str().expect("text"));
        program.output();
        assert_eq!(written(cluster), levels(&first), "{} with seed {seed}", cluster.name);
        for event in &second {
            cluster.tool(&format!("text account_events 0 {}", json_of(event)));
        }
        program.output();
        // Ten minutes after the first hour no more is taken for it.
        assert!(first.iter().any(|event| event.minute >= 70), "the first hour is over for the watermark");
        let in_time = second.into_iter().filter(|event| event.minute >= 60);
        let all: Vec<Event> = first.into_iter().chain(in_time).collect();
        assert_eq!(written(cluster), levels(&all), "{} with seed {seed}", cluster.name);
    }
}
