//! Signing in to GitHub: by a code that a person enters there (RFC 8628), and from then on by the token that this gave, which
//! is exchanged for one of a session.

use std::borrow::Cow;

use brains_sdk::SignInFlow;
use brains_sdk::canon::auth::{SignInInput, SignInPrompt, SignInStep, SignedIn};
use brains_sdk::canon::exchange::Response;
use brains_sdk::canon::{CallContext, Fault};
use brains_sdk::wire::{Address, Exchange, protocol, refused, text};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::account::{LOGIN, SESSION, explained, github_token};
use crate::refusal;
use crate::settings::Settings;

const SCOPE: &str = "read:user";
/// How the second request of the flow is called.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The wait between two looks when the vendor names none, and what is added when it wants fewer of them.
const INTERVAL_SECONDS: u64 = 5;
/// A person has at least this long.
const LEAST_SECONDS: u64 = 60;
/// So long before its end a session is renewed.
const BEFORE_END_MS: u64 = 60_000;
/// What of an account is told; everything else may be a secret or a person's.
const TOLD: [&str; 7] = [
    "login",
    "copilot_plan",
    "access_type_sku",
    "quota_reset_date",
    "token_based_billing",
    "quota_snapshots",
    "limited_user_quotas",
];

/// One flow.
#[derive(Debug)]
pub struct SignInToGitHub {
    settings: Settings,
    state: FlowState,
}

/// What it waits for.
#[derive(Debug)]
enum FlowState {
    New,
    DeviceCode,
    Person(DeviceCode),
    Token(DeviceCode),
    Session,
    Account,
    Over,
}

/// What a person was asked to enter.
#[derive(Debug, Clone, Deserialize)]
struct DeviceCode {
    /// What the vendor knows the wait by.
    #[serde(rename = "device_code")]
    handle: String,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
    /// Seconds that were waited.
    #[serde(skip)]
    waited: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "snake_case")]
struct Start {
    #[serde(rename = "do")]
    what: String,
    kept: Vec<String>,
}

impl SignInToGitHub {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self { settings, state: FlowState::New }
    }

    fn start(&mut self, start: &Start) -> Result<SignInStep, Fault> {
        match start.what.as_str() {
            "sign_in" => {
                let fields = [("client_id", self.settings.client_id.as_str()), ("scope", SCOPE)];
                let exchange = self.github("/login/device/code").form(&fields);
                self.state = FlowState::DeviceCode;
                Ok(fetch(exchange))
            }
            "renew" if !self.settings.exchange => {
                // What there is counts as it is; whether there is anything is all there is to look at.
                github_token(self.api("/user"), "", &start.kept)?;
                Ok(done(Vec::new(), &Map::new(), None))
            }
            "renew" => {
                self.state = FlowState::Session;
                Ok(fetch(github_token(self.api("/copilot_internal/v2/token"), "token ", &start.kept)?))
            }
            _ => {
                self.state = FlowState::Account;
                Ok(fetch(github_token(self.api("/copilot_internal/user"), "token ", &start.kept)?))
            }
        }
    }

    /// Asks whether the person is done.
    fn look(&mut self, code: DeviceCode) -> SignInStep {
        let fields = [
            ("client_id", self.settings.client_id.as_str()),
            ("device_code", &code.handle),
            ("grant_type", GRANT),
        ];
        let exchange = self.github("/login/oauth/access_token").form(&fields);
        self.state = FlowState::Token(code);
        fetch(exchange)
    }

    fn wait(&mut self, mut code: DeviceCode) -> Result<SignInStep, Fault> {
        let interval = code.interval.unwrap_or(INTERVAL_SECONDS);
        code.waited += interval.max(1);
        if code.waited > code.expires_in.max(LEAST_SECONDS) {
            return Err(expired());
        }
        self.state = FlowState::Person(code);
        Ok(SignInStep::SleepMs(interval * 1000))
    }

    fn answered(&mut self, response: Response) -> Result<SignInStep, Fault> {
        let (status, body) = (response.head.status, text(response.body));
        let failed = || explained(status, &body, refused(status, &response.head.headers, &body));
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        match std::mem::replace(&mut self.state, FlowState::Over) {
            FlowState::DeviceCode if (200..300).contains(&status) => {
                let code: DeviceCode = serde_json::from_value(answer)
                    .map_err(|_| protocol("GitHub's answer has no code for a person to enter"))?;
                let prompt = SignInPrompt {
                    url: code.verification_uri.clone(),
                    code: Some(code.user_code.clone()),
                    message: "Enter the code there, and allow GitHub Copilot to be used".to_owned(),
                };
                self.state = FlowState::Person(code);
                Ok(SignInStep::Ask(prompt))
            }
            FlowState::Token(code) => self.token(code, &answer).unwrap_or_else(|| Err(failed())),
            FlowState::Session if (200..300).contains(&status) => session(&answer),
            FlowState::Session if status == 404 => {
                let message = "GitHub knows no Copilot for this account: is it a personal access token, or an account without a plan?";
                Err(refusal("no_copilot", message.to_owned()))
            }
            FlowState::Account if (200..300).contains(&status) => {
                let told =
                    TOLD.iter().filter_map(|name| Some(((*name).to_owned(), answer.get(*name)?.clone())));
                Ok(done(Vec::new(), &told.collect(), None))
            }
            _ => Err(failed()),
        }
    }

    /// What is to be done after a look; none when the answer is none of the flow's.
    fn token(&mut self, mut code: DeviceCode, answer: &Value) -> Option<Result<SignInStep, Fault>> {
        if let Some(token) = answer.get("access_token").and_then(Value::as_str).filter(|it| !it.is_empty()) {
            return Some(Ok(done(vec![(LOGIN, token)], &Map::new(), None)));
        }
        let error = answer.get("error").and_then(Value::as_str)?;
        Some(match error {
            "authorization_pending" => self.wait(code),
            "slow_down" => {
                let named = answer.get("interval").and_then(Value::as_u64);
                let slower = code.interval.unwrap_or(INTERVAL_SECONDS) + INTERVAL_SECONDS;
                code.interval = Some(named.map_or(slower, |named| named.max(slower)));
                self.wait(code)
            }
            "expired_token" => Err(expired()),
            "access_denied" => {
                Err(refusal("sign_in_denied", "the sign-in was declined at GitHub".to_owned()))
            }
            // Of what it says, a word is enough: a sentence could be anything.
            other => {
                let word: String =
                    other.chars().filter(|it| it.is_ascii_lowercase() || *it == '_').take(64).collect();
                Err(refusal("sign_in_failed", format!("GitHub refused the sign-in: {word}")))
            }
        })
    }

    fn github(&self, path: &str) -> Exchange {
        Address::new(&self.settings.github_url).post(path, "", &CallContext::default()).accepting(false)
    }

    fn api(&self, path: &str) -> Exchange {
        let exchange = Address::new(&self.settings.github_api_url).get(path, "", &CallContext::default());
        exchange.accepting(false).header("editor-version", &self.settings.editor_version)
    }
}

