//! Members that many inputs share and no operation reads: the key that makes a request happen once, the token of the
//! session that it acts as, and the fence of a lock that it relies on. The registry takes them out before the input
//! is read; the schema of every operation that takes them says so.

use std::borrow::Cow;
use std::sync::Arc;

use brains_core::caller::CallSurface;
use brains_core::principal::LOCAL;
use brains_core::redact::redact;
use brains_core::secret::sha256_hex;
use brains_core::{Caller, Fault, Id, Principal, Secret};
use serde_json::{Map, Value, json};

use crate::answer_budget::{AnswerBudget, AnswerLists};
use crate::idempotency::{KEY, KeyedRequest, RequestParty};
use crate::session_identity::{FoundSession, SessionIdentity};

pub(crate) const TOKEN: &str = "session_token";
const FENCE: &str = "fence";
const KEY_MAX: usize = 255;

/// Which members an operation takes beside its input.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Accepts {
    pub(crate) operation: &'static str,
    /// Whether a request may carry an idempotency key.
    pub(crate) once: bool,
    /// Whether it may be called by an agent, which says by its token who it is.
    pub(crate) token: bool,
    /// Whether it may be done as a session.
    pub(crate) by_session: bool,
    /// Whether its answer makes the caller a session.
    pub(crate) makes_session: bool,
    /// What its answer lists.
    pub(crate) lists: AnswerLists,
}

/// What came with a request beside its input.
#[derive(Debug)]
pub(crate) struct RequestOptions {
    pub(crate) once: Option<KeyedRequest>,
    pub(crate) token: Option<Secret>,
    pub(crate) fence: Option<u64>,
    pub(crate) budget: AnswerBudget,
}

impl RequestOptions {
    /// Takes the members out of `input`. Those that the operation does not have stay, and are refused as unknown.
    pub(crate) fn open(
        accepts: Accepts,
        input: &mut Value,
        principal: &Principal,
        caller: &Caller,
        found: &Arc<FoundSession>,
    ) -> Result<Self, Fault> {
        let mut options = Self { once: None, token: None, fence: None, budget: AnswerBudget::MOST };
        let mut key = caller.idempotency_key.clone().filter(|_| accepts.once);
        if let Some(members) = input.as_object_mut() {
            options.budget = accepts.lists.open(members, caller.surface)?;
            if accepts.once
                && let Some(named) = take_text(members, KEY)?
            {
                if key.as_ref().is_some_and(|key| *key != named) {
                    return Err(
                        Fault::invalid("the request carries two different idempotency keys").param(KEY)
                    );
                }
                key = Some(named);
            }
            if accepts.token {
                options.token = take_text(members, TOKEN)?.map(Secret::new);
            }
            if accepts.once && accepts.by_session {
                options.fence = take_fence(members)?;
            }
        }
        if let Some(key) = key {
            check_key(&key)?;
            let mut asked = input.clone();
            if let (Some(fence), Some(members)) = (options.fence, asked.as_object_mut()) {
                members.insert(FENCE.into(), fence.into());
            }
            let named = input.get("session").and_then(Value::as_str).and_then(Id::parse);
            let token = options.token.clone().or_else(|| caller.token.clone());
            let shown = Caller { token, ..caller.clone() };
            let party = RequestParty {
                session: (!accepts.makes_session)
                    .then(|| SessionIdentity::of(principal, &shown, named, Arc::clone(found))),
                otherwise: otherwise(principal, caller, input),
            };
            let owner = principal.owner().to_owned();
            options.once =
                Some(KeyedRequest::new(owner, party, kept_name(key), accepts.operation, digest(&asked)));
        }
        Ok(options)
    }
}

/// The caller with the token that it shows in the input.
pub(crate) fn with_token<'a>(input: &Value, caller: &'a Caller) -> Cow<'a, Caller> {
    match input.get(TOKEN).and_then(Value::as_str) {
        Some(token) => Cow::Owned(Caller { token: Some(Secret::new(token)), ..caller.clone() }),
        None => Cow::Borrowed(caller),
    }
}

/// The schema of the members, for the operations that take them.
pub(crate) fn properties(Accepts { once, token, by_session, .. }: Accepts) -> Map<String, Value> {
    let mut properties = Map::new();
    if token {
        properties.insert(
            TOKEN.into(),
            json!({
                "type": "string",
                "description": "Token of your session.",
            }),
        );
    }
    if once && by_session {
        properties.insert(
            FENCE.into(),
            json!({
                "type": "integer",
                "minimum": 1,
                "description": "Fence of a lock that this relies on.",
            }),
        );
    }
    if once {
        properties.insert(
            KEY.into(),
            json!({
                "type": "string",
                "maxLength": KEY_MAX,
                "description": "Done once per key.",
            }),
        );
    }
    properties
}

fn take_text(members: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Fault> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::invalid(format!("`{name}` is not a text")).param(name)),
    }
}

fn take_fence(members: &mut Map<String, Value>) -> Result<Option<u64>, Fault> {
    match members.remove(FENCE) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|fence| *fence > 0) {
            Some(fence) => Ok(Some(fence)),
            None => Err(Fault::invalid("`fence` is not a number above zero").param(FENCE)),
        },
    }
}

fn check_key(key: &str) -> Result<(), Fault> {
    let sound = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if sound {
        return Ok(());
    }
    Err(Fault::invalid(format!("an idempotency key has 1 to {KEY_MAX} printable ASCII characters"))
        .param(KEY))
}

/// The key as it is kept: one that looks like a secret by its hash.
fn kept_name(key: String) -> String {
    match redact(&key) {
        Cow::Borrowed(_) => key,
        Cow::Owned(_) => format!("sha256:{}", sha256_hex(key.as_bytes())),
    }
}

/// SHA-256 over the input as one text, whatever the order of its members.
fn digest(input: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| *name);
                // An array of pairs keeps its order, whatever a map does.
                Value::Array(members.into_iter().map(|(name, value)| json!([name, sorted(value)])).collect())
            }
            Value::Array(items) => json!({ "": items.iter().map(sorted).collect::<Vec<_>>() }),
            scalar => scalar.clone(),
        }
    }
    sha256_hex(sorted(input).to_string().as_bytes())
}

/// Names the strongest proof of a call that acts as no session: its connection, else the native id of its client, else
/// its key. The command line of whoever holds the admin key is one party, with a service and without.
fn otherwise(principal: &Principal, caller: &Caller, input: &Value) -> String {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    if let Some(connection) = &caller.connection {
        return format!("connection {}", sha256_hex(connection.as_bytes()));
    }
    let sent = caller.native.first().map(|native| (native.kind.as_str(), native.value.as_str()));
    let given = text("tool_session_id").map(|value| (text("tool").unwrap_or_default(), value));
    if let Some((kind, value)) = sent.or(given) {
        return format!("native {}", sha256_hex(format!("{kind} {value}").as_bytes()));
    }
    match &principal.key {
        Some(key) => format!("key {key}"),
        None if caller.surface == CallSurface::Cli => LOCAL.to_owned(),
        None => format!("key {}", principal.fingerprint),
    }
}

#[cfg(test)]
mod tests;
