//! The failure matrix: whatever an upstream does, on whichever wire, streamed or whole, the client of whichever wire gets a
//! whole answer, a typed error, or a typed error event. Nothing cut short looks complete, and nothing of the upstream's key,
//! path or body is told.

mod answers;
mod check;
mod refusals;
mod vendors;

use std::time::Duration;

use brains_tests::upstream::End;
use brains_tests::wire::{self, Wire};
use brains_tests::{Brains, Caller, Reply, Setup, Upstream};
use check::{check, check_as};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// What the model says, split at any byte.
const TEXT: &str = "gr\u{fc}\u{df} dich \u{1f600} und so";
/// What an upstream says that nobody must hear.
const PRIVATE: &str = "http://inner.example/v9/tenants/42?sig=1 POST /v9/tenants/42";
const BODY_MARK: &str = "private-body-mark";

/// What the client must get.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Whole,
    /// Status, type and code of an error, and its `retry-after`.
    Error(u16, &'static str, &'static str, &'static str),
    /// The beginning of the answer, then an event with this type and code.
    Event(&'static str, &'static str),
}

use Expected::{Error, Event, Whole};

const UPSTREAM: Expected = Error(502, "upstream_error", "upstream_error", "");
const TIMEOUT: Expected = Error(504, "timeout_error", "upstream_timeout", "");
const OVERLOADED: Expected = Error(503, "overloaded_error", "server_is_overloaded", "");
const CUT: Expected = Event("upstream_error", "upstream_error");

/// One row: what the upstream does, and what comes of it whole and streamed.
struct Row {
    name: &'static str,
    reply: fn(&Wire, bool) -> Reply,
    whole: Expected,
    streamed: Expected,
}

fn row(name: &'static str, reply: fn(&Wire, bool) -> Reply, whole: Expected, streamed: Expected) -> Row {
    Row { name, reply, whole, streamed }
}

fn refused(wire: &Wire, status: u16) -> Reply {
    let message = format!("it broke, see {PRIVATE} with {}", wire::UPSTREAM_KEY);
    Reply::json(status, (wire.error_body)(status, &message))
}

fn healthy(wire: &Wire, stream: bool) -> Reply {
    if stream { wire.stream((wire.text_frames)(TEXT)) } else { Reply::json(200, (wire.text_body)(TEXT)) }
}

/// The frames up to the first text.
fn begun(wire: &Wire) -> Vec<String> {
    let frames = (wire.text_frames)(TEXT);
    let at = frames.iter().position(|frame| frame.contains("\"gr")).expect("a frame with text");
    frames[..=at].to_vec()
}

/// The answer's beginning and no more: half of a whole one.
fn half(wire: &Wire, stream: bool) -> Reply {
    if stream {
        return wire.stream(begun(wire));
    }
    let body = (wire.text_body)(TEXT);
    Reply::json(200, body.as_bytes()[..body.len() / 2].to_vec()).chunked()
}

/// An answer that is none, with the head of one.
fn junk(wire: &Wire, stream: bool, body: &str) -> Reply {
    if stream { wire.stream([format!("data: {body}\n\n")]) } else { Reply::json(200, body.to_owned()) }
}

fn no_choices(wire: &Wire, stream: bool) -> Reply {
    let body = match wire.provider {
        "openai_compatible" => "{\"id\":\"x\",\"choices\":[]}",
        "openai_responses" => "{\"type\":\"response.in_progress\",\"status\":\"completed\"}",
        "anthropic" => "{\"type\":\"message\",\"role\":\"assistant\"}",
        "gemini" => "{\"candidates\":[],\"modelVersion\":\"m\"}",
        _ => "{\"model\":\"m\"}",
    };
    if wire.events || !stream { junk(wire, stream, body) } else { wire.stream([format!("{body}\n")]) }
}

/// The stream's text as one, to be cut elsewhere; of a whole answer its JSON, spread over lines.
fn text(wire: &Wire, stream: bool) -> String {
    if stream {
        return (wire.text_frames)(TEXT).concat();
    }
    let body: Value = serde_json::from_str(&(wire.text_body)(TEXT)).expect("JSON");
    serde_json::to_string_pretty(&body).expect("text")
}

fn told(wire: &Wire, stream: bool, chunks: Vec<String>) -> Reply {
    if stream {
        wire.stream(chunks)
    } else {
        Reply { chunks: vec![chunks.concat().into()], ..Reply::json(200, "") }
    }
}

