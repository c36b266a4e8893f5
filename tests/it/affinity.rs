//! Conversations stay where their prompt is cached: over three candidates that are as good as each other, in each process, for
//! their owner alone, until the one that they are at does not answer; and then they stay at another. Without that an agent's
//! turns land anywhere, and most of what it pays for is read anew (BerriAI/litellm#38078).

mod shared;
mod worth;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brains_tests::replay::{CLIENTS, Session};
use brains_tests::upstream::Seen;
use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES, UPSTREAM_KEY};
use brains_tests::{Answer, Brains, Reply, Setup, Upstream, Wire, until, within};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::replay::conversation_end;

const NAMES: [&str; 3] = ["north", "east", "west"];

/// Three upstreams of a wire, each of which may be told to fail.
struct Trio {
    upstreams: Vec<Upstream>,
    ill: Vec<Arc<AtomicBool>>,
    component: &'static str,
    secrets: String,
    with_version: bool,
}

impl Trio {
    async fn start(wire: Wire) -> Self {
        let (mut upstreams, mut ill) = (Vec::new(), Vec::new());
        for _ in NAMES {
            let fails = Arc::new(AtomicBool::new(false));
            let switch = Arc::clone(&fails);
            let answer = move |seen: &Seen| {
                if switch.load(Ordering::SeqCst) { Reply::json(500, "{}") } else { (wire.answer)(seen) }
            };
            upstreams.push(Upstream::start(answer).await);
            ill.push(fails);
        }
        let component = match wire.provider {
            "anthropic" => "provider-anthropic",
            "openai_responses" => "provider-openai-responses",
            _ => "provider-openai",
        };
        // Vendors of these wires want a key.
        let secrets = match wire.provider {
            "openai_compatible" => String::new(),
            _ => format!(", secrets: {{api_key: \"{UPSTREAM_KEY}\"}}"),
        };
        Self { upstreams, ill, component, secrets, with_version: component != "provider-anthropic" }
    }

    /// The three as providers, and a tier that shares out among them.
    fn config(&self) -> String {
        let providers = NAMES.iter().zip(&self.upstreams).map(|(name, upstream)| {
            let base = if self.with_version { upstream.base() } else { upstream.origin() };
            format!(
                "  {name}: {{component: {}, config: {{base_url: \"{base}\"}}{}}}\n",
                self.component, self.secrets
            )
        });
        let [first, others @ ..] = NAMES.map(|name| format!("{{provider: {name}, model: scripted-1}}"));
        let first = first.trim_matches(['{', '}']).to_owned();
        format!(
            "providers:\n{}models: {{trio: {{{first}, fallbacks: [{}], spread: true}}}}\n",
            providers.collect::<String>(),
            others.join(", ")
        )
    }

    fn is_ill(&self, name: &str, ill: bool) {
        self.ill[at(name)].store(ill, Ordering::SeqCst);
    }

    /// How many requests each got.
    fn calls(&self) -> Vec<usize> {
        self.upstreams.iter().map(|upstream| posts(upstream).len()).collect()
    }

    /// Bytes of conversations, and those of them that no cache had: each upstream remembers the beginning of what it read
    /// last.
    fn cost(&self) -> (usize, usize) {
        let (mut all, mut anew) = (0, 0);
        for upstream in &self.upstreams {
            let mut before: Vec<u8> = Vec::new();
            for seen in posts(upstream) {
                let said = &seen.body[..conversation_end(&seen.body).expect("a conversation")];
                let known = said.iter().zip(&before).take_while(|(a, b)| a == b).count();
                all += said.len();
                anew += said.len() - known;
                before = said.to_vec();
            }
        }
        (all, anew)
    }
}

fn posts(upstream: &Upstream) -> Vec<Seen> {
    upstream.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

fn at(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).expect("one of the three")
}

fn session(client: &str) -> Session {
    Session::begin(*CLIENTS.iter().find(|(name, _)| *name == client).expect("a client"))
}

/// One turn, which is answered: by whom, and why there.
async fn turn(service: &Brains, session: &mut Session) -> (String, String) {
    let answer = within("a turn", session.ask(&service.client, "brains-trio")).await;
    let told = told(&answer);
    session.go_on();
    told
}

#[track_caller]
fn told(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.header("x-brains-provider").to_owned(), answer.header("x-brains-route-reason").to_owned())
}

/// A prompt that vendors cache.
fn long(text: &str) -> String {
    format!("{text} {}", "and so on ".repeat(600))
}

