//! Answers as upstreams of each wire may legally tell them: written here from the published forms, not by our codecs. Where a
//! wire lets pieces of several things alternate, they do.

use std::fmt::Write as _;

use brains_dialect::translation::UpstreamWire;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::wires::model;

/// A thing that an answer says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Text(String),
    Refusal(String),
    /// With what its vendor signed it.
    Thought(String, Option<String>),
    /// One that nobody may read.
    Hidden(String),
    /// Its arguments are an object.
    Call(String, String, Value),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ended {
    Said,
    Called,
    Length,
    Filtered,
}

/// An answer, and how it is told.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) said: Vec<Said>,
    pub(super) ended: Ended,
    pub(super) usage: bool,
    /// What comes next wherever there is a choice.
    pub(super) order: Vec<u8>,
}

pub(super) fn text() -> impl Strategy<Value = String> {
    "[a-z äß😀\n\"]{0,7}[a-zß]"
}

pub(super) fn answer(wire: UpstreamWire) -> impl Strategy<Value = Answer> {
    let signed = !matches!(wire, UpstreamWire::OpenAiChat | UpstreamWire::OllamaChat);
    let thought = (text(), "[a-zA-Z0-9+/]{4,9}")
        .prop_map(move |(text, signature)| Said::Thought(text, signed.then_some(signature)));
    let hidden = "[a-zA-Z0-9+/]{4,9}".prop_map(Said::Hidden);
    let thoughts: BoxedStrategy<Vec<Said>> = if signed {
        prop::collection::vec(prop_oneof![thought, hidden], 0..3).boxed()
    } else {
        prop::collection::vec(thought, 0..2).boxed()
    };
    let refuses = matches!(wire, UpstreamWire::OpenAiChat | UpstreamWire::OpenAiResponses);
    let words = (text(), any::<bool>()).prop_map(move |(text, refused)| {
        if refused && refuses { Said::Refusal(text) } else { Said::Text(text) }
    });
    let input =
        prop_oneof![Just(json!({})), Just(json!({"a": [1, null, "ü\n"]})), Just(json!({"b": {"c": "{"}}))];
    let calls = prop::collection::vec(("[a-z_]{1,6}", input), 0..4);
    let order = prop::collection::vec(any::<u8>(), 24);
    (thoughts, prop::option::of(words), calls, 0_u8..4, any::<bool>(), order).prop_map(
        |(thoughts, words, calls, end, usage, order)| {
            let calls: Vec<Said> = calls
                .into_iter()
                .enumerate()
                .map(|(at, (name, input))| Said::Call(format!("toolu_{at}"), name, input))
                .collect();
            let ended = match (end, calls.is_empty()) {
                (0 | 1, true) => Ended::Said,
                (0 | 1, false) => Ended::Called,
                (2, _) => Ended::Length,
                _ => Ended::Filtered,
            };
            Answer { said: thoughts.into_iter().chain(words).chain(calls).collect(), ended, usage, order }
        },
    )
}

/// The stream.
pub(super) fn stream(wire: UpstreamWire, answer: &Answer) -> String {
    match wire {
        UpstreamWire::OpenAiChat => chat(answer),
        UpstreamWire::OpenAiResponses => responses(answer),
        UpstreamWire::AnthropicMessages => messages(answer),
        UpstreamWire::OllamaChat => ollama(answer),
        UpstreamWire::GeminiGenerate => gemini(answer),
        UpstreamWire::BedrockConverse => bedrock(answer),
    }
}

fn halves(text: &str) -> [String; 2] {
    let half = text.chars().count() / 2;
    [text.chars().take(half).collect(), text.chars().skip(half).collect()]
}

/// Lanes of which each keeps its order, while one begins behind the one before it.
fn woven(lanes: Vec<Vec<Value>>, order: &[u8]) -> Vec<Value> {
    let mut lanes: Vec<std::collections::VecDeque<Value>> = lanes.into_iter().map(Into::into).collect();
    let (mut begun, mut out) = (0, Vec::new());
    let mut picks = order.iter().cycle();
    while lanes.iter().any(|lane| !lane.is_empty()) {
        let open: Vec<usize> = (0..lanes.len()).filter(|at| *at <= begun && !lanes[*at].is_empty()).collect();
        let at = open.get(usize::from(*picks.next().unwrap_or(&0)) % open.len().max(1)).copied();
        // Everything that has begun has ended: the next one begins.
        let Some(at) = at else {
            begun += 1;
            continue;
        };
        out.extend(lanes[at].pop_front());
        begun = begun.max(at + 1);
    }
    out
}

