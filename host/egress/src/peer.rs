//! Who is at the other end of an exchange, in the words that errors use: the provider that was asked, and where, without
//! path, query or anything else of the URL.

use std::fmt;

use url::Url;

/// The other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Name of the provider's instance; empty when there is none.
    provider: String,
    host: String,
    /// Where it is not the scheme's own.
    port: Option<u16>,
}

impl Peer {
    pub(crate) fn new(provider: &str, url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        Self { provider: provider.to_owned(), host, port: url.port() }
    }

    /// Its name or address alone.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, host, port } = self;
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        if provider.is_empty() {
            write!(f, "`{host}{port}`")
        } else {
            write!(f, "`{host}{port}` (provider `{provider}`)")
        }
    }
}
