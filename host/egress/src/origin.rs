//! Origins, and who granted them.

use url::{Host, Url};

/// An origin that an instance may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scheme: String,
    host: Host<String>,
    port: u16,
    private: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an origin such as `https://api.example.com`")]
pub struct BadOrigin {
    pub text: String,
}

impl Grant {
    /// What the operator wrote as a base URL: exactly that origin, wherever it leads.
    pub fn operator(url: &str) -> Result<Self, BadOrigin> {
        Self::parse(url, true)
    }

    /// An origin on the public internet: a default of a component, or an entry of an allow list.
    pub fn public(url: &str) -> Result<Self, BadOrigin> {
        Self::parse(url, false)
    }

    fn parse(text: &str, private: bool) -> Result<Self, BadOrigin> {
        // The text may hold a password by mistake: it is not repeated then.
        let shown = if text.contains('@') { "…" } else { text };
        let bad = || BadOrigin { text: shown.to_owned() };
        let url = Url::parse(text).map_err(|_| bad())?;
        let (Some(host), Some(port), "http" | "https") =
            (url.host(), url.port_or_known_default(), url.scheme())
        else {
            return Err(bad());
        };
        Ok(Self { scheme: url.scheme().to_owned(), host: host.to_owned(), port, private })
    }

    /// Whether it leads to private addresses too.
    pub const fn is_private(&self) -> bool {
        self.private
    }

    pub(crate) fn covers(&self, url: &Url) -> bool {
        url.scheme() == self.scheme
            && url.host().is_some_and(|host| host.to_owned() == self.host)
            && url.port_or_known_default() == Some(self.port)
    }
}

/// The grant that covers a URL; the more generous one when several do.
pub(crate) fn covering<'g>(grants: &'g [Grant], url: &Url) -> Option<&'g Grant> {
    let covering = || grants.iter().filter(|grant| grant.covers(url));
    covering().find(|grant| grant.private).or_else(|| covering().next())
}