fn chat(answer: &Answer) -> String {
    let mut pieces = vec![vec![json!({"role": "assistant", "content": ""})]];
    let (mut flat, mut calls) = (Vec::new(), Vec::new());
    for said in &answer.said {
        match said {
            Said::Text(text) => flat.extend(halves(text).map(|half| json!({"content": half}))),
            Said::Refusal(text) => flat.extend(halves(text).map(|half| json!({"refusal": half}))),
            Said::Thought(text, _) => {
                flat.extend(halves(text).map(|half| json!({"reasoning_content": half})));
            }
            Said::Hidden(_) => {}
            Said::Call(id, name, input) => {
                let index = calls.len();
                let opener = json!({"index": index, "id": id, "type": "function",
                                    "function": {"name": name, "arguments": ""}});
                let mut lane = vec![json!({"tool_calls": [opener]})];
                lane.extend(
                    halves(&input.to_string()).map(
                        |half| json!({"tool_calls": [{"index": index, "function": {"arguments": half}}]}),
                    ),
                );
                calls.push(lane);
            }
        }
    }
    pieces.push(flat);
    pieces.push(woven(calls, &answer.order));
    let finish = match answer.ended {
        Ended::Said => "stop",
        Ended::Called => "tool_calls",
        Ended::Length => "length",
        Ended::Filtered => "content_filter",
    };
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8});
    let frame = |choices: Value, usage: Option<&Value>| {
        let mut chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
            "model": model(UpstreamWire::OpenAiChat), "choices": choices});
        if let Some(usage) = usage {
            chunk["usage"] = usage.clone();
        }
        format!("data: {chunk}\n\n")
    };
    let mut out = String::new();
    let deltas: Vec<Value> = pieces.concat();
    // The end may come with the last piece, and the counts with the end.
    let joined = answer.order[0].is_multiple_of(2);
    for (at, delta) in deltas.iter().enumerate() {
        let last = joined && at + 1 == deltas.len();
        let reason = if last { json!(finish) } else { Value::Null };
        out.push_str(&frame(json!([{"index": 0, "delta": delta, "finish_reason": reason}]), None));
    }
    let early = answer.order[1].is_multiple_of(2);
    if !joined {
        let counted = (answer.usage && early).then_some(&usage);
        out.push_str(&frame(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), counted));
    }
    if answer.usage && (joined || !early) {
        out.push_str(&frame(json!([]), Some(&usage)));
    }
    out + "data: [DONE]\n\n"
}

fn messages(answer: &Answer) -> String {
    let mut events = vec![json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "model": model(UpstreamWire::AnthropicMessages), "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 1}}})];
    for (index, said) in answer.said.iter().enumerate() {
        let piece = |kind: &str, member: &str, text: &str| json!({"type": kind, member: text});
        let (opener, deltas) = match said {
            Said::Text(text) | Said::Refusal(text) => {
                let deltas = halves(text).map(|half| piece("text_delta", "text", &half)).to_vec();
                (json!({"type": "text", "text": ""}), deltas)
            }
            Said::Thought(text, signature) => {
                let mut deltas = halves(text).map(|half| piece("thinking_delta", "thinking", &half)).to_vec();
                deltas.extend(signature.as_ref().map(|it| piece("signature_delta", "signature", it)));
                (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
            }
            Said::Hidden(data) => (json!({"type": "redacted_thinking", "data": data}), Vec::new()),
            Said::Call(id, name, input) => {
                let text = if *input == json!({}) { String::new() } else { input.to_string() };
                let deltas = halves(&text).map(|half| piece("input_json_delta", "partial_json", &half));
                (json!({"type": "tool_use", "id": id, "name": name, "input": {}}), deltas.to_vec())
            }
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": opener}));
        events.extend(
            deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let reason = match answer.ended {
        Ended::Said => "end_turn",
        Ended::Called => "tool_use",
        Ended::Length => "max_tokens",
        Ended::Filtered => "refusal",
    };
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
                       "usage": {"output_tokens": 3}}));
    events.push(json!({"type": "message_stop"}));
    // Signs of life, and what is not invented yet, may stand anywhere behind the beginning.
    let mut out = String::new();
    for (at, event) in events.iter().enumerate() {
        write!(out, "event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).unwrap();
        if at + 1 < events.len() && answer.order[at % answer.order.len()].is_multiple_of(5) {
            out.push_str("event: ping\ndata: {\"type\": \"ping\"}\n\n: hm\n\nevent: x_new\ndata: {\"type\":\"x_new\"}\n\n");
        }
    }
    out
}

fn responses(answer: &Answer) -> String {
    let response = |status: &str, output: &[Value]| {
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": null,
               "incomplete_details": null, "model": model(UpstreamWire::OpenAiResponses), "output": output})
    };
    let mut items = Vec::new();
    let mut lanes = Vec::new();
    for (output, said) in answer.said.iter().enumerate() {
        let (item, lane) = item(output, said);
        items.push(item);
        lanes.push(lane);
    }
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", &[])}),
        json!({"type": "response.in_progress", "response": response("in_progress", &[])}),
    ];
    // Thoughts come one after another, what is said and called may alternate.
    let first =
        answer.said.iter().take_while(|said| matches!(said, Said::Thought(..) | Said::Hidden(_))).count();
    let rest = lanes.split_off(first);
    events.extend(lanes.concat());
    events.extend(woven(rest, &answer.order));
    let (kind, reason) = match answer.ended {
        Ended::Said | Ended::Called => ("completed", Value::Null),
        Ended::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Ended::Filtered => ("incomplete", json!({"reason": "content_filter"})),
    };
    let mut last = response(kind, &items);
    last["incomplete_details"] = reason;
    if answer.usage {
        last["usage"] = json!({"input_tokens": 5, "output_tokens": 3, "total_tokens": 8});
    }
    events.push(json!({"type": format!("response.{kind}"), "response": last}));
    let mut out = String::new();
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
        write!(out, "event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).unwrap();
    }
    out
}

