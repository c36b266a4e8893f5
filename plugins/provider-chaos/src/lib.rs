//! A component that breaks every rule that the host must hold, one at a time and on demand. It plays any part.
//! For tests only: it is never bundled with the program.

mod bindings;
mod deed;

use serde_json::{Value, json};

use bindings::brains::plugin::http::{
    Body, Field, Frame, Framing, Head, Header, Method, Payload, Piece, Request, Response,
};
use bindings::brains::plugin::log;
use bindings::brains::plugin::task::{Features, Signal, Verdict};
use bindings::brains::plugin::types::{
    BlockEnd, BlockKind, BlockStart, CallContext, ChatRequest, Content, Delta, Event, Fault, FaultKind,
    Finish, Start, StopReason, Usage,
};
use bindings::exports::brains::plugin::{
    catalogue, chat, classifier, errors, meta, policy, relay, standalone,
};
use deed::Deed;

/// The component.
#[derive(Debug)]
pub struct Chaos;

const HUGE_BYTES: usize = 40 << 20;

impl meta::Guest for Chaos {
    fn describe() -> meta::Info {
        let version = match Deed::at_load("describe").act_anyway() {
            Deed::Garble => deed::garbled(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Lie => "v".repeat(1_000),
            _ => env!("CARGO_PKG_VERSION").into(),
        };
        meta::Info {
            name: env!("CARGO_PKG_NAME").into(),
            version,
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
        }
    }

    fn config_schema() -> String {
        match Deed::at_load("config-schema").act_anyway() {
            Deed::Garble => deed::garbled(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Lie => "{ this is not JSON".into(),
            _ => include_str!("../config.schema.json").into(),
        }
    }

    fn validate_config(config: String) -> Result<(), Vec<String>> {
        let settings: Value = serde_json::from_str(&config).map_err(|error| vec![error.to_string()])?;
        if settings.get("token").is_some_and(Value::is_string) {
            return Err(vec!["a secret came in as text".into()]);
        }
        match Deed::only_at("validate-config").act_anyway() {
            Deed::Garble => return Err(vec![deed::garbled()]),
            Deed::Lie => return Err(vec!["it is so\n".repeat(10_000); 100]),
            _ => {}
        }
        match settings.get("refuse") {
            Some(Value::Bool(true)) => Err(vec!["`refuse` was asked for".into()]),
            _ => Ok(()),
        }
    }
}

impl errors::Guest for Chaos {
    fn decode_error(res: Response) -> Fault {
        let deed = match Deed::of("decode-error", "").act() {
            Ok(deed) => deed,
            Err(fault) => return fault,
        };
        let message = match deed {
            Deed::Garble => deed::garbled(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Tell => told(&res),
            _ => format!("the upstream answered {}", res.head.status),
        };
        Fault {
            kind: if res.head.status == 429 { FaultKind::RateLimited } else { FaultKind::Upstream },
            message,
            code: None,
            retry_after_ms: None,
            failover: res.head.status >= 500,
        }
    }
}

impl catalogue::Guest for Chaos {
    fn models_request(_: CallContext, _: Option<String>) -> Option<Request> {
        match Deed::only_at("models-request").act_anyway() {
            Deed::Ok => None,
            Deed::Garble => Some(Request { url: vec![Piece::Text(deed::garbled())], ..request() }),
            _ => Some(request()),
        }
    }

    fn models(_: Option<Response>) -> Result<catalogue::Page, Fault> {
        let deed = Deed::of("models", "").act()?;
        let model = |id: String| catalogue::Model {
            id,
            label: None,
            context: None,
            max_output: None,
            caps: Vec::new(),
            pricing: (deed == Deed::Lie).then(|| "{ this is not JSON".into()),
            extra: None,
        };
        let ids = match deed {
            Deed::Garble => vec![deed::garbled()],
            Deed::Huge => vec![" ".repeat(HUGE_BYTES)],
            Deed::Amplify => deed::amplified(),
            Deed::Flood => (0..deed::FLOOD).map(|count| format!("model-{count}")).collect(),
            _ => vec!["chaos-ok".into(), "chaos-trap".into()],
        };
        // Whoever follows pages without end never stops.
        let next = (deed == Deed::Million).then(|| "again".into());
        Ok(catalogue::Page { models: ids.into_iter().map(model).collect(), next })
    }
}

/// The exchange that the settings ask for.
fn request() -> Request {
    let text = |text: &str| Piece::Text(text.into());
    let secret = || Piece::Secret("token".into());
    let base = deed::setting("reach").or_else(|| deed::setting("base_url"));
    let base = base.unwrap_or_else(|| "https://chaos.invalid".into());
    let path = text("/v1/chat/completions");
    let mut headers = Vec::new();
    let url = match deed::setting("secret_in").as_deref() {
        Some("fragment") => vec![text(&base), path, text("?a#"), secret()],
        Some("host") => vec![text("http://"), secret(), text("."), text(&base.replace("http://", "")), path],
        Some("path") => vec![text(&base), text("/"), secret()],
        Some("query") => vec![text(&base), path, text("?key="), secret()],
        Some("header") => {
            headers.push(Header { name: "authorization".into(), value: vec![text("Bearer "), secret()] });
            vec![text(&base), path]
        }
        _ => vec![text(&base), path],
    };
    let settings = deed::settings();
    if let [name, value] = settings.get("header").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) {
        let (name, value) = (name.as_str().unwrap_or_default(), value.as_str().unwrap_or_default());
        headers.push(Header { name: name.into(), value: vec![text(value)] });
    }
    headers.push(Header { name: "content-type".into(), value: vec![text("application/json")] });
    Request { method: Method::Post, url, headers, body: Body::Empty, timeout_ms: None }
}

impl relay::Guest for Chaos {
    fn surfaces() -> Vec<relay::Surface> {
        let surface = |dialect: String| relay::Surface { name: "chat".into(), dialect };
        match Deed::only_at("surfaces").act_anyway() {
            Deed::Garble => vec![surface(deed::garbled())],
            Deed::Huge => vec![surface(" ".repeat(HUGE_BYTES))],
            Deed::Flood => (0..deed::FLOOD).map(|_| surface("openai-chat".into())).collect(),
            _ => vec![surface(deed::setting("claims").unwrap_or_else(|| "openai-chat".into()))],
        }
    }

    fn prepare(c: relay::Call) -> Result<relay::Lane, Fault> {
        if deed::setting("lane").is_some() {
            return Ok(relay::Lane::Translate);
        }
        let mut request = request();
        let value = match Deed::of("prepare", &c.model).act()? {
            Deed::Lie => "{ this is not JSON".into(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Garble => {
                request
                    .headers
                    .push(Header { name: "x-bad".into(), value: vec![Piece::Text(deed::garbled())] });
                json!(c.model).to_string()
            }
            _ => json!(c.model).to_string(),
        };
        Ok(relay::Lane::Relay(relay::Outbound {
            request,
            framing: Framing::Sse,
            edits: vec![relay::Edit::Set(relay::Member { name: "model".into(), value })],
        }))
    }
}

impl chat::Guest for Chaos {
    type Decoder = Decoder;

    fn encode(req: ChatRequest, _: Vec<Field>, _: CallContext) -> Result<chat::Outbound, Fault> {
        let mut losses = Vec::new();
        let body = match Deed::of("encode", &req.model).act()? {
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Garble => deed::garbled(),
            Deed::Amplify => {
                losses = deed::amplified();
                String::new()
            }
            _ => last_text(&req),
        };
        let request = Request { body: Body::Text(body), ..request() };
        Ok(chat::Outbound { request, framing: Framing::Sse, losses })
    }

    fn decode_unary(res: Response, _: CallContext) -> Result<Vec<Event>, Fault> {
        let deed = Deed::of("decode-unary", "").act()?;
        if deed == Deed::Tell {
            return Err(Fault {
                kind: FaultKind::InvalidRequest,
                message: told(&res),
                code: None,
                retry_after_ms: None,
                failover: false,
            });
        }
        let text = match res.body {
            Payload::Text(text) => text,
            Payload::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        Ok(answer(deed, text))
    }
}

/// One streamed answer; each frame's data is a piece of the text.
#[derive(Debug, Default)]
pub struct Decoder {
    began: std::cell::Cell<bool>,
}

impl chat::GuestDecoder for Decoder {
    fn open(_: Head, _: CallContext) -> Result<chat::Decoder, Fault> {
        Deed::only_at("open").act()?;
        Ok(chat::Decoder::new(Self::default()))
    }

    fn push(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        match Deed::of("push", "").act()? {
            Deed::Ok => {
                let mut events = if self.began.replace(true) { Vec::new() } else { beginning() };
                events.extend(frames.into_iter().map(|frame| delta(frame.data)));
                Ok(events)
            }
            deed => Ok(answer(deed, String::new())),
        }
    }

    fn push_bytes(&self, chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        Ok(vec![delta(String::from_utf8_lossy(&chunk).into_owned())])
    }

    fn finish(&self, clean: bool) -> Result<Vec<Event>, Fault> {
        match Deed::only_at("finish").act()? {
            Deed::Ok if clean => return Ok(vec![finish()]),
            Deed::Ok => {}
            deed => return Ok(answer(deed, String::new())),
        }
        Err(Fault {
            kind: FaultKind::Protocol,
            message: "the stream broke off".into(),
            code: None,
            retry_after_ms: None,
            failover: true,
        })
    }
}

impl standalone::Guest for Chaos {
    fn answer(req: ChatRequest, _: CallContext) -> Result<Vec<Event>, Fault> {
        let deed = Deed::of("answer", &req.model).act()?;
        let text = match deed {
            Deed::Ask => deed::ask(),
            Deed::Peek => deed::peek(),
            _ => last_text(&req),
        };
        Ok(answer(deed, text))
    }
}

impl classifier::Guest for Chaos {
    fn classify(f: Features) -> Result<Verdict, Fault> {
        let deed = Deed::of("classify", "").act()?;
        let label = match deed {
            Deed::Garble => deed::garbled(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            Deed::Print => "code\r\nx-forged: 1".into(),
            _ => f.last_user_text.split(' ').next().unwrap_or_default().to_owned(),
        };
        let confidence = if deed == Deed::Lie { f32::NAN } else { 0.5 };
        let signals = match deed {
            Deed::Flood => (0..deed::FLOOD).map(|_| signal(" ".into())).collect(),
            Deed::Amplify => deed::amplified().into_iter().map(signal).collect(),
            _ => Vec::new(),
        };
        Ok(Verdict { label, confidence, scores: Vec::new(), signals, extra: None })
    }
}

fn signal(evidence: String) -> Signal {
    Signal { name: "signal".into(), weight: 1.0, evidence }
}

impl policy::Guest for Chaos {
    fn decide(input: policy::RouteInput) -> Result<policy::Decision, Fault> {
        let deed = Deed::of("decide", "").act()?;
        let beyond = if deed == Deed::Lie { 7 } else { 0 };
        let reason = match deed {
            Deed::Garble => deed::garbled(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            _ => "in order".into(),
        };
        let picks = (0_u32..)
            .zip(&input.candidates)
            .map(|(index, _)| policy::Pick { index: index + beyond, score: 1.0, timeout_ms: None })
            .collect();
        Ok(policy::Decision { picks, reason, hedge_after_ms: None, extra: None })
    }
}

/// Far more decoders than anybody needs, none of them dropped.
fn leak() {
    for _ in 0..10_000 {
        std::mem::forget(chat::Decoder::new(Decoder::default()));
    }
}

/// Everything that the upstream said, which also goes into the log.
fn told(res: &Response) -> String {
    let body = match &res.body {
        Payload::Text(text) => text.clone(),
        Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let heads: Vec<String> =
        res.head.headers.iter().map(|field| format!("{}: {}", field.name, field.value)).collect();
    let all = format!("{body} {}", heads.join(", "));
    log::write(log::Level::Warn, &all, &[("body".into(), body)]);
    all
}

fn last_text(request: &ChatRequest) -> String {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let mut texts = parts.rev().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.next().unwrap_or_default()
}

fn answer(deed: Deed, text: String) -> Vec<Event> {
    match deed {
        Deed::Flood => (0..deed::FLOOD).map(|_| delta(String::new())).collect(),
        Deed::Million => (0..1_000_000).map(|_| delta(String::new())).collect(),
        Deed::Amplify => deed::amplified().into_iter().map(delta).collect(),
        Deed::Garble => vec![delta(deed::garbled())],
        Deed::Lie => vec![Event::Other("{ this is not JSON".into())],
        Deed::Huge => vec![delta(" ".repeat(HUGE_BYTES))],
        _ => [
            beginning(),
            vec![
                delta(text),
                Event::BlockEnd(BlockEnd { choice: 0, index: 0, signature: None, extra: None }),
                Event::Usage(Usage {
                    input: 1,
                    output: 1,
                    cached_input: 0,
                    cache_write: 0,
                    reasoning: 0,
                    cost: None,
                    extra: None,
                }),
                finish(),
            ],
        ]
        .concat(),
    }
}

fn beginning() -> Vec<Event> {
    vec![
        Event::Start(Start { id: None, model: None, extra: None }),
        Event::BlockStart(BlockStart { choice: 0, index: 0, kind: BlockKind::Text }),
    ]
}

fn delta(text: String) -> Event {
    Event::Delta(Delta { choice: 0, index: 0, text })
}

fn finish() -> Event {
    Event::Finish(Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None })
}
