//! Between the generated bindings and the traits: finds the component, calls it, moves the values over. The
//! only values that need moving are those of the exported interfaces themselves; the shared types are canonical
//! already.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use brains_dialect::canon::auth::{SignInInput, SignInPrompt, SignInStep, SignedIn};
use brains_dialect::canon::catalogue::{Model, Page};
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Field, Frame, Head, Request, Response};
use brains_dialect::canon::task::{Decision, Features, Pick, RouteInput, Verdict};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault, FaultKind, relay as canon};

use crate::bindings::auth::exports::brains::plugin::auth as auth_wire;
use crate::bindings::catalogue::exports::brains::plugin::catalogue as catalogue_wire;
use crate::bindings::chat::exports::brains::plugin::chat as chat_wire;
use crate::bindings::classifier::exports::brains::plugin::classifier as classifier_wire;
use crate::bindings::embeddings::exports::brains::plugin::embeddings as embeddings_wire;
use crate::bindings::errors::exports::brains::plugin::errors as errors_wire;
use crate::bindings::meta::exports::brains::plugin::meta as meta_wire;
use crate::bindings::policy::exports::brains::plugin::policy as policy_wire;
use crate::bindings::relay::exports::brains::plugin::relay as relay_wire;
use crate::bindings::standalone::exports::brains::plugin::standalone as standalone_wire;
use crate::component::{
    Auth, Catalogue, Chat, Classifier, Component, Decode, Embeddings, Errors, Policy, Relay, SignInFlow,
    Standalone,
};
use crate::host;

/// A component as the bindings want it. The `export_*!` macros name it.
#[derive(Debug)]
pub struct Export<T>(PhantomData<T>);

thread_local! {
    static BUILT: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
}

/// The component of this instance, built at the first call.
fn component<T: Component>() -> Result<Rc<T>, Fault> {
    host::report_panics();
    if let Some(built) = BUILT.with_borrow(Clone::clone)
        && let Ok(component) = built.downcast::<T>()
    {
        return Ok(component);
    }
    let component = Rc::new(build::<T>(&host::config()).map_err(|problems| Fault {
        kind: FaultKind::Internal,
        message: format!("the settings are not valid: {}", problems.join("; ")),
        code: Some("invalid_settings".to_owned()),
        retry_after_ms: None,
        failover: true,
    })?);
    let erased: Rc<dyn Any> = component.clone();
    BUILT.set(Some(erased));
    Ok(component)
}

/// Reads settings and builds the component from them, or lists what is wrong.
fn build<T: Component>(config: &str) -> Result<T, Vec<String>> {
    let config = if config.trim().is_empty() { "{}" } else { config };
    T::new(serde_json::from_str(config).map_err(|error| vec![error.to_string()])?)
}

impl<T: Component> meta_wire::Guest for Export<T> {
    fn describe() -> meta_wire::Info {
        let info = T::info();
        meta_wire::Info { name: info.name, version: info.version, summary: info.summary }
    }

    fn config_schema() -> String {
        T::CONFIG_SCHEMA.to_owned()
    }

    fn validate_config(config: String) -> Result<(), Vec<String>> {
        host::report_panics();
        build::<T>(&config).map(drop)
    }
}

impl<T: Errors> errors_wire::Guest for Export<T> {
    fn decode_error(response: Response) -> Fault {
        component::<T>().map_or_else(|fault| fault, |component| component.decode_error(response))
    }
}

impl<T: Catalogue> catalogue_wire::Guest for Export<T> {
    fn models_request(ctx: CallContext, cursor: Option<String>) -> Option<Request> {
        component::<T>().ok()?.models_request(&ctx, cursor.as_deref())
    }

    fn models(response: Option<Response>) -> Result<catalogue_wire::Page, Fault> {
        component::<T>()?.models(response).map(page)
    }
}

fn page(page: Page) -> catalogue_wire::Page {
    catalogue_wire::Page { models: page.models.into_iter().map(model).collect(), next: page.next }
}

