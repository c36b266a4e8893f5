//! An answer that breaks off in the middle of a text is gone on with by another candidate, where its tier wants that: the model is
//! sent what was said as a turn of the assistant's and goes on exactly where that ends, and the client reads on in the same answer.
//! Only what is exact: a text and nothing else, a model that goes on without a word between; else the client gets the failure.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use brains_core::config::Config;
use brains_core::plane::trace::{TraceRecord, TraceUsage};
use brains_core::traffic::continuation::{left_tokens, may_go_on};
use brains_core::{Fault, FaultKind, Origin};
use brains_dialect::canon::exchange::Field;
use brains_dialect::canon::{ChatRequest, Content, Message, OutputFormat, Part, Role, ToolChoice, Usage};
use brains_dialect::continuing::{Continuing, prefix};
use brains_dialect::ingress::{BrokenAnswer, Ingress};
use brains_runtime::{ActiveSet, Instance};

use super::attempt::GenerationAttempt;
use super::own_accord::OwnAccord;
use super::translate::{self, Continued, Opened, TranslateCall, TranslateStream};
use crate::GatewayState;
use crate::compose::Composed;
use crate::conversation::ConversationState;
use crate::exchange::redact_message;
use crate::plan::{Plan, RankedCandidate};
use crate::record::Recorder;
use crate::reply::{self, FirstBytes};
use crate::request::ClientRequest;
use crate::upstreams::Upstreams;

/// All that it takes to ask another candidate; kept beside a stream whose tier wants it.
pub(crate) struct GoingOn {
    pub(crate) state: Arc<GatewayState>,
    pub(crate) ingress: Ingress,
    /// What is asked, with earlier turns in front.
    pub(crate) body: Bytes,
    pub(crate) active: Arc<ActiveSet>,
    pub(crate) request_id: String,
    pub(crate) headers: Vec<Field>,
    pub(crate) conversation: ConversationState,
    /// In the order in which they are asked.
    pub(crate) candidates: Vec<RankedCandidate>,
    pub(crate) deadline: Instant,
}

/// Who may go on with the answer that a record's candidate has begun: those behind it in its tier, and last itself. None where the
/// tier does not want that.
pub(crate) fn candidates(plan: &Plan, record: &TraceRecord, config: &Config) -> Option<Vec<RankedCandidate>> {
    let tier = record.tier.as_deref()?;
    config.models.get(tier).filter(|tier| tier.continue_cut)?;
    let answers = |it: &RankedCandidate| {
        Some(&it.provider) == record.provider.as_ref() && Some(&it.model) == record.model.as_ref()
    };
    let of_tier: Vec<&RankedCandidate> = plan.attempts.iter().filter(|it| it.tier == tier).collect();
    let at = of_tier.iter().position(|it| answers(it))?;
    let behind = of_tier.iter().skip(at + 1).chain(of_tier.get(at));
    Some(behind.map(|it| (*it).clone()).collect())
}

impl GoingOn {
    /// The rest of an answer of which the client has `sent`; none when nobody goes on with it.
    pub(crate) async fn begin(
        &self,
        sent: &[u8],
        fault: &Fault,
        recorder: &mut Recorder,
    ) -> Option<(Box<TranslateStream>, FirstBytes)> {
        if !may_go_on(fault) {
            return None;
        }
        let mut other = recorder.beside(self.state.ledger.spare_place()?);
        let before = client_usage(&recorder.record().usage);
        let found = tokio::time::timeout_at(self.deadline, self.first(sent, &before, &mut other)).await;
        let Ok(Some((candidate, rest))) = found else {
            recorder.outpaces(other, "the client was told that the answer broke off");
            return None;
        };
        recorder.goes_on_by(other, fault);
        recorder.because(&format!(
            "broke off ({}), continued by {}/{}",
            fault.code, candidate.provider, candidate.model
        ));
        Some(rest)
    }

