//! Which names the listener answers to, and which pages may call it. A page on a foreign site can make a browser
//! send requests here under its own name (DNS rebinding) or with its own Origin; both end before anything else
//! looks at the request.

use std::net::{IpAddr, SocketAddr};

use brains_core::{Fault, FaultKind, Origin};
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// The Host header, and the target's authority when it names one, are names of this listener.
pub(crate) fn check_host(
    headers: &HeaderMap,
    uri: &Uri,
    local: Option<SocketAddr>,
    allowed: &[String],
) -> Result<Authority, Fault> {
    let mut named = headers.get_all(HOST).iter().map(|value| Authority::try_from(value.as_bytes()).ok());
    let authority = match (named.next(), named.next()) {
        (Some(authority), None) => authority,
        (None, _) => uri.authority().cloned(),
        (Some(_), Some(_)) => None,
    };
    let authority = authority.filter(|authority| answers_to(authority, local, allowed));
    let target_fits = uri.authority().is_none_or(|target| answers_to(target, local, allowed));
    authority.filter(|_| target_fits).ok_or_else(|| {
        Fault::new(FaultKind::Misdirected, Origin::Client, "this listener does not answer to that host name")
            .param("host")
            .hint("call it as localhost, or add the name to `allowed_hosts`")
    })
}

fn answers_to(authority: &Authority, local: Option<SocketAddr>, allowed: &[String]) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = bare(authority.host());
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    if address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    // An address literal cannot be rebound, so the one that the client reached is ours.
    let reached = local.map(|local| local.ip().to_canonical()).filter(|reached| !reached.is_loopback());
    if address.is_some() && address == reached {
        return true;
    }
    allowed
        .iter()
        .any(|name| name.eq_ignore_ascii_case(authority.as_str()) || bare(name).eq_ignore_ascii_case(host))
}

/// A host without the brackets of an IPv6 literal.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// An Origin, when one is sent, is the page's own (the same authority that was called) or configured.
pub(crate) fn check_origin(headers: &HeaderMap, host: &Authority, allowed: &[String]) -> Result<(), Fault> {
    for origin in headers.get_all(ORIGIN) {
        let text = origin.to_str().unwrap_or_default();
        let own = ["http://", "https://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && text.get(scheme.len()..).is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_str()))
        });
        let configured = allowed.iter().any(|name| name.trim_end_matches('/').eq_ignore_ascii_case(text));
        if text.is_empty() || !(own || configured) {
            return Err(Fault::forbidden("pages of that origin may not call this listener")
                .code("origin_not_allowed")
                .param("origin")
                .hint("add the origin to `allowed_origins`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
