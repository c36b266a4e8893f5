//! On one wire bytes stay bytes, both ways, whichever wire it is: members, words of betas and events that nobody has heard of,
//! odd spaces and spellings, and the vendor's own errors. What is spliced is the model's name, and the counts that we ask for of
//! a stream of chat completions.

use brains_tests::counts::count;
use brains_tests::wire::{ANTHROPIC, OPENAI, RESPONSES, Wire};
use brains_tests::{Brains, Client, Reply};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::{members, spaced};

/// A client's wire and the upstream that speaks it.
struct Lane {
    wire: Wire,
    path: &'static str,
    /// What a request of it cannot lack, oddly spelt.
    conversation: &'static [&'static str],
    /// Events before the end of a stream, and the end; whatever else stands between them passes.
    events: &'static [&'static str],
    error: &'static str,
}

const LANES: [Lane; 3] = [
    Lane {
        wire: OPENAI,
        path: "/v1/chat/completions?x=1",
        conversation: &[r#""messages": [ {"content":"h\u0069" , "role":"user", "odd" : [1.0]} ]"#],
        events: &[
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"gr\u{fc}\u{1f600}\"},\"finish_reason\":null}],\"x\": 1.50}\n\n",
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":9,\"total_tokens\":14}}\n\n",
            "data: [DONE]\n\n",
        ],
        error: "{ \"error\": {\"message\": \"Invalid 'x': h\\u0069.\", \"type\": \"invalid_request_error\",\n \"param\": \"x\", \"code\": \"invalid_value\", \"odd\": 1.50} }",
    },
    Lane {
        wire: RESPONSES,
        path: "/v1/responses?x=1",
        conversation: &[
            r#""input": [ {"content":"h\u0069" , "role":"user", "odd" : [1.0]} ]"#,
            "\"store\" : false",
        ],
        events: &[
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_9\",\"object\":\"response\",\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n",
            "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"gr\u{fc}\u{1f600}\", \"obfuscation\": \"abc\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{\"id\":\"resp_9\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"m\",\"output\":[{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"gr\u{fc}\u{1f600}\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":5,\"output_tokens\":9,\"total_tokens\":14},\"x\": 1.50}}\n\n",
        ],
        error: "{ \"error\": {\"message\": \"Invalid 'x': h\\u0069.\", \"type\": \"invalid_request_error\",\n \"param\": \"x\", \"code\": \"invalid_value\", \"odd\": 1.50} }",
    },
    Lane {
        wire: ANTHROPIC,
        path: "/v1/messages?beta=true&x=1",
        conversation: &[
            r#""messages": [ {"content":"h\u0069" , "role":"user", "odd" : [1.0]} ]"#,
            "\"max_tokens\" :5",
        ],
        events: &[
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"gr\u{fc}\u{1f600}\"},\"x\": 1.50}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
        error: "{ \"type\":\"error\",\"error\": {\"type\": \"invalid_request_error\", \"message\": \"x: h\\u0069\", \"odd\": 1.50},\n \"request_id\": \"req_1\" }",
    },
];

/// What may stand between two events: signs of life, and what is not invented yet.
fn between() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => Just(": a comment\r\n\r\n".to_owned()),
        1 => Just(":\n\n".to_owned()),
        1 => Just("event: ping\ndata: {\"type\": \"ping\"}\n\n".to_owned()),
        1 => "[a-z_]{1,6}".prop_map(|name| {
            format!("event: x.{name}\ndata: {{\"type\":\"x.{name}\" , \"y\":[1.0,\"\\u00e9\"]}}\n\n")
        }),
    ]
}

fn lane_request(service: &Brains, lane: &Lane, beta: &str, body: &str) -> reqwest::RequestBuilder {
    service
        .client
        .request(http::Method::POST, lane.path)
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", beta)
        .body(body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_stay_bytes_both_ways_on_every_wire() {
    for lane in &LANES {
        let upstream = lane.wire.upstream().await;
        let service = Brains::start(lane.wire.setup(&upstream)).await;
        let spaces = prop::collection::vec(
            prop_oneof![Just(String::new()), Just(" ".into()), Just("\r\n\t".into())],
            1..4,
        );
        let cases = (
            members(),
            spaces,
            any::<prop::sample::Index>(),
            "[a-z]{1,8}-20[0-9]{2}-11-0[1-9]",
            prop::collection::vec(between(), lane.events.len()),
            prop::collection::vec(1_usize..40, 1..8),
        );
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for round in 0..count(40, 400) {
            let (unknown, spaces, place, beta, between, sizes) =
                cases.new_tree(&mut runner).expect("a case").current();
            let mut parts: Vec<String> =
                unknown.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
            parts.extend(lane.conversation.iter().map(|part| (*part).to_owned()));
            parts.push("\"stream\":true".to_owned());
            parts.insert(place.index(parts.len() + 1), format!("\"model\": \"{}\"", lane.wire.model()));
            let body = spaced(&parts, &spaces);
            let refused = round % 4 == 3;
            let mut said = String::new();
            for (event, odd) in lane.events.iter().zip(&between) {
                // What comes behind the end is nobody's.
                said.push_str(if said.is_empty() { "" } else { odd });
                said.push_str(event);
            }
            if refused {
                upstream.then(Reply::json(400, lane.error));
            } else {
                let (mut rest, mut chunks, mut sizes) = (said.as_bytes(), Vec::new(), sizes.iter().cycle());
                while !rest.is_empty() {
                    let size = *sizes.next().expect("a size");
                    let (chunk, after) = rest.split_at(size.min(rest.len()));
                    chunks.push(bytes::Bytes::copy_from_slice(chunk));
                    rest = after;
                }
                upstream.then(Reply::stream(chunks));
            }
            let mut body = body;
            if lane.wire.provider == OPENAI.provider {
                // Who asks for the counts gets them as they are.
                let end = body.rfind('}').expect("a body");
                body.insert_str(end, ",\"stream_options\": {\"include_usage\": true }");
            }
            let answer = Client::send(lane_request(&service, lane, &beta, &body)).await;
            let seen = upstream.last();
            let sent = String::from_utf8(seen.body.to_vec()).expect("text");
            assert_eq!(sent, body.replace(&format!("\"{}\"", lane.wire.model()), "\"scripted-1\""));
            if lane.wire.provider == ANTHROPIC.provider {
                assert_eq!(seen.header("anthropic-beta"), Some(&*beta));
                assert_eq!(seen.path, lane.path);
            }
            let (status, text) = if refused { (400, lane.error) } else { (200, &*said) };
            assert_eq!((answer.status, &*answer.text()), (status, text), "{body}");
        }
    }
}
