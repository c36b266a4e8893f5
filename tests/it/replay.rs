//! Conversations as real clients lead them, over upstreams as strict as their vendors: nothing that we send is refused, whatever
//! wires meet and however often a conversation moves from one upstream to another, and what was sent once stays byte for byte.

use std::sync::{Arc, Mutex, PoisonError};

use brains_tests::counts::count;
use brains_tests::replay::{CLIENTS, Session};
use brains_tests::upstream::Seen;
use brains_tests::wire::{ALL, OPENAI};
use brains_tests::{Brains, Reply, Setup, Upstream, Wire, model, within};
use futures_util::future::join_all;

/// What an upstream refused, and why.
type Refused = Arc<Mutex<Vec<String>>>;

/// A service with an upstream of every wire, each as strict as its vendor.
struct Stage {
    service: Brains,
    upstreams: Vec<Upstream>,
    refused: Refused,
}

impl Stage {
    async fn set() -> Self {
        let refused = Refused::default();
        let mut upstreams = Vec::new();
        let mut config = String::new();
        for wire in ALL {
            let kept = Arc::clone(&refused);
            let upstream = Upstream::start(move |seen| {
                let reply = strict(wire, seen);
                if reply.status >= 400 {
                    let said = reply.chunks.first().map(|said| text(said)).unwrap_or_default();
                    lock(&kept).push(format!("{}: {said}", wire.provider));
                }
                reply
            })
            .await;
            config.push_str(&wire.config(&upstream));
            upstreams.push(upstream);
        }
        Self { service: Brains::start(Setup::config(config)).await, upstreams, refused }
    }

    /// One turn, which is to be answered.
    async fn turn(&self, session: &mut Session, wire: Wire) {
        let answer = within("a turn", session.ask(&self.service.client, &wire.model())).await;
        let refused = lock(&self.refused).join("\n");
        let place = format!("{} over {}", session.client, wire.provider);
        assert_eq!(answer.status, 200, "{place}: {}\n{refused}\n{}", answer.text(), session.body);
        session.go_on();
    }

    /// What upstreams refused on the way to those answers, but for what is learned from a first refusal: that a vendor of chat
    /// completions does not know the thoughts that a client hands back.
    fn refusals(&self) -> Vec<String> {
        let (learned, refused): (Vec<String>, Vec<String>) =
            lock(&self.refused).clone().into_iter().partition(|line| {
                line.starts_with(OPENAI.provider)
                    && (line.contains(".reasoning_content") || line.contains(".reasoning_details"))
            });
        assert!(learned.len() <= MOST_LEARNED, "learned again and again: {learned:#?}");
        refused
    }
}

/// Two members, of conversations that may ask at once.
const MOST_LEARNED: usize = 12;

fn lock(refused: &Refused) -> std::sync::MutexGuard<'_, Vec<String>> {
    refused.lock().unwrap_or_else(PoisonError::into_inner)
}

fn strict(wire: Wire, seen: &Seen) -> Reply {
    if wire.provider == OPENAI.provider { model::openai::answer(seen) } else { (wire.answer)(seen) }
}

/// A thousand turns in `soak`: 10 clients over 4 wires, and as many that move.
#[tokio::test(flavor = "multi_thread")]
async fn no_turn_of_any_client_is_refused() {
    let stage = Stage::set().await;
    let turns = count(6, 20);
    join_all(ALL.map(async |wire| {
        for client in CLIENTS {
            let mut session = Session::begin(client);
            for _ in 0..turns {
                stage.turn(&mut session, wire).await;
            }
        }
    }))
    .await;
    assert_eq!(stage.refusals(), Vec::<String>::new());
}

/// What one vendor signed never reaches another, and comes back to it unharmed.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_moves_between_upstreams() {
    let stage = Stage::set().await;
    let turns = count(16, 40);
    join_all(CLIENTS.map(async |client| {
        let mut session = Session::begin(client);
        for at in 0..turns {
            stage.turn(&mut session, ALL[at / 3 % ALL.len()]).await;
        }
    }))
    .await;
    assert_eq!(stage.refusals(), Vec::<String>::new());
}

/// Prompts are cached by their first bytes: each turn's begin with all of the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_stays_byte_for_byte_over_200_turns() {
    let stage = Stage::set().await;
    let clients =
        CLIENTS.into_iter().filter(|(name, _)| ["claude-code", "codex", "opencode-chat"].contains(name));
    let clients: Vec<_> = clients.collect();
    join_all(ALL.iter().zip(&stage.upstreams).map(async |(wire, upstream)| {
        for client in &clients {
            let mut session = Session::begin(*client);
            let mut before: Vec<u8> = Vec::new();
            // Where bytes pass as they are, and where they are written anew.
            let turns = if wire.provider == own_provider(client.0) { 200 } else { count(60, 200) };
            for turn in 0..turns {
                stage.turn(&mut session, *wire).await;
                let body = upstream.last().body;
                let place = format!("{} over {}, turn {turn}", client.0, wire.provider);
                assert!(body.starts_with(&before), "{place}:\n{}\n{}", text(&before), text(&body));
                let kept = conversation_end(&body).unwrap_or_else(|| panic!("{place}: no conversation"));
                assert!(kept > before.len(), "{place} says nothing");
                before = body[..kept].to_vec();
            }
        }
    }))
    .await;
    assert_eq!(stage.refusals(), Vec::<String>::new());
}

/// The provider that speaks the wire of a client.
fn own_provider(client: &str) -> &'static str {
    match client {
        "claude-code" => "anthropic",
        "codex" => "openai_responses",
        _ => OPENAI.provider,
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// Where the list of what was said so far ends in a body, before its bracket.
pub(crate) fn conversation_end(body: &[u8]) -> Option<usize> {
    let begin = [&b"\"messages\":["[..], b"\"input\":["].into_iter().find_map(|name| {
        body.windows(name.len()).position(|window| window == name).map(|at| at + name.len())
    })?;
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in body.iter().enumerate().skip(begin) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b']' if depth == 0 => return Some(at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A body that says other things than the one before it would be seen.
#[test]
fn a_changed_beginning_is_seen() {
    let body = br#"{"model":"m","messages":[{"content":"a ] \" b","x":[1]},{"y":{}}],"stream":true}"#;
    let end = conversation_end(body).expect("a list");
    assert!(body[..end].ends_with(br#"{"y":{}}"#));
    let grown =
        br#"{"model":"m","messages":[{"content":"a ] \" b","x":[1]},{"y":{}},{"z":1}],"stream":true}"#;
    assert!(grown.starts_with(&body[..end]));
    assert!(!text(grown).replacen("\"a ]", "\"b ]", 1).into_bytes().starts_with(&body[..end]));
}
