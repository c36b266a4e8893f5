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
                    let said = reply.chunks.first().map(|said| String::from_utf8_lossy(said).into_owned());
                    let line = format!("{}: {}", wire.provider, said.unwrap_or_default());
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
                reply
            })
            .await;
            config.push_str(&wire.config(&upstream));
            upstreams.push(upstream);
        }
        Self { service: Brains::start(Setup::config(config)).await, upstreams, refused }
    }

    /// One turn, which is to be answered by an upstream that refused nothing of it.
    async fn turn(&self, session: &mut Session, wire: Wire) {
        let answer = within("a turn", session.ask(&self.service.client, &wire.model())).await;
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        let place = format!("{} over {}", session.client, wire.provider);
        assert!(
            answer.status == 200 && refused.is_empty(),
            "{place}: {} {}\n{refused}\n{}",
            answer.status,
            answer.text(),
            session.body
        );
        session.go_on();
    }
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
}

/// Prompts are cached by their first bytes: each turn's begin with all of the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_stays_byte_for_byte_over_200_turns() {
    let stage = Stage::set().await;
    let clients =
        CLIENTS.into_iter().filter(|(name, _)| ["claude-code", "codex", "opencode-chat"].contains(name));
    let clients: Vec<_> = clients.collect();
    let turns = count(200, 200);
    join_all(ALL.iter().zip(&stage.upstreams).map(async |(wire, upstream)| {
        for client in &clients {
            let mut session = Session::begin(*client);
            let mut before: Vec<u8> = Vec::new();
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
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// Where the list of what was said so far ends in a body, before its bracket.
fn conversation_end(body: &[u8]) -> Option<usize> {
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
