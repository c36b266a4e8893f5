use std::sync::Arc;

use serde_json::{Value, json};

use super::super::manifest::Manifest;
use super::super::{Config, Layers, Problem, RefError, RefSource, Resolved, Source, resolve};
use super::Vendors;

const VENDORS: &str = "
acme:
  label: Acme
  component: chat-wire
  base_url: https://api.acme.example/v1
  key: ACME_API_KEY
  config: { stream_usage: false }
  serves: [streams]
  source: https://acme.example/docs
  as_of: 2026-11-30
local:
  label: A server on this machine
  component: chat-wire
  base_url: http://127.0.0.1:8000/v1
  serves: []
  source: https://local.example/docs
  as_of: 2026-11-30
  note: It asks for no key
cloud:
  label: Cloud
  component: chat-wire
  base_url_form: https://RESOURCE.cloud.example/v1
  key: CLOUD_API_KEY
  config: { key_header: api-key }
  serves: []
  source: https://cloud.example/docs
  as_of: 2026-11-30
";

const MANIFEST: &str = "
component: messages-wire
plays: provider
flat: { instance: flat, keys: { flat_base_url: { to: config.base_url, type: url, default: 'https://flat.example' } } }
";

struct Refs;

impl RefSource for Refs {
    fn process(&self) -> String {
        "this process".into()
    }

    fn variable(&self, name: &str) -> Option<String> {
        ["ACME_API_KEY", "MINE"].contains(&name).then(|| format!("secret-of-{name}"))
    }

    fn file(&self, _: &str) -> Result<String, RefError> {
        Err(RefError("not found".into()))
    }
}

fn run(yaml: &str, overlay: &str) -> Result<Resolved, Vec<Problem>> {
    let source = |name: &str, text: &str| Some(Source { name: name.into(), text: text.into() });
    let layers = Layers {
        vendors: Arc::new(Vendors::parse(VENDORS).unwrap()),
        yaml: source("/etc/brains.yaml", yaml),
        overlay: source("overlay.yaml", overlay),
        ..Layers::default()
    };
    resolve(&layers, &[Manifest::parse(MANIFEST).unwrap()], &Refs)
}