fn matrix() -> Vec<Row> {
    vec![
        row("healthy", healthy, Whole, Whole),
        row(
            "400",
            |w, _| refused(w, 400),
            Error(400, "invalid_request_error", "", ""),
            Error(400, "invalid_request_error", "", ""),
        ),
        row(
            "401",
            |w, _| refused(w, 401),
            Error(502, "upstream_error", "upstream_auth", ""),
            Error(502, "upstream_error", "upstream_auth", ""),
        ),
        row(
            "403",
            |w, _| refused(w, 403),
            Error(502, "upstream_error", "upstream_auth", ""),
            Error(502, "upstream_error", "upstream_auth", ""),
        ),
        row(
            "404",
            |w, _| refused(w, 404),
            Error(404, "invalid_request_error", "model_not_found", ""),
            Error(404, "invalid_request_error", "model_not_found", ""),
        ),
        row(
            "429 with Retry-After",
            |w, _| refused(w, 429).header("retry-after", "7"),
            Error(429, "rate_limit_error", "rate_limit_exceeded", "7"),
            Error(429, "rate_limit_error", "rate_limit_exceeded", "7"),
        ),
        row("500", |w, _| refused(w, 500), UPSTREAM, UPSTREAM),
        row(
            "502 with a page",
            |_, _| Reply::json(502, format!("<html>{BODY_MARK}</html>")),
            UPSTREAM,
            UPSTREAM,
        ),
        row(
            "500 with a line",
            |_, _| Reply::json(500, format!("{BODY_MARK} at /srv/app/run.py")),
            UPSTREAM,
            UPSTREAM,
        ),
        row("503", |w, _| refused(w, 503), OVERLOADED, OVERLOADED),
        row(
            "503 with Retry-After",
            |w, _| refused(w, 503).header("retry-after", "3"),
            Error(503, "overloaded_error", "server_is_overloaded", "3"),
            Error(503, "overloaded_error", "server_is_overloaded", "3"),
        ),
        row("529", |w, _| refused(w, 529), OVERLOADED, OVERLOADED),
        row(
            "302",
            |_, _| Reply::json(302, "").header("location", "http://169.254.169.254/"),
            UPSTREAM,
            UPSTREAM,
        ),
        row("301 without a place", |_, _| Reply::json(301, ""), UPSTREAM, UPSTREAM),
        row(
            "307 elsewhere",
            |_, _| Reply::json(307, "").header("location", "https://elsewhere.example/v1"),
            UPSTREAM,
            UPSTREAM,
        ),
        row("304", |_, _| Reply::json(304, ""), UPSTREAM, UPSTREAM),
        row("204", |_, _| Reply::json(204, ""), UPSTREAM, UPSTREAM),
        row("103, and then an answer", |w, s| healthy(w, s).interim(&[103, 103]), Whole, Whole),
        row("100 that nobody asked for", |w, s| healthy(w, s).interim(&[100]), Whole, Whole),
        row("102, and then a refusal", |w, _| refused(w, 503).interim(&[102]), OVERLOADED, OVERLOADED),
        row("not JSON", |w, s| junk(w, s, BODY_MARK), UPSTREAM, UPSTREAM),
        row("[1]", |w, s| junk(w, s, "[1]"), UPSTREAM, UPSTREAM),
        row("{}", |w, s| junk(w, s, "{}"), UPSTREAM, UPSTREAM),
        row("no choices", no_choices, UPSTREAM, UPSTREAM),
        row("nothing", |w, s| if s { w.stream([""; 0]) } else { Reply::json(200, "") }, UPSTREAM, UPSTREAM),
        row("slow head", |w, s| healthy(w, s).head_delay(Duration::from_mins(10)), TIMEOUT, TIMEOUT),
        row(
            "slow gap before the first byte",
            |w, s| {
                if s {
                    w.stream([if w.events { ": wait\n\n" } else { "\n" }]).end(End::Hang)
                } else {
                    Reply::json(200, " ").chunked().end(End::Hang)
                }
            },
            TIMEOUT,
            TIMEOUT,
        ),
        row(
            "slow gap",
            |w, s| half(w, s).end(End::Hang),
            TIMEOUT,
            Event("timeout_error", "upstream_timeout"),
        ),
        row("reset before the head", |_, _| Reply::reset(), UPSTREAM, UPSTREAM),
        row("reset mid-body", |w, s| half(w, s).end(End::Reset), UPSTREAM, CUT),
        row("closed mid-body", |w, s| half(w, s).end(End::Cut), UPSTREAM, CUT),
        row("clean end without a terminal event", half, UPSTREAM, CUT),
        row(
            "in-band error first",
            |w, s| {
                if s {
                    w.stream([(w.error_frame)("it broke")])
                } else {
                    Reply::json(200, (w.error_body)(500, "it broke"))
                }
            },
            UPSTREAM,
            OVERLOADED,
        ),
        row(
            "in-band error",
            |w, s| {
                let mut frames = begun(w);
                frames.push((w.error_frame)(&format!("it broke, see {PRIVATE} with {}", wire::UPSTREAM_KEY)));
                if s { w.stream(frames) } else { Reply::json(200, (w.error_body)(500, "it broke")) }
            },
            UPSTREAM,
            Event("overloaded_error", "server_is_overloaded"),
        ),
        row(
            "SSE comments",
            |w, s| {
                let comment = if w.events { ": ping\n\n" } else { "\n" };
                let frames = (w.text_frames)(TEXT);
                let commented = frames.iter().flat_map(|frame| [comment.to_owned(), frame.clone()]).collect();
                if s { told(w, s, commented) } else { healthy(w, s) }
            },
            Whole,
            Whole,
        ),
        row("CRLF", |w, s| told(w, s, vec![text(w, s).replace('\n', "\r\n")]), Whole, Whole),
        row(
            "split UTF-8",
            |w, s| {
                let bytes = if s { w.bytes(&text(w, s)) } else { text(w, s).into() };
                let chunks = bytes.chunks(1).map(bytes::Bytes::copy_from_slice).collect();
                Reply { chunks, ..told(w, s, Vec::new()).chunked() }
            },
            Whole,
            Whole,
        ),
        row(
            "multi-line data",
            |w, s| {
                let text = text(w, s);
                let spread = if w.events && s { text.replace("{\"", "{\ndata: \"") } else { text };
                told(w, s, vec![spread])
            },
            Whole,
            Whole,
        ),
    ]
}

