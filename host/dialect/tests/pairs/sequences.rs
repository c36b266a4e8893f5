//! Whatever legal stream an upstream sends, in whatever pieces, the client gets a legal stream that says the same. A kind of thing
//! that were lost on the way would be missed.

use brains_dialect::canon::{BlockKind, Event};
use brains_dialect::ingress::Ingress;
use brains_dialect::translation::UpstreamWire;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::answers::{Answer, Ended, Said, answer, stream};
use crate::legal::{Heard, heard};
use crate::wires::{CLIENTS, identity, streamed, written};

/// What a client of this wire is to hear.
fn meant(client: Ingress, wire: UpstreamWire, answer: &Answer) -> Heard {
    let mut meant = Heard::default();
    let chat_like = !matches!(client, Ingress::AnthropicMessages);
    for said in &answer.said {
        match said {
            // Where a refusal has no place of its own it is text.
            Said::Refusal(text) if chat_like => meant.refusal.push_str(text),
            Said::Text(text) | Said::Refusal(text) => meant.text.push_str(text),
            Said::Thought(text, signature) => {
                meant.thoughts.push_str(text);
                meant.marks.extend(signature.clone());
            }
            Said::Hidden(data) => meant.marks.push(data.clone()),
            Said::Call(_, name, input) => meant.calls.push((name.clone(), input.clone())),
        }
    }
    let ended = match (answer.ended, wire) {
        // That wire has no word for it.
        (Ended::Filtered, UpstreamWire::OllamaChat) if meant.calls.is_empty() => Ended::Said,
        (Ended::Filtered, UpstreamWire::OllamaChat) => Ended::Called,
        (ended, _) => ended,
    };
    let refused = answer.said.iter().any(|said| matches!(said, Said::Refusal(_)));
    let reason = match (client, ended) {
        (Ingress::OpenAiChat, Ended::Said) => "stop",
        (Ingress::OpenAiChat, Ended::Called) => "tool_calls",
        (Ingress::OpenAiChat, Ended::Length) => "length",
        (Ingress::OpenAiChat | Ingress::OpenAiResponses, Ended::Filtered) => "content_filter",
        (Ingress::OpenAiResponses, Ended::Said | Ended::Called) => "completed",
        (Ingress::OpenAiResponses, Ended::Length) => "max_output_tokens",
        (_, Ended::Said) if !refused => "end_turn",
        (_, Ended::Called) => "tool_use",
        (_, Ended::Length) => "max_tokens",
        (_, Ended::Said | Ended::Filtered) => "refusal",
    };
    reason.clone_into(&mut meant.ended);
    let counted = answer.usage || wire == UpstreamWire::AnthropicMessages;
    meant.output_tokens = if counted { 3 } else { 0 };
    meant
}

/// Marks bear the name of who signed, where that is not the client's own vendor; a thought that nobody signed bears one, too.
fn unmarked(mut heard: Heard, meant: &Heard) -> Heard {
    heard.marks.retain(|mark| mark != "brains_thought_0_");
    if heard.marks.len() == meant.marks.len() {
        for (mark, bare) in heard.marks.iter_mut().zip(&meant.marks) {
            if mark.ends_with(bare) || mark.contains(&format!("\"{bare}\"")) {
                mark.clone_from(bare);
            }
        }
    }
    heard
}

