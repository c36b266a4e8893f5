//! Over every change there is: two agents of one operator, each with its session, use the same idempotency keys for the same
//! and for other inputs, interleaved, through each door. Neither is told what is the other's, and each one's repetition
//! gets its own answer, which says that it is one.

use std::collections::BTreeSet;

use brains_control::Registry;
use brains_tests::client::Client;
use brains_tests::counts::count;
use brains_tests::team::{Database, Team};
use serde_json::{Value, json};

use super::speaker::{How, Said, Speaker};
use crate::visibility::table::{VERBS, Verb};

/// What a repetition may be refused with: what it gave is over, or nothing shows whose it was.
const ENDED: [&str; 4] = ["idempotency_lapsed", "idempotency_unproven", "session_ended", "session_required"];

#[test]
fn every_change_that_is_done_once_is_in_the_table() {
    let registry = Registry::new();
    let once = registry.entries().iter().filter(|entry| entry.once);
    let missing: Vec<_> =
        once.map(|entry| entry.name).filter(|name| !VERBS.iter().any(|verb| verb.name == *name)).collect();
    assert!(missing.is_empty(), "nothing is tried with {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_with_the_same_keys_get_each_its_own() {
    for round in 0..count(1, 12) {
        let database = if round % 2 == 0 { Database::Sqlite } else { Database::Postgres };
        let team = Team::start(database).await;
        team.admin().operation("add_operator", &json!({ "slug": "guest" })).await;
        let mut number = 0;
        for how in How::ALL {
            // One key that both share, and one for each.
            for shared in [true, false] {
                // The command takes a process a call: once is enough where counts are short.
                if how == How::Command && (shared || database == Database::Postgres) {
                    continue;
                }
                number += 1;
                pass(&team, how, shared, number, round % 4 >= 2 || number % 2 == 0).await;
            }
        }
        team.stop().await;
    }
}

/// Everything of one pass that changes in it.
struct Pass<'a> {
    team: &'a Team,
    seen: BTreeSet<String>,
}

async fn pass(team: &Team, how: How, shared: bool, number: usize, same_input: bool) {
    let (client, mcp) = (team.admin().clone(), team.services[0].mcp.clone());
    let second = if shared {
        (client.clone(), mcp.clone())
    } else {
        let made = json!({ "name": format!("pass{number}"), "scopes": ["gateway", "read", "write"] });
        let key =
            team.admin().operation("create_key", &made).await["key"].as_str().expect("a key").to_owned();
        (client.with_key(&key), mcp.with_key(&key))
    };
    let mut one = Speaker::begin(how, &client, &mcp, number * 2).await;
    let mut other = Speaker::begin(how, &second.0, &second.1, number * 2 + 1).await;
    let mut first = prepare(team, team.admin(), number * 2, &one, None).await;
    let mut then = prepare(team, team.admin(), number * 2 + 1, &other, same_input.then_some(&first)).await;
    let mut pass = Pass { team, seen: BTreeSet::new() };
    pass.sees(&[&json!([first, then, one.session, other.session])]);
    let registry = Registry::new();
    // What takes no session is done on the command line by the person whose it is: one party, whoever types.
    let told_apart = |by_session: bool| how != How::Command || by_session;
    let once = |verb: &&Verb| {
        registry.find(verb.name).is_some_and(|entry| entry.once && told_apart(entry.by_session))
    };
    for (index, verb) in VERBS.iter().filter(once).enumerate() {
        let key = format!("k{index}");
        pass.turn(verb, &key, (&mut one, &mut first), (&mut other, &mut then), index % 2 == 0).await;
    }
    for agent in [&one, &other] {
        let end = json!({ "session": agent.session });
        drop(agent.says(team, "end_session", &end, "over").await);
    }
}

