//! Grants: the origins that an instance may reach, and who granted them.

use brains_core::OriginPattern;
use url::Url;

pub use brains_core::BadOrigin;

/// What an instance may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    origin: OriginPattern,
    private: bool,
}

impl Grant {
    /// What the operator wrote: exactly that origin, wherever it leads. A name with `*.` leads to the public internet
    /// only, because whoever holds the domain could point a name below it anywhere.
    pub fn operator(url: &str) -> Result<Self, BadOrigin> {
        let origin = OriginPattern::parse(url)?;
        Ok(Self { private: !origin.is_wildcard(), origin })
    }

    /// An origin on the public internet: a default of a component.
    pub fn public(url: &str) -> Result<Self, BadOrigin> {
        Ok(Self { origin: OriginPattern::parse(url)?, private: false })
    }

    /// Whether it leads to private addresses too.
    pub const fn is_private(&self) -> bool {
        self.private
    }

    pub(crate) fn covers(&self, url: &Url) -> bool {
        self.origin.covers(url)
    }
}

/// The grant that covers a URL; the more generous one when several do.
pub(crate) fn covering<'g>(grants: &'g [Grant], url: &Url) -> Option<&'g Grant> {
    let covering = || grants.iter().filter(|grant| grant.covers(url));
    covering().find(|grant| grant.private).or_else(|| covering().next())
}