    /// The first candidate that goes on.
    async fn first(
        &self,
        sent: &[u8],
        before: &Usage,
        recorder: &mut Recorder,
    ) -> Option<(&RankedCandidate, (Box<TranslateStream>, FirstBytes))> {
        let Self { state, active, .. } = self;
        let client = ClientRequest::read(self.ingress, &self.body).ok()?;
        let composed = Composed::new(&client, &active.config).of_conversation(&self.conversation, true);
        let attempt = GenerationAttempt {
            upstreams: &state.upstreams,
            composed: &composed,
            key: "",
            request_id: &self.request_id,
            headers: &self.headers,
            query: "",
            deadline: self.deadline,
            ledger: &state.ledger,
        };
        for candidate in &self.candidates {
            let Some(instance) = active.provider(&candidate.provider) else { continue };
            if !instance.component().manifest().continues || !instance.exports().chat {
                continue;
            }
            let (continued, request) = attempt.continued(candidate, sent, before)?;
            let policy = active.config.provider_policy(instance.name(), instance.aliases());
            let Ok(permit) = state.upstreams.states.enter(instance, &candidate.model, &policy) else {
                continue;
            };
            recorder.permitted(permit);
            let price = state.upstreams.price(&active.config, instance, &candidate.model);
            recorder.attempt(candidate, price, None);
            match attempt.go_on(instance, candidate, request, continued, recorder).await {
                Ok(rest) => {
                    recorder.answer_began();
                    return Some((candidate, rest));
                }
                Err(fault) if fault.code == translate::NO_PREFILL => recorder.not_asked(&fault),
                Err(fault) => recorder.attempt_failed(&redact_message(fault, instance), true),
            }
        }
        None
    }
}

impl GenerationAttempt<'_> {
    /// The answer in the middle of its text, and the request that goes on with it; none where that is not exact.
    fn continued(
        &self,
        candidate: &RankedCandidate,
        sent: &[u8],
        before: &Usage,
    ) -> Option<(Continued, ChatRequest)> {
        let request = self.composed.canonical(&candidate.model).ok()?;
        let answer = self.client_answer(candidate, &self.minted(), self.composed.echo().ok()?);
        let (ingress, include_usage) = (self.composed.ingress, answer.include_usage);
        let BrokenAnswer { text, writer } = ingress.broken_answer(sent, &answer.identity, include_usage)?;
        let request = going_on(request, &text)?;
        Some((Continued { writer, continuing: Continuing::new(&text, before.clone()) }, request))
    }

    /// Asks a candidate for the rest of an answer.
    async fn go_on(
        &self,
        instance: &Arc<Instance>,
        candidate: &RankedCandidate,
        request: ChatRequest,
        continued: Continued,
        recorder: &mut Recorder,
    ) -> Result<(Box<TranslateStream>, FirstBytes), Fault> {
        let Upstreams { sender, ambient, states, .. } = self.upstreams;
        let minted = self.minted();
        let answer = self.client_answer(candidate, &minted, Arc::default());
        let ctx = self.context(instance, candidate, recorder.attempts()).await?;
        let call = TranslateCall {
            sender,
            instance,
            request,
            headers: self.headers,
            ctx: ctx.answering(minted.unique()).continuing(),
            deadline: self.deadline,
            now: ambient.now(),
            accord: OwnAccord::new(states, instance, candidate),
            continued: Some(continued),
        };
        let Opened::Stream(mut stream) = translate::open(call, &answer, recorder).await? else {
            let what = "the rest of a stream came as a whole answer";
            return Err(Fault::new(FaultKind::Upstream, Origin::Upstream, what).failover());
        };
        let first = reply::begin(&mut *stream, recorder).await?;
        Ok((stream, first))
    }
}

/// The request that asks for what follows `text`; none where a text is not all that is wanted, or a model would think first, or the
/// client's own words end in a turn of the assistant's, which is one with ours.
fn going_on(mut request: ChatRequest, text: &str) -> Option<ChatRequest> {
    let is_plain = matches!(request.output, OutputFormat::Text)
        && matches!(request.tool_choice, ToolChoice::Auto | ToolChoice::None)
        && request.sampling.choices.is_none_or(|choices| choices == 1)
        && request.effort.is_none()
        && request.thinking_budget.is_none();
    let is_users = request.messages.last().is_some_and(|message| message.role != Role::Assistant);
    if !is_plain || !is_users {
        return None;
    }
    if let Some(limit) = request.sampling.max_output_tokens {
        request.sampling.max_output_tokens = Some(left_tokens(limit, text.len())?);
    }
    let parts = vec![Part::plain(Content::Text(prefix(text)?.to_owned()))];
    request.messages.push(Message { role: Role::Assistant, name: None, parts, extra: None });
    Some(request)
}

/// What the beginning of an answer used, as far as its upstream counted.
fn client_usage(used: &TraceUsage) -> Usage {
    Usage {
        input: if used.estimated { 0 } else { used.input_tokens },
        output: used.output_tokens,
        cached_input: used.cached_tokens,
        cache_write: used.cache_write_5m_tokens.saturating_add(used.cache_write_1h_tokens),
        reasoning: used.reasoning_tokens,
        ..Usage::default()
    }
}
