//! One attempt at a provider: over the relay lane when its component speaks the client's wire, else over the translate
//! lane.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use brains_core::Fault;
use brains_core::id::{Completion, Id};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::relay::{Call, Lane, Outbound, Surface};
use brains_dialect::canon::{CallContext, Json};
use brains_dialect::ingress::{AnswerIdentity, Ingress, RequestEcho, Spliced};
use brains_dialect::turn::TurnFacts;
use brains_runtime::{Exchange, Instance};
use brains_store::UsageLedger;

use super::form::{self, AnswerForm};
use super::going_on::GoingOn;
use super::own_accord::OwnAccord;
use super::relay::{self, RelayStream};
use super::translate::{self, ClientAnswer, Opened, SinglePiece, TranslateCall, TranslateStream};
use crate::JSON;
use crate::compose::Composed;
use crate::conversation::AnswerKeeper;
use crate::exchange;
use crate::plan::RankedCandidate;
use crate::record::Recorder;
use crate::reply::{self, FirstBytes, Reply};
use crate::served::Served;
use crate::upstreams::Upstreams;
use crate::walk::ProviderAttempt;

/// What is sent with it is to be done once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// One request, to whichever provider.
#[derive(Debug)]
pub(crate) struct GenerationAttempt<'a> {
    pub(crate) upstreams: &'a Upstreams,
    pub(crate) composed: &'a Composed<'a>,
    /// The fingerprint of the caller's key.
    pub(crate) key: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) headers: &'a [Field],
    pub(crate) query: &'a str,
    pub(crate) deadline: Instant,
    /// Whatever is asked beside takes a place in it.
    pub(crate) ledger: &'a UsageLedger,
}

/// An answer that has begun.
pub(crate) enum GeneratedAnswer {
    Whole(Bytes),
    /// A stream that is there already, and the answer in it when that is to be kept.
    Complete(Bytes, Option<Json>),
    Relay(Box<RelayStream>, FirstBytes),
    Translate(Box<TranslateStream>, FirstBytes),
}

impl ProviderAttempt for GenerationAttempt<'_> {
    type Answer = GeneratedAnswer;

    async fn attempt(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        recorder: &mut Recorder,
    ) -> Result<GeneratedAnswer, Fault> {
        match self.relayed(instance, candidate, recorder).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => self.translated(instance, candidate, recorder).await,
            Err(fault) if self.lacks_path(&fault) => self.translated(instance, candidate, recorder).await,
            Err(fault) => Err(fault),
        }
    }

    fn beside(&self, recorder: &mut Recorder) -> Option<Recorder> {
        let is_once = self.headers.iter().any(|field| field.name == IDEMPOTENCY_KEY);
        if is_once || !self.composed.may_be_asked_twice() {
            return None;
        }
        Some(recorder.beside(self.ledger.spare_place()?))
    }
}

