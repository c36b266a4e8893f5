//! One case: what a component is given, and what comes out of it as JSON that people can read. Upstreams are
//! scripted in the case; nothing is sent anywhere.

use std::sync::Arc;

use brains_core::config::differences;
use brains_core::config::manifest::Plays;
use brains_dialect::canon::exchange::{Body, Field, Framing, Head, Payload, Piece, Request, Response};
use brains_dialect::canon::relay::{Call, Edit, Lane};
use brains_dialect::canon::task::{Candidate, Circuit, RouteInput, Verdict};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};
use brains_dialect::envelope::Envelope;
use brains_dialect::ingress::{AnswerIdentity, Ingress};
use brains_dialect::{features, ndjson, sse};
use brains_runtime::{CallFault, Exchange, Instance};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The wire that clients speak in a case.
const INGRESS: Ingress = Ingress::OpenAiChat;

/// A case as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(default = "empty")]
    pub(super) settings: Value,
    /// Secrets that are set.
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    /// A chat completions request as a client sends it. Providers and classifiers.
    request: Option<Value>,
    /// What the vendor answers. Providers.
    upstream: Option<Answer>,
    /// The model that was asked for. Policies.
    requested: Option<String>,
    /// What the classifier said. Policies.
    label: Option<String>,
    /// What there is to pick from. Policies.
    #[serde(default)]
    candidates: Vec<Choice>,
    /// Further facts for the policy, as the host gives them.
    extra: Option<Value>,
    pub(super) expect: Option<Value>,
}

/// A scripted answer: whole, or in the pieces that arrive.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
    stream: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    id: String,
    provider: String,
    model: String,
    tier: String,
    #[serde(default)]
    input_price: Option<f64>,
    #[serde(default)]
    output_price: Option<f64>,
    #[serde(default)]
    context: u32,
    #[serde(default)]
    p50_ms: Option<u32>,
    #[serde(default)]
    error_rate: f32,
    #[serde(default)]
    circuit: Option<String>,
    #[serde(default)]
    sticky: bool,
}

fn canonical(body: &str) -> Result<ChatRequest, String> {
    let decoded = Envelope::scan(body.as_bytes()).and_then(|envelope| INGRESS.decode(&envelope));
    decoded.map_err(|wrong| format!("`request`: {wrong}"))
}

fn empty() -> Value {
    json!({})
}

/// Runs a case; an error says why it could not be run, not that something else came out.
pub(super) async fn run(instance: &Arc<Instance>, plays: Plays, case: &Case) -> Result<Value, String> {
    match plays {
        Plays::Provider => provider(instance, case).await,
        Plays::Classifier => classifier(instance, case).await,
        Plays::Policy => policy(instance, case).await,
        Plays::Bridge | Plays::Hook => Err(format!("a {} has no cases yet", plays.name())),
    }
}

/// Where two outcomes part, in one line.
pub(super) fn first_difference(expected: &Value, came: &Value) -> String {
    let shown = |value: Option<Value>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
    match differences(expected, came).into_iter().next() {
        Some(first) => {
            format!("`{}`: expected {}, came {}", first.key, shown(first.old), shown(first.new))
        }
        None => "the order of members differs".into(),
    }
}

async fn provider(instance: &Arc<Instance>, case: &Case) -> Result<Value, String> {
    let body = case.request.as_ref().ok_or("a case of a provider needs a `request`")?.to_string();
    let request = canonical(&body)?;
    let exports = instance.exports();
    let mut came = Map::new();
    let surface = instance.surfaces().iter().find(|surface| surface.dialect == INGRESS.name()).cloned();
    if let Some(surface) = surface {
        let call = Call {
            surface: surface.name,
            model: request.model.clone(),
            stream: request.stream,
            query: String::new(),
            headers: Vec::new(),
            ctx: context(),
        };
        let lane = live(instance).await?.prepare(call).await.map_err(failed)?;
        came.insert("relay".into(), relayed(&lane, &body));
    }
    if exports.standalone {
        let events = live(instance).await?.answer(request.clone(), context()).await;
        came.extend(outcome(&request, events)?);
    } else if exports.chat {
        let mut exchange = live(instance).await?;
        let outbound = exchange.encode(request.clone(), Vec::new(), context()).await.map_err(failed)?;
        let mut encoded = described(&outbound.request);
        if let (Some(members), false) = (encoded.as_object_mut(), outbound.losses.is_empty()) {
            members.insert("losses".into(), outbound.losses.clone().into());
        }
        came.insert("encode".into(), encoded);
        if let Some(answer) = &case.upstream {
            came.extend(answered(instance, &request, outbound.framing, answer).await?);
        }
    }
    Ok(Value::Object(came))
}

