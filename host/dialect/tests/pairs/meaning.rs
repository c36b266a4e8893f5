//! There and back: what a conversation says as a client of one wire sends it is what the upstream of another gets. For every kind
//! of part there is a way to lose it, and the comparison sees each.

use brains_dialect::canon::{ChatRequest, Content, OutputFormat, Part, ResultPart, Role};
use brains_dialect::ingress::Ingress;
use brains_dialect::translation::UpstreamWire;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bodies::read;
use crate::conversations::{Called, Conversation, Given, Offered, PDF, PNG, Pair, Turn, body, conversation};
use crate::wires::{CLIENTS, asked, encode};

fn pairs() -> impl Iterator<Item = Pair> {
    CLIENTS
        .into_iter()
        .flat_map(|client| UpstreamWire::ALL.into_iter().map(move |wire| Pair { client, wire }))
}

/// The request in canonical form.
fn heard(pair: Pair, said: &Conversation) -> ChatRequest {
    asked(pair.client, body(pair, said).to_string().as_bytes(), pair.wire)
}

/// What the upstream reads.
fn upstream_reads(pair: Pair, request: &ChatRequest) -> Conversation {
    let encoded = encode(request, pair.wire).unwrap_or_else(|fault| panic!("{pair:?}: {}", fault.message));
    assert_eq!(encoded.losses, Vec::<String>::new(), "{pair:?}");
    let body: Value = serde_json::from_str(&encoded.body).unwrap();
    level(pair, read(pair.wire, &body))
}

/// What every wire says alike: texts that stand together are one, and what a wire always asks for is said.
fn level(pair: Pair, mut said: Conversation) -> Conversation {
    let join = |texts: &mut Vec<String>| {
        if !texts.is_empty() {
            *texts = vec![texts.join("\n")];
        }
    };
    // Two of the wires break lines between instructions, the others keep them apart.
    said.system = said.system.iter().flat_map(|text| text.split('\n')).map(str::to_owned).collect();
    said.system.retain(|text| !text.is_empty());
    let refusals = matches!(pair.wire, UpstreamWire::OpenAiChat | UpstreamWire::OpenAiResponses);
    for turn in &mut said.turns {
        if let Some(refusal) = turn.refusal.take_if(|_| !refusals) {
            turn.texts.push(refusal);
        }
        join(&mut turn.texts);
        // A tool that had nothing to say has answered with nothing.
        for given in &mut turn.given {
            given.texts.retain(|text| !text.is_empty());
            join(&mut given.texts);
        }
        // A turn's thoughts go back where somebody can read them.
        if pair.signer().is_none() {
            turn.thoughts.clear();
        }
    }
    if said.limit.is_none() {
        said.limit = match (pair.client, pair.wire) {
            (Ingress::AnthropicMessages, _) => Some(4096),
            (_, UpstreamWire::AnthropicMessages) => Some(8192),
            _ => None,
        };
    }
    said
}

