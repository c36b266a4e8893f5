//! Why a version does not serve, and the step that would change that. How the step is called on a surface is said by
//! whoever serves that surface.

use crate::config::manifest::Asks;

/// What somebody may do about a version that does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Approve what it asks for.
    Approve(Asks),
    /// Put it to use, with what it asks for.
    Use(Asks),
    /// Try a version again that was taken out of service.
    TryAgain,
    /// Take the version that its file offers.
    TakeFile,
    /// Take the version that was brought and waits.
    TakeWaiting,
    /// Give its instance a name of its own.
    NameInstance,
    /// Let it take the one place that there is.
    TakePlace,
    /// Switch it on.
    SwitchOn,
    /// Give it settings.
    GiveSettings,
}

/// Why something stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingReason {
    pub text: String,
    pub next: Option<NextStep>,
}

impl StandingReason {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), next: None }
    }

    /// With what can be done about it.
    pub fn then(text: impl Into<String>, next: NextStep) -> Self {
        Self { text: text.into(), next: Some(next) }
    }
}
