//! There and back: a request that goes through the client's wire and the canonical form to an upstream's wire still
//! says what it said, and an answer that comes back the other way too. The upstream's side is read and written here
//! from its published form, not by our codecs. Every kind of part takes part, and a loss that is planted is found.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it fails"
)]

mod answers;
mod facts;
mod on_bedrock;
mod on_gemini;
mod on_messages;
mod on_ollama;
mod requests;

use brains_dialect::canon::{ChatRequest, Content, FaultKind, Media, MediaSource, Message, Part, Role};
use brains_dialect::{anthropic_messages, bedrock_converse, gemini_generate, ollama_chat};
use proptest::prelude::*;
use serde_json::{Value, json};

use facts::blank;
use requests::{request, sent};

const MODEL: &str = "claude-x";
const ORIGIN: &str = "anthropic-messages/claude";

fn body_on_messages(request: &ChatRequest) -> Value {
    let encoded = anthropic_messages::upstream::encode::encode(
        request,
        &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
    )
    .unwrap();
    assert_eq!(encoded.losses, Vec::<String>::new());
    serde_json::from_str(&encoded.body).unwrap()
}

fn body_on_ollama(request: &ChatRequest) -> Value {
    let encoded = ollama_chat::upstream::encode::encode(
        request,
        &ollama_chat::upstream::encode::OllamaChatOptions::default(),
    )
    .unwrap();
    // Marks for the cache and for signatures have no effect on what is said.
    assert!(
        encoded.losses.iter().all(|loss| loss == "cache_control" || loss == "messages.reasoning_details"),
        "{:?}",
        encoded.losses
    );
    serde_json::from_str(&encoded.body).unwrap()
}

/// The same, said by a model of the other vendor: what is signed in it is signed by that.
fn of_gemini(request: &ChatRequest) -> ChatRequest {
    let mut request = ChatRequest { model: "gemini-x".to_owned(), ..request.clone() };
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Content::Reasoning(thought) = &mut part.content {
            thought.origin = Some("gemini-generate/gemini".to_owned());
        }
    }
    request
}

fn body_on_gemini(request: &ChatRequest) -> Value {
    let encoded = gemini_generate::upstream::encode::encode(
        request,
        &gemini_generate::upstream::encode::GeminiGenerateOptions::default(),
    )
    .unwrap();
    assert!(encoded.losses.iter().all(|loss| loss == "cache_control"), "{:?}", encoded.losses);
    serde_json::from_str(&encoded.body).unwrap()
}

fn body_on_bedrock(request: &ChatRequest) -> Value {
    let encoded = bedrock_converse::upstream::encode::encode(
        request,
        &bedrock_converse::upstream::encode::BedrockConverseOptions::default(),
    )
    .unwrap();
    // A mark inside of a result has no place, and what is not to be called stays on the table where calls stand.
    let known = ["cache_control", "tool_choice"];
    assert!(encoded.losses.iter().all(|loss| known.contains(&loss.as_str())), "{:?}", encoded.losses);
    serde_json::from_str(&encoded.body).unwrap()
}

/// Every body in which one thing is missing: a block, a message, a member of one, a setting.
fn planted(body: &Value) -> Vec<Value> {
    fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    // Marks for the cache change no meaning; ids and types cannot go alone.
                    if ["cache_control", "model", "keep_alive", "tool_call_id", "id", "type"]
                        .contains(&name.as_str())
                    {
                        continue;
                    }
                    let path = format!("{at}/{name}");
                    if matches!(
                        name.as_str(),
                        "text" | "thinking" | "signature" | "data" | "name" | "content"
                    ) && inner.is_string()
                    {
                        found.push(path.clone());
                    }
                    paths(inner, &path, found);
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    let path = format!("{at}/{index}");
                    found.push(path.clone());
                    paths(inner, &path, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for name in ["messages", "system", "tools"] {
        if !body[name].is_null() {
            paths(&body[name], &format!("/{name}"), &mut found);
        }
    }
    let mut bodies = Vec::new();
    for path in found {
        let mut less = body.clone();
        let (parent, last) = path.rsplit_once('/').unwrap();
        match less.pointer_mut(parent).unwrap() {
            Value::Array(items) => drop(items.remove(last.parse().unwrap())),
            Value::Object(members) => {
                let text = members[last].as_str().unwrap().to_owned();
                let said =
                    if blank(&text) { format!("{text}x") } else { text.trim().chars().skip(1).collect() };
                members.insert(last.to_owned(), json!(said));
            }
            other => panic!("{other}"),
        }
        bodies.push(less);
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_keep_their_meaning_on_messages(request in request(true)) {
        let body = body_on_messages(&sent(&request));
        prop_assert_eq!(on_messages::read(&body, &request), on_messages::meant(&request), "{:#}", body);
    }

    #[test]
    fn requests_keep_their_meaning_on_bedrock(request in request(false)) {
        let request = on_bedrock::signed_here(&request);
        let body = body_on_bedrock(&sent(&request));
        prop_assert_eq!(on_bedrock::read(&body, &request), on_messages::meant(&request), "{:#}", body);
    }

    #[test]
    fn requests_keep_their_meaning_on_ollama(request in request(false)) {
        let body = body_on_ollama(&sent(&request));
        prop_assert_eq!(on_ollama::read(&body, &request), on_ollama::meant(&request), "{:#}", body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_keep_their_meaning_on_gemini(request in request(false)) {
        let request = of_gemini(&request);
        let body = body_on_gemini(&sent(&request));
        prop_assert_eq!(on_gemini::read(&body), on_gemini::meant(&request), "{:#}", body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// The readers above would notice: whatever single thing is taken out of a body, the facts differ.
    #[test]
    fn a_planted_loss_is_found(rich in request(true), plain in request(false)) {
        let meant = on_messages::meant(&rich);
        for less in planted(&body_on_messages(&sent(&rich))) {
            prop_assert_ne!(on_messages::read(&less, &rich), meant.clone(), "{:#}", less);
        }
        let meant = on_ollama::meant(&plain);
        for less in planted(&body_on_ollama(&sent(&plain))) {
            prop_assert_ne!(on_ollama::read(&less, &plain), meant.clone(), "{:#}", less);
        }
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let sound = Media {
        mime: "audio/wav".to_owned(),
        source: MediaSource::Base64("AAAA".to_owned()),
        detail: None,
        extra: None,
    };
    let odd = Content::Other(r#"{"type":"video_url","video_url":{"url":"https://x.test"}}"#.to_owned());
    for content in [Content::Audio(sound), odd] {
        let parts = vec![Part::plain(Content::Text("hi".to_owned())), Part::plain(content)];
        let message = Message { role: Role::User, name: None, parts, extra: None };
        let request =
            ChatRequest { model: MODEL.to_owned(), messages: vec![message], ..ChatRequest::default() };
        let request = sent(&request);
        let on_messages = anthropic_messages::upstream::encode::encode(
            &request,
            &anthropic_messages::upstream::encode::AnthropicMessagesOptions::default(),
        );
        assert_eq!(on_messages.unwrap_err().kind, FaultKind::Unsupported);
        let on_ollama = ollama_chat::upstream::encode::encode(
            &request,
            &ollama_chat::upstream::encode::OllamaChatOptions::default(),
        );
        assert_eq!(on_ollama.unwrap_err().kind, FaultKind::Unsupported);
    }
}
