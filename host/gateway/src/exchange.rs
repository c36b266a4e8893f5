//! One exchange with an upstream, as a component described it: sent, read with deadlines, and its failure
//! told by the component.

mod cover;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use brains_core::redact::redact;
use brains_core::traffic::backoff::{RETRY_AFTER_MAX_MS, retry_after_ms};
use brains_core::{Fault, FaultKind, Millis, Origin as Doer, SecretSet};
use brains_dialect::canon;
use brains_dialect::canon::CallContext;
use brains_dialect::canon::exchange::{Head, Request, Response};
use brains_dialect::sanitise::sanitise;
use brains_egress::{Egress, Grant, OutboundCall, Upstream};
use brains_runtime::{CallFault, Exchange, GrantedOrigin, Instance};

use crate::catalogue::payload;
use crate::credentials::{Account, Credentials};

use cover::covered_error;
pub(crate) use cover::{Private, covered_frame};

/// An error body larger than this is no message.
const ERROR_BYTES: usize = 256 << 10;
/// The status of an upstream that does not take the credential.
const UNAUTHORIZED: u16 = 401;

/// What exchanges are sent with.
#[derive(Debug)]
pub(crate) struct ExchangeSender {
    pub(crate) egress: Arc<Egress>,
    pub(crate) credentials: Credentials,
}

/// Sends `request` with `body` in place of its own when it has none. What its instance signed in with is filled in here; when
/// the upstream refuses that, it is renewed and sent once more.
pub(crate) async fn send(
    sender: &ExchangeSender,
    instance: &Arc<Instance>,
    request: Request,
    body: Bytes,
    deadline: Instant,
) -> Result<Upstream, Fault> {
    let Some(account) = sender.credentials.account(instance).await? else {
        return sent(&sender.egress, instance, None, request, body, deadline).await;
    };
    let answer =
        sent(&sender.egress, instance, Some(&account), request.clone(), body.clone(), deadline).await?;
    if answer.status() != UNAUTHORIZED {
        return Ok(answer);
    }
    match sender.credentials.renewed(instance, &account).await? {
        Some(account) => sent(&sender.egress, instance, Some(&account), request, body, deadline).await,
        None => Ok(answer),
    }
}

async fn sent(
    egress: &Egress,
    instance: &Arc<Instance>,
    account: Option<&Account>,
    request: Request,
    body: Bytes,
    deadline: Instant,
) -> Result<Upstream, Fault> {
    let grants = granted_origins(instance);
    let secrets = |name: &str| {
        let credential = account.and_then(|account| account.credential(name));
        credential.or_else(|| instance.secret(name)).cloned()
    };
    let call = OutboundCall {
        provider: instance.name(),
        request,
        body,
        grants: &grants,
        secrets: &secrets,
        known: instance.known(),
        silence: Duration::from_millis(instance.timeout_ms()),
        deadline,
    };
    egress.send(call).await.map_err(|error| error.to_fault())
}

/// What a component is told of a call, with what its instance signed in as.
pub(crate) async fn context(
    sender: &ExchangeSender,
    instance: &Arc<Instance>,
    request_id: &str,
    attempt: u32,
) -> Result<CallContext, Fault> {
    let ctx = CallContext { request_id: request_id.to_owned(), attempt, ..CallContext::default() };
    let Some(account) = sender.credentials.account(instance).await? else { return Ok(ctx) };
    let attributes = account.attributes();
    let base_url = attributes.get("base_url").and_then(Value::as_str).map(str::to_owned);
    let extra = json!({ "credentials": account.names(), "attributes": attributes }).to_string();
    Ok(CallContext { base_url, extra: Some(extra), ..ctx })
}

/// What an instance may reach.
pub(crate) fn granted_origins(instance: &Instance) -> Vec<Grant> {
    instance.grants().iter().filter_map(grant).collect()
}

/// What is no origin grants nothing.
fn grant(origin: &GrantedOrigin) -> Option<Grant> {
    if origin.operator { Grant::operator(&origin.url).ok() } else { Grant::public(&origin.url).ok() }
}

/// An answer that is no success, read to its end.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Refused {
    pub(crate) async fn read(upstream: Upstream) -> Self {
        let head = Head { status: upstream.status(), headers: upstream.fields() };
        Self { head, body: upstream.read_all(ERROR_BYTES).await.unwrap_or_default() }
    }
}

/// What the component makes of a status that is no success.
pub(crate) async fn refusal(
    component: &mut Exchange,
    instance: &Instance,
    refused: Refused,
    now: Millis,
) -> Fault {
    let Refused { head: Head { status, headers }, body } = refused;
    let asked_ms = headers
        .iter()
        .find(|field| field.name == "retry-after")
        .and_then(|field| retry_after_ms(&field.value, now));
    let structured = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let told = std::str::from_utf8(&body).ok().filter(|_| structured);
    let told = told.map(|body| covered_error(body, &Private::of(instance)).into());
    let response = Response { head: Head { status, headers }, body: payload(&body) };
    let mut fault = match component.decode_error(response).await {
        Ok(fault) => component_fault(fault),
        Err(fault) => fault.to_fault(),
    };
    if !structured && fault.origin == Doer::Upstream && fault.kind != FaultKind::UpstreamAuth {
        // A page or a line of text is a body, not a message.
        fault.message = format!("the upstream answered {status}");
    }
    fault.upstream_status = Some(status);
    fault.upstream_body = told;
    // A component has no clock for a date, and may not look at the header at all.
    fault.retry_after_ms = fault.retry_after_ms.or(asked_ms).map(|ms| ms.min(RETRY_AFTER_MAX_MS));
    redact_message(fault, instance)
}

/// `https://host:1` of `https://host:1/path`.
fn origin_of(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return "" };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..scheme.len() + "://".len() + host).unwrap_or_default()
}

/// A component's or a wire's fault in the host's terms.
pub(crate) fn component_fault(fault: canon::Fault) -> Fault {
    CallFault::Refused(fault).to_fault()
}

/// The fault with nothing in its message that is not the client's to know: the instance's secrets, in whatever form
/// the upstream repeats them, the upstream's addresses beyond their host, and paths.
pub(crate) fn redact_message(mut fault: Fault, instance: &Instance) -> Fault {
    if matches!(fault.origin, Doer::Upstream | Doer::Component) {
        fault.message = safe_message(&fault.message, &instance.known());
    }
    fault
}

fn safe_message(message: &str, secrets: &SecretSet) -> String {
    let message = secrets.cover(message);
    let words: Vec<_> = message.split_whitespace().map(without_path).collect();
    sanitise(&redact(&words.join(" ")))
}

/// `https://host/path` without its path, and `/a/path` without anything.
fn without_path(word: &str) -> &str {
    let origin = origin_of(word);
    if !origin.is_empty() {
        return origin;
    }
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '/');
    let path = bare.strip_prefix('/').is_some_and(|rest| rest.contains('/'));
    if path { "…" } else { word }
}

#[cfg(test)]
mod tests;