/// What a scripted answer becomes.
async fn answered(
    instance: &Arc<Instance>,
    request: &ChatRequest,
    framing: Framing,
    answer: &Answer,
) -> Result<Map<String, Value>, String> {
    let headers = answer.headers.iter().map(|(name, value)| Field {
        name: name.to_ascii_lowercase(),
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    });
    let head = Head { status: answer.status, headers: headers.collect() };
    let body = answer.body.as_ref().map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
    let mut exchange = live(instance).await?;
    if !(200..300).contains(&answer.status) {
        let response = Response { head, body: Payload::Text(body.unwrap_or_default()) };
        let fault = exchange.decode_error(response).await.map_err(failed)?;
        return Ok(Map::from_iter([("fault".to_owned(), fault_json(&fault))]));
    }
    let Some(pieces) = &answer.stream else {
        let response = Response { head, body: Payload::Text(body.unwrap_or_default()) };
        return outcome(request, exchange.decode_unary(response, context()).await);
    };
    let slow = decoded(exchange, head.clone(), framing, pieces).await?;
    let fast = decoded(live(instance).await?, head, framing, &[pieces.concat()]).await?;
    let (slow, fast) = (outcome(request, slow)?, outcome(request, fast)?);
    if slow == fast {
        return Ok(slow);
    }
    Err(format!(
        "the answer depends on how the stream arrives: {}",
        first_difference(&slow.into(), &fast.into())
    ))
}

/// Feeds a stream piece by piece, cut as the host cuts it.
async fn decoded(
    mut exchange: Exchange,
    head: Head,
    framing: Framing,
    pieces: &[String],
) -> Result<Result<Vec<Event>, CallFault>, String> {
    if let Err(fault) = exchange.open_decoder(head, context()).await {
        return Ok(Err(fault));
    }
    let (mut frames, mut lines) = (sse::Frames::default(), ndjson::Lines::default());
    let mut events = Vec::new();
    for piece in pieces {
        let cut = match framing {
            Framing::Raw => None,
            Framing::Sse => Some(frames.push(piece.as_bytes())),
            Framing::Ndjson => Some(lines.push(piece.as_bytes())),
        };
        let pushed = match cut {
            None => exchange.push_bytes(piece.clone().into_bytes()).await,
            Some(cut) => match cut.map_err(|error| error.to_string())? {
                cut if cut.is_empty() => continue,
                cut => exchange.push(cut).await,
            },
        };
        match pushed {
            Ok(pushed) => events.extend(pushed),
            Err(fault) => return Ok(Err(fault)),
        }
    }
    let rest = match framing {
        Framing::Raw => Vec::new(),
        Framing::Sse => frames.finish(),
        Framing::Ndjson => lines.finish(),
    };
    if !rest.is_empty() {
        match exchange.push(rest).await {
            Ok(pushed) => events.extend(pushed),
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(exchange.finish(true).await.map(|last| {
        events.extend(last);
        events
    }))
}

/// The answer as a client sees it, or the fault in its place.
fn outcome(
    request: &ChatRequest,
    events: Result<Vec<Event>, CallFault>,
) -> Result<Map<String, Value>, String> {
    let identity = AnswerIdentity {
        id: INGRESS.answer_id("test"),
        created: 0,
        model: request.model.clone(),
        echo: Arc::default(),
    };
    let fault = match events {
        Ok(events) => match INGRESS.answer(&events, &identity) {
            Ok(text) => {
                let answer = serde_json::from_str(&text).map_err(|error| format!("the answer: {error}"))?;
                return Ok(Map::from_iter([("answer".to_owned(), answer)]));
            }
            Err(fault) => fault,
        },
        Err(CallFault::Refused(fault)) => fault,
        Err(fault) => return Err(fault.to_string()),
    };
    Ok(Map::from_iter([("fault".to_owned(), fault_json(&fault))]))
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "kind": format!("{:?}", fault.kind),
        "message": fault.message,
        "code": fault.code,
        "retry_after_ms": fault.retry_after_ms,
        "failover": fault.failover,
    })
}

fn relayed(lane: &Lane, body: &str) -> Value {
    let Lane::Relay(outbound) = lane else { return "declined".into() };
    let mut shown = described(&outbound.request);
    let edits = edited(body, &outbound.edits).map_or_else(Value::from, Value::from);
    if let Some(members) = shown.as_object_mut() {
        members.insert("edits".into(), edits);
    }
    shown
}

