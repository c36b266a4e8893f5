//! What no schema says: names that must exist, names that are reserved, addresses that must make sense.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use url::{Host, Url};

use super::layers::Provenance;
use super::model::Config;
use super::resolve::Problem;
use super::stand_in::TierLead;
use super::subsystems::Backend;
use super::vendors::Vendors;
use crate::plane::is_slug;

/// Tier names that mean something else in a model's name.
const RESERVED_TIERS: [&str; 1] = ["auto"];
/// Provider names that mean something else in a model's name.
const RESERVED_PROVIDERS: [&str; 2] = ["brains", "auto"];
/// The labels that the classifiers of spec section 10 give; other classifiers may give others.
const LABELS: [&str; 7] =
    ["code_fix", "code_explanation", "architecture", "docs_lookup", "research", "unknown", "trivial"];

/// What there is to tell of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// With any of these it is not put in force.
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// Where tiers without a model of their own lead; empty when there are problems.
    pub tier_leads: Vec<TierLead>,
}

/// `named` is the document before anything wrong was taken out of it: what it names is known, if broken.
pub(super) fn check(config: &Config, named: &Value, vendors: &Vendors, provenance: &Provenance) -> Findings {
    let mut check = Check { named, vendors, provenance, findings: Findings::default() };
    check.providers(config);
    check.tiers(config);
    check.spending(config);
    check.parts(config);
    check.addresses(config);
    check.keys(config);
    check.findings
}

struct Check<'a> {
    named: &'a Value,
    vendors: &'a Vendors,
    provenance: &'a Provenance,
    findings: Findings,
}

