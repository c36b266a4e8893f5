//! One exchange of a provider, from the first call to the last frame, in a guest of its own.

use std::sync::Arc;

use brains_dialect::canon::catalogue::Page;
use brains_dialect::canon::embeddings::{EmbeddingBatch, Vectors};
use brains_dialect::canon::exchange::{Field, Frame, Head, Outbound, Request, Response};
use brains_dialect::canon::relay::{Call, Lane};
use brains_dialect::canon::{CallContext, ChatRequest, Event, Fault};

use crate::bindings::exported as exports;
use crate::guest::Guest;
use crate::{CallFault, Instance, bounds};

/// A live instance, used by one exchange and dropped with it.
#[derive(Debug)]
pub struct Exchange {
    /// Gone while a call runs, and for good when that call was abandoned or failed.
    guest: Option<Guest>,
    instance: Arc<Instance>,
}

/// Calls one exported function.
macro_rules! call {
    ($self:ident, $name:literal, $export:ident, $size:expr, |$store:ident, $exported:ident, $decoder:ident| $work:expr) => {{
        $self
            .run($name, move |guest, ticker| {
                guest.call($name, ticker, $size, |$store, exports, $decoder| {
                    let _unused = &$decoder;
                    match exports.$export($store)? {
                        Some($exported) => $work.map(Some),
                        None => Ok(None),
                    }
                })
            })
            .await?
            .ok_or_else(|| CallFault::Missing { by: $self.instance.context().culprit($name) })?
    }};
}

impl Exchange {
    pub(crate) fn new(guest: Guest, instance: Arc<Instance>) -> Self {
        instance.counters().opened();
        instance.opened();
        Self { guest: Some(guest), instance }
    }

    /// How the exchange looks when both sides speak the same wire, or that they do not.
    pub async fn prepare(&mut self, asked: Call) -> Result<Lane, CallFault> {
        let asked: exports::relay::Call = asked.into();
        let said = call!(self, "relay.prepare", relay, 0, |store, exported, decoder| exported
            .call_prepare(store, &asked));
        let lane: Lane = said.map_err(|fault| self.refusal(fault))?.into();
        self.bounded("relay.prepare", bounds::lane(&lane))?;
        Ok(lane)
    }

    /// The answer of a component that needs no upstream.
    pub async fn answer(&mut self, request: ChatRequest, ctx: CallContext) -> Result<Vec<Event>, CallFault> {
        let size = bounds::weight(&request);
        let (request, ctx) = (request.into(), ctx.into());
        let said = call!(self, "standalone.answer", standalone, size, |store, exported, decoder| exported
            .call_answer(store, &request, &ctx));
        self.events("standalone.answer", said, self.instance.spec().limits.events_per_answer)
    }

    /// The request in the component's own wire.
    pub async fn encode(
        &mut self,
        request: ChatRequest,
        headers: Vec<Field>,
        ctx: CallContext,
    ) -> Result<Outbound, CallFault> {
        let size = bounds::weight(&request);
        let (request, ctx) = (request.into(), ctx.into());
        let headers: Vec<_> = headers.into_iter().map(Into::into).collect();
        let said = call!(self, "chat.encode", chat, size, |store, exported, decoder| exported
            .call_encode(store, &request, &headers, &ctx));
        let mut outbound: Outbound = said.map(Into::into).map_err(|fault| self.refusal(fault))?;
        self.instance.context().redaction.cover_all(&mut outbound.losses);
        bounds::losses(&mut outbound.losses);
        self.bounded("chat.encode", bounds::added(&outbound.added))?;
        Ok(outbound)
    }

    /// A whole answer as events.
    pub async fn decode_unary(
        &mut self,
        response: Response,
        ctx: CallContext,
    ) -> Result<Vec<Event>, CallFault> {
        let size = bounds::body(&response.body, &self.instance.spec().limits)?;
        let (response, ctx) = (response.into(), ctx.into());
        let said = call!(self, "chat.decode-unary", chat, size, |store, exported, decoder| exported
            .call_decode_unary(store, &response, &ctx));
        self.events("chat.decode-unary", said, self.instance.spec().limits.events_per_answer)
    }

    /// Begins a streamed answer. The decoder lives in this instance.
    pub async fn open_decoder(&mut self, head: Head, ctx: CallContext) -> Result<(), CallFault> {
        let (head, ctx) = (head.into(), ctx.into());
        let said = call!(self, "chat.decoder.open", chat, 0, |store, exported, decoder| {
            exported
                .decoder()
                .call_open(store, &head, &ctx)
                .map(|opened| opened.map(|resource| *decoder = Some(resource)))
        });
        said.map_err(|fault| self.refusal(fault))
    }

