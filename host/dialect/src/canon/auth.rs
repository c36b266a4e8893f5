//! Signing in as values (WIT interface `auth`): a flow describes exchanges, waits and questions; the host performs them and
//! keeps what comes of it.

use std::fmt;

use super::Json;
use super::exchange::{Request, Response};

/// What a person is asked to do elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInPrompt {
    pub url: String,
    pub code: Option<String>,
    pub message: String,
}

/// What a flow came to. `attributes` is one JSON object and holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// By name, for requests that name them as credentials.
    pub credentials: Vec<(String, String)>,
    pub attributes: Json,
    pub expires_at_ms: Option<u64>,
    /// From when on it is worth being renewed.
    pub refresh_at_ms: Option<u64>,
}

/// The names of what it holds, not the texts.
impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.credentials.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SignedIn").field("credentials", &names).finish_non_exhaustive()
    }
}

/// What a flow wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInStep {
    Fetch(Request),
    SleepMs(u64),
    Ask(SignInPrompt),
    Done(SignedIn),
}

/// What a flow is told. A start says what for, as one JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInInput {
    Start(Option<Json>),
    Response(Response),
    Woke,
}
