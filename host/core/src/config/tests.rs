use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::manifest::Manifest;
use super::*;

mod problems;
mod secrets;
mod stand_in;

const MANIFEST: &str = "
component: relay-a
plays: provider
asks: { secrets: [api_key] }
flat:
  instance: upstream_a
  aliases: [a]
  keys:
    upstream_a_base_url: { to: config.base_url, type: url, default: 'https://a.example/v1' }
    upstream_a_api_key: { to: secret.api_key, type: secret }
    upstream_a_timeout_seconds: { to: timeout_seconds, type: seconds, default: 45 }
    upstream_a_probe: { to: config.probe, type: boolean, default: true }
";

const BUNDLE: &str = "
default_tier: default
models:
  cheap: { provider: local, model: small }
  default: { provider: local, model: middle }
routes: { trivial: cheap, code_fix: default }
providers: { local: { component: answer-local } }
classifier: { component: label-a, config: { threshold: 0.5 } }
policy: { component: order-a }
";

struct Refs;

impl RefSource for Refs {
    fn process(&self) -> String {
        "this process".into()
    }
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "ACME" => Some("acme-secret-value".into()),
            "EMPTY" => Some(String::new()),
            "SHELL_LEFT_A_LINE" => Some(" sk-1234567890-abcdefghij \r\n".into()),
            _ => None,
        }
    }

    fn file(&self, path: &str) -> Result<String, RefError> {
        if path == "/run/secrets/key" {
            Ok("key-from-a-file-71\n".into())
        } else {
            Err(RefError("not found".into()))
        }
    }
}

