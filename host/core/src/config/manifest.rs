//! What a component says about itself in the file beside it, and the flat keys that it answers to. Flat keys are
//! lowered, layer by layer, to settings of one named instance: the host knows them only from here.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::components::ComponentLimits;
use super::document;
use crate::plane::is_slug;

/// One component's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Id of the component.
    pub component: String,
    /// The part that it plays.
    pub plays: Plays,
    /// One line for people.
    #[serde(default)]
    pub summary: Option<String>,
    /// What it asks to be granted.
    #[serde(default)]
    pub asks: Asks,
    /// The flat keys that it answers to.
    #[serde(default)]
    pub flat: Option<Flat>,
    /// What the command line calls the account that it signs in with: `<account>-login` and its like.
    #[serde(default)]
    pub account: Option<String>,
    /// What its calls need beyond the usual; it is asked for like what stands under `asks`.
    #[serde(default)]
    pub limits: ComponentLimits,
    /// Its models go on exactly where the assistant's turn at the end of a conversation ends; where one does not, or it is not
    /// known and the context says `continues`, it names the loss `messages.prefill`.
    #[serde(default)]
    pub continues: bool,
}

/// Memory of an instance that nobody is asked for, in mebibytes.
pub const USUAL_MEMORY_MIB: u32 = 64;

/// The part that a component plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Plays {
    /// Answers requests, by itself or through an upstream.
    Provider,
    /// Labels requests.
    Classifier,
    /// Orders candidates.
    Policy,
    /// Carries events to the outside.
    Bridge,
    /// Sees every request and answer.
    Hook,
}

impl Plays {
    /// Computing time of a call that nobody is asked for, in milliseconds: judges stand before every request.
    pub const fn usual_call_ms(self) -> u32 {
        match self {
            Self::Provider => 20,
            Self::Classifier | Self::Policy | Self::Bridge | Self::Hook => 10,
        }
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Classifier => "classifier",
            Self::Policy => "policy",
            Self::Bridge => "bridge",
            Self::Hook => "hook",
        }
    }
}

/// What a component asks to be granted; nothing by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Asks {
    /// Origins beside its base URL.
    pub http: Vec<String>,
    /// Names of secrets.
    pub secrets: Vec<String>,
    /// The time of day.
    pub clock: bool,
    /// Random bytes.
    pub random: bool,
    /// Commands that give a token, by the name of the credential that comes of it. They are run only for a component that came
    /// with the program, and only once the operator said so by this name.
    pub commands: BTreeMap<String, Vec<String>>,
    /// Who asked for a request, a person or an agent on its own, and whether there is a picture in it.
    pub turn: bool,
    /// Size of its own key-value space, e.g. `256KiB`; `0` is none.
    pub kv: String,
}

/// The flat keys of one component, lowered to one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flat {
    /// Name of the instance.
    pub instance: String,
    /// Other names that mean it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether the instance exists without any flat key being set.
    #[serde(default)]
    pub always: bool,
    /// Whether this build has the component.
    #[serde(skip, default = "served")]
    pub served: bool,
    /// The keys by name.
    #[schemars(with = "std::collections::BTreeMap<String, FlatKey>")]
    pub keys: IndexMap<String, FlatKey>,
}

/// One flat key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlatKey {
    /// Where it goes: `config.<name>`, `secret.<name>`, `command.<name>` or `timeout_seconds`.
    pub to: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FlatType,
    /// Its value when nobody sets it.
    #[serde(default)]
    pub default: Option<Value>,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
}

/// What a flat key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlatType {
    String,
    Url,
    Secret,
    /// A number of seconds above zero.
    Seconds,
    Boolean,
    Integer,
    Number,
    /// A list of texts.
    Strings,
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest: {0}")]
pub struct ManifestError(String);

const fn served() -> bool {
    true
}

impl ManifestError {
    pub(super) const fn new(why: String) -> Self {
        Self(why)
    }
}

