//! Upstreams behind TLS: an authority of one's own, and what HTTP/2 can do to an answer.

use brains_tests::secure::{Http2End, Http2Upstream, TlsDoor, authority};
use brains_tests::wire::{ANTHROPIC, OPENAI, UPSTREAM_KEY};
use brains_tests::{Brains, Client, Reply, Setup, Wire, within};
use futures_util::StreamExt as _;
use h2::Reason;
use serde_json::{Value, json};

const TEXT: &str = "grand, and more of it";
/// Whole and streamed, relayed and translated.
const LANES: [Wire; 2] = [OPENAI, ANTHROPIC];

fn at(wire: &Wire, host: &str, port: u16) -> String {
    let version = if wire.provider == "anthropic" { "" } else { "/v1" };
    let provider = wire.provider;
    format!(
        "{provider}_base_url: \"https://{host}:{port}{version}\"\n{provider}_api_key: \"{UPSTREAM_KEY}\"\n{provider}_timeout_seconds: 20"
    )
}

fn trusting(config: &str) -> Setup {
    Setup::config(config).env("SSL_CERT_FILE", &authority().display().to_string())
}

fn asked(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let upstream = OPENAI.upstream().await;
    let door = TlsDoor::to(upstream.address).await;
    let service = Brains::start(trusting(&at(&OPENAI, "127.0.0.1", door.address.port()))).await;
    for stream in [false, true] {
        let answer = service.client.chat(&asked(&OPENAI.model(), stream)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("ted: x"), "{}", answer.text());
    }
    assert_eq!(upstream.seen().len(), 2);
    // One that nobody named, and a name that it did not sign for: nothing is sent, and the answer says what is wrong.
    let port = door.address.port();
    for setup in [Setup::config(at(&OPENAI, "127.0.0.1", port)), trusting(&at(&OPENAI, "localhost", port))] {
        let service = Brains::start(setup).await;
        let answer = service.client.chat(&asked(&OPENAI.model(), false)).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (502, &json!("upstream_error")), "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("TLS")), "{error}");
        assert!(service.log().contains("certificate"), "the log says more: {}", service.log());
    }
    assert_eq!(upstream.seen().len(), 2);
}

fn streamed(wire: &Wire) -> Reply {
    wire.stream((wire.text_frames)(TEXT))
}

/// As much of it as begins the text.
fn begun(wire: &Wire) -> Reply {
    let mut reply = streamed(wire);
    let first = reply.chunks.iter().position(|chunk| String::from_utf8_lossy(chunk).contains("gra"));
    reply.chunks.truncate(first.expect("a frame with text") + 1);
    reply
}

/// What a client reads of a stream; once its first text is there, `then` is done.
async fn read(client: &Client, model: &str, then: impl FnOnce()) -> String {
    let request = client.request(http::Method::POST, "/v1/chat/completions");
    let request = request.header("content-type", "application/json");
    let sending = request.body(asked(model, true).to_string()).send();
    let answer = within("the head", sending).await.expect("an answer");
    let (mut chunks, mut then, mut text) = (answer.bytes_stream(), Some(then), String::new());
    while let Some(Ok(chunk)) = within("the next piece", chunks.next()).await {
        text.push_str(&String::from_utf8_lossy(&chunk));
        if text.contains("gra")
            && let Some(then) = then.take()
        {
            then();
        }
    }
    text
}