impl Check<'_> {
    fn problem(&mut self, path: String, message: String, hint: Option<String>) {
        let place = self.provenance.of(&path).clone();
        self.findings.problems.push(Problem { path, place, message, hint });
    }

    fn warn(&mut self, path: String, message: String) {
        let place = self.provenance.of(&path).clone();
        self.findings.warnings.push(Problem { path, place, message, hint: None });
    }

    fn has(&self, section: &str, name: &str) -> bool {
        self.named.get(section).and_then(|entries| entries.get(name)).is_some()
    }

    fn names(&self, section: &str) -> String {
        let entries = self.named.get(section).and_then(Value::as_object);
        let names: Vec<String> =
            entries.into_iter().flat_map(|entries| entries.keys()).map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            format!("`{section}` is empty")
        } else {
            format!("there is {}", names.join(", "))
        }
    }

    fn name(&mut self, section: &str, name: &str, reserved: &[&str]) {
        if !is_slug(name) {
            self.problem(
                format!("{section}.{name}"),
                "is not a name".into(),
                Some("lower-case letters, digits, `_` and `-`, at most 63, a letter or digit first".into()),
            );
        } else if reserved.contains(&name) {
            self.problem(
                format!("{section}.{name}"),
                "is a reserved name".into(),
                Some("choose another".into()),
            );
        }
    }

    fn provider(&mut self, path: String, name: &str, config: &Config) {
        if config.provider(name).is_none() && !self.has("providers", name) {
            let hint = match self.vendors.get(name) {
                Some(_) => format!("add `{name}: {{}}` to `providers`: it is a vendor that is known"),
                None => self.names("providers"),
            };
            self.problem(path, format!("names the provider `{name}`, which is not configured"), Some(hint));
        }
    }

    fn providers(&mut self, config: &Config) {
        let mut taken: BTreeMap<&str, &str> =
            config.providers.keys().map(|name| (name.as_str(), name.as_str())).collect();
        for (name, spec) in &config.providers {
            self.name("providers", name, &RESERVED_PROVIDERS);
            self.component(format!("providers.{name}.component"), &spec.component);
            self.grants(&format!("providers.{name}.allow.http"), &spec.allow.http);
            for alias in &spec.aliases {
                let path = format!("providers.{name}.aliases");
                if !is_slug(alias) || RESERVED_PROVIDERS.contains(&alias.as_str()) {
                    self.problem(path, format!("holds `{alias}`, which is no name to use"), None);
                } else if let Some(other) = taken.insert(alias, name) {
                    self.problem(path, format!("holds `{alias}`, which means `{other}` already"), None);
                }
            }
        }
        for (name, policy) in &config.provider_policies {
            if config.provider(name).is_none() && !self.has("providers", name) {
                self.warn(
                    format!("provider_policies.{name}"),
                    "is for a provider that is not configured".into(),
                );
            }
            if policy.retry_max_backoff_seconds < policy.retry_initial_backoff_seconds {
                self.problem(
                    format!("provider_policies.{name}.retry_max_backoff_seconds"),
                    "is less than `retry_initial_backoff_seconds`".into(),
                    None,
                );
            }
        }
    }

    fn tiers(&mut self, config: &Config) {
        for (name, tier) in &config.models {
            self.name("models", name, &RESERVED_TIERS);
            self.provider(format!("models.{name}.provider"), &tier.provider, config);
            if tier.model.is_empty() {
                self.problem(format!("models.{name}.model"), "is empty".into(), None);
            }
            for (at, fallback) in tier.fallbacks.iter().enumerate() {
                self.provider(format!("models.{name}.fallbacks.{at}.provider"), &fallback.provider, config);
                if fallback.model.is_empty() {
                    self.problem(format!("models.{name}.fallbacks.{at}.model"), "is empty".into(), None);
                }
            }
        }
        for (label, tier) in &config.routes {
            if !self.has("models", tier) {
                let hint = Some(self.names("models"));
                self.problem(
                    format!("routes.{label}"),
                    format!("names the tier `{tier}`, which is not configured"),
                    hint,
                );
            }
            if !LABELS.contains(&label.as_str()) {
                self.warn(format!("routes.{label}"), "is no label of the standard classifiers".into());
            }
        }
        if !config.models.is_empty() && !self.has("models", &config.default_tier) {
            let hint = Some(self.names("models"));
            self.problem(
                "default_tier".into(),
                format!("names the tier `{}`, which is not configured", config.default_tier),
                hint,
            );
        }
        if !config.embed_model.is_empty() {
            match config.embed_model.split_once('/') {
                Some((provider, model)) if !model.is_empty() => {
                    self.provider("embed_model".into(), provider, config);
                }
                _ => self.problem("embed_model".into(), "is not `<provider>/<model>`".into(), None),
            }
        }
    }

    fn spending(&mut self, config: &Config) {
        for (name, budget) in &config.spending {
            self.name("spending", name, &[]);
            for (member, message, hint) in budget.problems() {
                self.problem(format!("spending.{name}{member}"), message, hint);
            }
            if let Some(cheaper) = &budget.cheaper
                && !self.has("models", &cheaper.tier)
            {
                let hint = Some(self.names("models"));
                self.problem(
                    format!("spending.{name}.cheaper.tier"),
                    format!("names the tier `{}`, which is not configured", cheaper.tier),
                    hint,
                );
            }
        }
    }

    fn parts(&mut self, config: &Config) {
        for (section, part) in [("classifier", &config.classifier), ("policy", &config.policy)] {
            if let Some(part) = part {
                self.component(format!("{section}.component"), &part.component);
            }
        }
        for (at, hook) in config.hooks.iter().enumerate() {
            self.component(format!("hooks.{at}.component"), &hook.component);
        }
        for (name, bridge) in &config.bridges {
            self.name("bridges", name, &[]);
            self.component(format!("bridges.{name}.component"), &bridge.component);
            self.grants(&format!("bridges.{name}.allow.http"), &bridge.allow.http);
        }
        for (id, component) in &config.components {
            self.name("components", id, &[]);
            let sound = component.digest.as_deref().is_none_or(|digest| {
                digest.strip_prefix("sha256:").is_some_and(|hex| {
                    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                })
            });
            if !sound {
                self.problem(
                    format!("components.{id}.digest"),
                    "is not `sha256:` and 64 hex digits in lower case".into(),
                    None,
                );
            }
        }
    }

    fn component(&mut self, path: String, id: &str) {
        if !is_slug(id) {
            self.problem(path, "is not a component's id".into(), None);
        }
    }

    fn grants(&mut self, path: &str, origins: &[String]) {
        for (at, text) in origins.iter().enumerate() {
            if origin(&text.replacen("://*.", "://", 1)).is_err() {
                self.problem(
                    format!("{path}.{at}"),
                    "is not an origin".into(),
                    Some("write it as `https://host` or `https://*.host`".into()),
                );
            }
        }
    }

    /// Keys that anybody finds by trying: none that a person did not make up is among them.
    fn keys(&mut self, config: &Config) {
        let further = config.api_keys.iter().enumerate().map(|(at, key)| (format!("api_keys.{at}"), key));
        for (path, key) in config.api_key.iter().map(|key| ("api_key".to_owned(), key)).chain(further) {
            if let Some(why) = guessable(key.expose()) {
                self.problem(
                    path,
                    why.into(),
                    Some(
                        "make one with `openssl rand -base64 32`, or unset it: the first start makes one"
                            .into(),
                    ),
                );
            }
        }
    }

    fn addresses(&mut self, config: &Config) {
        for (at, text) in config.allowed_origins.iter().enumerate() {
            if origin(text).is_err() {
                self.problem(
                    format!("allowed_origins.{at}"),
                    "is not an origin".into(),
                    Some("write it as `https://host`".into()),
                );
            }
        }
        for (at, text) in config.allowed_hosts.iter().enumerate() {
            if Host::parse(text).is_err() {
                self.problem(
                    format!("allowed_hosts.{at}"),
                    "is not a host name".into(),
                    Some("without scheme and port".into()),
                );
            }
        }
        let listeners = [
            ("gateway_host", &config.gateway_host),
            ("dashboard_host", &config.dashboard_host),
            ("mcp_host", &config.mcp_host),
        ];
        for (key, text) in listeners {
            let bare = text.parse::<std::net::IpAddr>().is_ok() || Host::parse(text).is_ok();
            if !bare {
                self.problem(key.into(), "is not a host name or address".into(), None);
            }
        }
        if let Some(url) = &config.db_url {
            let scheme = url.split_once(':').map(|(scheme, _)| scheme);
            let kind = match scheme {
                Some("sqlite") => Some(Backend::Sqlite),
                Some("postgres" | "postgresql") => Some(Backend::Postgres),
                _ => None,
            };
            let hint = "write `sqlite:///path/to/file` or `postgres://user@host/database`".to_owned();
            match (kind, config.subsystems.storage.backend) {
                (None, _) if url.is_empty() => {}
                (None, _) => {
                    self.problem("db_url".into(), "names no database that is known".into(), Some(hint));
                }
                (Some(kind), Some(backend)) if kind != backend => {
                    self.problem(
                        "subsystems.storage.backend".into(),
                        "does not agree with `db_url`".into(),
                        None,
                    );
                }
                _ => {}
            }
        } else if config.subsystems.storage.backend == Some(Backend::Postgres) {
            self.problem("subsystems.storage.backend".into(), "needs a `db_url`".into(), None);
        }
    }
}