impl Manifest {
    /// Reads and checks the manifests of components that this build knows by their flat keys alone.
    pub fn parse_unserved(text: &str) -> Result<Vec<Self>, ManifestError> {
        let mut manifests: Vec<Self> =
            document::parse_as(text).map_err(|error| ManifestError(error.to_string()))?;
        for manifest in &mut manifests {
            manifest.check().map_err(ManifestError)?;
            if let Some(flat) = &mut manifest.flat {
                flat.served = false;
            }
        }
        Ok(manifests)
    }

    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = document::parse_as(text).map_err(|error| ManifestError(error.to_string()))?;
        manifest.check().map_err(ManifestError)?;
        Ok(manifest)
    }

    /// What it asks for and `granted` was not given, in words; empty when nothing is. Nothing granted is nothing asked
    /// for, and the usual limits. A limit that the operator set is no question any more.
    pub fn beyond(&self, granted: Option<&Self>, operator: ComponentLimits) -> Vec<String> {
        let nothing = Asks::default();
        let mut more = self.asks.beyond(granted.map_or(&nothing, |granted| &granted.asks));
        more.extend(self.limits_beyond(granted, operator));
        more
    }

    /// As [`Manifest::beyond`], of its limits alone.
    pub fn limits_beyond(&self, granted: Option<&Self>, operator: ComponentLimits) -> Vec<String> {
        let given = granted.map(|granted| granted.limits).unwrap_or_default();
        let asked = |ask: Option<u32>, operator: Option<u32>, given: Option<u32>, usual: u32| {
            ask.filter(|ask| operator.is_none() && *ask > given.unwrap_or(usual).max(usual))
        };
        let memory = asked(self.limits.memory_mib, operator.memory_mib, given.memory_mib, USUAL_MEMORY_MIB);
        let call = asked(self.limits.call_ms, operator.call_ms, given.call_ms, self.plays.usual_call_ms());
        let mut more = Vec::new();
        more.extend(memory.map(|mib| format!("{mib} MiB of memory")));
        more.extend(call.map(|ms| format!("{ms} ms in one call")));
        more
    }

    fn check(&self) -> Result<(), String> {
        let named = |what: &str, name: &str| {
            if is_slug(name) { Ok(()) } else { Err(format!("`{what}` is not a name")) }
        };
        named("component", &self.component)?;
        if let Some(account) = &self.account {
            named("account", account)?;
        }
        let Some(flat) = &self.flat else { return Ok(()) };
        if self.plays != Plays::Provider {
            return Err("only a provider may answer to flat keys".into());
        }
        named("instance", &flat.instance)?;
        for alias in &flat.aliases {
            named("alias", alias)?;
        }
        for (name, key) in &flat.keys {
            if !is_slug(name) || name.contains('-') {
                return Err("a flat key is not a name in lower case".into());
            }
            let fits = match key.path().as_deref() {
                None => return Err(format!("flat key `{name}`: what `to` says is no place")),
                Some(["secrets", _]) => key.kind == FlatType::Secret,
                Some(["timeout_seconds"]) => key.kind == FlatType::Seconds,
                Some(["commands", _]) => key.kind == FlatType::Boolean,
                Some(_) => key.kind != FlatType::Secret,
            };
            if !fits || key.kind == FlatType::Secret && key.default.is_some() {
                return Err(format!("flat key `{name}`: its place does not hold a {:?}", key.kind));
            }
        }
        Ok(())
    }
}

impl FlatKey {
    /// Where the value stands within `providers.<instance>`; none when `to` is no place.
    pub(super) fn path(&self) -> Option<Vec<&str>> {
        let segments: Vec<&str> = self.to.split('.').collect();
        match segments.as_slice() {
            ["timeout_seconds"] => Some(segments),
            ["secret", name] if !name.is_empty() => Some(vec!["secrets", name]),
            ["command", name] if !name.is_empty() => Some(vec!["commands", name]),
            ["config", rest @ ..] if !rest.is_empty() && rest.iter().all(|segment| !segment.is_empty()) => {
                Some(segments)
            }
            _ => None,
        }
    }

    /// The JSON schema of its value.
    pub(super) fn schema(&self) -> Value {
        let mut schema = match self.kind {
            FlatType::String => json!({ "type": "string" }),
            FlatType::Url => json!({ "type": "string", "format": "uri" }),
            FlatType::Secret => json!({ "type": "string", "format": "secret" }),
            FlatType::Seconds => json!({ "type": "number", "exclusiveMinimum": 0 }),
            FlatType::Boolean => json!({ "type": "boolean" }),
            FlatType::Integer => json!({ "type": "integer" }),
            FlatType::Number => json!({ "type": "number" }),
            FlatType::Strings => json!({ "type": "array", "items": { "type": "string" } }),
        };
        if let Some(members) = schema.as_object_mut() {
            members.extend(self.description.iter().map(|text| ("description".to_owned(), json!(text))));
            members.extend(self.default.iter().map(|value| ("default".to_owned(), value.clone())));
        }
        schema
    }
}

impl Default for Asks {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            secrets: Vec::new(),
            clock: false,
            random: false,
            turn: false,
            commands: BTreeMap::new(),
            kv: "0".into(),
        }
    }
}

impl Asks {
    /// What is asked for here and not in `granted`, in words; empty when nothing is.
    pub fn beyond(&self, granted: &Self) -> Vec<String> {
        let mut more: Vec<String> =
            self.http.iter().filter(|origin| !granted.http.contains(origin)).cloned().collect();
        let secrets = self.secrets.iter().filter(|name| !granted.secrets.contains(name));
        more.extend(secrets.map(|name| format!("the secret `{name}`")));
        if self.clock && !granted.clock {
            more.push("the time of day".into());
        }
        if self.random && !granted.random {
            more.push("random bytes".into());
        }
        let commands =
            self.commands.iter().filter(|(name, command)| granted.commands.get(*name) != Some(command));
        more.extend(commands.map(|(_, command)| format!("to run `{}`", command.join(" "))));
        if self.turn && !granted.turn {
            more.push("who asked for a request".into());
        }
        if self.kv_bytes() > granted.kv_bytes() {
            more.push(format!("{} of storage", self.kv));
        }
        more
    }

    /// The size of its key-value space: `256KiB`, `1MiB`, or bytes.
    pub fn kv_bytes(&self) -> usize {
        let text = self.kv.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit.trim() {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => 1,
        };
        number.parse::<usize>().unwrap_or(0).saturating_mul(factor)
    }
}