fn model(model: Model) -> catalogue_wire::Model {
    let Model { id, label, context, max_output, caps, pricing, extra } = model;
    catalogue_wire::Model { id, label, context, max_output, caps, pricing, extra }
}

impl<T: Relay> relay_wire::Guest for Export<T> {
    fn surfaces() -> Vec<relay_wire::Surface> {
        let Ok(component) = component::<T>() else { return Vec::new() };
        let surface = |it: canon::Surface| relay_wire::Surface { name: it.name, dialect: it.dialect };
        component.surfaces().into_iter().map(surface).collect()
    }

    fn prepare(call: relay_wire::Call) -> Result<relay_wire::Lane, Fault> {
        let relay_wire::Call { surface, model, stream, query, headers, ctx } = call;
        let call = canon::Call { surface, model, stream, query, headers, ctx };
        component::<T>()?.prepare(call).map(lane)
    }
}

fn lane(lane: canon::Lane) -> relay_wire::Lane {
    match lane {
        canon::Lane::Translate => relay_wire::Lane::Translate,
        canon::Lane::Relay(outbound) => relay_wire::Lane::Relay(relay_wire::Outbound {
            request: outbound.request,
            framing: outbound.framing,
            edits: outbound.edits.into_iter().map(edit).collect(),
        }),
    }
}

fn edit(edit: canon::Edit) -> relay_wire::Edit {
    match edit {
        canon::Edit::Set(it) => relay_wire::Edit::Set(member(it)),
        canon::Edit::Add(it) => relay_wire::Edit::Add(member(it)),
        canon::Edit::Remove(it) => relay_wire::Edit::Remove(selection(it)),
        canon::Edit::GiveUp(it) => relay_wire::Edit::GiveUp(selection(it)),
        canon::Edit::Keep(it) => relay_wire::Edit::Keep(selection(it)),
        canon::Edit::Rename(it) => {
            relay_wire::Edit::Rename(relay_wire::Renaming { path: it.path, name: it.name })
        }
        canon::Edit::Replace(it) => {
            let canon::Replacement { path, old, new } = it;
            relay_wire::Edit::Replace(relay_wire::Replacement { path, old, new })
        }
    }
}

fn member(member: canon::Member) -> relay_wire::Member {
    relay_wire::Member { path: member.path, value: member.value }
}

fn selection(selection: canon::MembersAt) -> relay_wire::MembersAt {
    let canon::MembersAt { at, names, when } = selection;
    let condition = |it: canon::Condition| relay_wire::Condition { path: it.path, contains: it.contains };
    relay_wire::MembersAt { at, names, when: when.map(condition) }
}

impl<T: Chat> chat_wire::Guest for Export<T> {
    type Decoder = Decoding<T>;

    fn encode(req: ChatRequest, headers: Vec<Field>, ctx: CallContext) -> Result<chat_wire::Outbound, Fault> {
        let outbound = component::<T>()?.encode(req, headers, &ctx)?;
        Ok(chat_wire::Outbound {
            request: outbound.request,
            framing: outbound.framing,
            losses: outbound.losses,
            added: outbound.added,
        })
    }

    fn decode_unary(response: Response, ctx: CallContext) -> Result<Vec<Event>, Fault> {
        component::<T>()?.decode_unary(response, &ctx)
    }
}

/// A decoder as a resource: the bindings lend it out shared, so it sits in a cell.
pub struct Decoding<T: Chat>(RefCell<T::Decoder>);

impl<T: Chat> fmt::Debug for Decoding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoding")
    }
}

impl<T: Chat> chat_wire::GuestDecoder for Decoding<T> {
    fn open(head: Head, ctx: CallContext) -> Result<chat_wire::Decoder, Fault> {
        let decoder = component::<T>()?.open(head, ctx)?;
        Ok(chat_wire::Decoder::new(Self(RefCell::new(decoder))))
    }