#[derive(Default)]
struct Given {
    yaml: &'static str,
    overlay: &'static str,
    environment: &'static [(&'static str, &'static str)],
    flags: Vec<(&'static str, Value)>,
}

fn manifests() -> Vec<Manifest> {
    vec![Manifest::parse(MANIFEST).unwrap()]
}

fn run(given: &Given) -> Result<Resolved, Vec<Problem>> {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let layers = Layers {
        vendors: Arc::default(),
        bundle: Some(source("defaults.yaml", BUNDLE)),
        yaml: Some(source("/etc/brains.yaml", given.yaml)),
        overlay: Some(source("overlay.yaml", given.overlay)),
        environment: given.environment.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
        flags: given.flags.iter().map(|(path, value)| ((*path).into(), value.clone())).collect(),
    };
    resolve(&layers, &manifests(), &Refs)
}

fn good(given: &Given) -> Resolved {
    run(given).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn bad(given: &Given) -> Vec<String> {
    run(given).expect_err("accepted").iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let resolved = resolve(&Layers::default(), &[], &Refs).unwrap();
    let mut plain = (*resolved.config).clone();
    plain.document = Config::default().document;
    assert_eq!(plain, Config::default());
    assert_eq!(resolved.config.get("gateway_port"), Some(&json!(8787)));
    assert_eq!(resolved.config.get("traces.retention_rows"), Some(&json!(100_000)));
    assert_eq!(resolved.provenance.of("gateway_port").layer, Layer::Default);
    assert!(resolved.warnings.is_empty());
}

#[test]
fn higher_layers_win_and_every_value_knows_its_layer() {
    let resolved = good(&Given {
        yaml: "rate_limit_per_minute: 10\ngateway_preamble: from yaml\ntotal_timeout_seconds: 30\ngateway_port: 1\n",
        overlay: "rate_limit_per_minute: 20\ngateway_preamble: from overlay\ntraces: { bodies: true }\n",
        environment: &[
            ("BRAINS_RATE_LIMIT_PER_MINUTE", "30"),
            ("BRAINS_GATEWAY_PORT", "2"),
            ("PATH", "/bin"),
        ],
        flags: vec![("gateway_port", json!(3))],
    });
    let config = &resolved.config;
    assert_eq!((config.rate_limit_per_minute, config.gateway_port), (30, 3));
    assert_eq!(config.gateway_preamble, "from overlay");
    assert!(config.traces.bodies);
    assert_eq!(config.traces.retention_days, 30);
    let layer = |path: &str| resolved.provenance.of(path).to_string();
    assert_eq!(layer("rate_limit_per_minute"), "environment (BRAINS_RATE_LIMIT_PER_MINUTE)");
    assert_eq!(layer("gateway_port"), "flag");
    assert_eq!(layer("gateway_preamble"), "overlay (overlay.yaml)");
    assert_eq!(layer("total_timeout_seconds"), "yaml (/etc/brains.yaml)");
    assert_eq!(layer("models.cheap.model"), "bundle (defaults.yaml)");
    assert_eq!(layer("traces.bodies"), "overlay (overlay.yaml)");
    assert_eq!(layer("traces.queue"), "default");
    let shown = config.show(&resolved.provenance);
    assert_eq!(shown["gateway_port"], json!({ "value": 3, "layer": "flag" }));
    assert_eq!(
        shown["models.cheap.model"],
        json!({ "value": "small", "layer": "bundle", "source": "defaults.yaml" })
    );
}

#[test]
fn maps_merge_deeply_and_null_takes_away() {
    let resolved = good(&Given {
        yaml: "models:\n  cheap: { model: tiny }\n  deep: { provider: local, model: large }\nroutes: { code_fix: deep }",
        overlay: "models: { deep: null }\nroutes: { code_fix: null, trivial: { model_tier: default } }\nrate_limit_per_minute: null",
        ..Given::default()
    });
    let names: Vec<&str> = resolved.config.models.keys().map(String::as_str).collect();
    assert_eq!(names, ["cheap", "default"]);
    assert_eq!(resolved.config.models["cheap"].model, "tiny");
    assert_eq!(resolved.config.models["cheap"].provider, "local");
    assert_eq!(resolved.config.routes, BTreeMap::from([("trivial".to_owned(), "default".to_owned())]));
}

#[test]
fn another_component_starts_afresh() {
    let resolved = good(&Given { overlay: "classifier: { component: label-b }", ..Given::default() });
    assert_eq!(resolved.config.classifier.as_ref().unwrap().config, json!({}));
    let resolved = good(&Given { overlay: "classifier: { config: { x: 1 } }", ..Given::default() });
    assert_eq!(resolved.config.classifier.as_ref().unwrap().config, json!({ "threshold": 0.5, "x": 1 }));
}

#[test]
fn flat_keys_become_settings_of_one_instance() {
    assert!(!good(&Given::default()).config.providers.contains_key("upstream_a"));

    let resolved = good(&Given {
        yaml: "upstream_a_api_key: ${ENV:ACME}\nupstream_a_timeout_seconds: 5",
        environment: &[
            ("BRAINS_UPSTREAM_A_BASE_URL", "http://127.0.0.1:9/v1"),
            ("BRAINS_UPSTREAM_A_PROBE", "off"),
        ],
        ..Given::default()
    });
    let (name, spec) = resolved.config.provider("a").unwrap();
    assert_eq!((name, spec.component.as_str()), ("upstream_a", "relay-a"));
    assert_eq!(spec.config, json!({ "base_url": "http://127.0.0.1:9/v1", "probe": false }));
    assert_eq!(spec.secrets["api_key"].expose(), "acme-secret-value");
    assert!((spec.timeout_seconds - 5.0).abs() < f64::EPSILON);
    assert_eq!(resolved.provenance.of("providers.upstream_a.config.base_url").layer, Layer::Environment);
    assert_eq!(resolved.provenance.of("providers.upstream_a.component").layer, Layer::Manifest);
    let schema = Schema::new(&manifests());
    assert_eq!(schema.canonical("upstream_a_base_url"), "providers.upstream_a.config.base_url");
    assert_eq!(resolved.config.get("providers.upstream_a.secrets.api_key"), Some(&json!("${ENV:ACME}")));
}

#[test]
fn a_tier_calls_an_instance_into_being() {
    let resolved =
        good(&Given { overlay: "models: { cheap: { provider: a, model: m } }", ..Given::default() });
    let (name, spec) = resolved.config.provider("a").unwrap();
    assert_eq!(name, "upstream_a");
    assert_eq!(spec.config["base_url"], "https://a.example/v1");
    assert!((spec.timeout_seconds - 45.0).abs() < f64::EPSILON);

    // A configured instance of the alias's name is that one.
    let resolved = good(&Given {
        yaml: "models: { cheap: { provider: a, model: m } }\nproviders: { a: { component: mine } }",
        ..Given::default()
    });
    assert_eq!(resolved.config.provider("a").unwrap().1.component, "mine");
    assert!(!resolved.config.providers.contains_key("upstream_a"));
}

#[test]
fn lists_in_the_environment_are_json_or_commas() {
    let resolved = good(&Given {
        environment: &[
            ("BRAINS_API_KEYS", "first-key-of-two-1, second-key-of-two,,"),
            ("BRAINS_ALLOWED_HOSTS", r#"["x.example","y.example"]"#),
            ("BRAINS_ROUTES", r#"{"code_fix":"cheap"}"#),
            ("BRAINS_ALLOW_UNAUTHENTICATED_API", "1"),
        ],
        ..Given::default()
    });
    let keys: Vec<&str> = resolved.config.api_keys.iter().map(crate::Secret::expose).collect();
    assert_eq!(keys, ["first-key-of-two-1", "second-key-of-two"]);
    assert_eq!(resolved.config.allowed_hosts, ["x.example", "y.example"]);
    assert_eq!(resolved.config.routes["code_fix"], "cheap");
    assert_eq!(resolved.config.routes["trivial"], "cheap");
    assert!(resolved.config.allow_unauthenticated_api);
    assert_eq!(variable("upstream_a_api_key"), "BRAINS_UPSTREAM_A_API_KEY");
}

#[test]
fn writes_are_checked_more_strictly_than_files() {
    let schema = Schema::new(&manifests());
    let refuse = |path: &str, value: Value| schema.check_write(path, &value).expect_err(path)[0].to_string();
    for (path, value) in [
        ("rate_limit_per_minute", json!(5)),
        ("rate_limit_per_minute", Value::Null),
        ("models.cheap.model", json!("x")),
        ("models.cheap", Value::Null),
        ("upstream_a_api_key", json!("${ENV:KEY}")),
        ("providers.p.secrets.api_key", json!("${FILE:/run/key}")),
        ("providers.p.config.anything", json!({ "a": [1] })),
        ("traces.bodies", json!(true)),
    ] {
        assert_eq!(schema.check_write(path, &value), Ok(()), "{path}");
    }
    assert!(refuse("rate_limt", json!(5)).contains("is not a known key"));
    assert!(refuse("models.cheap.modle", json!("x")).contains("is not a known key"));
    assert!(refuse("rate_limit_per_minute", json!("5")).contains("expected a whole number"));
    assert!(refuse("upstream_a_api_key", json!("raw-key")).contains("a secret is not written as it is"));
    assert!(
        refuse("providers.p.secrets.api_key", json!("raw-key")).contains("a secret is not written as it is")
    );
    assert!(refuse("gateway_preamble", json!("${ENV:X}")).contains("only a secret may be a reference"));
    for path in ["db_url", "api_key", "api_keys", "gateway_port", "mcp_host"] {
        let value = if path == "api_keys" {
            json!([])
        } else if path.ends_with("port") {
            json!(1)
        } else {
            json!("${ENV:X}")
        };
        assert!(schema.check_write(path, &value).is_err(), "{path}");
    }
    assert!(refuse("a..b", json!(1)).contains("is not a path"));
}

#[test]
fn the_overlay_is_edited_by_path() {
    let mut document = Value::Null;
    set(&mut document, "models.cheap.model", json!("x")).unwrap();
    set(&mut document, "providers.p.config.\"a.b\"", json!(1)).unwrap();
    assert_eq!(
        document,
        json!({ "models": { "cheap": { "model": "x" } }, "providers": { "p": { "config": { "a.b": 1 } } } })
    );
    assert!(set(&mut document, "models.cheap.model.deeper", json!(1)).is_err());
    assert!(set(&mut document, "models..x", json!(1)).is_err());
    assert!(unset(&mut document, "models.cheap.model").unwrap());
    assert!(!unset(&mut document, "models.cheap.model").unwrap());
    assert_eq!(document, json!({ "providers": { "p": { "config": { "a.b": 1 } } } }));
}

#[test]
fn the_schema_knows_host_keys_and_flat_keys() {
    let schema = Schema::new(&manifests());
    let keys = &schema.json()["properties"];
    assert_eq!(keys["upstream_a_api_key"]["format"], "secret");
    assert_eq!(keys["upstream_a_timeout_seconds"]["default"], 45);
    assert_eq!(keys["api_keys"]["items"]["format"], "secret");
    for (name, key) in keys.as_object().unwrap() {
        if !name.starts_with("upstream_a") {
            assert!(key["description"].is_string(), "{name} has no description");
        }
    }
    assert!(keys.get("document").is_none());
    assert_eq!(schema.json()["additionalProperties"], false);
}

#[test]
fn manifests_are_checked() {
    let refuse = |text: &str| Manifest::parse(text).expect_err(text).to_string();
    assert!(refuse("component: X\nplays: provider").contains("is not a name"));
    assert!(refuse("component: x\nplays: dancer").contains("plays"));
    assert!(refuse("component: x\nplays: provider\nasks: { disk: true }").contains("disk"));
    let flat =
        |key: &str| format!("component: x\nplays: provider\nflat: {{ instance: i, keys: {{ k: {key} }} }}");
    assert!(refuse(&flat("{ to: nowhere, type: string }")).contains("no place"));
    assert!(refuse(&flat("{ to: config.k, type: secret }")).contains("does not hold"));
    assert!(refuse(&flat("{ to: secret.k, type: string }")).contains("does not hold"));
    assert!(refuse(&flat("{ to: secret.k, type: secret, default: x }")).contains("does not hold"));
    assert!(Manifest::parse(&flat("{ to: secret.k, type: secret }")).is_ok());
    assert!(
        refuse("component: x\nplays: policy\nflat: { instance: i, keys: {} }").contains("only a provider")
    );
}

#[test]
fn the_starter_file_sets_nothing_and_knows_its_keys() {
    let starter = include_str!("../../../../templates/config.yaml");
    let resolved = good(&Given { yaml: starter, ..Given::default() });
    assert!(resolved.warnings.is_empty());
    assert_eq!(resolved.config.document, good(&Given::default()).config.document);
    let schema = Schema::new(&[]);
    for line in starter.lines() {
        let Some((key, _)) = line.strip_prefix("# ").and_then(|line| line.split_once(':')) else { continue };
        let flat = ["_base_url", "_timeout_seconds"].iter().any(|end| key.ends_with(end))
            && key != "total_timeout_seconds";
        let of_provider = flat || key != "api_key" && key.ends_with("_api_key");
        if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !of_provider {
            assert!(schema.json()["properties"].get(key).is_some(), "{key}");
        }
    }
}

#[test]
fn differences_stand_at_the_top_of_what_only_one_side_has() {
    let old = json!({ "a": 1, "models": { "cheap": { "provider": "x", "model": "m" } }, "list": [1, 2], "gone": { "b": 1 } });
    let new = json!({ "a": 2, "models": { "cheap": { "provider": "x", "model": "n" }, "v1.5": { "provider": "y" } }, "list": [2] });
    let told: Vec<_> = differences(&old, &new).into_iter().map(|it| (it.key, it.old, it.new)).collect();
    assert_eq!(
        told,
        [
            ("a".to_owned(), Some(json!(1)), Some(json!(2))),
            ("models.cheap.model".to_owned(), Some(json!("m")), Some(json!("n"))),
            ("models.\"v1.5\"".to_owned(), None, Some(json!({ "provider": "y" }))),
            ("list".to_owned(), Some(json!([1, 2])), Some(json!([2]))),
            ("gone".to_owned(), Some(json!({ "b": 1 })), None),
        ]
    );
    assert!(differences(&new, &new).is_empty());
}
