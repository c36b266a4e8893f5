//! Which names the listener answers to, and which pages may call it. A page on a foreign site can make a browser
//! send requests here under its own name (DNS rebinding) or with its own Origin; both end before anything else
//! looks at the request.

use std::net::{IpAddr, SocketAddr};

use brains_core::{Fault, FaultKind, Origin};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

/// A name as a request writes it: a host, and a port when it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestedHost<'a> {
    text: &'a str,
    host: Host<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

impl<'a> RequestedHost<'a> {
    /// Reads what RFC 9110 (7.2) allows, and of that only what cannot be meant otherwise: a name without a dot at its
    /// end, four numbers, or an IPv6 address in brackets; then nothing, or `:` and a port.
    fn parse(text: &'a str) -> Option<Self> {
        let (host, rest) = if let Some(inside) = text.strip_prefix('[') {
            let (address, rest) = inside.split_once(']')?;
            (Host::Address(IpAddr::V6(address.parse().ok()?)), rest)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            (Self::plain(name)?, rest)
        };
        let sound = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        sound.then_some(Self { text, host })
    }

    fn plain(name: &'a str) -> Option<Host<'a>> {
        if let Ok(address) = name.parse::<std::net::Ipv4Addr>() {
            return Some(Host::Address(address.into()));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        // What ends like a number is one to a resolver (`0x7f.1`, `2130706433`), whatever it looks like.
        let numeric = |label: &str| {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            digits(label) || label.strip_prefix("0x").or(label.strip_prefix("0X")).is_some()
        };
        let last = name.rsplit('.').next()?;
        (name.len() <= 253 && name.split('.').all(label) && !numeric(last)).then_some(Host::Name(name))
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The Host header, and the target's authority when it names one, are names of this listener.
pub(crate) fn check_host<'a>(
    headers: &'a HeaderMap,
    uri: &'a Uri,
    local: Option<SocketAddr>,
    allowed: &[String],
) -> Result<RequestedHost<'a>, Fault> {
    let mut hosts = headers.get_all(HOST).iter();
    let target = uri.authority().map(|authority| RequestedHost::parse(authority.as_str()));
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => std::str::from_utf8(host.as_bytes()).ok().and_then(RequestedHost::parse),
        (None, _) => target.flatten(),
        (Some(_), Some(_)) => None,
    };
    let ours =
        |named: Option<RequestedHost<'_>>| named.is_some_and(|named| answers_to(named, local, allowed));
    named.filter(|named| ours(Some(*named)) && target.is_none_or(ours)).ok_or_else(|| {
        Fault::new(FaultKind::Misdirected, Origin::Client, "this listener does not answer to that host name")
            .param("host")
            .hint("call it as localhost, or add the name to `allowed_hosts`")
    })
}

fn answers_to(named: RequestedHost<'_>, local: Option<SocketAddr>, allowed: &[String]) -> bool {
    let own = match named.host {
        Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Address(address) => {
            let address = address.to_canonical();
            // An address literal cannot be rebound, so the one that the client reached is ours.
            address.is_loopback()
                || local
                    .map(|local| local.ip().to_canonical())
                    .is_some_and(|reached| !reached.is_loopback() && reached == address)
        }
    };
    own || allowed.iter().any(|name| {
        name.eq_ignore_ascii_case(named.text)
            || match named.host {
                Host::Name(host) => name.eq_ignore_ascii_case(host),
                Host::Address(address) => {
                    bare(name).parse::<IpAddr>().is_ok_and(|allowed| allowed == address)
                }
            }
    })
}

/// A configured host without the brackets of an IPv6 literal.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// An Origin, when one is sent, is the page's own (the same authority that was called) or configured.
pub(crate) fn check_origin(
    headers: &HeaderMap,
    host: &RequestedHost<'_>,
    allowed: &[String],
) -> Result<(), Fault> {
    for origin in headers.get_all(ORIGIN) {
        let text = origin.to_str().unwrap_or_default();
        let own = ["http://", "https://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && text.get(scheme.len()..).is_some_and(|rest| rest.eq_ignore_ascii_case(host.text))
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
