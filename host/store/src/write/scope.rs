//! Scopes: what is written serially, and which audit chain it belongs to.

/// How the scopes of workspaces begin.
const WORKSPACE: &str = "workspace:";

/// A part of the world whose writes are serial and share one audit chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// Everything that belongs to no workspace.
    pub fn global() -> Self {
        Self("global".into())
    }

    pub fn workspace(id: &str) -> Self {
        Self(format!("{WORKSPACE}{id}"))
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The scope of this name, whether anything was written there or not.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The scopes of one write, locked in order; the first one named is where [`Tx::record`] writes.
#[derive(Debug, Clone)]
pub struct Scopes {
    pub(crate) first: Scope,
    others: Vec<Scope>,
}

impl Scopes {
    /// A write in several scopes at once.
    pub fn new(first: Scope, others: Vec<Scope>) -> Self {
        Self { first, others }
    }

    /// Where this write may wait for others like it: the workspace that it is in, when it is in one alone. What is
    /// written elsewhere touches rows that many scopes share, and holds them no longer than it must.
    pub(crate) fn queue_scope(&self) -> Option<Scope> {
        let alone =
            self.others.iter().all(|other| *other == self.first) && self.first.0.starts_with(WORKSPACE);
        alone.then(|| self.first.clone())
    }

    pub(crate) fn in_order(&self) -> Vec<&Scope> {
        let mut all: Vec<&Scope> = std::iter::once(&self.first).chain(&self.others).collect();
        all.sort();
        all.dedup();
        all
    }
}

impl From<Scope> for Scopes {
    fn from(first: Scope) -> Self {
        Self { first, others: Vec::new() }
    }
}