impl Pass<'_> {
    fn sees(&mut self, values: &[&Value]) {
        for value in values {
            self.seen.extend(own(value));
        }
    }

    /// One change by both, and again by both.
    async fn turn(
        &mut self,
        verb: &Verb,
        key: &str,
        (one, first): (&mut Speaker, &mut Value),
        (other, then): (&mut Speaker, &mut Value),
        repeats_early: bool,
    ) {
        let (asked, also) = (input(verb, first, one), input(verb, then, other));
        let done = self.call(one, verb, &asked, key).await;
        let mut again = None;
        if repeats_early {
            again = Some(self.call(one, verb, &asked, key).await);
        }
        let second = self.call(other, verb, &also, key).await;
        let again = match again {
            Some(again) => again,
            None => self.call(one, verb, &asked, key).await,
        };
        let later = self.call(other, verb, &also, key).await;
        self.check(verb, (&done, &again), &[&second, &later]);
        self.check(verb, (&second, &later), &[&done, &again]);
        for (at, said) in [(first, &done), (then, &second)] {
            if let Some((place, name)) = verb.keep
                && let Some(kept) = said.value.pointer(place)
                && name != "mine"
            {
                at[name] = kept.clone();
            }
        }
        self.sees(&[&done.value, &again.value, &second.value, &later.value]);
    }

    async fn call(&self, speaker: &mut Speaker, verb: &Verb, input: &Value, key: &str) -> Said {
        let said = speaker.says(self.team, verb.name, input, key).await;
        // What resumes a session gives it another token.
        if verb.name == "resume_session"
            && let Some(token) = said.value["session_token"].as_str()
        {
            token.clone_into(&mut speaker.token);
        }
        said
    }

    #[track_caller]
    fn check(&self, verb: &Verb, (done, again): (&Said, &Said), others: &[&Said]) {
        let fresh: BTreeSet<String> = own(&done.value).difference(&self.seen).cloned().collect();
        for said in others {
            let told = own(&said.value);
            let stolen: Vec<_> = fresh.intersection(&told).collect();
            assert!(stolen.is_empty(), "{}: {stolen:?} of {done:?} in {said:?}", verb.name);
        }
        assert!(!done.replayed, "{}: {done:?}", verb.name);
        if !done.done {
            return;
        }
        if !again.done {
            assert!(ENDED.contains(&again.code()), "{}: {done:?}, then {again:?}", verb.name);
            return;
        }
        assert!(again.replayed, "{}: it was done again: {done:?}, {again:?}", verb.name);
        // Secrets are told once; everything else is what it was.
        let ids = |said: &Said| {
            own(&said.value).into_iter().filter(|text| !text.starts_with("secret")).collect::<Vec<_>>()
        };
        let missing: Vec<_> =
            ids(done).into_iter().filter(|id| fresh.contains(id) && !ids(again).contains(id)).collect();
        assert!(missing.is_empty(), "{}: {missing:?} of {done:?} is not in {again:?}", verb.name);
    }
}

fn input(verb: &Verb, at: &Value, speaker: &Speaker) -> Value {
    let mut input = (verb.input)(at);
    if verb.as_session {
        input["session"] = speaker.session.clone().into();
    }
    input
}

/// What is one's own in an answer: ids, but of workspaces and of the handoff of each, which are everybody's; and secrets.
fn own(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        // What was said to everybody is everybody's.
        Value::Object(members) if members.get("broadcast") == Some(&Value::Bool(true)) => {}
        Value::Object(members) => {
            // Who else is there, and what they hold, everybody is told who starts.
            for (name, value) in members.iter().filter(|(name, _)| *name != "welcome") {
                if let ("session_token" | "key", Some(secret)) = (name.as_str(), value.as_str()) {
                    found.insert(format!("secret {secret}"));
                }
                found.extend(own(value));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| found.extend(own(item))),
        Value::String(text) => {
            let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let ids = words.filter(|word| {
                word.split_once('_').is_some_and(|(noun, rest)| {
                    rest.len() == 26 && noun.len() <= 5 && !["ws", "hand", "brs", "brk"].contains(&noun)
                })
            });
            found.extend(ids.map(str::to_owned));
        }
        _ => {}
    }
    found
}

/// What the table needs; of `shared` what both do it to.
async fn prepare(
    team: &Team,
    admin: &Client,
    number: usize,
    mine: &Speaker,
    shared: Option<&Value>,
) -> Value {
    let (other, victim) = (team.agent(0).await, team.agent(0).await);
    let lock = other.does("acquire_lock", json!({ "name": format!("held{number}") })).await;
    let message =
        other.does("send_message", json!({ "subject": "all", "wants_acknowledgement": true })).await;
    let task = other.does("create_task", json!({ "title": "t" })).await;
    let key = admin.operation("create_key", &json!({ "name": format!("key{number}") })).await;
    let mut at = json!({
        "workspace": "app", "path": team.path("app"), "visibility": "shared", "fresh": format!("fresh-{number}"),
        "other": other.id, "victim": victim.id, "lock": lock["lock"]["id"], "message": message["message"]["id"],
        "task": task["task"]["code"], "key": key["id"], "own_lock": lock["lock"]["id"],
        "next": task["task"]["code"],
    });
    for name in ["fresh", "other", "victim", "lock", "message", "task", "key", "own_lock", "next"] {
        if let Some(shared) = shared {
            at[name] = shared[name].clone();
        }
    }
    // A letter that is for one of them alone, and that nobody was told of.
    other.does("send_message", json!({ "subject": "for one", "to": [mine.session] })).await;
    // What was made here is known to both by all its names.
    at["made"] = json!([lock, message, task, key]);
    at["mine"] = mine.session.clone().into();
    at
}
