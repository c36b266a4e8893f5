//! A component that breaks every rule that the host must hold, one at a time and on demand. It plays any part.
//! For tests only: it is never bundled with the program.

mod bindings;
mod deed;

use serde_json::{Value, json};

use bindings::brains::plugin::http::{
    Body, Field, Frame, Framing, Head, Method, Payload, Piece, Request, Response,
};
use bindings::brains::plugin::task::{Features, Verdict};
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
        meta::Info {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: env!("CARGO_PKG_DESCRIPTION").into(),
        }
    }

    fn config_schema() -> String {
        include_str!("../config.schema.json").into()
    }

    fn validate_config(config: String) -> Result<(), Vec<String>> {
        let settings: Value = serde_json::from_str(&config).map_err(|error| vec![error.to_string()])?;
        if settings.get("token").is_some_and(Value::is_string) {
            return Err(vec!["a secret came in as text".into()]);
        }
        match settings.get("refuse") {
            Some(Value::Bool(true)) => Err(vec!["`refuse` was asked for".into()]),
            _ => Ok(()),
        }
    }
}

impl errors::Guest for Chaos {
    fn decode_error(res: Response) -> Fault {
        if let Err(fault) = Deed::of("").act() {
            return fault;
        }
        Fault {
            kind: if res.head.status == 429 { FaultKind::RateLimited } else { FaultKind::Upstream },
            message: format!("the upstream answered {}", res.head.status),
            code: None,
            retry_after_ms: None,
            failover: res.head.status >= 500,
        }
    }
}

impl catalogue::Guest for Chaos {
    fn models_request(_: CallContext, _: Option<String>) -> Option<Request> {
        None
    }

    fn models(_: Option<Response>) -> Result<catalogue::Page, Fault> {
        Deed::of("").act()?;
        let model = |id: &str| catalogue::Model {
            id: id.into(),
            label: None,
            context: None,
            max_output: None,
            caps: Vec::new(),
            pricing: None,
            extra: None,
        };
        let models = ["ok", "exit", "flood", "grow", "huge", "lie", "recurse", "refuse", "spin", "trap"];
        Ok(catalogue::Page {
            models: models.iter().map(|deed| model(&format!("chaos-{deed}"))).collect(),
            next: None,
        })
    }
}

fn request() -> Request {
    Request {
        method: Method::Post,
        url: vec![Piece::Text("https://chaos.invalid/v1/chat/completions".into())],
        headers: Vec::new(),
        body: Body::Empty,
        timeout_ms: None,
    }
}

impl relay::Guest for Chaos {
    fn surfaces() -> Vec<relay::Surface> {
        vec![relay::Surface { name: "chat".into(), dialect: "openai-chat".into() }]
    }

    fn prepare(c: relay::Call) -> Result<relay::Lane, Fault> {
        let value = match Deed::of(&c.model).act()? {
            Deed::Lie => "{ this is not JSON".into(),
            Deed::Huge => " ".repeat(HUGE_BYTES),
            _ => json!(c.model).to_string(),
        };
        Ok(relay::Lane::Relay(relay::Outbound {
            request: request(),
            framing: Framing::Sse,
            edits: vec![relay::Edit::Set(relay::Member { name: "model".into(), value })],
        }))
    }
}

impl chat::Guest for Chaos {
    type Decoder = Decoder;

    fn encode(req: ChatRequest, _: Vec<Field>, _: CallContext) -> Result<chat::Outbound, Fault> {
        let body = match Deed::of(&req.model).act()? {
            Deed::Huge => " ".repeat(HUGE_BYTES),
            _ => last_text(&req),
        };
        let request = Request { body: Body::Text(body), ..request() };
        Ok(chat::Outbound { request, framing: Framing::Sse, losses: Vec::new() })
    }

    fn decode_unary(res: Response) -> Result<Vec<Event>, Fault> {
        let deed = Deed::of("").act()?;
        let text = match res.body {
            Payload::Text(text) => text,
            Payload::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        Ok(answer(deed, text))
    }
}

/// One streamed answer; each frame's data is a piece of the text.
#[derive(Debug)]
pub struct Decoder;

impl chat::GuestDecoder for Decoder {
    fn open(_: Head, _: CallContext) -> Result<chat::Decoder, Fault> {
        Ok(chat::Decoder::new(Self))
    }

    fn push(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        match Deed::of("").act()? {
            Deed::Ok => Ok(frames.into_iter().map(|frame| delta(frame.data)).collect()),
            deed => Ok(answer(deed, String::new())),
        }
    }

    fn push_bytes(&self, chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        Ok(vec![delta(String::from_utf8_lossy(&chunk).into_owned())])
    }

    fn finish(&self, clean: bool) -> Result<Vec<Event>, Fault> {
        if clean {
            return Ok(vec![finish()]);
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
        let deed = Deed::of(&req.model).act()?;
        let text = if deed == Deed::Ask { deed::ask() } else { last_text(&req) };
        Ok(answer(deed, text))
    }
}

impl classifier::Guest for Chaos {
    fn classify(f: Features) -> Result<Verdict, Fault> {
        let confidence = if Deed::of("").act()? == Deed::Lie { f32::NAN } else { 0.5 };
        let label = f.last_user_text.split(' ').next().unwrap_or_default().to_owned();
        Ok(Verdict { label, confidence, scores: Vec::new(), signals: Vec::new(), extra: None })
    }
}

impl policy::Guest for Chaos {
    fn decide(input: policy::RouteInput) -> Result<policy::Decision, Fault> {
        let beyond = if Deed::of("").act()? == Deed::Lie { 7 } else { 0 };
        let picks = (0_u32..)
            .zip(&input.candidates)
            .map(|(index, _)| policy::Pick { index: index + beyond, score: 1.0, timeout_ms: None })
            .collect();
        Ok(policy::Decision { picks, reason: "in order".into(), hedge_after_ms: None, extra: None })
    }
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
        Deed::Lie => vec![Event::Other("{ this is not JSON".into())],
        Deed::Huge => vec![delta(" ".repeat(HUGE_BYTES))],
        _ => vec![
            Event::Start(Start { id: None, model: None, extra: None }),
            Event::BlockStart(BlockStart { choice: 0, index: 0, kind: BlockKind::Text }),
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
    }
}

fn delta(text: String) -> Event {
    Event::Delta(Delta { choice: 0, index: 0, text })
}

fn finish() -> Event {
    Event::Finish(Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None })
}
