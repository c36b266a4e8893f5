use brains_core::config::ComponentLimits;
use brains_core::config::manifest::{Asks, Manifest, Plays};
use brains_core::plane::component::ComponentStanding;

use super::{Choice, Grounds, Newest, approval, choose};
use crate::component::history::ComponentHistory;

fn asks(secrets: &[&str]) -> Asks {
    Asks { secrets: secrets.iter().map(|name| (*name).to_owned()).collect(), ..Asks::default() }
}

fn asking(asks: &Asks, limits: ComponentLimits) -> Manifest {
    Manifest {
        component: "acme".into(),
        plays: Plays::Provider,
        summary: None,
        asks: asks.clone(),
        flat: None,
        limits,
    }
}

fn entry(live: &str, past: &[&str], secrets: &[&str]) -> ComponentHistory {
    let manifest = asking(&asks(secrets), ComponentLimits::default());
    ComponentHistory {
        live: Some(live.into()),
        past: past.iter().map(|digest| (*digest).to_owned()).collect(),
        manifests: [(live.to_owned(), manifest)].into(),
        ..ComponentHistory::default()
    }
}

fn chosen(pin: Option<&str>, newest: Option<(&str, &Asks)>, entry: Option<&ComponentHistory>) -> Choice {
    let told = newest.map(|(digest, asks)| (digest, asking(asks, ComponentLimits::default())));
    let newest = told.as_ref().map(|(digest, manifest)| Newest { digest, manifest: Some(manifest) });
    let grounds =
        Grounds { id: "acme", pin, newest, entry, allowed: &[], limits: ComponentLimits::default() };
    choose(grounds, |digest| digest != "lost")
}

#[track_caller]
fn check(choice: &Choice, tries: &[&str], notes: &[(&str, ComponentStanding)]) {
    assert_eq!(choice.tries, tries);
    let said: Vec<(&str, ComponentStanding)> =
        choice.notes.iter().map(|note| (note.digest.as_str(), note.state)).collect();
    assert_eq!(said, notes);
}

#[test]
fn a_file_serves_and_what_served_before_stands_behind_it() {
    let none = Asks::default();
    check(&chosen(None, Some(("new", &none)), None), &["new"], &[]);
    check(&chosen(None, Some(("new", &none)), Some(&entry("old", &[], &[]))), &["new", "old"], &[]);
    check(&chosen(None, Some(("new", &none)), Some(&entry("lost", &[], &[]))), &["new"], &[]);
    check(&chosen(None, None, Some(&entry("old", &["older"], &[]))), &["old"], &[]);
    check(&chosen(None, None, None), &[], &[]);
}

#[test]
fn more_than_was_given_waits_while_the_old_one_serves() {
    let more = asks(&["token", "other"]);
    let choice = chosen(None, Some(("new", &more)), Some(&entry("old", &[], &["token"])));
    check(&choice, &["old"], &[("new", ComponentStanding::Pending)]);
    assert!(choice.notes[0].reason.contains("the secret `other`"), "{}", choice.notes[0].reason);
    // The first content of all has nothing that could serve in its place.
    check(&chosen(None, Some(("new", &more)), None), &["new"], &[]);
    // What is pinned was approved.
    check(&chosen(Some("new"), Some(("new", &more)), Some(&entry("old", &[], &[]))), &["new"], &[]);
}

#[test]
fn more_memory_or_time_than_was_given_waits_like_any_other_ask() {
    let limits = |memory_mib, call_ms| ComponentLimits { memory_mib, call_ms, ..ComponentLimits::default() };
    let chosen = |asked: ComponentLimits, operator: ComponentLimits| {
        let (manifest, entry) = (asking(&Asks::default(), asked), entry("old", &[], &[]));
        let newest = Some(Newest { digest: "new", manifest: Some(&manifest) });
        let (id, allowed) = ("acme", &[]);
        choose(Grounds { id, pin: None, newest, entry: Some(&entry), allowed, limits: operator }, |_| true)
    };
    let nothing = ComponentLimits::default();
    for (asked, word) in
        [(limits(Some(65), None), "65 MiB of memory"), (limits(None, Some(21)), "21 ms in one call")]
    {
        let waits = chosen(asked, nothing);
        check(&waits, &["old"], &[("new", ComponentStanding::Pending)]);
        assert!(waits.notes[0].reason.contains(word), "{}", waits.notes[0].reason);
        check(&chosen(asked, limits(Some(100), Some(5))), &["new", "old"], &[]);
    }
    check(&chosen(limits(Some(64), Some(20)), nothing), &["new", "old"], &[]);
}

#[test]
fn a_pin_holds_against_the_file() {
    let none = Asks::default();
    let pinned = chosen(Some("old"), Some(("new", &none)), Some(&entry("old", &[], &[])));
    check(&pinned, &["old"], &[("new", ComponentStanding::Pending)]);
}

#[test]
fn what_failed_too_often_does_not_come_back() {
    let none = Asks::default();
    let mut known = entry("bad", &["good"], &[]);
    known.quarantined.insert("bad".into(), "it fails".into());
    for pin in [None, Some("bad")] {
        let choice = chosen(pin, Some(("bad", &none)), Some(&known));
        check(&choice, &["good"], &[("bad", ComponentStanding::Quarantined)]);
    }
    // With nothing to go back to, a bad version is better than none.
    let mut alone = entry("bad", &["lost"], &[]);
    alone.quarantined.insert("bad".into(), "it fails".into());
    check(&chosen(None, Some(("bad", &none)), Some(&alone)), &["bad"], &[]);
    // Another content is judged for itself.
    check(&chosen(None, Some(("new", &none)), Some(&known)), &["new", "good"], &[]);
}

#[test]
fn the_command_that_approves_says_everything() {
    let all = Asks { http: vec!["https://a.example".into()], ..asks(&["api_key"]) };
    assert_eq!(
        approval("acme", &all),
        "brains plugin enable acme --allow-http https://a.example --secrets '{api_key: \"${ENV:API_KEY}\"}'"
    );
    assert_eq!(approval("acme", &Asks::default()), "brains plugin enable acme");
}