fn client_hears(client: Ingress, events: &[Event]) -> Heard {
    let stream = written(client, events, &identity(client, None)).unwrap();
    heard(client, &stream)
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn any_wire() -> impl Strategy<Value = (UpstreamWire, Answer)> {
    (0..UpstreamWire::ALL.len()).prop_flat_map(|at| {
        let wire = UpstreamWire::ALL[at];
        answer(wire).prop_map(move |answer| (wire, answer))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_legal_stream_becomes_a_legal_one_that_says_the_same(
        (wire, answer) in any_wire(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
    ) {
        let said = stream(wire, &answer);
        let events = streamed(wire, &cut(said.as_bytes(), &cuts));
        let events = events.unwrap_or_else(|fault| panic!("{}: {said}", fault.message));
        for client in CLIENTS {
            let meant = meant(client, wire, &answer);
            prop_assert_eq!(unmarked(client_hears(client, &events), &meant), meant, "{:?} of {:?}: {}", client, wire, said);
        }
    }
}

/// Byte by byte is the hardest cut.
#[test]
fn byte_by_byte_says_the_same() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for wire in UpstreamWire::ALL {
        for _ in 0..8 {
            let answer = answer(wire).new_tree(&mut runner).unwrap().current();
            let said = stream(wire, &answer);
            let bytes: Vec<&[u8]> = said.as_bytes().chunks(1).collect();
            assert_eq!(streamed(wire, &bytes), streamed(wire, &[said.as_bytes()]), "{said}");
        }
    }
}

/// A way to lose one kind of thing.
type Loss = (&'static str, fn(&Event) -> bool);

/// What a translator might leave out, kind by kind.
const LOSSES: &[Loss] = &[
    ("text", |event| is_of(event, |kind| *kind == BlockKind::Text)),
    ("thought", |event| is_of(event, |kind| *kind == BlockKind::Reasoning)),
    ("hidden thought", |event| is_of(event, |kind| matches!(kind, BlockKind::RedactedReasoning(_)))),
    ("call", |event| is_of(event, |kind| matches!(kind, BlockKind::ToolCall(_)))),
    ("refusal", |event| is_of(event, |kind| *kind == BlockKind::Refusal)),
    ("counts", |event| matches!(event, Event::Usage(_))),
];

fn is_of(event: &Event, wanted: fn(&BlockKind) -> bool) -> bool {
    matches!(event, Event::BlockStart(block) if wanted(&block.kind))
}

/// The events without those of a kind, and whether there were any.
fn without(events: &[Event], lost: fn(&Event) -> bool) -> Option<Vec<Event>> {
    let blocks: Vec<u32> = events
        .iter()
        .filter(|event| lost(event))
        .filter_map(|event| if let Event::BlockStart(block) = event { Some(block.index) } else { None })
        .collect();
    let keeps = |event: &&Event| match event {
        Event::BlockStart(block) => !blocks.contains(&block.index),
        Event::Delta(delta) => !blocks.contains(&delta.index),
        Event::BlockEnd(end) => !blocks.contains(&end.index),
        event => !lost(event),
    };
    let kept: Vec<Event> = events.iter().filter(keeps).cloned().collect();
    (kept.len() < events.len()).then_some(kept)
}

/// Signatures and arguments alone are missed, too.
fn hollow(events: &[Event]) -> Vec<(&'static str, Vec<Event>)> {
    let mut unsigned = events.to_vec();
    let mut silent = events.to_vec();
    for event in &mut unsigned {
        if let Event::BlockEnd(end) = event {
            (end.signature, end.extra) = (None, None);
        }
    }
    for event in &mut silent {
        if let Event::Delta(delta) = event {
            delta.text = delta.text.replace("ü", "u");
        }
    }
    vec![("signature", unsigned), ("a letter of the arguments", silent)]
}

#[test]
fn a_planted_loss_of_any_kind_is_heard() {
    let said = |refused: bool| {
        let words = "so".to_owned();
        vec![
            Said::Thought("hm".to_owned(), Some("c2ln".to_owned())),
            Said::Hidden("ZGF0".to_owned()),
            if refused { Said::Refusal(words) } else { Said::Text(words) },
            Said::Call("toolu_1".to_owned(), "look".to_owned(), serde_json::json!({"a": "ü"})),
        ]
    };
    for client in CLIENTS {
        let mut missed = Vec::new();
        for refused in [false, true] {
            let wire = UpstreamWire::OpenAiResponses;
            let answer =
                Answer { said: said(refused), ended: Ended::Called, usage: true, order: vec![0; 24] };
            let events = streamed(wire, &[stream(wire, &answer).as_bytes()]).unwrap();
            let meant = meant(client, wire, &answer);
            assert_eq!(unmarked(client_hears(client, &events), &meant), meant);
            for (what, lost) in LOSSES {
                // A refusal and a thought that nobody may read take other forms on this wire.
                let Some(less) = without(&events, *lost) else { continue };
                assert_ne!(
                    unmarked(client_hears(client, &less), &meant),
                    meant,
                    "{client:?}: {what} was lost unheard"
                );
                missed.push(*what);
            }
            for (what, less) in hollow(&events) {
                assert_ne!(
                    unmarked(client_hears(client, &less), &meant),
                    meant,
                    "{client:?}: {what} was lost unheard"
                );
            }
        }
        for kind in ["text", "thought", "call", "refusal", "counts"] {
            assert!(missed.contains(&kind), "{kind} was never lost");
        }
        // The one kind that this wire's decoder writes otherwise.
        let wire = UpstreamWire::AnthropicMessages;
        let answer = Answer { said: said(false), ended: Ended::Called, usage: true, order: vec![1; 24] };
        let events = streamed(wire, &[stream(wire, &answer).as_bytes()]).unwrap();
        let less = without(&events, LOSSES[2].1).unwrap();
        let meant = meant(client, wire, &answer);
        assert_eq!(unmarked(client_hears(client, &events), &meant), meant);
        assert_ne!(
            unmarked(client_hears(client, &less), &meant),
            meant,
            "{client:?}: a hidden thought was lost unheard"
        );
    }
}
