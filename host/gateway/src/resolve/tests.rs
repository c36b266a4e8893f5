use brains_core::config::{Config, Tier};

use super::{ModelTarget, aliases, resolve};

fn config() -> Config {
    let tier = Tier { provider: "p".into(), model: "m".into(), fallbacks: Vec::new() };
    Config { models: [("cheap".to_owned(), tier)].into_iter().collect(), ..Config::default() }
}

#[track_caller]
fn check(name: &str, expected: &ModelTarget) {
    let provider = |name: &str| ["acme", "alias"].contains(&name).then(|| "acme".to_owned());
    let catalogued = |id: &str| (id == "org/listed").then(|| "acme".to_owned());
    assert_eq!(resolve(name, &config(), provider, catalogued).as_ref(), Ok(expected), "{name}");
}

#[test]
fn names_mean_what_the_contract_says() {
    let exact = |model: &str| ModelTarget::Exact { provider: "acme".into(), model: model.into() };
    check("brains-auto", &ModelTarget::Auto);
    check("claude-brains-auto", &ModelTarget::Auto);
    check("brains-cheap", &ModelTarget::Tier("cheap".into()));
    check("claude-brains-cheap", &ModelTarget::Tier("cheap".into()));
    check("acme/x", &exact("x"));
    check("acme/org/x", &exact("org/x"));
    check("alias/x", &exact("x"));
    check("org/listed", &exact("org/listed"));
}

#[test]
fn anything_else_is_not_found_and_says_what_was_asked() {
    for name in ["", "brains-", "brains-nope", "acme/", "other/x", "gpt", "Brains-auto"] {
        let fault =
            resolve(name, &config(), |name| (name == "acme").then(|| name.to_owned()), |_| None).unwrap_err();
        assert_eq!((&*fault.code, fault.param.as_deref()), ("model_not_found", Some("model")), "{name}");
    }
}

#[test]
fn every_alias_is_listed_in_both_spellings() {
    assert_eq!(
        aliases(&config()),
        ["brains-auto", "brains-cheap", "claude-brains-auto", "claude-brains-cheap"]
    );
}
