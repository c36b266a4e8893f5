//! A component that breaks every rule that the host must hold, one at a time and on demand. It plays any part.
//! For tests only: it is never bundled with the program.

mod bindings;
mod fault_mode;

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
use fault_mode::FaultMode;

/// The component.
#[derive(Debug)]
pub struct Chaos;

const HUGE_BYTES: usize = 40 << 20;

impl meta::Guest for Chaos {
    fn describe() -> meta::Info {
        let version = match FaultMode::at_load("describe").act_anyway() {
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Lie => "v".repeat(1_000),
            _ => env!("CARGO_PKG_VERSION").into(),
        };
        meta::Info {
            name: env!("CARGO_PKG_NAME").into(),
            version,
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
        }
    }

    fn config_schema() -> String {
        match FaultMode::at_load("config-schema").act_anyway() {
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Lie => "{ this is not JSON".into(),
            _ => include_str!("../config.schema.json").into(),
        }
    }

    fn validate_config(config: String) -> Result<(), Vec<String>> {
        let settings: Value = serde_json::from_str(&config).map_err(|error| vec![error.to_string()])?;
        if settings.get("token").is_some_and(Value::is_string) {
            return Err(vec!["a secret came in as text".into()]);
        }
        match FaultMode::only_at("validate-config").act_anyway() {
            FaultMode::Garble => return Err(vec![fault_mode::garbled()]),
            FaultMode::Lie => return Err(vec!["it is so\n".repeat(10_000); 100]),
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
        let mode = match FaultMode::of("decode-error", "").act() {
            Ok(mode) => mode,
            Err(fault) => return fault,
        };
        let message = match mode {
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Tell => repeated(&res),
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
        match FaultMode::only_at("models-request").act_anyway() {
            FaultMode::Ok => None,
            FaultMode::Garble => Some(Request { url: vec![Piece::Text(fault_mode::garbled())], ..request() }),
            _ => Some(request()),
        }
    }

    fn models(_: Option<Response>) -> Result<catalogue::Page, Fault> {
        let mode = FaultMode::of("models", "").act()?;
        let model = |id: String| catalogue::Model {
            id,
            label: None,
            context: None,
            max_output: None,
            caps: Vec::new(),
            pricing: (mode == FaultMode::Lie).then(|| "{ this is not JSON".into()),
            extra: None,
        };
        let ids = match mode {
            FaultMode::Garble => vec![fault_mode::garbled()],
            FaultMode::Huge => vec![" ".repeat(HUGE_BYTES)],
            FaultMode::Amplify => fault_mode::amplified(),
            FaultMode::Flood => (0..fault_mode::FLOOD).map(|count| format!("model-{count}")).collect(),
            _ => vec!["chaos-ok".into(), "chaos-trap".into()],
        };
        // Whoever follows pages without end never stops.
        let next = (mode == FaultMode::Million).then(|| "again".into());
        Ok(catalogue::Page { models: ids.into_iter().map(model).collect(), next })
    }
}

/// The exchange that the settings ask for.
fn request() -> Request {
    let text = |text: &str| Piece::Text(text.into());
    let secret = || Piece::Secret("token".into());
    let base = fault_mode::setting("reach").or_else(|| fault_mode::setting("base_url"));
    let base = base.unwrap_or_else(|| "https://chaos.invalid".into());
    let path = text("/v1/chat/completions");
    let mut headers = Vec::new();
    let url = match fault_mode::setting("secret_in").as_deref() {
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
    let settings = fault_mode::settings();
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
        match FaultMode::only_at("surfaces").act_anyway() {
            FaultMode::Garble => vec![surface(fault_mode::garbled())],
            FaultMode::Huge => vec![surface(" ".repeat(HUGE_BYTES))],
            FaultMode::Flood => (0..fault_mode::FLOOD).map(|_| surface("openai-chat".into())).collect(),
            _ => vec![surface(fault_mode::setting("claims").unwrap_or_else(|| "openai-chat".into()))],
        }
    }

    fn prepare(c: relay::Call) -> Result<relay::Lane, Fault> {
        if fault_mode::setting("lane").is_some() {
            return Ok(relay::Lane::Translate);
        }
        let mut request = request();
        let value = match FaultMode::of("prepare", &c.model).act()? {
            FaultMode::Lie => "{ this is not JSON".into(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Garble => {
                request
                    .headers
                    .push(Header { name: "x-bad".into(), value: vec![Piece::Text(fault_mode::garbled())] });
                json!(c.model).to_string()
            }
            _ => json!(c.model).to_string(),
        };
        Ok(relay::Lane::Relay(relay::Outbound {
            request,
            framing: Framing::Sse,
            edits: vec![relay::Edit::Set(relay::Member { path: "model".into(), value })],
        }))
    }
}

impl chat::Guest for Chaos {
    type Decoder = Decoder;

    fn encode(req: ChatRequest, _: Vec<Field>, _: CallContext) -> Result<chat::Outbound, Fault> {
        let mut losses = Vec::new();
        let body = match FaultMode::of("encode", &req.model).act()? {
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Amplify => {
                losses = fault_mode::amplified();
                String::new()
            }
            _ => last_text(&req),
        };
        let request = Request { body: Body::Text(body), ..request() };
        Ok(chat::Outbound { request, framing: Framing::Sse, losses, added: Vec::new() })
    }

    fn decode_unary(res: Response, _: CallContext) -> Result<Vec<Event>, Fault> {
        let mode = FaultMode::of("decode-unary", "").act()?;
        if mode == FaultMode::Tell {
            return Err(Fault {
                kind: FaultKind::InvalidRequest,
                message: repeated(&res),
                code: None,
                retry_after_ms: None,
                failover: false,
            });
        }
        let text = match res.body {
            Payload::Text(text) => text,
            Payload::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        Ok(answer(mode, text))
    }
}

/// One streamed answer; each frame's data is a piece of the text.
#[derive(Debug, Default)]
pub struct Decoder {
    began: std::cell::Cell<bool>,
}

impl chat::GuestDecoder for Decoder {
    fn open(_: Head, _: CallContext) -> Result<chat::Decoder, Fault> {
        FaultMode::only_at("open").act()?;
        Ok(chat::Decoder::new(Self::default()))
    }

    fn push(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        match FaultMode::of("push", "").act()? {
            FaultMode::Ok => {
                let mut events = if self.began.replace(true) { Vec::new() } else { beginning() };
                events.extend(frames.into_iter().map(|frame| delta(frame.data)));
                Ok(events)
            }
            mode => Ok(answer(mode, String::new())),
        }
    }

    fn push_bytes(&self, chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        Ok(vec![delta(String::from_utf8_lossy(&chunk).into_owned())])
    }

    fn finish(&self, clean: bool) -> Result<Vec<Event>, Fault> {
        match FaultMode::only_at("finish").act()? {
            FaultMode::Ok if clean => return Ok(vec![finish()]),
            FaultMode::Ok => {}
            mode => return Ok(answer(mode, String::new())),
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
        let mode = FaultMode::of("answer", &req.model).act()?;
        let text = match mode {
            FaultMode::Ask => fault_mode::ask(),
            FaultMode::Peek => fault_mode::peek(),
            _ => last_text(&req),
        };
        Ok(answer(mode, text))
    }
}

impl classifier::Guest for Chaos {
    fn classify(f: Features) -> Result<Verdict, Fault> {
        let mode = FaultMode::of("classify", "").act()?;
        let label = match mode {
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
            FaultMode::Print => "code\r\nx-forged: 1".into(),
            _ => f.last_user_text.split(' ').next().unwrap_or_default().to_owned(),
        };
        let confidence = if mode == FaultMode::Lie { f32::NAN } else { 0.5 };
        let signals = match mode {
            FaultMode::Flood => (0..fault_mode::FLOOD).map(|_| signal(" ".into())).collect(),
            FaultMode::Amplify => fault_mode::amplified().into_iter().map(signal).collect(),
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
        let mode = FaultMode::of("decide", "").act()?;
        let beyond = if mode == FaultMode::Lie { 7 } else { 0 };
        let reason = match mode {
            FaultMode::Garble => fault_mode::garbled(),
            FaultMode::Huge => " ".repeat(HUGE_BYTES),
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
fn repeated(res: &Response) -> String {
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

fn answer(mode: FaultMode, text: String) -> Vec<Event> {
    match mode {
        FaultMode::Flood => (0..fault_mode::FLOOD).map(|_| delta(String::new())).collect(),
        FaultMode::Million => (0..1_000_000).map(|_| delta(String::new())).collect(),
        FaultMode::Amplify => fault_mode::amplified().into_iter().map(delta).collect(),
        FaultMode::Garble => vec![delta(fault_mode::garbled())],
        FaultMode::Lie => vec![Event::Other("{ this is not JSON".into())],
        FaultMode::Huge => vec![delta(" ".repeat(HUGE_BYTES))],
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