    fn push(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Fault> {
        self.0.borrow_mut().push(frames)
    }

    fn push_bytes(&self, chunk: Vec<u8>) -> Result<Vec<Event>, Fault> {
        self.0.borrow_mut().push_bytes(chunk)
    }

    fn finish(&self, clean: bool) -> Result<Vec<Event>, Fault> {
        self.0.borrow_mut().finish(clean)
    }
}

impl<T: Standalone> standalone_wire::Guest for Export<T> {
    fn answer(req: ChatRequest, ctx: CallContext) -> Result<Vec<Event>, Fault> {
        component::<T>()?.answer(req, ctx)
    }
}

impl<T: Embeddings> embeddings_wire::Guest for Export<T> {
    fn encode(batch: embeddings_wire::Batch, ctx: CallContext) -> Result<Request, Fault> {
        let embeddings_wire::Batch { model, inputs, dimensions } = batch;
        component::<T>()?.encode_batch(EmbeddingBatch { model, inputs, dimensions }, &ctx)
    }

    fn decode(response: Response) -> Result<embeddings_wire::Vectors, Fault> {
        let Vectors { dim, data, input_tokens } = component::<T>()?.decode_vectors(response)?;
        Ok(embeddings_wire::Vectors { dim, data, input_tokens })
    }
}

impl<T: Auth> auth_wire::Guest for Export<T> {
    type Flow = Flowing<T>;
}

/// A flow as a resource: the bindings lend it out shared, so it sits in a cell. Without a component there is none.
pub struct Flowing<T: Auth>(RefCell<Result<T::Flow, Fault>>);

impl<T: Auth> fmt::Debug for Flowing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flowing")
    }
}

impl<T: Auth> auth_wire::GuestFlow for Flowing<T> {
    fn new(_account: Option<String>) -> Self {
        Self(RefCell::new(component::<T>().map(|component| component.flow())))
    }

    fn next(&self, input: auth_wire::Input) -> Result<auth_wire::Step, Fault> {
        let input = match input {
            auth_wire::Input::Start(start) => SignInInput::Start(start),
            auth_wire::Input::Response(response) => SignInInput::Response(response),
            auth_wire::Input::Woke => SignInInput::Woke,
        };
        match &mut *self.0.borrow_mut() {
            Ok(flow) => flow.next(input).map(step),
            Err(fault) => Err(fault.clone()),
        }
    }
}

fn step(step: SignInStep) -> auth_wire::Step {
    match step {
        SignInStep::Fetch(request) => auth_wire::Step::Fetch(request),
        SignInStep::SleepMs(wait_ms) => auth_wire::Step::SleepMs(wait_ms),
        SignInStep::Ask(SignInPrompt { url, code, message }) => {
            auth_wire::Step::Ask(auth_wire::Prompt { url, code, message })
        }
        SignInStep::Done(SignedIn { credentials, attributes, expires_at_ms, refresh_at_ms }) => {
            auth_wire::Step::Done(auth_wire::Ready { credentials, attributes, expires_at_ms, refresh_at_ms })
        }
    }
}

impl<T: Classifier> classifier_wire::Guest for Export<T> {
    fn classify(features: Features) -> Result<Verdict, Fault> {
        component::<T>()?.classify(&features)
    }
}

impl<T: Policy> policy_wire::Guest for Export<T> {
    fn decide(input: policy_wire::RouteInput) -> Result<policy_wire::Decision, Fault> {
        let policy_wire::RouteInput {
            requested,
            features,
            verdict,
            candidates,
            sticky,
            budget_left,
            tags,
            extra,
        } = input;
        let input = RouteInput { requested, features, verdict, candidates, sticky, budget_left, tags, extra };
        component::<T>()?.decide(&input).map(decision)
    }
}

fn decision(decision: Decision) -> policy_wire::Decision {
    let pick = |it: Pick| policy_wire::Pick { index: it.index, score: it.score, timeout_ms: it.timeout_ms };
    policy_wire::Decision {
        picks: decision.picks.into_iter().map(pick).collect(),
        reason: decision.reason,
        hedge_after_ms: decision.hedge_after_ms,
        extra: decision.extra,
    }
}

#[cfg(test)]
mod tests;
