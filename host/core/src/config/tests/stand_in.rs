//! What stands in for a model answers until there is one, and nothing after that.

use super::*;

const STANDING_IN: &str = "
default_tier: default
models:
  cheap: { provider: parrot, model: small }
  default: { provider: parrot, model: middle }
  strong: { provider: parrot, model: large }
  deep: { provider: parrot, model: huge }
routes: { trivial: cheap }
providers: { parrot: { component: answer-local, stand_in: true, aliases: [bird] } }
";

fn resolved(yaml: &str, overlay: &str) -> Resolved {
    let source = |name: &str, text: &str| Some(Source { name: name.into(), text: text.into() });
    let layers = Layers {
        bundle: source("defaults.yaml", STANDING_IN),
        yaml: source("config.yaml", yaml),
        overlay: source("overlay.yaml", overlay),
        ..Layers::default()
    };
    resolve(&layers, &manifests(), &Refs).expect("sound")
}

/// Tier, what answers first, and where it leads.
fn tiers(resolved: &Resolved) -> Vec<String> {
    let leads = &resolved.config.tier_leads;
    let of = |(name, tier): (&String, &Tier)| {
        let lead = leads.iter().find(|lead| lead.tier == *name);
        let to = lead.map_or("", |lead| lead.leads_to.as_deref().unwrap_or("nowhere"));
        format!("{name} {}/{} {to}", tier.provider, tier.model).trim_end().to_owned()
    };
    resolved.config.models.iter().map(of).collect()
}

#[test]
fn with_nothing_configured_what_stands_in_answers() {
    assert_eq!(
        tiers(&resolved("", "")),
        [
            "cheap parrot/small nowhere",
            "default parrot/middle nowhere",
            "strong parrot/large nowhere",
            "deep parrot/huge nowhere"
        ]
    );
    // A provider alone names no model.
    assert_eq!(tiers(&resolved("upstream_a_api_key: key", ""))[0], "cheap parrot/small nowhere");
}

#[test]
fn a_tier_that_nobody_configured_leads_to_the_nearest_of_two_to_the_stronger() {
    let check = |yaml: &str, expected: [&str; 4]| assert_eq!(tiers(&resolved(yaml, "")), expected, "{yaml}");
    check(
        "models: { default: { provider: a, model: m } }",
        ["cheap a/m default", "default a/m", "strong a/m default", "deep a/m default"],
    );
    check(
        "models: { default: { provider: a, model: m }, strong: { provider: a, model: s } }",
        ["cheap a/m default", "default a/m", "strong a/s", "deep a/s strong"],
    );
    check(
        "models: { cheap: { provider: a, model: c }, strong: { provider: a, model: s } }",
        ["cheap a/c", "default a/s strong", "strong a/s", "deep a/s strong"],
    );
    check(
        "models: { cheap: { provider: a, model: c }, deep: { provider: a, model: d } }",
        ["cheap a/c", "default a/c cheap", "strong a/d deep", "deep a/d"],
    );
}

#[test]
fn a_tier_of_ones_own_is_no_neighbour_and_answers_where_it_is_all_there_is() {
    let yaml = "models: { mine: { provider: a, model: x }, default: { provider: a, model: m } }";
    assert_eq!(tiers(&resolved(yaml, ""))[3], "deep a/m default");
    let only =
        "models: { other: { provider: a, model: o }, mine: { provider: a, model: x } }\ndefault_tier: mine";
    let found = tiers(&resolved(only, ""));
    assert_eq!((&*found[0], &*found[4]), ("cheap a/x mine", "other a/o"));
    let unnamed = "models: { other: { provider: a, model: o } }";
    assert_eq!(tiers(&resolved(unnamed, ""))[1], "default a/o other");
}

#[test]
fn what_a_tier_falls_back_on_comes_along_and_what_stands_in_is_no_fallback() {
    let yaml = "models:\n  default: { provider: a, model: m, fallbacks: [{ provider: bird, model: x }, { provider: a, model: n }] }\n  strong: { provider: parrot, model: large, fallbacks: [{ provider: a, model: s }] }\n";
    let found = resolved(yaml, "");
    assert_eq!(tiers(&found), ["cheap a/m default", "default a/m", "strong a/s", "deep a/s strong"]);
    let fallbacks = |tier: &str| found.config.models[tier].fallbacks.clone();
    assert_eq!(fallbacks("default"), [Target { provider: "a".into(), model: "n".into() }]);
    assert_eq!(fallbacks("cheap"), fallbacks("default"));
    assert!(fallbacks("strong").is_empty());
    // What somebody wrote down is not passed over in silence.
    let told: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`models.default.fallbacks.0.provider` is passed over: `bird` answers tiers only until another model is configured [yaml (config.yaml:2)]",
            "`models.strong.provider` is passed over: `parrot` answers tiers only until another model is configured [yaml (config.yaml:3)]"
        ]
    );
}

#[test]
fn what_is_shown_is_what_answers_and_where_that_stands() {
    let found = resolved("models: { default: { provider: a, model: m } }", "");
    let shown = found.config.show(&found.provenance);
    let entry = |value: &str| json!({ "value": value, "layer": "yaml", "source": "config.yaml" });
    assert_eq!((&shown["models.deep.provider"], &shown["models.deep.model"]), (&entry("a"), &entry("m")));
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    // An edit of one member of a tier that nobody configured gives it no model.
    let edited = resolved("models: { default: { provider: a, model: m } }", "models: { deep: { model: x } }");
    assert_eq!(tiers(&edited)[3], "deep a/m default");
}

#[test]
fn an_instance_of_ones_own_is_a_provider_like_any_other() {
    let own =
        "providers: { mock: { component: answer-local } }\nmodels: { default: { provider: mock, model: m } }";
    assert_eq!(tiers(&resolved(own, ""))[0], "cheap mock/m default");
    // The name of what stands in, with another component behind it, stands in no more.
    let other = tiers(&resolved("providers: { parrot: { component: real } }", ""));
    assert_eq!(other[0], "cheap parrot/small");
}

#[test]
fn a_tier_that_leads_elsewhere_has_no_problems_of_its_own() {
    let source = |text: &str| Some(Source { name: "config.yaml".into(), text: text.into() });
    let yaml = source("models: { default: { provider: nobody, model: m } }");
    let bundle = Some(Source { name: "defaults.yaml".into(), text: STANDING_IN.into() });
    let layers = Layers { bundle, yaml, ..Layers::default() };
    let problems = resolve(&layers, &manifests(), &Refs).expect_err("nobody is no provider");
    assert_eq!(problems.len(), 1, "{problems:?}");
}