    /// Every frame that is ready.
    pub async fn push(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, CallFault> {
        let size = bounds::frames(&frames, &self.instance.spec().limits)?;
        let frames: Vec<_> = frames.into_iter().map(Into::into).collect();
        let said = call!(self, "chat.decoder.push", chat, size, |store, exported, decoder| match *decoder {
            Some(resource) => exported.decoder().call_push(store, resource, &frames),
            None => Ok(Ok(Vec::new())),
        });
        self.events("chat.decoder.push", said, self.instance.spec().limits.events_per_push)
    }

    /// A chunk of a body that the host does not cut.
    pub async fn push_bytes(&mut self, chunk: Vec<u8>) -> Result<Vec<Event>, CallFault> {
        let size = chunk.len();
        let said =
            call!(self, "chat.decoder.push-bytes", chat, size, |store, exported, decoder| match *decoder {
                Some(resource) => exported.decoder().call_push_bytes(store, resource, &chunk),
                None => Ok(Ok(Vec::new())),
            });
        self.events("chat.decoder.push-bytes", said, self.instance.spec().limits.events_per_push)
    }

    /// The body ended; `clean` is false after a transport error.
    pub async fn finish(&mut self, clean: bool) -> Result<Vec<Event>, CallFault> {
        let said = call!(self, "chat.decoder.finish", chat, 0, |store, exported, decoder| match *decoder {
            Some(resource) => exported.decoder().call_finish(store, resource, clean),
            None => Ok(Ok(Vec::new())),
        });
        self.events("chat.decoder.finish", said, self.instance.spec().limits.events_per_push)
    }

    /// What a status that is no success means.
    pub async fn decode_error(&mut self, response: Response) -> Result<Fault, CallFault> {
        let size = bounds::body(&response.body, &self.instance.spec().limits)?;
        let response = response.into();
        let said = call!(self, "errors.decode-error", errors, size, |store, exported, decoder| exported
            .call_decode_error(store, &response));
        Ok(self.instance.context().redaction.cover_fault(said.into()))
    }

    /// How to ask for the list of models; none when the list is built in.
    pub async fn models_request(
        &mut self,
        ctx: CallContext,
        cursor: Option<String>,
    ) -> Result<Option<Request>, CallFault> {
        let ctx = ctx.into();
        let said = call!(self, "catalogue.models-request", catalogue, 0, |store, exported, decoder| exported
            .call_models_request(store, &ctx, cursor.as_deref()));
        Ok(said.map(Into::into))
    }

    /// A page of the list of models.
    pub async fn models(&mut self, response: Option<Response>) -> Result<Page, CallFault> {
        let size = match &response {
            Some(response) => bounds::body(&response.body, &self.instance.spec().limits)?,
            None => 0,
        };
        let response = response.map(Into::into);
        let said = call!(self, "catalogue.models", catalogue, size, |store, exported, decoder| exported
            .call_models(store, response.as_ref()));
        let mut page: Page = said.map(Into::into).map_err(|fault| self.refusal(fault))?;
        self.instance.context().redaction.cover_page(&mut page);
        self.bounded("catalogue.models", bounds::page(page))
    }

    /// How to ask for the vectors of a batch.
    pub async fn encode_batch(
        &mut self,
        batch: EmbeddingBatch,
        ctx: CallContext,
    ) -> Result<Request, CallFault> {
        let size = batch.inputs.iter().map(String::len).sum();
        let (batch, ctx) = (batch.into(), ctx.into());
        let said = call!(self, "embeddings.encode", embeddings, size, |store, exported, decoder| exported
            .call_encode(store, &batch, &ctx));
        said.map(Into::into).map_err(|fault| self.refusal(fault))
    }

    /// The vectors of a batch of so many texts.
    pub async fn decode_vectors(&mut self, response: Response, texts: usize) -> Result<Vectors, CallFault> {
        let size = bounds::body(&response.body, &self.instance.spec().limits)?;
        let response = response.into();
        let said = call!(self, "embeddings.decode", embeddings, size, |store, exported, decoder| exported
            .call_decode(store, &response));
        let vectors: Vectors = said.map(Into::into).map_err(|fault| self.refusal(fault))?;
        self.bounded("embeddings.decode", bounds::vectors(&vectors, texts))?;
        Ok(vectors)
    }

    fn events(
        &self,
        export: &'static str,
        said: Result<Vec<exports::chat::Event>, exports::chat::Fault>,
        limit: usize,
    ) -> Result<Vec<Event>, CallFault> {
        let events: Vec<Event> =
            said.map_err(|fault| self.refusal(fault))?.into_iter().map(Into::into).collect();
        self.bounded(export, bounds::events(&events, limit))?;
        Ok(events)
    }

    fn refusal(&self, fault: exports::chat::Fault) -> CallFault {
        self.instance.context().refusal(fault.into())
    }

    fn bounded<R>(&self, export: &'static str, answer: Result<R, String>) -> Result<R, CallFault> {
        answer
            .map_err(|what| self.instance.context().unusable(export, &what))
            .inspect_err(|fault| self.instance.blame(fault))
    }

    /// Waits until the version that this exchange runs on is not kept any longer. An exchange that waits for its
    /// upstream waits for this too.
    pub async fn recalled(&self) -> CallFault {
        self.instance.recall().cancelled().await;
        CallFault::Recalled
    }

    async fn run<R: Send + 'static>(
        &mut self,
        export: &'static str,
        work: impl FnOnce(&mut Guest, &crate::engine::Ticker) -> Result<R, CallFault> + Send + 'static,
    ) -> Result<R, CallFault> {
        if self.instance.recall().is_cancelled() {
            return Err(CallFault::Recalled);
        }
        let Some(guest) = self.guest.take() else {
            return Err(self.instance.context().killed(export));
        };
        let (guest, result) = self.instance.run_call(export, guest, work).await;
        self.guest = guest;
        result
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.instance.closed();
        self.instance.counters().closed();
    }
}