/// What a wire can say of a failure: an error inside an Ollama stream is a text alone.
fn on(wire: &Wire, row: &Row, stream: bool) -> Expected {
    let expected = if stream { row.streamed } else { row.whole };
    // A failure that repeats a key is covered, and what was framed with checksums is no frame then.
    let typed = wire.events || wire.provider == "bedrock" && row.name != "in-band error";
    match (expected, typed || !row.name.starts_with("in-band")) {
        (Error(503, ..), false) => UPSTREAM,
        (Event(..), false) => CUT,
        (expected, _) => expected,
    }
}

/// Where the wires' providers are.
pub(crate) const WIRES: &[Wire] = wire::EVERY;

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_of_failures_holds_cell_by_cell() {
    let mut upstreams: Vec<Upstream> = Vec::new();
    let mut setup = Setup::default();
    for wire in WIRES {
        let upstream = wire.upstream().await;
        setup = setup.and(&wire.patient(&upstream, 1));
        upstreams.push(upstream);
    }
    let service = Brains::start(setup).await;
    // The slow cells wait for the upstream's silence: upstreams side by side, each with its own cells in turn.
    let cells = WIRES.iter().zip(&upstreams).map(|(wire, upstream)| async {
        let (service, model) = (&service, wire.model());
        let each = Caller::ALL.map(|caller| (caller, *wire, model.as_str()));
        cells(service, upstream, &each, &[]).await
    });
    let wrong: Vec<String> = join_all(cells).await.concat();
    assert!(wrong.is_empty(), "{} cells do not hold: {wrong:#?}", wrong.len());
}

/// Who asks, the wire on which the upstream is then asked, and the model.
type Asked<'a> = (Caller, Wire, &'a str);

/// The cells of one upstream that do not hold: one must not hide the others. Rows that are `apart` are left out.
async fn cells(service: &Brains, upstream: &Upstream, each: &[Asked<'_>], apart: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (caller, wire, model) in each {
        for row in matrix().into_iter().filter(|row| !apart.contains(&row.name)) {
            for stream in [false, true] {
                let expected = on(wire, &row, stream);
                upstream.then((row.reply)(wire, stream));
                let answer = caller.ask(&service.client, &caller.question(model, stream, "x")).await;
                let cell = format!("{} × {caller:?} × {model} × stream {stream}", row.name);
                if std::panic::catch_unwind(|| check_as(*caller, &cell, &answer, stream, expected)).is_err() {
                    wrong.push(cell);
                }
            }
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_an_answer() {
    for wire in WIRES {
        let upstream = wire.upstream().await;
        let service = Brains::start(wire.setup(&upstream)).await;
        for stream in [false, true] {
            let slow =
                healthy(wire, stream).head_delay(Duration::from_millis(200)).gap(Duration::from_millis(50));
            upstream.then(slow);
            let body = json!({"model": wire.model(), "stream": stream, "messages": [{"role": "user", "content": "x"}]});
            check("slow", &service.client.chat(&body).await, stream, Whole);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_time_ends_a_request_that_never_falls_silent() {
    let wire = wire::OPENAI;
    let upstream = wire.upstream().await;
    let service = Brains::start(wire.setup(&upstream).and("total_timeout_seconds: 1")).await;
    let body = |stream: bool| json!({"model": wire.model(), "stream": stream, "messages": [{"role": "user", "content": "x"}]});

    let drip = |first: Vec<String>| {
        let drops = first.into_iter().chain((0..600).map(|_| ": drip\n\n".to_owned()));
        Reply::stream(drops).gap(Duration::from_millis(50))
    };
    upstream.then(drip(begun(&wire)));
    check("drip", &service.client.chat(&body(true)).await, true, Event("timeout_error", "upstream_timeout"));
    upstream.then(drip(Vec::new()));
    check("comments only", &service.client.chat(&body(true)).await, true, TIMEOUT);
    upstream.then(Reply {
        chunks: vec![" ".into(); 600],
        ..Reply::json(200, "").chunked().gap(Duration::from_millis(50))
    });
    check("spaces only", &service.client.chat(&body(false)).await, false, TIMEOUT);

    brains_tests::until("the traces", async || {
        let listed = service.client.operation("list_traces", &json!({})).await;
        let traces = listed["traces"].as_array().cloned().unwrap_or_default();
        traces.len() == 3 && traces.iter().all(|trace| trace["error_kind"] == "timeout")
    })
    .await;
}