impl GenerationAttempt<'_> {
    /// The lane that an attempt would take, without making it; none when the component does not say.
    pub(crate) async fn lane(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
    ) -> Option<&'static str> {
        match self.prepared(instance, candidate, 1).await {
            Ok(Some(_)) => Some("relay"),
            Ok(None) => Some("translate"),
            Err(_) => None,
        }
    }

    /// The relay lane; none when the component does not speak the client's wire, or declines.
    async fn relayed(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        recorder: &mut Recorder,
    ) -> Result<Option<GeneratedAnswer>, Fault> {
        let Upstreams { sender, ambient, states, .. } = self.upstreams;
        let mut accord = OwnAccord::new(states, instance, candidate);
        let mut upstream = loop {
            let Some((mut component, outbound)) =
                self.prepared(instance, candidate, recorder.attempts()).await?
            else {
                return Ok(None);
            };
            let Spliced { body, edited } = self.composed.spliced(&outbound.edits, accord.withheld())?;
            recorder.losses(edited.losses());
            recorder.withheld(edited.withheld());
            let upstream =
                exchange::send(sender, instance, outbound.request, body.into(), self.deadline).await?;
            if (200..300).contains(&upstream.status()) {
                accord.answered();
                // The component has said all it has to say; its memory is not held while bytes move.
                break upstream;
            }
            accord.refused(&mut component, upstream, edited.added(), ambient.now(), recorder).await?;
        };
        let Composed { ingress, head, .. } = *self.composed;
        let served_as = ingress.touch_surface().and_then(|_| upstream.header(Ingress::SERVED_AS));
        let served_as = served_as.map(Cow::into_owned);
        let answer = || self.client_answer(candidate, &self.minted(), Arc::default());
        if !head.stream {
            let whole = relay::whole(&answer(), upstream, instance, recorder).await?;
            self.remember(instance, candidate, served_as);
            return Ok(Some(GeneratedAnswer::Whole(whole)));
        }
        if form::of(&mut upstream).await? == AnswerForm::Whole {
            let (replayed, body) = relay::replayed(&answer(), upstream, instance, recorder).await?;
            let kept = self.composed.state().kept.then(|| String::from_utf8_lossy(&body).into_owned());
            self.remember(instance, candidate, served_as);
            return Ok(Some(GeneratedAnswer::Complete(replayed, kept)));
        }
        let mut stream = RelayStream::new(ingress, upstream, Arc::clone(instance), !head.include_usage);
        if self.composed.state().kept {
            stream.keep(self.composed.state().echo().previous);
        }
        let first = reply::begin(&mut stream, recorder).await?;
        self.remember(instance, candidate, served_as);
        Ok(Some(GeneratedAnswer::Relay(Box::new(stream), first)))
    }

    /// Whether the upstream has no such path, and what is asked can be had without.
    fn lacks_path(&self, fault: &Fault) -> bool {
        self.composed.ingress.is_had_by_generating() && matches!(fault.upstream_status, Some(404 | 405))
    }

    /// Keeps who serves the request, where its client may ask something of it later; whoever is asked beside and does not
    /// answer does not.
    fn remember(&self, instance: &Instance, candidate: &RankedCandidate, served_as: Option<String>) {
        let Some(surface) = self.composed.ingress.touch_surface() else { return };
        let Some(id) = served_as else { return };
        if instance.surfaces().iter().any(|it| it.name == surface) {
            let served = Served {
                provider: candidate.provider.clone(),
                model: candidate.model.clone(),
                upstream_id: id,
            };
            let Upstreams { served: requests, ambient, .. } = self.upstreams;
            requests.remember(self.key, self.request_id, served, ambient.now());
        }
    }

    /// The exchange as the component describes it; none when the relay lane is not for this request.
    async fn prepared(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        attempt: u32,
    ) -> Result<Option<(Exchange, Outbound)>, Fault> {
        let ingress = self.composed.ingress;
        let relays =
            |surface: &Surface| surface.name == ingress.surface() && surface.dialect == ingress.name();
        if !instance.surfaces().iter().any(relays) {
            return Ok(None);
        }
        let mut component = instance.exchange().await.map_err(|fault| fault.to_fault())?;
        let call = Call {
            surface: ingress.surface().to_owned(),
            model: candidate.model.clone(),
            stream: self.composed.head.stream,
            query: self.query.to_owned(),
            headers: self.headers.to_vec(),
            ctx: self.context(instance, candidate, attempt).await?,
        };
        match component.prepare(call).await.map_err(|fault| fault.to_fault())? {
            Lane::Translate => Ok(None),
            Lane::Relay(outbound) => Ok(Some((component, outbound))),
        }
    }

    /// The translate lane.
    async fn translated(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        recorder: &mut Recorder,
    ) -> Result<GeneratedAnswer, Fault> {
        let request = self.composed.canonical(&candidate.model)?;
        let Upstreams { sender, ambient, states, .. } = self.upstreams;
        let (now, head) = (ambient.now(), &self.composed.head);
        let minted = self.minted();
        let answer = self.client_answer(candidate, &minted, self.composed.echo()?);
        let ctx = self.context(instance, candidate, recorder.attempts()).await?.answering(minted.unique());
        let accord = OwnAccord::new(states, instance, candidate);
        let (headers, deadline) = (self.headers, self.deadline);
        let call =
            TranslateCall { sender, instance, request, headers, ctx, deadline, now, accord, continued: None };
        let opened = translate::open(call, &answer, recorder).await;
        match opened.map_err(|fault| self.composed.located(fault))? {
            Opened::Events(events) if head.stream => {
                let (stream, kept) = answer.streamed(&events, recorder)?;
                Ok(GeneratedAnswer::Complete(stream, kept.filter(|_| self.composed.state().kept)))
            }
            Opened::Events(events) => answer.whole(&events, recorder).map(GeneratedAnswer::Whole),
            Opened::Stream(mut stream) => {
                let first = reply::begin(&mut *stream, recorder).await?;
                Ok(GeneratedAnswer::Translate(stream, first))
            }
        }
    }

    pub(super) fn minted(&self) -> Id<Completion> {
        Id::mint(&*self.upstreams.ambient)
    }

    /// How an answer of ours looks, under an id that was minted for it.
    pub(super) fn client_answer(
        &self,
        candidate: &RankedCandidate,
        minted: &Id<Completion>,
        echo: Arc<RequestEcho>,
    ) -> ClientAnswer {
        let ingress = self.composed.ingress;
        let identity = AnswerIdentity {
            id: ingress.answer_id(minted.unique()),
            created: self.upstreams.ambient.now().0 / 1000,
            model: candidate.model.clone(),
            echo,
        };
        let state = self.composed.state().clone();
        ClientAnswer { ingress, identity, include_usage: self.composed.head.include_usage, state }
    }

    /// What the component is told of the call; who asked for it, when it asks to be told.
    pub(super) async fn context(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        attempt: u32,
    ) -> Result<CallContext, Fault> {
        let ctx = exchange::context(&self.upstreams.sender, instance, self.request_id, attempt).await?;
        if !instance.component().manifest().asks.turn {
            return Ok(ctx);
        }
        let TurnFacts { by_user, has_images } = TurnFacts::of(&self.composed.canonical(&candidate.model)?);
        Ok(ctx.telling("turn", &json!({ "by_user": by_user, "has_images": has_images }).to_string()))
    }
}

impl GeneratedAnswer {
    /// The reply to the client; the record ends with it.
    pub(crate) fn into_reply(
        self,
        ingress: Ingress,
        recorder: Recorder,
        mut keeper: AnswerKeeper,
        going_on: Option<Box<GoingOn>>,
    ) -> Reply {
        match self {
            Self::Whole(body) => {
                if keeper.waits() {
                    keeper.keep(String::from_utf8_lossy(&body).into_owned());
                }
                recorder.answered();
                Reply::Whole { content_type: JSON, body }
            }
            Self::Relay(stream, first) => reply::stream(ingress, *stream, first, recorder, keeper, going_on),
            Self::Translate(stream, first) => {
                reply::stream(ingress, *stream, first, recorder, keeper, going_on)
            }
            Self::Complete(bytes, answer) => {
                let first = FirstBytes { first: bytes, failed: None };
                if let Some(answer) = answer {
                    keeper.keep(answer);
                }
                reply::stream(ingress, SinglePiece(None), first, recorder, keeper, None)
            }
        }
    }
}