/// One turn of a conversation with an id of its own, over chat completions.
async fn chat(client: &brains_tests::Client, session: &str) -> (String, String) {
    let body = json!({"model": "brains-trio", "messages": [{"role": "user", "content": long("x")}]});
    let request = client.request(http::Method::POST, "/v1/chat/completions").header("x-session-id", session);
    told(&brains_tests::Client::send(request.body(body.to_string())).await)
}

async fn two_hundred_turns(client: &'static str, wire: Wire) {
    let trio = Trio::start(wire).await;
    let service = Brains::start(Setup::config(trio.config())).await;
    let mut talk = session(client);
    let (home, _) = turn(&service, &mut talk).await;
    for number in 1..100 {
        let (by, why) = turn(&service, &mut talk).await;
        assert_eq!(by, home, "{client}, turn {number}: {why}");
        // At first there is nothing that a vendor would cache.
        let is_warm = number < 30 || why.contains("same as before (");
        assert!(is_warm && !why.contains("moved"), "{client}, turn {number}: {why}");
    }
    let stayed = posts(&trio.upstreams[at(&home)]);
    for pair in stayed.windows(2) {
        let kept = conversation_end(&pair[0].body).expect("a conversation");
        assert!(pair[1].body.starts_with(&pair[0].body[..kept]), "{client}: the prefix is equal");
    }
    assert_eq!(trio.calls().iter().sum::<usize>(), 100);

    // It fails: they move once, and say so.
    trio.is_ill(&home, true);
    let answer = within("a turn", talk.ask(&service.client, "brains-trio")).await;
    talk.go_on();
    let (away, why) = told(&answer);
    assert_ne!(away, home);
    assert!(why.ends_with(&format!("; moved from {home}/scripted-1: upstream_error")), "{client}: {why}");
    let trace = super::failover::trace(&service.client, &answer).await;
    assert_eq!(trace["reason"], why, "{trace}");
    // It is well again, and they stay.
    trio.is_ill(&home, false);
    for number in 101..200 {
        let (by, why) = turn(&service, &mut talk).await;
        assert_eq!(by, away, "{client}, turn {number}: {why}");
        assert!(why.contains("same as before (") && !why.contains("moved"), "{client}: {why}");
    }
    let mut calls = trio.calls();
    calls.sort_unstable();
    assert_eq!(calls, [0, 100, 101]);
    let (all, anew) = trio.cost();

    // What it would have cost without.
    let apart = Trio::start(wire).await;
    let service = Brains::start(Setup::config(apart.config()).and("affinity: {enabled: false}")).await;
    let mut talk = session(client);
    for _ in 0..200 {
        let (_, why) = turn(&service, &mut talk).await;
        assert!(!why.contains("same as before") && !why.contains("moved"), "{client}: {why}");
    }
    let calls = apart.calls();
    assert!(calls.iter().all(|calls| *calls > 20), "{client}: {calls:?}");
    let (all_apart, anew_apart) = apart.cost();
    // The move is paid for, too.
    assert!(2 * anew_apart > 3 * anew, "{client}: {anew} of {all}, {anew_apart} of {all_apart}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_turns_of_claude_code_stay_where_their_cache_is() {
    two_hundred_turns("claude-code", ANTHROPIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_turns_of_codex_stay_where_their_cache_is() {
    two_hundred_turns("codex", RESPONSES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_shared_out_and_each_stays() {
    let trio = Trio::start(OPENAI).await;
    let service = Brains::start(Setup::config(trio.config())).await;
    let mut homes = Vec::new();
    for number in 0..60 {
        homes.push(chat(&service.client, &format!("s{number}")).await.0);
    }
    let calls = trio.calls();
    assert!(calls.iter().all(|calls| *calls >= 8), "{calls:?}");
    for (number, home) in homes.iter().enumerate() {
        let (by, why) = chat(&service.client, &format!("s{number}")).await;
        assert_eq!(&by, home, "{why}");
    }
    // Without an id of their own they are known by how they begin, on each wire.
    let mut known = Vec::new();
    for (path, body) in beginnings() {
        let answer = service.client.post(path, body.to_string()).await;
        known.push(told(&answer));
    }
    assert!(known.iter().all(|(by, _)| *by == known[0].0), "{known:?}");
    assert!(known.iter().skip(1).all(|(_, why)| why.contains("same as before")), "{known:?}");

    // An order that no policy made is the same.
    fs_err::write(service.home.state().join("brains.runtime.yaml"), "policy: null\n").expect("written");
    service.client.operation("reload_config", &json!({})).await;
    for (number, home) in homes.iter().enumerate() {
        assert_eq!(&chat(&service.client, &format!("s{number}")).await.0, home);
    }
}

/// One conversation as clients of three wires begin it.
fn beginnings() -> [(&'static str, Value); 3] {
    let (model, system, said) = ("brains-trio", "Be brief.", long("Good morning."));
    [
        (
            "/v1/chat/completions",
            json!({"model": model, "messages": [{"role": "system", "content": system}, {"role": "user", "content": said}]}),
        ),
        (
            "/v1/messages",
            json!({"model": model, "max_tokens": 99, "system": system, "messages": [{"role": "user", "content": said}]}),
        ),
        ("/v1/responses", json!({"model": model, "instructions": system, "input": said})),
    ]
}

/// Who does not have the key has another conversation, whatever id they say.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_anothers_place_or_changes_it() {
    let trio = Trio::start(OPENAI).await;
    let service = Brains::start(Setup::config(trio.config())).await;
    let key = async |name: &str| {
        let made = service.client.operation("create_key", &json!({"name": name})).await;
        service.client.with_key(made["key"].as_str().expect("a key"))
    };
    let (ann, bob) = (key("ann").await, key("bob").await);
    let (home, _) = chat(&ann, "s").await;
    let (by_bob, why) = chat(&bob, "s").await;
    assert!(!why.contains("same as before"), "{why}");
    trio.is_ill(&by_bob, true);
    let (by, why) = chat(&bob, "s").await;
    assert!(by != by_bob && why.contains("moved from"), "{why}");
    trio.is_ill(&by_bob, false);
    // What the one saw fail is the other's matter only when it fails for them.
    let (by, why) = chat(&ann, "s").await;
    assert_eq!(by, home, "{why}");
    assert!(why.contains("same as before"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_full_is_left_and_what_is_cold_is_forgotten() {
    let trio = Trio::start(OPENAI).await;
    let policies: Vec<String> =
        NAMES.iter().map(|name| format!("{name}: {{max_concurrent_requests: 1}}")).collect();
    let lines = format!("provider_policies: {{{}}}\naffinity: {{ttl_seconds: 2}}", policies.join(", "));
    let service = Brains::start(Setup::config(trio.config()).and(&lines)).await;
    let (home, _) = chat(&service.client, "s").await;
    trio.upstreams[at(&home)].then(Reply::json(200, "{}").head_delay(Duration::from_mins(10)));
    let named =
        json!({"model": format!("{home}/scripted-1"), "messages": [{"role": "user", "content": "wait"}]});
    let busy =
        service.client.request(http::Method::POST, "/v1/chat/completions").body(named.to_string()).send();
    let mut busy = Box::pin(busy);
    let called = trio.calls()[at(&home)];
    tokio::select! {
        _ = &mut busy => panic!("it waits"),
        () = until("the call", async || trio.calls()[at(&home)] > called) => {}
    }
    let (away, why) = chat(&service.client, "s").await;
    assert!(why.ends_with(&format!("; moved from {home}/scripted-1: at_capacity")), "{why}");
    drop(busy);
    until("a place", async || {
        let ready = service.client.get("/health/ready").await.json();
        let load = ready["provider_load"].as_array().cloned().unwrap_or_default();
        load.iter().all(|provider| provider["in_flight"] == 0)
    })
    .await;
    assert_eq!(chat(&service.client, "s").await.0, away);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let (by, why) = chat(&service.client, "s").await;
    assert_eq!(by, home, "{why}");
    assert!(!why.contains("same as before") && !why.contains("moved"), "{why}");
}

/// Turns of one conversation at once: each is answered, and none of them brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn turns_that_overlap_end_at_one_place() {
    let trio = Trio::start(OPENAI).await;
    let service = Brains::start(Setup::config(trio.config())).await;
    let round = async |session: &str| {
        let all = join_all((0..64).map(|_| chat(&service.client, session))).await;
        all.into_iter().map(|(by, _)| by).collect::<std::collections::BTreeSet<_>>()
    };
    for number in 0..3 {
        let session = format!("s{number}");
        if number > 0 {
            chat(&service.client, &session).await;
        }
        let first = round(&session).await;
        assert_eq!(first.len(), 1, "{first:?}");
        let home = first.first().expect("one").clone();
        trio.is_ill(&home, true);
        assert!(!round(&session).await.contains(&home));
        trio.is_ill(&home, false);
        let then = round(&session).await;
        assert!(then.len() == 1 && !then.contains(&home), "{home}, then {then:?}");
    }
}