fn good(yaml: &str, overlay: &str) -> Resolved {
    run(yaml, overlay).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Component, settings and key of an instance.
fn instance(config: &Config, name: &str) -> (String, Value, Option<String>) {
    let spec = &config.providers[name];
    let key = spec.secrets.get("api_key").map(|key| key.expose().to_owned());
    (spec.component.clone(), spec.config.clone(), key)
}

#[track_caller]
fn check_refused(yaml: &str, path: &str, message: &str, hint: &str) {
    let problems = run(yaml, "").expect_err("accepted");
    let told: Vec<_> = problems.iter().map(|it| (it.path.as_str(), it.message.as_str())).collect();
    assert_eq!(told, [(path, message)], "{yaml}");
    assert_eq!(problems[0].hint.as_deref(), Some(hint), "{yaml}");
    assert_eq!(problems[0].place.line, Some(2), "{yaml}: {:?}", problems[0].place);
}

#[test]
fn a_name_alone_is_an_instance() {
    let resolved = good("providers:\n  acme: {}\n  mine: { vendor: acme }\n  local: {}\n", "");
    let settings = json!({ "stream_usage": false, "base_url": "https://api.acme.example/v1" });
    let expected = ("chat-wire".to_owned(), settings, Some("secret-of-ACME_API_KEY".to_owned()));
    assert_eq!(instance(&resolved.config, "acme"), expected);
    assert_eq!(instance(&resolved.config, "mine"), expected);
    let local = json!({ "base_url": "http://127.0.0.1:8000/v1" });
    assert_eq!(instance(&resolved.config, "local"), ("chat-wire".to_owned(), local, None));
    let place = resolved.provenance.of("providers.acme.config.base_url").to_string();
    assert_eq!(place, "bundle (vendors.yaml)");
    let shown = resolved.config.get("providers.acme.secrets.api_key");
    assert_eq!(shown, Some(&json!("${ENV:ACME_API_KEY}")), "the reference, not what it holds");
    assert!(resolved.warnings.is_empty() && resolved.missing.is_empty(), "{:?}", resolved.warnings);
}

#[test]
fn what_the_operator_sets_wins() {
    let yaml = "providers: { acme: { config: { base_url: 'http://127.0.0.1:1/v1', stream_usage: true } } }\n";
    let overlay = "providers: { acme: { secrets: { api_key: '${ENV:MINE}' }, timeout_seconds: 5 } }\n";
    let resolved = good(yaml, overlay);
    let settings = json!({ "stream_usage": true, "base_url": "http://127.0.0.1:1/v1" });
    let expected = ("chat-wire".to_owned(), settings, Some("secret-of-MINE".to_owned()));
    assert_eq!(instance(&resolved.config, "acme"), expected);
    let without = good("providers: { acme: { secrets: { api_key: null } } }\n", "");
    assert_eq!(instance(&without.config, "acme").2, None, "null takes the key away");
    let gone = good("providers: { acme: {} }\n", "providers: { acme: null }\n");
    assert!(!gone.config.providers.contains_key("acme"));
}

#[test]
fn a_component_of_ones_own_takes_nothing_from_a_vendor_of_its_name() {
    let resolved = good("providers: { acme: { component: other } }\n", "");
    assert_eq!(instance(&resolved.config, "acme"), ("other".to_owned(), json!({}), None));
    let flat = good("flat_base_url: 'https://mine.example'\n", "");
    assert_eq!(instance(&flat.config, "flat").0, "messages-wire");
}

#[test]
fn a_key_that_is_not_set_is_told_by_the_name_of_its_variable() {
    let yaml = "providers:\n  cloud: { config: { base_url: 'https://mine.cloud.example/v1' } }\n";
    let missing = good(yaml, "").missing;
    assert_eq!(missing.len(), 1);
    let said = "refers to nothing: variable `CLOUD_API_KEY` is not set in this process";
    assert_eq!(
        (missing[0].path.as_str(), missing[0].message.as_str()),
        ("providers.cloud.secrets.api_key", said)
    );
    assert!(missing[0].hint.as_ref().is_some_and(|hint| hint.contains("${FILE:/path}")), "{missing:?}");
}

#[test]
fn what_cannot_be_an_instance_says_what_to_do() {
    check_refused(
        "providers:\n  acmee: {}\n",
        "providers.acmee.component",
        "is missing, and no vendor is known as `acmee`",
        "did you mean `acme`? Else name its `component`",
    );
    check_refused(
        "providers:\n  mine: { vendor: nobody-at-all }\n",
        "providers.mine.vendor",
        "names the vendor `nobody-at-all`, which is not known",
        "name its `component`, or a `vendor` of those that are known",
    );
    check_refused(
        "providers:\n  mine: { vendor: acme, component: other }\n",
        "providers.mine.component",
        "is not what speaks with `acme`, which is `chat-wire`",
        "take out `component` or `vendor`",
    );
    check_refused(
        "providers:\n  cloud: { secrets: { api_key: '${ENV:MINE}' } }\n",
        "providers.cloud.config.base_url",
        "is missing: `cloud` gives each account an address of its own",
        "set it, in the form of `https://RESOURCE.cloud.example/v1`",
    );
    let tier = run("models: { default: { provider: acme, model: m } }\n", "").unwrap_err();
    let hint = "add `acme: {}` to `providers`: it is a vendor that is known";
    assert_eq!(tier[0].hint.as_deref(), Some(hint), "{tier:?}");
}

#[test]
fn a_table_that_cannot_work_is_refused() {
    let row = |more: &str| {
        let common = "label: A, component: c, serves: [], source: 'https://a.example', as_of: 2026-11-30";
        Vendors::parse(&format!("a: {{ {common}, {more} }}\n")).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(row("base_url: 'https://a.example/v1'"), Ok(()));
    for (more, said) in [
        ("key: K", "has either an address or the form of one"),
        ("base_url: 'https://a.example', base_url_form: 'https://X'", "has either an address"),
        ("base_url: 'ftp://a.example'", "its address is not a URL of http or https"),
        ("base_url: 'https://a.example', key: 'not a variable'", "is not the name of a variable"),
        ("base_url: 'https://a.example', more: 1", "a key that is not known"),
    ] {
        let error = row(more).expect_err(more);
        assert!(error.contains(said), "{more}: {error}");
    }
}

#[test]
fn the_page_has_a_row_for_each_vendor() {
    let page = Vendors::parse(VENDORS).unwrap().page();
    let acme = "| `acme` | Acme | `chat-wire` | `https://api.acme.example/v1` | `ACME_API_KEY` | streams | [2026-11-30](https://acme.example/docs) |";
    assert!(page.contains(acme), "{page}");
    assert!(page.ends_with("- `local`: It asks for no key.\n"), "{page}");
}
