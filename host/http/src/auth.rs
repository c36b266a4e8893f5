//! Which credential a request carries and whom it stands for. A valid key in either header is enough, for clients send
//! what they have in both; but a request stands for one caller, and each wrong key in it counts as a try. Cookies and query
//! strings are never looked at.

use brains_core::principal::unknown_key;
use brains_core::{Fault, FaultKind, Origin, Principal};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::keyring::KeyRing;
use crate::limits::WrongKeys;

/// Different keys that one request may carry: one a header.
const HEADERS: usize = 2;

/// Names the caller that needed no key.
pub const ANONYMOUS: &str = "anonymous";

/// The principal behind the request, or why there is none.
pub(crate) async fn principal(
    headers: &HeaderMap,
    ring: &KeyRing,
    wrong_keys: &WrongKeys,
    open_to_all: bool,
) -> Result<Principal, Fault> {
    let presented = presented(headers);
    // One header each is what programs send; more are tries.
    if presented.len() > HEADERS && !open_to_all {
        let _throttled = wrong_keys.count(presented.len());
        return Err(several());
    }
    let (mut found, mut wrong, mut trouble) = (None::<Principal>, 0, None);
    for key in &presented {
        match ring.find(key).await {
            Ok(Some(principal)) => match &found {
                Some(other) if *other != principal => return Err(several()),
                _ => found = Some(principal),
            },
            Ok(None) => wrong += 1,
            Err(fault) => trouble = Some(fault),
        }
    }
    if let Some(principal) = found {
        if wrong > 0 {
            let _throttled = wrong_keys.count(wrong);
        }
        return Ok(principal);
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
    match wrong_keys.count(wrong) {
        None => Err(unknown_key()),
        Some(wait_ms) => Err(Fault::new(FaultKind::RateLimited, Origin::Client, "too many wrong API keys")
            .code("too_many_wrong_keys")
            .retry_after_ms(wait_ms)),
    }
}

/// No request speaks for two.
fn several() -> Fault {
    Fault::unauthorized("the request carries several different API keys")
        .code("several_api_keys")
        .hint("send one, as `Authorization: Bearer <key>` or as `x-api-key: <key>`")
}

/// Whether the request carries any credential at all, right or wrong.
pub(crate) fn carries_credential(headers: &HeaderMap) -> bool {
    !presented(headers).is_empty()
}

/// The different keys in the headers. They are bytes: one that is not ASCII is simply not a key of ours.
fn presented(headers: &HeaderMap) -> Vec<&[u8]> {
    let api_keys = headers.get_all("x-api-key").iter().map(|value| value.as_bytes().trim_ascii());
    let bearers = headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    let mut different: Vec<&[u8]> = Vec::new();
    for key in api_keys.chain(bearers).filter(|key| !key.is_empty()) {
        if !different.contains(&key) {
            different.push(key);
        }
    }
    different
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked(6)?;
    let separated = token.first().is_some_and(u8::is_ascii_whitespace);
    (scheme.eq_ignore_ascii_case(b"bearer") && separated).then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;
