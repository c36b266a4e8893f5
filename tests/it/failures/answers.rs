//! Answers that are odd, and answers all the same, or none although they look like one: what came is looked at, whatever was
//! asked for and whatever it is called.

use std::io::Write as _;

use super::*;

const WIRE: Wire = wire::OPENAI;

fn asked(stream: bool) -> Value {
    json!({"model": WIRE.model(), "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

fn frame(json: &str) -> String {
    format!("data: {json}\n\n")
}

fn said(text: &str, finish: &str) -> String {
    frame(&format!(
        r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]}}"#
    ))
}

async fn service() -> (Upstream, Brains) {
    let upstream = WIRE.upstream().await;
    let setup = WIRE.setup(&upstream).and("openai_compatible_timeout_seconds: 1");
    (upstream, Brains::start(setup).await)
}

/// ollama/ollama#4357, sgl-project/sglang#3912, openai/codex#6728
#[tokio::test(flavor = "multi_thread")]
async fn a_finish_reason_that_is_none_ends_nothing() {
    let (upstream, service) = service().await;
    for none in ["\"\"", "\"null\"", "null", "\" \""] {
        upstream.then(Reply::stream([said("gr", none), said("u", none)]));
        check(none, &service.client.chat(&asked(true)).await, true, CUT);
        // Nor does `[DONE]` behind it.
        upstream.then(Reply::stream([said("gr", none), frame("[DONE]")]));
        check(none, &service.client.chat(&asked(true)).await, true, CUT);
        // A role is a promise; what fails behind it has not begun.
        let role = frame(&format!(
            r#"{{"choices":[{{"index":0,"delta":{{"role":"assistant"}},"finish_reason":{none}}}]}}"#
        ));
        upstream.then(Reply::stream([role, (WIRE.error_frame)("no")]));
        check(none, &service.client.chat(&asked(true)).await, true, OVERLOADED);
    }
}

