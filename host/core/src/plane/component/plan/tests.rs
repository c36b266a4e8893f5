use std::collections::BTreeMap;

use super::{
    ChangePlan, DroppedFile, Grounds, Offer, OfferedVersion, Offers, PlanInput, Selection, Unavailable, plan,
    select,
};
use crate::config::manifest::{Asks, Manifest, Plays};
use crate::config::{ComponentLimits, ComponentSource, Config};
use crate::plane::component::ComponentStanding;
use crate::plane::component::history::ComponentHistory;
use crate::plane::component::reason::NextStep;

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
        account: None,
        limits,
        continues: false,
    }
}

fn offered(digest: &str, manifest: Manifest) -> OfferedVersion {
    OfferedVersion { digest: digest.into(), manifest, bundled: false }
}

fn history(live: &str, past: &[&str], secrets: &[&str]) -> ComponentHistory {
    let manifest = asking(&asks(secrets), ComponentLimits::default());
    ComponentHistory {
        live: Some(live.into()),
        past: past.iter().map(|digest| (*digest).to_owned()).collect(),
        manifests: [(live.to_owned(), manifest)].into(),
        ..ComponentHistory::default()
    }
}

fn chosen(pin: Option<&str>, newest: Option<(&str, &Asks)>, history: Option<&ComponentHistory>) -> Selection {
    let newest = newest.map(|(digest, asks)| offered(digest, asking(asks, ComponentLimits::default())));
    let limits = ComponentLimits::default();
    select(Grounds { pin, newest: newest.as_ref(), history, allowed: &[], limits }, |digest| digest != "lost")
}

#[track_caller]
fn check(selection: &Selection, tries: &[&str], notes: &[(&str, ComponentStanding)]) {
    assert_eq!(selection.tries, tries);
    let found: Vec<(&str, ComponentStanding)> =
        selection.notes.iter().map(|note| (note.digest.as_str(), note.state)).collect();
    assert_eq!(found, notes);
}

#[test]
fn a_file_serves_and_what_served_before_stands_behind_it() {
    let none = Asks::default();
    check(&chosen(None, Some(("new", &none)), None), &["new"], &[]);
    check(&chosen(None, Some(("new", &none)), Some(&history("old", &[], &[]))), &["new", "old"], &[]);
    check(&chosen(None, Some(("new", &none)), Some(&history("lost", &[], &[]))), &["new"], &[]);
    check(&chosen(None, None, Some(&history("old", &["older"], &[]))), &["old"], &[]);
    check(&chosen(None, None, None), &[], &[]);
}

#[test]
fn more_than_was_given_waits_while_the_old_one_serves() {
    let more = asks(&["token", "other"]);
    let selection = chosen(None, Some(("new", &more)), Some(&history("old", &[], &["token"])));
    check(&selection, &["old"], &[("new", ComponentStanding::Pending)]);
    let reason = &selection.notes[0].reason;
    assert!(reason.text.contains("the secret `other`"), "{}", reason.text);
    assert_eq!(reason.next, Some(NextStep::Approve(more.clone())));
    // The first version of all has nothing that could serve in its place.
    check(&chosen(None, Some(("new", &more)), None), &["new"], &[]);
    // What is pinned was approved.
    check(&chosen(Some("new"), Some(("new", &more)), Some(&history("old", &[], &[]))), &["new"], &[]);
}

#[test]
fn more_memory_or_time_than_was_given_waits_like_any_other_ask() {
    let limits = |memory_mib, call_ms| ComponentLimits { memory_mib, call_ms, ..ComponentLimits::default() };
    let chosen = |asked: ComponentLimits, operator: ComponentLimits| {
        let (newest, history) = (offered("new", asking(&Asks::default(), asked)), history("old", &[], &[]));
        let grounds = Grounds {
            pin: None,
            newest: Some(&newest),
            history: Some(&history),
            allowed: &[],
            limits: operator,
        };
        select(grounds, |_| true)
    };
    let nothing = ComponentLimits::default();
    for (asked, word) in
        [(limits(Some(65), None), "65 MiB of memory"), (limits(None, Some(21)), "21 ms in one call")]
    {
        let waits = chosen(asked, nothing);
        check(&waits, &["old"], &[("new", ComponentStanding::Pending)]);
        assert!(waits.notes[0].reason.text.contains(word), "{}", waits.notes[0].reason.text);
        check(&chosen(asked, limits(Some(100), Some(5))), &["new", "old"], &[]);
    }
    check(&chosen(limits(Some(64), Some(20)), nothing), &["new", "old"], &[]);
}

