//! How a version comes in, and what a component is given: the edits of the overlay that make it an instance.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_core::Fault;
use brains_core::config::manifest::{Manifest, Plays};
use brains_core::plane::component::StagedVersion;
use brains_core::plane::is_slug;
use serde_json::{Map, Value, json};

use crate::context::Cx;
use crate::ports::OverlayEdit;

/// What an operator gives to an instance.
#[derive(Debug, Default)]
pub(super) struct InstallInput {
    pub(super) instance: Option<String>,
    pub(super) settings: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) allow_http: Vec<String>,
}

/// The bytes of a component, as they came.
pub(super) fn bytes(wasm: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(wasm).map_err(|error| {
        Fault::invalid(format!("`wasm` is not base64: {error}")).param("wasm").hint("send the file in base64")
    })
}

/// A manifest, if one came with it.
pub(super) fn manifest(text: Option<&str>) -> Result<Option<Manifest>, Fault> {
    let Some(text) = text else { return Ok(None) };
    Manifest::parse(text).map(Some).map_err(|error| {
        Fault::invalid(error.to_string())
            .param("manifest")
            .hint("its members: component, plays, summary, asks, flat")
    })
}

/// The id that a new component gets.
pub(super) fn id(given: Option<String>, manifest: Option<&Manifest>) -> Result<String, Fault> {
    let id = given.or_else(|| manifest.map(|manifest| manifest.component.clone()));
    let id =
        id.ok_or_else(|| Fault::invalid("`id` is missing").code("missing_required_parameter").param("id"))?;
    if is_slug(&id) {
        return Ok(id);
    }
    let shown = id.chars().take(128).collect::<String>();
    Err(Fault::invalid(format!("`{shown}` is not a name"))
        .param("id")
        .hint("lower-case letters, digits, `_` and `-`, a letter or digit first: `--id` gives it another"))
}

/// The file must be the one that was meant.
pub(super) fn meant(staged: &StagedVersion, digest: Option<&str>) -> Result<(), Fault> {
    match digest {
        Some(wanted) if wanted != staged.digest => {
            let wanted = wanted.chars().take(128).collect::<String>();
            Err(Fault::invalid(format!("its digest is {}, not {wanted}", staged.digest))
                .code("component_digest")
                .param("digest")
                .hint("get the file again, or give the digest that you trust"))
        }
        _ => Ok(()),
    }
}

impl InstallInput {
    pub(super) fn is_nothing(&self) -> bool {
        self.instance.is_none()
            && self.settings.is_empty()
            && self.secrets.is_empty()
            && self.allow_http.is_empty()
    }

    /// The edits that put a component to work as the part that it plays. `asked` are the origins that it asks for.
    pub(super) fn edits(
        self,
        cx: &Cx<'_>,
        id: &str,
        plays: Plays,
        asked: &[String],
        approval: &str,
    ) -> Result<Vec<OverlayEdit>, Fault> {
        match plays {
            Plays::Provider => self.provider(cx, id, asked, approval),
            Plays::Classifier | Plays::Policy => self.part(cx, id, plays),
            Plays::Bridge | Plays::Hook => {
                Err(Fault::invalid(format!("this build has no place for a {}", plays.name())))
            }
        }
    }

    fn part(self, cx: &Cx<'_>, id: &str, plays: Plays) -> Result<Vec<OverlayEdit>, Fault> {
        if !self.secrets.is_empty() || !self.allow_http.is_empty() || self.instance.is_some() {
            let what = format!("a {} has no name, no secrets and reaches nothing", plays.name());
            return Err(Fault::invalid(what).hint("give it `--settings` only"));
        }
        let config = cx.control.ports.settings.active().config;
        let now = if plays == Plays::Classifier { &config.classifier } else { &config.policy };
        if self.settings.is_empty() && now.as_ref().is_some_and(|part| part.component == id) {
            return Ok(Vec::new());
        }
        let mut part = Map::new();
        part.insert("component".into(), id.into());
        if !self.settings.is_empty() {
            part.insert("config".into(), Value::Object(self.settings));
        }
        Ok(vec![OverlayEdit { key: plays.name().to_owned(), value: Some(Value::Object(part)) }])
    }

    fn provider(
        self,
        cx: &Cx<'_>,
        id: &str,
        asked: &[String],
        approval: &str,
    ) -> Result<Vec<OverlayEdit>, Fault> {
        let config = cx.control.ports.settings.active().config;
        let mut own = config.providers.iter().filter(|(_, spec)| spec.component == id);
        let named = match &self.instance {
            Some(name) => config.providers.get_key_value(name.as_str()),
            None => match (own.next(), own.next()) {
                (only, None) => only,
                _ if self.is_nothing() => return Ok(Vec::new()),
                _ => {
                    return Err(Fault::invalid(format!("several instances run `{id}`"))
                        .param("instance")
                        .hint("say which one with `--instance`"));
                }
            },
        };
        if let Some((name, spec)) = named.filter(|(_, spec)| spec.component != id) {
            return Err(Fault::conflict(format!("the provider `{name}` runs `{}`", spec.component))
                .param("instance")
                .hint("give the new one another name with `--instance`"));
        }
        let allowed = named.map(|(_, spec)| spec.allow.http.clone()).unwrap_or_default();
        let all = merged(allowed.clone(), &self.allow_http);
        let missing: Vec<&str> =
            asked.iter().filter(|origin| !all.contains(origin)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(Fault::invalid(format!("it asks for {}, which is not allowed", missing.join(", ")))
                .code("component_asks")
                .param("allow_http")
                .hint(format!("`{approval}` allows it")));
        }
        let Some((name, _)) = named else {
            let name = self.instance.clone().unwrap_or_else(|| id.to_owned());
            if let Some((owner, _)) = config.provider(&name) {
                return Err(Fault::conflict(format!("`{name}` means the provider `{owner}` already"))
                    .param("instance")
                    .hint("give the new one another name with `--instance`"));
            }
            return Ok(vec![self.instance_of(id, &name)]);
        };
        let at = format!("providers.{name}");
        let put = |key: String, value: Value| OverlayEdit { key, value: Some(value) };
        let settings = self.settings.into_iter().map(|(key, value)| put(format!("{at}.config.{key}"), value));
        let secrets =
            self.secrets.into_iter().map(|(key, value)| put(format!("{at}.secrets.{key}"), value.into()));
        let mut edits: Vec<OverlayEdit> = settings.chain(secrets).collect();
        if all.len() > allowed.len() {
            edits.push(put(format!("{at}.allow.http"), json!(all)));
        }
        Ok(edits)
    }

    fn instance_of(self, id: &str, name: &str) -> OverlayEdit {
        let mut members = Map::new();
        members.insert("component".into(), id.into());
        if !self.settings.is_empty() {
            members.insert("config".into(), Value::Object(self.settings));
        }
        if !self.secrets.is_empty() {
            members.insert("secrets".into(), json!(self.secrets));
        }
        if !self.allow_http.is_empty() {
            members.insert("allow".into(), json!({ "http": self.allow_http }));
        }
        OverlayEdit { key: format!("providers.{name}"), value: Some(Value::Object(members)) }
    }
}

fn merged(mut all: Vec<String>, more: &[String]) -> Vec<String> {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}
