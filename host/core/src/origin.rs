//! Origins as people write them: scheme, host and port, or `*.` in front of a host for everything below it.
//! One rule for what an instance may reach, read by whoever checks a wish and by whoever sends.

use url::{Host, Url};

/// An origin, or all origins below a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    host: Reach,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    Exactly(Host<String>),
    /// Names that end in this, which begins with a dot.
    Below(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an origin such as `https://api.example.com` or `https://*.example.com`")]
pub struct BadOrigin {
    pub text: String,
}

impl OriginPattern {
    /// Reads a URL; what stands behind its port does not matter. A `*.` needs two labels behind it, because all
    /// names below `com` are nobody's to grant.
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        // The text may hold a password by mistake: it is not repeated then.
        let shown = if text.contains('@') { "…" } else { text };
        let bad = || BadOrigin { text: shown.to_owned() };
        let url = Url::parse(text).map_err(|_| bad())?;
        let (Some(host), Some(port), "http" | "https") =
            (url.host(), url.port_or_known_default(), url.scheme())
        else {
            return Err(bad());
        };
        let host = match host {
            Host::Domain(name) if name.contains('*') => {
                let below = name.strip_prefix('*').filter(|rest| rest.starts_with('.'));
                let sound = |rest: &&str| {
                    !rest.contains('*')
                        && rest.split('.').skip(1).filter(|label| !label.is_empty()).count() >= 2
                };
                Reach::Below(below.filter(sound).ok_or_else(bad)?.to_owned())
            }
            host => Reach::Exactly(host.to_owned()),
        };
        Ok(Self { scheme: url.scheme().to_owned(), host, port })
    }

    /// Whether it names more than one host.
    pub const fn is_wildcard(&self) -> bool {
        matches!(self.host, Reach::Below(_))
    }

    /// Whether `url` lies within.
    pub fn covers(&self, url: &Url) -> bool {
        let host = match (&self.host, url.host()) {
            (_, None) => false,
            (Reach::Exactly(own), Some(host)) => *own == host.to_owned(),
            (Reach::Below(end), Some(Host::Domain(name))) => {
                name.strip_suffix(end.as_str()).is_some_and(|label| !label.is_empty())
            }
            (Reach::Below(_), Some(Host::Ipv4(_) | Host::Ipv6(_))) => false,
        };
        host && url.scheme() == self.scheme && url.port_or_known_default() == Some(self.port)
    }

    /// Whether everything that `other` names lies within.
    pub fn includes(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Reach::Exactly(own), Reach::Exactly(host)) => own == host,
            (Reach::Exactly(_), Reach::Below(_)) => false,
            (Reach::Below(end), Reach::Exactly(Host::Domain(name))) => {
                name.strip_suffix(end.as_str()).is_some_and(|label| !label.is_empty())
            }
            (Reach::Below(_), Reach::Exactly(_)) => false,
            (Reach::Below(end), Reach::Below(other)) => other.ends_with(end.as_str()),
        };
        host && self.scheme == other.scheme && self.port == other.port
    }
}

#[cfg(test)]
mod tests;