/// openclaw/openclaw#59680, firebase/genkit#6259, BerriAI/litellm#38535
#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_choice_is_none() {
    let (upstream, service) = service().await;
    let error = r#"{"index":0,"delta":{"content":""},"message":{"content":"gr"},"finish_reason":"error","error":{"code":429,"message":"slow down"}}"#;
    let limited = Error(429, "rate_limit_error", "rate_limit_exceeded", "");
    upstream.then(Reply::json(200, format!(r#"{{"id":"c","choices":[{error}]}}"#)));
    check("whole", &service.client.chat(&asked(false)).await, false, limited);
    let error = frame(&format!(r#"{{"id":"c","choices":[{error}]}}"#));
    upstream.then(Reply::stream([error.clone(), frame("[DONE]")]));
    check("first", &service.client.chat(&asked(true)).await, true, limited);
    upstream.then(Reply::stream([said("gr", "null"), error, frame("[DONE]")]));
    let answer = service.client.chat(&asked(true)).await;
    check("later", &answer, true, Event("rate_limit_error", "rate_limit_exceeded"));
    for word in ["error", "abort", "network_error"] {
        let word = format!("\"{word}\"");
        upstream.then(Reply::stream([said("gr", "null"), said("", &word), frame("[DONE]")]));
        check(&word, &service.client.chat(&asked(true)).await, true, CUT);
        upstream.then(Reply::stream([said("", &word), frame("[DONE]")]));
        check(&word, &service.client.chat(&asked(true)).await, true, UPSTREAM);
        let whole = format!(r#"{{"choices":[{{"message":{{"content":"gr"}},"finish_reason":{word}}}]}}"#);
        upstream.then(Reply::json(200, whole));
        check(&word, &service.client.chat(&asked(false)).await, false, UPSTREAM);
    }
}

/// vercel/ai#2698
#[tokio::test(flavor = "multi_thread")]
async fn what_came_is_looked_at_whatever_was_asked_for() {
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        let asked = |stream: bool| json!({"model": wire.model(), "stream": stream, "messages": [{"role": "user", "content": "x"}]});
        // A whole answer where a stream was asked for.
        upstream.then(Reply::json(200, (wire.text_body)(TEXT)));
        check(wire.provider, &service.client.chat(&asked(true)).await, true, Whole);
        // A stream where a whole answer was asked for.
        upstream.then(wire.stream((wire.text_frames)(TEXT)));
        check(wire.provider, &service.client.chat(&asked(false)).await, false, Whole);
    }
    let (upstream, service) = service().await;
    let limited = r#"{"error":{"code":429,"message":"slow down"}}"#;
    for media_type in
        ["application/json", "text/event-stream", "text/plain", "application/json; charset=utf-8"]
    {
        for stream in [false, true] {
            let mut reply = Reply::json(200, limited);
            reply.headers = vec![("content-type".into(), media_type.into())];
            upstream.then(reply);
            let expected = Error(429, "rate_limit_error", "rate_limit_exceeded", "");
            check(media_type, &service.client.chat(&asked(stream)).await, stream, expected);
            let mut reply = if stream {
                WIRE.stream((WIRE.text_frames)(TEXT))
            } else {
                Reply::json(200, (WIRE.text_body)(TEXT))
            };
            reply.headers = vec![("content-type".into(), media_type.into())];
            upstream.then(reply);
            check(media_type, &service.client.chat(&asked(stream)).await, stream, Whole);
        }
    }
    // What the vendor says beyond the wire is told in the stream too, and counts only where they are wanted.
    let mut body: Value = serde_json::from_str(&(WIRE.text_body)(TEXT)).expect("JSON");
    body["citations"] = json!(["https://a.example"]);
    upstream.then(Reply::json(200, body.to_string()));
    let told = service.client.chat(&asked(true)).await.text();
    assert!(told.contains("a.example") && !told.contains("prompt_tokens"), "{told}");
}

/// A kept answer ends although its stream never does: waybarrios/vllm-mlx#101.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_said_why_it_stopped_is_finished() {
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(Setup::config(wire.patient(&upstream, 1))).await;
        let body =
            json!({"model": wire.model(), "stream": true, "messages": [{"role": "user", "content": "x"}]});
        let mut frames = (wire.text_frames)(TEXT);
        if wire.provider == "openai_compatible" {
            frames.retain(|frame| !frame.contains("[DONE]"));
        }
        for end in [End::Hang, End::Cut, End::Reset] {
            upstream.then(wire.stream(frames.clone()).end(end));
            check(&format!("{} {end:?}", wire.provider), &service.client.chat(&body).await, true, Whole);
        }
    }
}

/// EthanThePhoenix38/subrouter#90, sozu-proxy/sozu#1442
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_was_closed_is_replaced_once() {
    let (upstream, service) = service().await;
    for round in 0..4 {
        assert_eq!(service.client.chat(&asked(false)).await.status, 200, "warm");
        let before = upstream.seen().len();
        upstream.then(Reply::closed());
        assert_eq!(service.client.chat(&asked(round % 2 == 0)).await.status, 200, "closed");
        assert_eq!(upstream.seen().len(), before + 2);
    }
    // Asked anew once and no more.
    assert_eq!(service.client.chat(&asked(false)).await.status, 200, "warm");
    let before = upstream.seen().len();
    upstream.then(Reply::closed());
    upstream.then(Reply::closed());
    check("closed twice", &service.client.chat(&asked(false)).await, false, UPSTREAM);
    assert_eq!(upstream.seen().len(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compressed_is_read_as_it_is_named() {
    let (upstream, service) = service().await;
    let gzip = |text: &str| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text.as_bytes()).expect("written");
        out.finish().expect("whole")
    };
    let deflate = |text: &str| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text.as_bytes()).expect("written");
        out.finish().expect("whole")
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 3).expect("whole");
    let codings: [(&str, &dyn Fn(&str) -> Vec<u8>); 4] =
        [("gzip", &gzip), ("deflate", &deflate), ("zstd", &zstd), ("br", &stored_as_brotli)];
    for (name, coded) in codings {
        upstream.then(Reply::json(200, coded(&(WIRE.text_body)(TEXT))).header("content-encoding", name));
        check(name, &service.client.chat(&asked(false)).await, false, Whole);
        let stream = coded(&(WIRE.text_frames)(TEXT).concat());
        let pieces = stream.chunks(7).map(bytes::Bytes::copy_from_slice);
        upstream.then(Reply::stream(pieces).header("content-encoding", name));
        check(name, &service.client.chat(&asked(true)).await, true, Whole);
        let error = coded(r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#);
        upstream.then(Reply::json(400, error).header("content-encoding", name));
        let long = Error(400, "invalid_request_error", "context_length_exceeded", "");
        check(name, &service.client.chat(&asked(false)).await, false, long);
    }
    // What has been sent of a stream is told although its end is not there yet.
    let mut begun = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    begun.write_all(begun_text().as_bytes()).expect("written");
    begun.flush().expect("flushed");
    let sent = begun.get_ref().clone();
    upstream.then(Reply::stream([sent]).header("content-encoding", "gzip").end(End::Hang));
    let stalled = Event("timeout_error", "upstream_timeout");
    check("begun", &service.client.chat(&asked(true)).await, true, stalled);
    // A name that nobody knows is no reason to pass on what nobody can read.
    upstream.then(Reply::json(200, "?").header("content-encoding", "x-unknown"));
    check("unknown", &service.client.chat(&asked(false)).await, false, UPSTREAM);
}

fn begun_text() -> String {
    begun(&WIRE).concat()
}

/// Brotli has blocks that are not compressed (RFC 7932, 9.2): window bits, then one of at most 64 KiB, then an empty last one.
fn stored_as_brotli(text: &str) -> Vec<u8> {
    let size = u32::try_from(text.len() - 1).expect("small");
    assert!(size < 1 << 16);
    // Window of 16 bits: `0`. Not the last: `0`. Four nibbles: `00`. The size. Not compressed: `1`.
    let bits = (size << 4) | (1 << 20);
    let mut out = bits.to_le_bytes()[..3].to_vec();
    out.extend_from_slice(text.as_bytes());
    // Last, and empty.
    out.push(0b11);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_none_and_many_headers_are_no_failure() {
    let (upstream, service) = service().await;
    let logprobs =
        r#"{"content":[{"token":"NaN","logprob":-Infinity,"top_logprobs":[{"token":"a","logprob":NaN}]}]}"#;
    let whole = format!(
        r#"{{"choices":[{{"index":0,"message":{{"content":"{TEXT}"}},"logprobs":{logprobs},"finish_reason":"stop"}}]}}"#
    );
    upstream.then(Reply::json(200, whole));
    let answer = service.client.chat(&asked(false)).await;
    check("whole", &answer, false, Whole);
    let told = &answer.json()["choices"][0]["logprobs"]["content"][0];
    assert_eq!((&told["token"], &told["logprob"]), (&json!("NaN"), &json!(null)));
    let chunk = frame(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"{TEXT}"}},"logprobs":{logprobs},"finish_reason":"stop"}}]}}"#
    ));
    upstream.then(Reply::stream([chunk, frame("[DONE]")]));
    check("streamed", &service.client.chat(&asked(true)).await, true, Whole);
    for stream in [false, true] {
        let many =
            (0..300).fold(healthy(&WIRE, stream), |reply, at| reply.header(&format!("x-more-{at}"), "1"));
        upstream.then(many);
        check("many headers", &service.client.chat(&asked(stream)).await, stream, Whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_in_front_spaces_around_the_end_and_sources_beside_counts() {
    let (upstream, service) = service().await;
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":1}"#;
    let frames = [
        format!("\u{feff}{}", said(TEXT, "\"stop\"")),
        frame(&format!(r#"{{"choices":[],{usage},"citations":["https://a.example"]}}"#)),
        frame(&format!(r#"{{"choices":[],{usage},"x_vendor":{{"id":"q"}}}}"#)),
        "data:  [DONE] \n\n".to_owned(),
    ];
    // However the bytes are cut.
    let bytes = frames.concat().into_bytes();
    for size in [1, 2, bytes.len()] {
        upstream.then(Reply::stream(bytes.chunks(size).map(bytes::Bytes::copy_from_slice)));
        let answer = service.client.chat(&asked(true)).await;
        let told = answer.text();
        assert_eq!(told, format!("{}{}data: [DONE]\n\n", said(TEXT, "\"stop\""), frames[1]), "{size}");
    }
    upstream.then(Reply::json(200, format!("\u{feff}{}", (WIRE.text_body)(TEXT))));
    check("whole", &service.client.chat(&asked(false)).await, false, Whole);
}

/// Together: helixml/helix#386
#[tokio::test(flavor = "multi_thread")]
async fn models_that_are_listed_as_a_bare_array_are_listed() {
    let upstream = Upstream::start(|seen| {
        let models = seen.path.ends_with("/models");
        if models { Reply::json(200, r#"[{"id":"bare-1"}]"#) } else { (WIRE.answer)(seen) }
    })
    .await;
    let service = Brains::start(WIRE.setup(&upstream)).await;
    let listed = service.client.get("/v1/models").await.text();
    assert!(listed.contains("bare-1"), "{listed}");
}