/// The least that a key has: what is longer and not repetitive is not found by trying over a network.
const KEY_CHARS: usize = 16;
/// Different characters that a key has at least.
const KEY_VARIETY: usize = 6;

/// Why a key is found by trying, if it is. Nothing of the key is said.
fn guessable(key: &str) -> Option<&'static str> {
    let chars: Vec<char> = key.chars().collect();
    if chars.len() < KEY_CHARS {
        return Some("is shorter than 16 characters: it can be found by trying");
    }
    let different: BTreeSet<&char> = chars.iter().collect();
    // `passwordpassword`, `abcabcabc…`: shorter than it looks.
    let repeats = (1..=chars.len() / 2).any(|period| {
        period < KEY_CHARS && chars.iter().zip(chars.iter().skip(period)).all(|(one, other)| one == other)
    });
    // `0123456789abcdef`: each character the one after, or before, the last.
    let steps = |by: i64| {
        let pairs = chars.iter().zip(chars.iter().skip(1));
        pairs.filter(|(one, other)| i64::from(u32::from(**other)) - i64::from(u32::from(**one)) == by).count()
    };
    let counted = steps(1).max(steps(-1)) * 4 >= (chars.len() - 1) * 3;
    (different.len() < KEY_VARIETY || repeats || counted)
        .then_some("is a pattern rather than a random text: it can be found by trying")
}

/// Whether `text` is an address that an upstream may have.
pub(super) fn web_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is not a URL of http or https");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("is a URL without a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("is a URL with a user name or password in it");
    }
    if url.fragment().is_some() {
        return Err("is a URL with a fragment");
    }
    Ok(url)
}

fn origin(text: &str) -> Result<(), &'static str> {
    let url = web_url(text)?;
    if url.path() != "/" || url.query().is_some() || text.ends_with('/') {
        return Err("is not an origin");
    }
    Ok(())
}
