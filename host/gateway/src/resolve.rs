//! Which model a name means: alias, tier, `<provider>/<model>`, catalogue id, or nothing (contract 4).

use brains_core::config::Config;
use brains_core::{Fault, FaultKind, Origin, nearest};

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

/// Whether the name leaves the choice to us.
pub(crate) fn is_automatic(name: &str) -> bool {
    ALIAS_PREFIXES.iter().any(|prefix| name.strip_prefix(prefix) == Some(AUTO))
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

/// Where to look for what there is.
const LISTED: &str = "GET /v1/models lists what this gateway serves";

fn unknown(name: &str) -> Fault {
    let what = format!("the model `{}` does not exist", shown(name));
    Fault::new(FaultKind::NotFound, Origin::Client, what).code("model_not_found").param("model").hint(LISTED)
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// Names that mean something, for who wrote one that does not.
#[derive(Debug, Default)]
pub(crate) struct KnownNames<'a> {
    /// Providers that answer, each with its aliases behind it. None that only stands in.
    pub(crate) providers: Vec<Vec<&'a str>>,
    /// Provider and model: what tiers lead to and what providers list.
    pub(crate) models: Vec<(String, String)>,
}

/// So many are suggested at most.
const SUGGESTED: usize = 3;

/// The refusal of `name` with what it may have been meant to be.
pub(crate) fn suggest(refusal: Fault, name: &str, config: &Config, known: &KnownNames<'_>) -> Fault {
    let mut meant = meant(name, config, known);
    meant.dedup();
    meant.truncate(SUGGESTED);
    if meant.is_empty() {
        return refusal;
    }
    let meant: Vec<String> = meant.iter().map(|name| format!("`{}`", shown(name))).collect();
    refusal.hint(format!("did you mean {}? {LISTED}", meant.join(" or ")))
}

fn meant(name: &str, config: &Config, known: &KnownNames<'_>) -> Vec<String> {
    let qualified = |(provider, model): &(String, String)| format!("{provider}/{model}");
    let aliases = aliases(config);
    let alias = || nearest(name, aliases.iter().map(String::as_str)).map(str::to_owned);
    if name.is_empty() || ALIAS_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return alias().into_iter().collect();
    }
    // A provider's name that is nearly one.
    if let Some((provider, model)) = name.split_once('/') {
        let near = |names: &Vec<&str>| nearest(provider, names.iter().copied()).is_some();
        if model.is_empty() {
            return Vec::new();
        }
        if let Some(first) = known.providers.iter().find(|names| near(names)).and_then(|names| names.first())
        {
            return vec![format!("{first}/{model}")];
        }
    }
    let same: Vec<String> =
        known.models.iter().filter(|(_, model)| model.eq_ignore_ascii_case(name)).map(qualified).collect();
    if !same.is_empty() {
        return same;
    }
    let near = nearest(name, known.models.iter().map(|(_, model)| model.as_str()));
    if let Some(near) = near {
        return known.models.iter().filter(|(_, model)| model == near).map(qualified).collect();
    }
    if let Some(alias) = alias() {
        return vec![alias];
    }
    // Not every upstream lists its models: each may have one of this name.
    known.providers.iter().filter_map(|names| names.first()).map(|first| format!("{first}/{name}")).collect()
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
