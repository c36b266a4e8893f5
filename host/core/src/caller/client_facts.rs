//! What client programs say of a request in headers of their own: which of their sessions it belongs to, and what it is for.
//! It is believed as a hint, and gives no right.

use serde::Deserialize;

use super::{NATIVE_HEADERS, NATIVE_MAX};

const CLASS: &str = "x-claude-code-request-class";
const AGENT: &str = "x-claude-code-agent-type";
const PROMPT: &str = "x-claude-code-prompt-id";
/// JSON; one program puts all that it tells into it.
const TURN: &str = "x-codex-turn-metadata";
/// `user` or `agent`: whether a person's turn or a tool's result is behind the request.
const INITIATOR: &str = "x-initiator";

/// What a request is for, among the hints of a classifier and a policy.
pub const REQUEST_CLASS: &str = "request_class";

/// A word longer than this is none of ours to keep.
const WORD_BYTES: usize = 64;
/// The metadata of real clients has less than a tenth of it.
const TURN_BYTES: usize = 16 << 10;

/// What a client told of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// The client's id of its own session.
    pub native_session: Option<String>,
    /// What the request is for: `main`, `subagent`, `workflow`, `compaction`, `auxiliary`, `side_reply`, or a word that came
    /// later.
    pub request_class: Option<String>,
    /// The agent inside of the client that asks.
    pub agent: Option<String>,
    /// The prompt or turn of the client's that the request belongs to.
    pub prompt: Option<String>,
    /// Whether a `user` or an `agent` made it ask.
    pub initiator: Option<String>,
}

#[derive(Default, Deserialize)]
struct TurnMetadata {
    session_id: Option<String>,
    thread_id: Option<String>,
    turn_id: Option<String>,
    agent_name: Option<String>,
    request_kind: Option<String>,
}

impl ClientFacts {
    /// Reads what stands in the headers; `header` gives the value of one. What is no sane word says nothing.
    pub fn read<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        let turn: TurnMetadata = header(TURN)
            .filter(|text| text.len() <= TURN_BYTES)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let told = |name: &'static str| header(name).map(str::to_owned);
        let native = NATIVE_HEADERS.into_iter().find_map(|name| told(name).and_then(id));
        let agent = told(AGENT).or(turn.agent_name).and_then(bounded_word);
        let class = told(CLASS).or_else(|| turn.request_kind.map(|kind| class_of(kind, agent.as_deref())));
        Self {
            native_session: native.or_else(|| turn.session_id.or(turn.thread_id).and_then(id)),
            request_class: class.and_then(bounded_word),
            prompt: told(PROMPT).or(turn.turn_id).and_then(bounded_word),
            initiator: told(INITIATOR).and_then(bounded_word),
            agent,
        }
    }

    /// What of it a classifier and a policy get to see. Ids are of no use to them.
    pub fn hints(&self) -> Vec<(String, String)> {
        let told =
            [(REQUEST_CLASS, &self.request_class), ("agent", &self.agent), ("initiator", &self.initiator)];
        told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
    }
}

/// A program that tells kinds of requests tells by another member whose turn it is; its first agent is called a root.
fn class_of(kind: String, agent: Option<&str>) -> String {
    match (kind.as_str(), agent) {
        ("turn", None | Some("/root")) => "main".to_owned(),
        ("turn", Some(_)) => "subagent".to_owned(),
        _ => kind,
    }
}

fn id(text: String) -> Option<String> {
    let sane =
        !text.is_empty() && text.len() <= NATIVE_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    sane.then_some(text)
}

fn bounded_word(text: String) -> Option<String> {
    let sane = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
    (!text.is_empty() && text.len() <= WORD_BYTES && text.bytes().all(sane)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(headers: &[(&str, &str)]) -> ClientFacts {
        ClientFacts::read(|name| headers.iter().find(|(header, _)| *header == name).map(|(_, value)| *value))
    }

    /// As captured from the programs.
    #[test]
    fn real_clients_are_understood() {
        let session = "16e14d7a-adbb-48cb-b69f-2b953fa600c1";
        let claude_code = read(&[
            ("x-claude-code-session-id", session),
            (CLASS, "compaction"),
            (AGENT, "general-purpose"),
            (PROMPT, "01a20200-995a-7881-8732-f03de4f84ed0"),
        ]);
        assert_eq!(
            claude_code,
            ClientFacts {
                native_session: Some(session.to_owned()),
                request_class: Some("compaction".to_owned()),
                agent: Some("general-purpose".to_owned()),
                prompt: Some("01a20200-995a-7881-8732-f03de4f84ed0".to_owned()),
                initiator: None,
            }
        );
        let turn = |kind: &str, agent: &str| {
            format!(
                r#"{{"session_id":"s","thread_id":"t","agent_name":"{agent}","turn_id":"u","request_kind":"{kind}","window_number":0}}"#
            )
        };
        for (kind, agent, class) in [
            ("turn", "/root", "main"),
            ("turn", "/root/explorer", "subagent"),
            ("compaction", "/root", "compaction"),
        ] {
            let codex = read(&[(TURN, &turn(kind, agent)), ("session-id", "01a2"), ("thread-id", "01a3")]);
            assert_eq!(
                (codex.native_session, codex.request_class),
                (Some("01a2".to_owned()), Some(class.to_owned())),
                "{kind} {agent}"
            );
            assert_eq!(codex.prompt, Some("u".to_owned()));
        }
        assert_eq!(read(&[(TURN, &turn("turn", "/root"))]).native_session, Some("s".to_owned()));
        let opencode = read(&[("x-session-id", "ses_dfdfe59faffeCmb3d7CZqg8MFK")]);
        assert_eq!(opencode.native_session, Some("ses_dfdfe59faffeCmb3d7CZqg8MFK".to_owned()));
        let copilot = read(&[(INITIATOR, "agent")]);
        assert_eq!(copilot.hints(), [("initiator".to_owned(), "agent".to_owned())]);
    }

    #[test]
    fn what_is_no_word_says_nothing() {
        let long = "x".repeat(300);
        for value in ["", "two words", "a\tb", "{}", long.as_str(), "\u{e4}"] {
            assert_eq!(read(&[(CLASS, value), (TURN, value)]), ClientFacts::default(), "{value}");
        }
        assert_eq!(read(&[(TURN, r#"{"request_kind":7}"#)]), ClientFacts::default());
    }

    proptest! {
        #[test]
        fn nothing_trips_it(name in 0_usize..5, text in "\\PC{0,80}") {
            let facts = read(&[([CLASS, AGENT, PROMPT, TURN, INITIATOR][name], &text)]);
            prop_assert!(facts.hints().iter().all(|(_, value)| value.len() <= WORD_BYTES));
        }
    }
}
