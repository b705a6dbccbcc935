use super::*;

const LIFE: Duration = Duration::from_millis(500);

fn kills(places: &[PlaceName], broker_share: u8) -> Vec<Kill> {
    let draw = Draw::new(7, places, LIFE, broker_share);
    (1..=1000).map(|number| draw.kill(number)).collect()
}

fn count(kills: &[Kill], of: impl Fn(&Kill) -> bool) -> usize {
    kills.iter().filter(|&kill| of(kill)).count()
}

#[test]
fn a_kill_is_the_same_whenever_it_is_drawn() {
    let all = kills(&[PlaceName::All], 20);
    let draw = Draw::new(7, &[PlaceName::All], LIFE, 20);
    assert_eq!(draw.kill(613), all[612]);
    assert_ne!(Draw::new(8, &[PlaceName::All], LIFE, 20).kill(613), all[612]);
}

#[test]
fn shares_are_kept() {
    let all = kills(&[PlaceName::All], 20);
    let broker = count(&all, |kill| kill.target == Target::Broker);
    let both = count(&all, |kill| kill.target == Target::Both);
    assert!((70..130).contains(&broker) && (70..130).contains(&both), "{broker} {both}");
    let moments = count(&all, |kill| kill.place == Place::Moment);
    // Half of the nine tenths that take the engine, and the tenth that does not.
    assert!((500..600).contains(&moments), "{moments}");
    for name in FAIL_POINTS.into_iter().chain(SINK_FAIL_POINTS) {
        // One of thirteen of about 450.
        let struck = count(&all, |kill| matches!(kill.place, Place::FailPoint(point, _) if point == name));
        assert!((15..70).contains(&struck), "{name}: {struck}");
    }
    assert!(all.iter().all(|kill| kill.moment < LIFE));
}

#[test]
fn places_are_those_that_were_named() {
    let moments = kills(&[PlaceName::Moment], 0);
    assert_eq!(count(&moments, |kill| kill.place == Place::Moment && kill.target == Target::Engine), 1000);
    let named = kills(&[PlaceName::FailPoint("after_marker")], 100);
    let at_it = |kill: &Kill| matches!(kill.place, Place::FailPoint("after_marker", 1..=PASSES_MAX));
    assert_eq!(count(&named, |kill| at_it(kill) == (kill.target == Target::Both)), 1000);
    assert_eq!(count(&named, |kill| kill.target == Target::Engine), 0);
}