fn any_pair() -> impl Strategy<Value = (Pair, Conversation)> {
    let all: Vec<Pair> = pairs().collect();
    (0..all.len()).prop_flat_map(move |at| {
        let pair = all[at];
        conversation(pair).prop_map(move |said| (pair, said))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_client_says_is_what_the_upstream_gets((pair, said) in any_pair()) {
        let told = upstream_reads(pair, &heard(pair, &said));
        prop_assert_eq!(told, level(pair, said.clone()), "{:?}: {:#}", pair, body(pair, &said));
    }
}

/// One of everything that the pair can say.
fn everything(pair: Pair) -> Conversation {
    let some = |text: &str| vec![text.to_owned()];
    let thoughts = [(Some("hm".to_owned()), "c2ln".to_owned()), (None, "ZGF0".to_owned())];
    let calls = Called { id: "call_1".to_owned(), name: "look".to_owned(), input: json!({"a": 1}) };
    let given = Given { id: "call_1".to_owned(), texts: some("r"), images: vec![format!("{PNG}xAAAA")] };
    let mut turns = vec![
        Turn {
            user: true,
            texts: some("see"),
            images: vec![format!("{PNG}xBBBB")],
            files: if pair.files() { vec![format!("{PDF}xCCCC")] } else { Vec::new() },
            ..Turn::default()
        },
        Turn { texts: some("so"), called: vec![calls], ..Turn::default() },
        Turn { user: true, given: vec![given], ..Turn::default() },
        Turn { refusal: pair.refusals().then(|| "no".to_owned()), ..Turn::default() },
        Turn { user: true, texts: some("and?"), ..Turn::default() },
    ];
    if pair.signer().is_some() {
        turns[1].thoughts = thoughts.to_vec();
    }
    if !pair.refusals() {
        turns[3].texts = some("no");
    }
    let tool = Offered {
        name: "look".to_owned(),
        description: "Looks.".to_owned(),
        schema: json!({"type": "object"}),
    };
    Conversation { system: some("be"), turns, tools: vec![tool], limit: Some(99), held: Some("x".to_owned()) }
}

/// Takes away what it says, if there is any.
type Loss = (&'static str, fn(&mut ChatRequest));

const LOSSES: &[Loss] = &[
    ("instructions", |request| request.messages.retain(|message| message.role != Role::System)),
    ("a text of the user's", |request| {
        drop_parts(request, Some(Role::User), |content| matches!(content, Content::Text(_)));
    }),
    ("a text of the assistant's", |request| {
        drop_parts(request, Some(Role::Assistant), |content| matches!(content, Content::Text(_)));
    }),
    ("an image", |request| drop_parts(request, None, |content| matches!(content, Content::Image(_)))),
    ("a document", |request| drop_parts(request, None, |content| matches!(content, Content::File(_)))),
    ("a call", |request| drop_parts(request, None, |content| matches!(content, Content::ToolCall(_)))),
    ("arguments", |request| calls(request, |call| "{}".clone_into(&mut call.arguments))),
    ("the name of a call", |request| calls(request, |call| "other".clone_into(&mut call.name))),
    ("a result", |request| drop_parts(request, None, |content| matches!(content, Content::ToolResult(_)))),
    ("a text of a result", |request| results(request, |part| !matches!(part, ResultPart::Text(_)))),
    ("an image of a result", |request| results(request, |part| !matches!(part, ResultPart::Media(_)))),
    ("a thought", |request| {
        drop_parts(
            request,
            None,
            |content| matches!(content, Content::Reasoning(it) if it.redacted.is_none()),
        );
    }),
    ("a thought that nobody may read", |request| {
        drop_parts(
            request,
            None,
            |content| matches!(content, Content::Reasoning(it) if it.redacted.is_some()),
        );
    }),
    ("a signature", |request| {
        parts(request).for_each(|part| {
            if let Content::Reasoning(thought) = &mut part.content
                && let Some(signature) = &mut thought.signature
            {
                signature.push('x');
            }
        });
    }),
    ("a refusal", |request| drop_parts(request, None, |content| matches!(content, Content::Refusal(_)))),
    ("a tool", |request| request.tools.clear()),
    ("the limit", |request| request.sampling.max_output_tokens = Some(100)),
    ("the form of the answer", |request| request.output = OutputFormat::Text),
];

fn parts(request: &mut ChatRequest) -> impl Iterator<Item = &mut Part> {
    request.messages.iter_mut().flat_map(|message| &mut message.parts)
}

fn drop_parts(request: &mut ChatRequest, role: Option<Role>, lost: fn(&Content) -> bool) {
    for message in &mut request.messages {
        if role.is_none_or(|role| message.role == role) {
            message.parts.retain(|part| !lost(&part.content));
        }
    }
    request.messages.retain(|message| !message.parts.is_empty());
}

fn calls(request: &mut ChatRequest, change: fn(&mut brains_dialect::canon::ToolCall)) {
    parts(request).for_each(|part| {
        if let Content::ToolCall(call) = &mut part.content {
            change(call);
        }
    });
}

fn results(request: &mut ChatRequest, keep: fn(&ResultPart) -> bool) {
    parts(request).for_each(|part| {
        if let Content::ToolResult(result) = &mut part.content {
            result.content.retain(keep);
        }
    });
}

#[test]
fn a_planted_loss_of_any_kind_of_part_is_seen() {
    for pair in pairs() {
        let said = everything(pair);
        let request = heard(pair, &said);
        let meant = level(pair, said);
        assert_eq!(upstream_reads(pair, &request), meant, "{pair:?}");
        for (what, lose) in LOSSES {
            let mut less = request.clone();
            lose(&mut less);
            let sayable = match *what {
                "a document" => pair.files(),
                "a refusal" => pair.refusals(),
                "a thought" | "a thought that nobody may read" | "a signature" => pair.signer().is_some(),
                _ => true,
            };
            assert_eq!(less != request, sayable, "{pair:?} does not say {what}");
            if sayable {
                // A body that cannot be written any more is seen, too.
                let seen = encode(&less, pair.wire).map_or(true, |encoded| {
                    let body: Value = serde_json::from_str(&encoded.body).unwrap();
                    std::panic::catch_unwind(|| read(pair.wire, &body))
                        .map_or(true, |read| level(pair, read) != meant)
                });
                assert!(seen, "{pair:?}: {what} was lost unseen");
            }
        }
    }
}
