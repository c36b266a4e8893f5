use brains_core::config::{Config, Tier};

use super::{KnownNames, ModelTarget, aliases, meant, resolve, suggest, unknown};

fn config() -> Config {
    let tier = Tier { provider: "p".into(), model: "m".into(), ..Tier::default() };
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

#[test]
fn a_name_that_means_nothing_suggests_what_it_may_mean() {
    let models =
        [("acme", "gpt-5.2"), ("acme", "gpt-5.2-mini"), ("other", "gpt-5.2"), ("other", "org/llama3")];
    let known = KnownNames {
        providers: vec![vec!["acme", "alias"], vec!["other"]],
        models: models
            .iter()
            .map(|(provider, model)| ((*provider).to_owned(), (*model).to_owned()))
            .collect(),
    };
    let check =
        |name: &str, expected: &[&str]| assert_eq!(meant(name, &config(), &known), expected, "{name}");
    // Its provider is missing.
    check("gpt-5.2", &["acme/gpt-5.2", "other/gpt-5.2"]);
    check("GPT-5.2-Mini", &["acme/gpt-5.2-mini"]);
    check("org/llama3", &["other/org/llama3"]);
    // Not every upstream lists what it has.
    check("unlisted", &["acme/unlisted", "other/unlisted"]);
    check("meta/unlisted-model", &["acme/meta/unlisted-model", "other/meta/unlisted-model"]);
    // Slips.
    check("gpt-5.2-mni", &["acme/gpt-5.2-mini"]);
    check("acne/x", &["acme/x"]);
    check("alais/x", &["acme/x"]);
    check("brains-chaep", &["brains-cheap"]);
    check("brain-cheap", &["brains-cheap"]);
    check("claude-brains-chep", &["claude-brains-cheap"]);
    for nothing in ["", "acme/", "brains-something"] {
        check(nothing, &[]);
    }
    // What only stands in is no provider to suggest.
    assert!(meant("gpt-5.2", &config(), &KnownNames::default()).is_empty());
    let hint = |name: &str| suggest(unknown(name), name, &config(), &known).hint.unwrap();
    assert_eq!(
        hint("gpt-5.2"),
        "did you mean `acme/gpt-5.2` or `other/gpt-5.2`? GET /v1/models lists what this gateway serves"
    );
    assert!(!hint("x\u{1b}[2Jy").contains('\u{1b}'));
}