async fn started() -> (Vec<(Wire, Http2Upstream)>, Brains) {
    let (mut upstreams, mut config) = (Vec::new(), String::new());
    for wire in LANES {
        let upstream = Http2Upstream::start().await;
        config.push_str(&at(&wire, "127.0.0.1", upstream.address.port()));
        config.push('\n');
        upstreams.push((wire, upstream));
    }
    (upstreams, Brains::start(trusting(&config)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_http_2_is_an_answer() {
    let (upstreams, service) = started().await;
    for (wire, upstream) in &upstreams {
        upstream.then(Reply::json(200, (wire.text_body)(TEXT)), Http2End::Clean);
        let answer = service.client.chat(&asked(&wire.model(), false)).await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], TEXT, "{}", answer.text());
        upstream.then(streamed(wire), Http2End::Clean);
        let text = read(&service.client, &wire.model(), || ()).await;
        assert!(text.ends_with("data: [DONE]\n\n") && text.contains("\"stop\""), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http_2_that_is_reset_is_never_an_answer() {
    let (upstreams, service) = started().await;
    let reasons = [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM, Reason::NO_ERROR];
    for (wire, upstream) in &upstreams {
        for reason in reasons {
            for end in [Http2End::Reset(reason), Http2End::Abort(reason)] {
                let cell = format!("{} {end:?}", wire.provider);
                // Before the head.
                for stream in [false, true] {
                    upstream.then(Reply::reset(), end);
                    upstream.go_on();
                    let answer = service.client.chat(&asked(&wire.model(), stream)).await;
                    let code = answer.json()["error"]["code"].clone();
                    assert_eq!((answer.status, code), (502, json!("upstream_error")), "{cell}");
                }
                // Behind it: half of a whole answer, and the beginning of a stream.
                let body = (wire.text_body)(TEXT).into_bytes();
                upstream.then(Reply::json(200, body[..body.len() / 2].to_vec()), end);
                upstream.go_on();
                let answer = service.client.chat(&asked(&wire.model(), false)).await;
                assert_eq!(answer.status, 502, "{cell}: {}", answer.text());
                upstream.then(begun(wire), end);
                let text = read(&service.client, &wire.model(), || upstream.go_on()).await;
                assert!(
                    text.contains("gra") && text.contains("\"code\":\"upstream_error\""),
                    "{cell}: {text}"
                );
                assert!(!text.contains("\"finish_reason\":\"stop\""), "{cell}: {text}");
            }
        }
        // The next one is none the worse for it.
        upstream.then(streamed(wire), Http2End::Clean);
        let text = read(&service.client, &wire.model(), || ()).await;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }
}

/// Nothing was done with it, so it is asked once more (RFC 9113, 8.7).
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_refused_unseen_is_asked_again() {
    let (upstreams, service) = started().await;
    for (wire, upstream) in &upstreams {
        upstream.then(Reply::reset(), Http2End::Reset(Reason::REFUSED_STREAM));
        upstream.then(Reply::json(200, (wire.text_body)(TEXT)), Http2End::Clean);
        upstream.go_on();
        let answer = service.client.chat(&asked(&wire.model(), false)).await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], TEXT, "{}", answer.text());
        assert_eq!(upstream.streams(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_sent_away_finishes_what_it_began() {
    let (upstreams, service) = started().await;
    for (wire, upstream) in &upstreams {
        upstream.then(streamed(wire), Http2End::Leave);
        let text = read(&service.client, &wire.model(), || upstream.go_on()).await;
        assert!(text.ends_with("data: [DONE]\n\n") && text.contains("\"stop\""), "{text}");
        assert_eq!(upstream.connections(), 1);
        upstream.then(streamed(wire), Http2End::Clean);
        let text = read(&service.client, &wire.model(), || ()).await;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(upstream.connections(), 2, "the next one has a connection of its own");
    }
}

/// A balancer or a network that forgets a connection tells nobody: agentgateway/agentgateway#3231, Wei-Shaw/sub2api#6281.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_that_went_silent_is_given_up_while_somebody_waits() {
    let upstream = Http2Upstream::start().await;
    let config = at(&OPENAI, "127.0.0.1", upstream.address.port()).replace(": 20", ": 120");
    let service = Brains::start(trusting(&config)).await;
    let answered = || upstream.then(Reply::json(200, (OPENAI.text_body)(TEXT)), Http2End::Clean);
    answered();
    assert_eq!(service.client.chat(&asked(&OPENAI.model(), false)).await.status, 200);
    assert_eq!(upstream.connections(), 1);
    // The second request goes unanswered on the connection that was kept; it is asked again on one of its own.
    upstream.then(Reply::reset(), Http2End::Silent);
    upstream.go_on();
    answered();
    let answer = service.client.chat(&asked(&OPENAI.model(), false)).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], TEXT, "{}", answer.text());
    assert_eq!((upstream.connections(), upstream.streams()), (2, 3));
}
