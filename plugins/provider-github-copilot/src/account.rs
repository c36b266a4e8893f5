//! Whose account an exchange is sent with, and what the vendor says of it when it refuses.

use brains_sdk::canon::{CallContext, Fault, FaultKind};
use brains_sdk::dialect::turn::TurnFacts;
use brains_sdk::host;
use brains_sdk::wire::Exchange;
use serde::Deserialize;

use crate::refusal;

/// The secret of the settings.
pub(crate) const CONFIGURED: &str = "oauth_token";
/// What a person signed in with.
pub(crate) const LOGIN: &str = "login";
/// What the command of GitHub's own program said.
pub(crate) const COMMAND: &str = "gh";
/// What any of them was exchanged for.
pub(crate) const SESSION: &str = "session";

/// What the host tells of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AccountInUse {
    credentials: Vec<String>,
    turn: Option<ToldTurn>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct ToldTurn {
    by_user: bool,
    has_images: bool,
}

impl AccountInUse {
    pub(crate) fn of(ctx: &CallContext) -> Self {
        ctx.extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok()).unwrap_or_default()
    }

    /// Who asked, as the host tells it where the component does not see the body.
    pub(crate) fn turn(&self) -> TurnFacts {
        match self.turn {
            Some(ToldTurn { by_user, has_images }) => TurnFacts { by_user, has_images },
            None => TurnFacts { by_user: true, has_images: false },
        }
    }

    /// With the credential of a model's exchange.
    pub(crate) fn signed(&self, exchange: Exchange, exchanges: bool) -> Result<Exchange, Fault> {
        let has = |name: &str| self.credentials.iter().any(|it| it == name);
        if exchanges {
            return if has(SESSION) {
                Ok(exchange.credential("authorization", "Bearer ", SESSION))
            } else {
                Err(nobody())
            };
        }
        github_token(exchange, "Bearer ", &self.credentials)
    }
}

/// With the GitHub token that counts: a configured one, else that of a person who signed in, else that of the command.
pub(crate) fn github_token(exchange: Exchange, scheme: &str, kept: &[String]) -> Result<Exchange, Fault> {
    if host::has_secret(CONFIGURED) {
        return Ok(exchange.secret("authorization", scheme, CONFIGURED));
    }
    let name =
        [LOGIN, COMMAND].into_iter().find(|name| kept.iter().any(|it| it == name)).ok_or_else(nobody)?;
    Ok(exchange.credential("authorization", scheme, name))
}

fn nobody() -> Fault {
    let message = "nobody is signed in to GitHub Copilot: run `brains copilot-login`, set \
                   BRAINS_GITHUB_COPILOT_OAUTH_TOKEN, or let `gh auth token` be asked with \
                   `github_copilot_use_gh_cli: true`";
    refusal("not_signed_in", message.to_owned())
}

/// What a refusal means here, with the next step where a person can take one.
pub(crate) fn explained(status: u16, body: &str, fault: Fault) -> Fault {
    let body = body.to_ascii_lowercase();
    // The vendor's words: "Personal Access Tokens are not supported for this endpoint" of models (vfarcic/dot-ai#591), and
    // "Resource not accessible by personal access token" of the exchange.
    if body.contains("personal access token") {
        let message =
            "GitHub Copilot takes no personal access token: take it away and run `brains copilot-login`";
        return refusal("personal_access_token", message.to_owned());
    }
    if status == 401 || fault.kind == FaultKind::Unauthorized {
        let message = "GitHub does not take this account's token any more: run `brains copilot-login`, or set a new one";
        return refusal("sign_in_refused", message.to_owned());
    }
    fault
}