/// An item, and the events that tell it.
fn item(output: usize, said: &Said) -> (Value, Vec<Value>) {
    let id = format!("item_{output}");
    let at = |kind: &str, more: Value| {
        let mut event = json!({"type": format!("response.{kind}"), "output_index": output, "item_id": id});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let (begun, whole, pieces) = match said {
        Said::Text(text) | Said::Refusal(text) => {
            let refused = matches!(said, Said::Refusal(_));
            let (stream, member) = if refused { ("refusal", "refusal") } else { ("output_text", "text") };
            let part = json!({"type": stream, member: text});
            let mut pieces = vec![at(
                "content_part.added",
                json!({"content_index": 0, "part": {"type": stream, member: ""}}),
            )];
            pieces.extend(
                halves(text)
                    .map(|half| at(&format!("{stream}.delta"), json!({"content_index": 0, "delta": half}))),
            );
            pieces.push(at(&format!("{stream}.done"), json!({"content_index": 0, member: text})));
            pieces.push(at("content_part.done", json!({"content_index": 0, "part": part})));
            let message = |content: Value| json!({"id": id, "type": "message", "role": "assistant", "content": content});
            (message(json!([])), message(json!([part])), pieces)
        }
        Said::Thought(text, sealed) => {
            let part = json!({"type": "summary_text", "text": text});
            let mut pieces = halves(text)
                .map(|half| at("reasoning_summary_text.delta", json!({"summary_index": 0, "delta": half})))
                .to_vec();
            pieces.push(at("reasoning_summary_text.done", json!({"summary_index": 0, "text": text})));
            let begun = json!({"id": id, "type": "reasoning", "summary": []});
            let whole =
                json!({"id": id, "type": "reasoning", "summary": [part], "encrypted_content": sealed});
            (begun, whole, pieces)
        }
        Said::Hidden(data) => {
            let begun = json!({"id": id, "type": "reasoning", "summary": []});
            let whole = json!({"id": id, "type": "reasoning", "summary": [], "encrypted_content": data});
            (begun, whole, Vec::new())
        }
        Said::Call(call, name, input) => {
            let text = input.to_string();
            let mut pieces = halves(&text)
                .map(|half| at("function_call_arguments.delta", json!({"delta": half})))
                .to_vec();
            pieces.push(at("function_call_arguments.done", json!({"name": name, "arguments": text})));
            let one = |arguments: &str| json!({"id": id, "type": "function_call", "call_id": call, "name": name, "arguments": arguments});
            (one(""), one(&text), pieces)
        }
    };
    let mut lane = vec![json!({"type": "response.output_item.added", "output_index": output, "item": begun})];
    lane.extend(pieces);
    lane.push(json!({"type": "response.output_item.done", "output_index": output, "item": whole}));
    (whole, lane)
}

fn ollama(answer: &Answer) -> String {
    let head =
        json!({"model": model(UpstreamWire::OllamaChat), "created_at": "2026-01-01T00:00:00.000000001Z"});
    let line = |message: Value, end: Value| {
        let mut line = head.clone();
        line["message"] = message;
        line.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
        format!("{line}\n")
    };
    let going = || json!({"done": false});
    let mut out = String::new();
    for said in &answer.said {
        match said {
            Said::Text(text) | Said::Refusal(text) => halves(text).into_iter().for_each(|half| {
                out.push_str(&line(json!({"role": "assistant", "content": half}), going()));
            }),
            Said::Thought(text, _) => halves(text).into_iter().for_each(|half| {
                out.push_str(&line(json!({"role": "assistant", "content": "", "thinking": half}), going()));
            }),
            Said::Hidden(_) => {}
            Said::Call(_, name, input) => {
                let call = json!({"function": {"name": name, "arguments": input}});
                out.push_str(&line(
                    json!({"role": "assistant", "content": "", "tool_calls": [call]}),
                    going(),
                ));
            }
        }
    }
    let reason = if answer.ended == Ended::Length { "length" } else { "stop" };
    let mut end = json!({"done": true, "done_reason": reason});
    if answer.usage {
        end["prompt_eval_count"] = json!(5);
        end["eval_count"] = json!(3);
    }
    out + &line(json!({"role": "assistant", "content": ""}), end)
}

/// Frames that are answers by themselves; a part may come in several, and the signature with the last of them.
fn gemini(answer: &Answer) -> String {
    let mut parts = Vec::new();
    for said in &answer.said {
        match said {
            Said::Text(text) | Said::Refusal(text) => {
                parts.extend(halves(text).map(|half| json!({"text": half})));
            }
            Said::Thought(text, signature) => {
                let [first, mut last] = halves(text).map(|half| json!({"text": half, "thought": true}));
                if let Some(signature) = signature {
                    last["thoughtSignature"] = json!(signature);
                }
                parts.extend([first, last]);
            }
            Said::Hidden(data) => parts.push(json!({"text": "", "thoughtSignature": data})),
            Said::Call(id, name, input) => {
                parts.push(json!({"functionCall": {"id": id, "name": name, "args": input}}));
            }
        }
    }
    let finish = match answer.ended {
        Ended::Said | Ended::Called => "STOP",
        Ended::Length => "MAX_TOKENS",
        Ended::Filtered => "SAFETY",
    };
    let (joined, counting) = (answer.order[0].is_multiple_of(2), answer.order[1].is_multiple_of(2));
    let frame = |parts: &[Value], last: bool| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if last {
            candidate["finishReason"] = json!(finish);
        }
        let mut frame = json!({"candidates": [candidate], "responseId": "r1",
                               "modelVersion": model(UpstreamWire::GeminiGenerate)});
        if answer.usage && last {
            frame["usageMetadata"] =
                json!({"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 1});
        } else if answer.usage && counting {
            frame["usageMetadata"] = json!({"promptTokenCount": 5});
        }
        format!("data: {frame}\n\n")
    };
    // As many parts in a frame as the model pleases.
    let mut out = String::new();
    let mut picks = answer.order.iter().cycle();
    while !parts.is_empty() {
        let count = usize::from(picks.next().unwrap_or(&0) % 3) + 1;
        let rest = parts.split_off(count.min(parts.len()));
        out.push_str(&frame(&parts, joined && rest.is_empty()));
        parts = rest;
    }
    if !joined || answer.said.is_empty() {
        out.push_str(&frame(&[], true));
    }
    out
}

/// A line for each event. Texts and thoughts begin with their first piece; what is counted comes behind the end.
fn bedrock(answer: &Answer) -> String {
    let mut events = vec![json!({"messageStart": {"role": "assistant"}})];
    for (index, said) in answer.said.iter().enumerate() {
        let delta = |delta: Value| json!({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta, "p": "abcd"}});
        match said {
            Said::Text(text) | Said::Refusal(text) => {
                events.extend(halves(text).map(|half| delta(json!({"text": half}))));
            }
            Said::Thought(text, signature) => {
                events.extend(halves(text).map(|half| delta(json!({"reasoningContent": {"text": half}}))));
                // In pieces, too.
                let pieces = signature.iter().flat_map(|signature| halves(signature));
                events.extend(pieces.map(|half| delta(json!({"reasoningContent": {"signature": half}}))));
            }
            Said::Hidden(data) => events.push(delta(json!({"reasoningContent": {"redactedContent": data}}))),
            Said::Call(id, name, input) => {
                let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                events.push(json!({"contentBlockStart": {"contentBlockIndex": index, "start": start}}));
                let text = if *input == json!({}) { String::new() } else { input.to_string() };
                events.extend(halves(&text).map(|half| delta(json!({"toolUse": {"input": half}}))));
            }
        }
        events.push(json!({"contentBlockStop": {"contentBlockIndex": index}}));
    }
    let reason = match answer.ended {
        Ended::Said => "end_turn",
        Ended::Called => "tool_use",
        Ended::Length => "max_tokens",
        Ended::Filtered => "content_filtered",
    };
    events.push(json!({"messageStop": {"stopReason": reason}}));
    if answer.usage {
        let usage = json!({"inputTokens": 5, "outputTokens": 3, "totalTokens": 8});
        events.push(json!({"metadata": {"usage": usage, "metrics": {"latencyMs": 7}}}));
    }
    events.iter().fold(String::new(), |out, event| out + &event.to_string() + "\n")
}
