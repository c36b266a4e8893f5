//! What of a client's headers goes on, and what of the routing comes back as headers.

use brains_core::caller::ClientFacts;
use brains_dialect::canon::exchange::Field;
use brains_dialect::forwarded::is_forwardable;
use brains_gateway::RoutingHeaders;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_encode_byte;

/// A routing header is cut here: some clients give up on long ones.
const ROUTING_BYTES: usize = 1024;
/// How much of a `user-agent` is kept.
const CLIENT_CHARS: usize = 200;

/// Writes what is told of the routing.
pub(super) fn write_routing(routing: RoutingHeaders, headers: &mut HeaderMap) {
    for (name, value) in routing {
        if let Ok(value) = HeaderValue::try_from(visible(&value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Visible ASCII and spaces as they are, every other byte percent-encoded.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.trim().bytes() {
        if out.len() + 3 > ROUTING_BYTES {
            break;
        }
        if byte.is_ascii_graphic() || byte == b' ' {
            out.push(char::from(byte));
        } else {
            out.push_str(percent_encode_byte(byte));
        }
    }
    out
}

/// The headers that a provider may see; everything else stays in this room, credentials above all.
pub(super) fn forwarded(headers: &HeaderMap) -> Vec<Field> {
    headers
        .iter()
        .filter(|(name, _)| is_forwardable(name.as_str()))
        .filter_map(|(name, value)| {
            Some(Field { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
        })
        .collect()
}

/// The client program, as far as it tells.
pub(super) fn client(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?.trim();
    (!agent.is_empty()).then(|| agent.chars().take(CLIENT_CHARS).collect())
}

/// What it says of the request in headers of its own.
pub(super) fn client_facts(headers: &HeaderMap) -> ClientFacts {
    ClientFacts::read(|name| headers.get(name)?.to_str().ok())
}

#[cfg(test)]
mod tests;
