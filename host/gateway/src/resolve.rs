//! Which model a name means: alias, tier, `<provider>/<model>`, catalogue id, or nothing (contract 4).

use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Origin};

/// What the client's `model` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelTarget {
    /// The classifier decides.
    Auto,
    /// One configured tier.
    Tier(String),
    /// One model of one provider; `provider` is the instance's own name, aliases resolved.
    Exact { provider: String, model: String },
}

/// The families of alias: the plain spelling and the one that clients insist on which list only models whose
/// names begin with `claude` (spec/gateway.md 16.6).
const ALIAS_PREFIXES: [&str; 2] = ["brains-", "claude-brains-"];
/// The alias that leaves the choice to the classifier.
const AUTO: &str = "auto";

/// Reads `name`. `provider` maps a provider's name or alias to the instance's name, `catalogued` a bare model
/// id to the provider that lists it.
pub(crate) fn resolve(
    name: &str,
    config: &Config,
    provider: impl Fn(&str) -> Option<String>,
    catalogued: impl Fn(&str) -> Option<String>,
) -> Result<ModelTarget, Fault> {
    for prefix in ALIAS_PREFIXES {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        if rest == AUTO {
            return Ok(ModelTarget::Auto);
        }
        if config.models.contains_key(rest) {
            return Ok(ModelTarget::Tier(rest.to_owned()));
        }
    }
    if let Some((first, model)) = name.split_once('/')
        && !model.is_empty()
        && let Some(provider) = provider(first)
    {
        return Ok(ModelTarget::Exact { provider, model: model.to_owned() });
    }
    if let Some(provider) = catalogued(name) {
        return Ok(ModelTarget::Exact { provider, model: name.to_owned() });
    }
    Err(unknown(name))
}

/// No model has a longer name, and what is asked for is kept.
const NAME_BYTES: usize = 256;

/// Refuses a name that no model can have.
pub(crate) fn check_length(name: &str) -> Result<(), Fault> {
    if name.len() <= NAME_BYTES {
        return Ok(());
    }
    let what = format!("a model's name has at most {NAME_BYTES} bytes, this one has {}", name.len());
    Err(Fault::new(FaultKind::NotFound, Origin::Client, what)
        .code("model_not_found")
        .param("model")
        .hint("GET /v1/models lists what this gateway serves"))
}

fn unknown(name: &str) -> Fault {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
    Fault::new(FaultKind::NotFound, Origin::Client, format!("the model `{shown}` does not exist"))
        .code("model_not_found")
        .param("model")
        .hint("GET /v1/models lists what this gateway serves")
}

/// Every alias that this configuration answers to, in the order that a model list shows them.
pub(crate) fn aliases(config: &Config) -> Vec<String> {
    ALIAS_PREFIXES
        .iter()
        .flat_map(|prefix| {
            std::iter::once(AUTO)
                .chain(config.models.keys().map(String::as_str))
                .map(move |name| format!("{prefix}{name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