#[test]
fn a_pin_holds_against_the_file() {
    let none = Asks::default();
    let pinned = chosen(Some("old"), Some(("new", &none)), Some(&history("old", &[], &[])));
    check(&pinned, &["old"], &[("new", ComponentStanding::Pending)]);
}

#[test]
fn what_failed_too_often_does_not_come_back() {
    let none = Asks::default();
    let mut known = history("bad", &["good"], &[]);
    known.quarantined.insert("bad".into(), "it fails".into());
    for pin in [None, Some("bad")] {
        let selection = chosen(pin, Some(("bad", &none)), Some(&known));
        check(&selection, &["good"], &[("bad", ComponentStanding::Quarantined)]);
    }
    // With nothing to go back to, a bad version is better than none.
    let mut alone = history("bad", &["lost"], &[]);
    alone.quarantined.insert("bad".into(), "it fails".into());
    check(&chosen(None, Some(("bad", &none)), Some(&alone)), &["bad"], &[]);
    // Another version is judged for itself.
    check(&chosen(None, Some(("new", &none)), Some(&known)), &["new", "good"], &[]);
}

fn dropped(plays: Plays, secrets: &[&str]) -> DroppedFile {
    let manifest = Manifest { plays, ..asking(&asks(secrets), ComponentLimits::default()) };
    DroppedFile { digest: "file".into(), plays, manifest: Some(manifest), flaw: None }
}

fn planned(config: &Config, file: DroppedFile) -> ChangePlan {
    let version = file.manifest.clone().map(|manifest| offered(&file.digest, manifest));
    let offers = Offers {
        places: BTreeMap::from([("acme".into(), version.map_or(Offer::Nothing, Offer::Version))]),
        dropped: BTreeMap::from([("acme".into(), file)]),
        ..Offers::default()
    };
    plan(PlanInput { config, offers: &offers, histories: &BTreeMap::new() }, |_, _| false)
}

#[test]
fn a_file_that_nobody_named_is_a_provider_by_itself_when_it_asks_for_nothing() {
    let config = Config::default();
    let provider = planned(&config, dropped(Plays::Provider, &[]));
    assert_eq!(provider.implied, ["acme"]);
    assert_eq!(provider.selections["acme"].as_ref().unwrap().tries, ["file"]);
    for (file, next) in [
        (dropped(Plays::Provider, &["token"]), NextStep::Approve(asks(&["token"]))),
        (dropped(Plays::Classifier, &[]), NextStep::TakePlace),
    ] {
        let waits = planned(&config, file);
        let (state, reason) = &waits.standings["acme"];
        assert_eq!((*state, reason.next.as_ref()), (ComponentStanding::Pending, Some(&next)));
        assert!(waits.implied.is_empty() && waits.selections.is_empty());
    }
    let broken = DroppedFile { flaw: Some("it is not a component".into()), ..dropped(Plays::Provider, &[]) };
    assert_eq!(planned(&config, broken).standings["acme"].0, ComponentStanding::Rejected);
}

#[test]
fn what_is_switched_off_or_nowhere_is_not_tried() {
    let mut config = Config::default();
    config.components.insert("acme".into(), ComponentSource { enabled: false, ..ComponentSource::default() });
    let off = planned(&config, dropped(Plays::Provider, &[]));
    assert_eq!(off.standings["acme"].0, ComponentStanding::Off);
    assert!(off.selections.is_empty());

    let part = crate::config::ComponentSpec { component: "nowhere".into(), config: serde_json::json!({}) };
    let config = Config { policy: Some(part), ..Config::default() };
    let (offers, histories) = (Offers::default(), BTreeMap::new());
    let plan = plan(PlanInput { config: &config, offers: &offers, histories: &histories }, |_, _| false);
    assert_eq!(plan.selections["nowhere"], Err(Unavailable::Unknown));
}
