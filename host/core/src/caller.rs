//! What a call carries besides its key: the surface that it came through, the connection and the native ids that
//! tell one agent from another, and where the caller works. Surfaces fill it in; operations only read it.

mod client_facts;
pub mod wire;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use client_facts::{ClientFacts, REQUEST_CLASS};

use crate::Secret;
use crate::plane::session::Process;

/// Through which door a call came; the audit log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallSurface {
    /// The command line.
    Cli,
    /// `/api/ops` and the console.
    #[default]
    Http,
    /// A Model Context Protocol server.
    Mcp,
}

impl CallSurface {
    /// The surface as one stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Http => "http",
            Self::Mcp => "mcp",
        }
    }
}

/// Names under which programs that work for people send the id of their own session, as headers.
pub const NATIVE_HEADERS: [&str; 4] = ["x-claude-code-session-id", "session-id", "thread-id", "x-session-id"];
/// The longest native id that is looked at.
pub const NATIVE_MAX: usize = 256;

/// An id that a client has for its own session, and what kind of id it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct NativeId {
    /// The header or member that carried it, or the tool's name.
    pub kind: String,
    pub value: String,
}

/// One call's circumstances. The default is a plain HTTP call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    pub surface: CallSurface,
    /// Whether an agent speaks, whatever its key may do: every MCP connection, every agent credential.
    pub agent: bool,
    /// The connection or process behind the call, stable for its life; none for plain HTTP.
    pub connection: Option<String>,
    /// The program behind the call, as it names itself to the protocol.
    pub client: Option<String>,
    /// Native session ids that the client sent.
    pub native: Vec<NativeId>,
    /// A session token that the caller presented.
    pub token: Option<Secret>,
    /// Where the caller works, for "the current workspace".
    pub directory: Option<PathBuf>,
    /// The process that an agent's connection lives by: what is begun over it ends with it.
    pub process: Option<Process>,
    /// Names a request, so that the same one again changes nothing.
    pub idempotency_key: Option<String>,
}

impl Caller {
    /// A plain HTTP call.
    pub fn http() -> Self {
        Self::default()
    }

    /// Names whom the call comes from, as far as a session may be recognised by it; none for a plain HTTP call.
    pub fn identity(&self) -> Option<String> {
        let token = self.token.as_ref().map(Secret::fingerprint);
        token.or_else(|| self.connection.clone()).or_else(|| {
            let first = self.native.first()?;
            Some(format!("{} {}", first.kind, first.value))
        })
    }

    /// A command of this program.
    pub fn cli() -> Self {
        Self { surface: CallSurface::Cli, ..Self::default() }
    }
}