impl SignInFlow for SignInToGitHub {
    fn next(&mut self, input: SignInInput) -> Result<SignInStep, Fault> {
        match input {
            SignInInput::Start(start) => {
                let start = start.map_or(Cow::Borrowed("{}"), Cow::Owned);
                let start: Start = serde_json::from_str(&start)
                    .map_err(|_| protocol("a sign-in was started with something unknown"))?;
                self.start(&start)
            }
            SignInInput::Response(response) => self.answered(response),
            SignInInput::Woke => match std::mem::replace(&mut self.state, FlowState::Over) {
                // The first wake is the end of the question: then it is waited.
                FlowState::Person(code) if code.waited == 0 => self.wait(code),
                FlowState::Person(code) => Ok(self.look(code)),
                _ => Err(protocol("a sign-in was woken that did not sleep")),
            },
        }
    }
}

/// The session that a token was exchanged for.
fn session(answer: &Value) -> Result<SignInStep, Fault> {
    let token = answer.get("token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let ends = answer.get("expires_at").and_then(Value::as_u64);
    let (Some(token), Some(ends)) = (token, ends) else {
        return Err(protocol("GitHub's answer has no token with an end"));
    };
    let mut attributes = Map::new();
    let base_url = answer.pointer("/endpoints/api").and_then(Value::as_str);
    attributes.extend(base_url.map(|url| ("base_url".to_owned(), json!(url))));
    Ok(done(vec![(SESSION, token)], &attributes, Some(ends.saturating_mul(1000))))
}

fn done(credentials: Vec<(&str, &str)>, attributes: &Map<String, Value>, ends_ms: Option<u64>) -> SignInStep {
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    SignInStep::Done(SignedIn {
        credentials: credentials.into_iter().map(owned).collect(),
        attributes: Value::from(attributes.clone()).to_string(),
        expires_at_ms: ends_ms,
        refresh_at_ms: ends_ms.map(|ends_ms| ends_ms.saturating_sub(BEFORE_END_MS)),
    })
}

fn fetch(exchange: Exchange) -> SignInStep {
    SignInStep::Fetch(exchange.into_request())
}

fn expired() -> Fault {
    refusal(
        "sign_in_expired",
        "the code was not entered in time: run `brains copilot-login` again".to_owned(),
    )
}
