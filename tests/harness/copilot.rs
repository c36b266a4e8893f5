//! A scripted GitHub with its Copilot: signing in by a code, the exchange for a session, the list of models and the models on
//! their three wires. As strict as the vendor about headers, tokens and their end, and in its words.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::model;
use crate::upstream::{Reply, Seen, Upstream, now_seconds};

/// What every token of it has in it, so that it is found wherever it went.
pub const MARK: &str = "Zk3vQ9xT7mPwL2";

/// What it answers to the next look for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Pending,
    SlowDown,
    Denied,
    Expired,
}

#[derive(Debug)]
struct State {
    /// Tokens of accounts, and whether they count.
    accounts: BTreeMap<String, bool>,
    /// When each session ends, in seconds since 1970.
    sessions: BTreeMap<String, u64>,
    looks: VecDeque<Look>,
    /// The next sessions' tokens, where they matter.
    next_sessions: VecDeque<String>,
    /// How long a new session lasts.
    life: Duration,
    exchange_delay: Duration,
    minted: usize,
}

/// The server.
#[derive(Debug)]
pub struct GitHub {
    pub upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl GitHub {
    pub async fn start() -> Self {
        let state = State {
            accounts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            looks: VecDeque::new(),
            next_sessions: VecDeque::new(),
            life: Duration::from_mins(30),
            exchange_delay: Duration::ZERO,
            minted: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let scripted = Arc::clone(&state);
        let upstream = Upstream::start(move |seen| {
            let mut state = scripted.lock().unwrap_or_else(PoisonError::into_inner);
            state.answer(seen)
        })
        .await;
        Self { upstream, state }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settings of a provider that signs in and answers here.
    pub fn config(&self, more: &str) -> String {
        let origin = self.upstream.origin();
        format!(
            "providers:\n  github_copilot:\n    component: provider-github-copilot\n    config:\n      \
             github_url: \"{origin}\"\n      github_api_url: \"{origin}\"\n{more}    allow: {{http: [\"{origin}\"]}}\n"
        )
    }

    /// A token of an account that counts.
    pub fn account(&self, prefix: &str) -> String {
        self.state().mint_account(prefix)
    }

    /// The account's token counts no more, nor do sessions that it was exchanged for.
    pub fn revoke(&self, token: &str) {
        let mut state = self.state();
        state.accounts.insert(token.to_owned(), false);
        state.sessions.clear();
    }

    /// No session counts any more.
    pub fn end_sessions(&self) {
        self.state().sessions.clear();
    }

    /// The token of the next session.
    pub fn next_session(&self, token: &str) {
        self.state().next_sessions.push_back(token.to_owned());
    }

    /// New sessions last so long.
    pub fn sessions_last(&self, life: Duration) {
        self.state().life = life;
    }

    /// An exchange takes so long.
    pub fn delay_exchanges(&self, delay: Duration) {
        self.state().exchange_delay = delay;
    }

    /// What is answered to the next looks for a person, who then agrees.
    pub fn looks(&self, looks: &[Look]) {
        self.state().looks.extend(looks);
    }

    /// Requests to this path so far.
    pub fn asked(&self, path: &str) -> usize {
        self.upstream.seen().iter().filter(|seen| seen.path == path).count()
    }

    /// The newest request to this path.
    pub fn last(&self, path: &str) -> Seen {
        self.upstream.seen().into_iter().rfind(|seen| seen.path == path).expect("it was asked")
    }
}

/// The path of the exchange.
pub const EXCHANGE: &str = "/copilot_internal/v2/token";

/// The models, and what each speaks.
const MODELS: [(&str, &[&str]); 5] = [
    ("gpt-scripted", &["/chat/completions"]),
    ("gpt-scripted-codex", &["/responses"]),
    ("gpt-scripted-both", &["/chat/completions", "/responses"]),
    ("claude-scripted", &["/v1/messages", "/chat/completions"]),
    ("gpt-hidden", &["/chat/completions"]),
];

impl State {
    fn answer(&mut self, seen: &Seen) -> Reply {
        match (seen.method.as_str(), seen.path.as_str()) {
            ("POST", "/login/device/code") => device_code(seen),
            ("POST", "/login/oauth/access_token") => self.token(seen),
            ("GET", EXCHANGE) => self.exchange(seen).head_delay(self.exchange_delay),
            ("GET", "/copilot_internal/user") => match self.account_of(seen, "token ") {
                Ok(()) => Reply::json(200, user().to_string()),
                Err(refused) => refused,
            },
            (_, "/models" | "/chat/completions" | "/responses" | "/v1/messages") => {
                self.copilot(seen).unwrap_or_else(|refused| refused)
            }
            _ => Reply::json(404, json!({"message": "Not Found", "status": "404"}).to_string()),
        }
    }

    fn mint(&mut self) -> String {
        self.minted += 1;
        format!("{MARK}{:04}", self.minted)
    }

    fn mint_account(&mut self, prefix: &str) -> String {
        let token = format!("{prefix}{}", self.mint());
        self.accounts.insert(token.clone(), true);
        token
    }

    fn token(&mut self, seen: &Seen) -> Reply {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        let wrong = |error: &str, words: &str| {
            let answer =
                json!({"error": error, "error_description": words, "error_uri": "https://docs.github.com"});
            Reply::json(200, answer.to_string())
        };
        if !body.contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code") {
            return wrong("unsupported_grant_type", "The grant_type must be device_code.");
        }
        if !body.contains("device_code=device-") || !body.contains("client_id=") {
            return wrong("incorrect_device_code", "The device_code provided is not valid.");
        }
        match self.looks.pop_front() {
            Some(Look::Pending) => {
                wrong("authorization_pending", "The authorization request is still pending.")
            }
            Some(Look::SlowDown) => {
                let answer = json!({"error": "slow_down", "error_description": "Too many requests have been made in the same timeframe.", "interval": 1});
                Reply::json(200, answer.to_string())
            }
            Some(Look::Denied) => wrong("access_denied", "The authorization request was denied."),
            Some(Look::Expired) => wrong("expired_token", "This 'device_code' has expired."),
            None => {
                let token = self.mint_account("gho_");
                let answer = json!({"access_token": token, "token_type": "bearer", "scope": "read:user"});
                Reply::json(200, answer.to_string())
            }
        }
    }

    /// Whether the request's token is that of an account.
    fn account_of(&self, seen: &Seen, scheme: &str) -> Result<(), Reply> {
        let refused = |status: u16, words: &str| {
            let body = json!({"message": words, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
            Err(Reply::json(status, body.to_string()))
        };
        let Some(token) = seen.header("authorization").and_then(|it| it.strip_prefix(scheme)) else {
            return refused(401, "Requires authentication");
        };
        if seen.header("editor-version").is_none() {
            return refused(400, "missing Editor-Version header");
        }
        match self.accounts.get(token) {
            Some(true) if token.starts_with("github_pat_") => {
                refused(403, "Resource not accessible by personal access token")
            }
            Some(true) => Ok(()),
            Some(false) | None => refused(401, "Bad credentials"),
        }
    }

    fn exchange(&mut self, seen: &Seen) -> Reply {
        if let Err(refused) = self.account_of(seen, "token ") {
            return refused;
        }
        let ends = now_seconds() + self.life.as_secs();
        let token = self
            .next_sessions
            .pop_front()
            .unwrap_or_else(|| format!("tid={};exp={ends};sku=copilot_for_business_seat;8kp=1", self.mint()));
        self.sessions.insert(token.clone(), ends);
        let host = seen.header("host").expect("a host");
        let answer = json!({
            "token": token, "expires_at": ends, "refresh_in": self.life.as_secs().saturating_sub(300),
            "endpoints": {"api": format!("http://{host}"), "telemetry": "https://telemetry.example"},
            "sku": "copilot_for_business_seat", "chat_enabled": true,
        });
        Reply::json(200, answer.to_string())
    }

    /// An exchange with models: the errors are the vendor's.
    fn copilot(&self, seen: &Seen) -> Result<Reply, Reply> {
        let token = seen.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        let token =
            token.ok_or_else(|| plain(400, "bad request: Authorization header is badly formatted"))?;
        if token.starts_with("github_pat_") {
            return Err(plain(
                400,
                "bad request: Personal Access Tokens are not supported for this endpoint",
            ));
        }
        let session = self.sessions.get(token).is_some_and(|ends| *ends > now_seconds());
        if !session && self.accounts.get(token) != Some(&true) {
            return Err(plain(401, "IDE token expired: unauthorized: token expired"));
        }
        if seen.header("editor-version").is_none() {
            return Err(plain(400, "bad request: missing Editor-Version header for IDE auth"));
        }
        if seen.header("copilot-integration-id") == Some("vscode-chat") {
            return Err(plain(403, "forbidden: this integration is somebody else's"));
        }
        if seen.path == "/models" {
            if seen.header("x-github-api-version") != Some("2026-06-01") {
                return Err(plain(400, "bad request: invalid apiVersion"));
            }
            return Ok(Reply::json(200, models().to_string()));
        }
        if !matches!(seen.header("x-initiator"), Some("user" | "agent")) {
            return Err(plain(400, "bad request: invalid X-Initiator"));
        }
        if seen.header("openai-intent").is_none() {
            return Err(plain(400, "bad request: missing Openai-Intent header"));
        }
        let request = seen.json();
        let body = request.to_string();
        let pictures =
            ["\"image_url\"", "\"input_image\"", "\"type\":\"image\""].iter().any(|it| body.contains(it));
        if pictures && seen.header("copilot-vision-request") != Some("true") {
            return Err(plain(
                400,
                "bad request: missing required Copilot-Vision-Request header for vision requests",
            ));
        }
        let name = request["model"].as_str().unwrap_or_default();
        let known = MODELS.iter().find(|(model, _)| *model == name);
        let (_, speaks) =
            known.ok_or_else(|| refused("model_not_supported", "The requested model is not supported."))?;
        if !speaks.contains(&seen.path.as_str()) {
            let words = format!("model \"{name}\" is not accessible via the {} endpoint", seen.path);
            return Err(refused("unsupported_api_for_model", &words));
        }
        let mut seen = seen.clone();
        Ok(match seen.path.as_str() {
            "/v1/messages" => {
                seen.headers.push(("x-api-key".into(), "unused".into()));
                model::messages::answer(&seen)
            }
            "/responses" => {
                seen.path = "/v1/responses".into();
                model::responses::answer(&seen)
            }
            _ => {
                seen.path = "/v1/chat/completions".into();
                model::openai::answer(&seen)
            }
        })
    }
}

fn device_code(seen: &Seen) -> Reply {
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    if seen.header("accept") != Some("application/json") || !body.contains("client_id=") {
        return Reply::json(404, json!({"error": "Not Found"}).to_string());
    }
    let answer = json!({
        "device_code": format!("device-{MARK}"), "user_code": "WDJB-MJHT",
        "verification_uri": "https://github.com/login/device", "expires_in": 899, "interval": 0,
    });
    Reply::json(200, answer.to_string())
}

fn user() -> Value {
    let quota = json!({"entitlement": 300, "remaining": 120, "percent_remaining": 40.0, "unlimited": false});
    json!({
        "login": "octocat", "copilot_plan": "individual", "access_type_sku": "monthly_subscriber",
        "quota_reset_date": "2026-12-01", "token_based_billing": true, "analytics_tracking_id": MARK,
        "quota_snapshots": {"premium_interactions": quota},
    })
}

fn models() -> Value {
    let entry = |(id, speaks): &(&str, &[&str])| {
        json!({
            "id": id, "name": format!("Scripted {id}"), "object": "model", "vendor": "harness", "version": id,
            "preview": false, "model_picker_enabled": *id != "gpt-hidden", "policy": {"state": "enabled", "terms": "…"},
            "supported_endpoints": speaks,
            "capabilities": {
                "type": "chat", "family": id,
                "limits": {"max_context_window_tokens": 128_000, "max_output_tokens": 16_000,
                           "vision": {"supported_media_types": ["image/png"]}},
                "supports": {"streaming": true, "tool_calls": true, "vision": true},
            },
            "billing": {"token_prices": {"batch_size": 1_000_000, "default": {
                "input_price": 125, "cache_price": 12.5, "output_price": 1000}}},
        })
    };
    json!({"object": "list", "data": MODELS.iter().map(entry).collect::<Vec<_>>()})
}

fn refused(code: &str, words: &str) -> Reply {
    let error =
        json!({"error": {"message": words, "code": code, "param": "model", "type": "invalid_request_error"}});
    Reply::json(400, error.to_string())
}

/// The vendor answers so from its door.
fn plain(status: u16, words: &str) -> Reply {
    let mut reply = Reply::json(status, format!("{words}\n"));
    reply.headers = vec![("content-type".into(), "text/plain; charset=utf-8".into())];
    reply
}
