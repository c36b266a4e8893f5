//! Which credential a request carries and whom it stands for. A valid key in either header is enough, whatever the
//! other one holds; cookies and query strings are never looked at.

use brains_core::{Fault, FaultKind, Origin, Principal};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::keyring::KeyRing;
use crate::limits::WrongKeys;

/// Names the caller that needed no key.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// The principal behind the request, or why there is none.
pub(crate) async fn principal(
    headers: &HeaderMap,
    ring: &KeyRing,
    wrong_keys: &WrongKeys,
    open_to_all: bool,
) -> Result<Principal, Fault> {
    let presented = presented(headers);
    let mut trouble = None;
    for key in &presented {
        match ring.find(key).await {
            Ok(Some(principal)) => return Ok(principal),
            Ok(None) => {}
            Err(fault) => trouble = Some(fault),
        }
    }
    if open_to_all {
        return Ok(Principal::admin(ANONYMOUS));
    }
    if let Some(fault) = trouble {
        return Err(fault);
    }
    if presented.is_empty() {
        return Err(Fault::unauthorized("no API key was sent")
            .hint("send `Authorization: Bearer <key>` or `x-api-key: <key>`"));
    }
    match wrong_keys.count() {
        None => Err(Fault::unauthorized("the API key is not valid")
            .hint("`brains admin-key show --reveal` shows the admin key, `brains key create` makes another")),
        Some(wait_ms) => Err(Fault::new(FaultKind::RateLimited, Origin::Client, "too many wrong API keys")
            .code("too_many_wrong_keys")
            .retry_after_ms(wait_ms)),
    }
}

/// Whether the request carries any credential at all, right or wrong.
pub(crate) fn carries_credential(headers: &HeaderMap) -> bool {
    !presented(headers).is_empty()
}

/// The keys in the headers. They are bytes: one that is not ASCII is simply not a key of ours.
fn presented(headers: &HeaderMap) -> Vec<&[u8]> {
    let api_keys = headers.get_all("x-api-key").iter().map(|value| value.as_bytes().trim_ascii());
    let bearers = headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    api_keys.chain(bearers).filter(|key| !key.is_empty()).collect()
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked(6)?;
    let separated = token.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"bearer") && separated).then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;