/// What the edits make of a body, but for what the component adds of its own accord: members as they are set, those that are
/// gone as null.
fn edited(body: &str, edits: &[Edit]) -> Result<Map<String, Value>, String> {
    let wished: Vec<Edit> =
        edits.iter().filter(|edit| !matches!(edit, Edit::Add(_) | Edit::GiveUp(_))).cloned().collect();
    let envelope = Envelope::scan_text(body).map_err(|invalid| invalid.message)?;
    let mut splice = envelope.splice();
    splice.apply(&wished, &[]).map_err(|error| error.to_string())?;
    let read =
        |text: &str| serde_json::from_str::<Map<String, Value>>(text).map_err(|error| error.to_string());
    let (before, after) = (read(body)?, read(&splice.finish())?);
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let mut shown: Map<String, Value> = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    // The model is set in every case, also where the client said the same.
    let named = after
        .get("model")
        .filter(|_| edits.iter().any(|edit| matches!(edit, Edit::Set(it) if it.path == "model")));
    if let Some(model) = named {
        shown.insert("model".into(), model.clone());
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    shown.extend(gone.map(|name| (name.clone(), Value::Null)));
    Ok(shown)
}

/// An exchange as a person writes it; secrets stand as `${name}`.
fn described(request: &Request) -> Value {
    let headers: Map<String, Value> =
        request.headers.iter().map(|header| (header.name.clone(), text(&header.value).into())).collect();
    let body = match &request.body {
        Body::Empty => Value::Null,
        Body::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Body::Bytes(bytes) => format!("{} bytes", bytes.len()).into(),
        Body::Form(fields) => Value::Object(
            fields.iter().map(|field| (field.name.clone(), text(&field.value).into())).collect(),
        ),
    };
    json!({
        "method": format!("{:?}", request.method).to_ascii_uppercase(),
        "url": text(&request.url),
        "headers": headers,
        "body": body,
    })
}

fn text(pieces: &[Piece]) -> String {
    let words = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(name) | Piece::Credential(name) => format!("${{{name}}}"),
        Piece::BasicCredentials(basic) => format!("basic {}:${{{}}}", basic.user, basic.secret),
    });
    words.collect()
}

async fn classifier(instance: &Arc<Instance>, case: &Case) -> Result<Value, String> {
    let body = case.request.as_ref().ok_or("a case of a classifier needs a `request`")?.to_string();
    let request = canonical(&body)?;
    let verdict = instance.classify(&features::from_request(&request).features()).await.map_err(failed)?;
    let signals: Vec<_> = verdict.signals.iter().map(|signal| signal.evidence.as_str()).collect();
    let extra = verdict.extra.as_deref().and_then(|extra| serde_json::from_str::<Value>(extra).ok());
    let confidence = (f64::from(verdict.confidence) * 1_000.0).round() / 1_000.0;
    Ok(json!({ "label": verdict.label, "confidence": confidence, "signals": signals, "extra": extra }))
}

async fn policy(instance: &Arc<Instance>, case: &Case) -> Result<Value, String> {
    let candidates = case.candidates.iter().map(candidate).collect::<Result<Vec<_>, _>>()?;
    let label = case.label.clone().unwrap_or_else(|| "unknown".into());
    let input = RouteInput {
        requested: case.requested.clone().unwrap_or_else(|| "brains-auto".into()),
        verdict: Verdict { label, confidence: 1.0, ..Verdict::default() },
        candidates,
        extra: case.extra.as_ref().map(Value::to_string),
        ..RouteInput::default()
    };
    let decision = instance.decide(input).await.map_err(failed)?;
    let id = |index: u32| case.candidates.get(index as usize).map(|choice| choice.id.as_str());
    let picks: Vec<_> = decision.picks.iter().filter_map(|pick| id(pick.index)).collect();
    Ok(json!({ "picks": picks, "reason": decision.reason }))
}

fn candidate(choice: &Choice) -> Result<Candidate, String> {
    let circuit = match choice.circuit.as_deref() {
        None | Some("closed") => Circuit::Closed,
        Some("half-open") => Circuit::HalfOpen,
        Some("open") => Circuit::Open,
        Some(other) => return Err(format!("`{other}` is no state of a circuit")),
    };
    Ok(Candidate {
        id: choice.id.clone(),
        provider: choice.provider.clone(),
        model: choice.model.clone(),
        tier: choice.tier.clone(),
        input_price: choice.input_price,
        output_price: choice.output_price,
        context: choice.context,
        p50_ms: choice.p50_ms,
        error_rate: choice.error_rate,
        circuit,
        sticky: choice.sticky,
        ..Candidate::default()
    })
}

async fn live(instance: &Arc<Instance>) -> Result<Exchange, String> {
    instance.exchange().await.map_err(failed)
}

fn context() -> CallContext {
    CallContext { request_id: "test".into(), ..CallContext::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn failed(fault: CallFault) -> String {
    fault.to_string()
}
