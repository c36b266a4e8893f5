//! What a request tells of its caller beside the key: native session ids, a session token, where a command runs, the
//! key that makes it happen once. All of it is headers; none of it gives a right that the key does not have.

use brains_core::caller::{CallSurface, NATIVE_HEADERS, wire};
use brains_core::{Caller, Principal, Secret};
use http::HeaderMap;

/// The caller as its headers describe it. The surface is what the listener knows: a program that proves to be ours may say
/// that it passes on what came by another.
pub(crate) fn caller(headers: &HeaderMap, principal: &Principal, proof: Option<&Secret>) -> Caller {
    let names = wire::NAMES.into_iter().chain(NATIVE_HEADERS);
    let values = names.flat_map(|name| {
        headers.get_all(name).iter().filter_map(move |value| Some((name, value.to_str().ok()?)))
    });
    let claimed = wire::read(&values.collect::<Vec<_>>());
    let shown = headers.get(wire::PROOF).map(http::HeaderValue::as_bytes);
    let proven = proof.is_some_and(|proof| shown.is_some_and(|shown| proof.matches(shown)));
    Caller {
        surface: if proven { claimed.surface } else { CallSurface::Http },
        // Whoever speaks for an agent gives up what only a person may do; that is believed of everybody.
        agent: principal.agent || claimed.surface == CallSurface::Mcp,
        ..claimed
    }
}

#[cfg(test)]
mod tests;
