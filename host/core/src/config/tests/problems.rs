//! What is wrong in a document, and what only draws a warning.

use super::*;

#[test]
fn one_run_names_everything_that_is_wrong() {
    let problems = bad(&Given {
        yaml: "rate_limit_per_minute: lots\n\
               total_timeout_seconds: -1\n\
               gateway_port: 70000\n\
               allow_unauthenticated_api: 'yes'\n\
               gateway_preamble: 12\n\
               default_tier: gone\n\
               upstream_a_base_url: 'ftp://x'\n\
               upstream_a_timeout_seconds: 0\n\
               models:\n  auto: { provider: local, model: m }\n  odd: { provider: nowhere, model: m, fallbacks: [{ provider: nobody, model: m }] }\n  half: { model: m }\n\
               routes: { code_fix: missing }\n\
               providers: { Bad: { component: c }, brains: { component: c } }\n\
               provider_policies: { local: { retry_max_attempts: 0, retry_max_backoff_seconds: 0.1 } }\n\
               components: { x: { digest: 'md5:1' } }\n\
               hooks: [{ fail: maybe, component: h }]\n",
        overlay: "db_url: sqlite:///x\napi_key: not-to-stand-in-here\ngateway_host: 0.0.0.0\nmodels: [1]\nschema_version: 2\n",
        environment: &[("BRAINS_MAX_BODY_BYTES", "many"), ("BRAINS_MODELS", "{")],
        ..Given::default()
    });
    let all = problems.join("\n");
    for wanted in [
        "`rate_limit_per_minute` expected a whole number, got text [yaml",
        "`total_timeout_seconds` must be more than 0 [yaml",
        "`gateway_port` must be 65535 or less [yaml",
        "`allow_unauthenticated_api` expected true or false, got text [yaml",
        "`gateway_preamble` expected text, got a number [yaml",
        "`default_tier` names the tier `gone`, which is not configured [yaml",
        "`upstream_a_base_url` is not a URL of http or https [yaml",
        "`upstream_a_timeout_seconds` must be more than 0 [yaml",
        "`models.auto` is a reserved name [yaml",
        "`models.odd.provider` names the provider `nowhere`, which is not configured [yaml",
        "`models.odd.fallbacks.0.provider` names the provider `nobody`, which is not configured [yaml",
        "`models.half.provider` is missing [yaml",
        "`routes.code_fix` names the tier `missing`, which is not configured [yaml",
        "`providers.Bad` is not a name [yaml",
        "`providers.brains` is a reserved name [yaml",
        "`provider_policies.local.retry_max_attempts` must be 1 or more [yaml",
        "`provider_policies.local.retry_max_backoff_seconds` is less than `retry_initial_backoff_seconds` [yaml",
        "`components.x.digest` is not `sha256:` and 64 hex digits in lower case [yaml",
        "`hooks.0.fail` expected `open` or `closed` [yaml",
        "`hooks.0` is not served by this build [yaml",
        "`db_url` may not stand in the overlay [overlay",
        "`api_key` may not stand in the overlay [overlay",
        "`gateway_host` may not stand in the overlay [overlay",
        "`models` expected a map, got a list [overlay",
        "`schema_version` expected `1` [overlay",
        "`max_body_bytes` expected a number [environment (BRAINS_MAX_BODY_BYTES)]",
        "`models` expected JSON: not readable at line 1 column 1 [environment (BRAINS_MODELS)]",
    ] {
        assert!(all.contains(wanted), "{wanted}\n  is not in\n{all}");
    }
    assert_eq!(problems.len(), 27, "{all}");
}

#[test]
fn unreadable_files_are_problems_with_a_place() {
    assert_eq!(bad(&Given { yaml: "models: [", ..Given::default() }).len(), 1);
    let problems = bad(&Given { yaml: "- a\n- b", overlay: "a: {b: [}", ..Given::default() });
    assert_eq!(problems[0], "yaml (/etc/brains.yaml): is not a map of keys");
    assert!(
        problems[1].starts_with("overlay (overlay.yaml): is not readable YAML at line 1"),
        "{problems:?}"
    );
    assert!(
        bad(&Given { yaml: "gateway_port: 1\ngateway_port: 2", ..Given::default() })[0]
            .contains("is not readable YAML")
    );
}

#[test]
fn unknown_keys_are_warnings_in_a_file() {
    let resolved = good(&Given {
        yaml: "rate_limt_per_minute: 5\nproviders: { local: { compnent: x } }\nroutes: { poetry: cheap }",
        overlay: "schema_version: 1",
        environment: &[("BRAINS_RATE_LIMT", "1"), ("BRAINS_HOME", "/x"), ("BRAINS_API_KEY", "")],
        ..Given::default()
    });
    let warnings: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "environment (BRAINS_RATE_LIMT): is no variable of ours",
            "`rate_limt_per_minute` is not a known key [yaml (/etc/brains.yaml:1)]",
            "`providers.local.compnent` is not a known key [yaml (/etc/brains.yaml:2)]",
            "`routes.poetry` is no label of the standard classifiers [yaml (/etc/brains.yaml:3)]",
        ]
    );
    assert_eq!(resolved.warnings[1].hint.as_deref(), Some("did you mean `rate_limit_per_minute`?"));
    assert!(resolved.config.api_key.is_none());
}

#[test]
fn what_nothing_reads_is_told_and_refused_where_it_is_relied_on() {
    let good = good(&Given {
        yaml: "dashboard_port: 9999\nscheduler_interval: 60\ndashboard_host: 127.0.0.1\nbridges: {}\n\
               subsystems: {otel: {enabled: true}}\nhooks: [{component: h, fail: open}]\ncontrol: {}\n\
               redaction_sensitive_key_parts: [patient]\ntraces: {bodies: true}\n",
        environment: &[("BRAINS_DOCS_STALE_DAYS", "3")],
        ..Given::default()
    });
    let told: Vec<String> = good.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "`dashboard_port` is not served by this build [yaml (/etc/brains.yaml:1)]",
            "`hooks.0` is not served by this build [yaml (/etc/brains.yaml:6)]",
            "`subsystems.otel` is not served by this build [yaml (/etc/brains.yaml:5)]",
            "`docs_stale_days` is not served by this build [environment (BRAINS_DOCS_STALE_DAYS)]",
        ]
    );
    let promises = "hooks: [{component: redactor, fail: closed}, {component: other}]\nsource_allowlist: [docs.example]\n\
        control: {require_approval_for_deep: true, generated_views_dir: elsewhere}\n";
    assert_eq!(
        bad(&Given { yaml: promises, ..Given::default() }),
        [
            "`hooks.0` is not served by this build [yaml (/etc/brains.yaml:1)]",
            "`hooks.1` is not served by this build [yaml (/etc/brains.yaml:1)]",
            "`source_allowlist` is not served by this build [yaml (/etc/brains.yaml:2)]",
            "`control.require_approval_for_deep` is not served by this build [yaml (/etc/brains.yaml:3)]",
        ]
    );
}

#[test]
fn keys_of_a_component_that_is_not_here_are_known_and_not_served() {
    let absent = "- {component: acme, plays: provider, flat: {instance: acme, keys: {acme_key: {to: secret.key, type: secret}, acme_timeout_seconds: {to: timeout_seconds, type: seconds, default: 60}}}}";
    let mut known = manifests();
    known.extend(Manifest::parse_unserved(absent).unwrap());
    let found = |yaml: &str| {
        let yaml = Some(Source { name: "/etc/brains.yaml".into(), text: yaml.into() });
        examine(&Layers { yaml, ..Layers::default() }, &known, &Refs)
    };
    let one = found("acme_key: \"${ENV:NOBODY}\"\nacme_timeout_seconds: 60\n");
    assert_eq!(one.problems, [], "nothing reads the reference, so it may lead nowhere");
    let warned: Vec<&str> = one.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["acme_key"], "the default changes nothing");
    assert_eq!(found("acme_timeout_seconds: soon\n").problems.len(), 1, "it is checked all the same");
}

#[test]
fn a_budget_is_wrong_by_its_path() {
    let problems = bad(&Given {
        yaml: "spending:\n  nothing: { per: key, window: day }\n  clock: { per: key, window: day, limit_tokens: 1, zone: Europe/Berlim }\n  \
               Bad: { per: key, window: day, limit_tokens: 1, cheaper: { tier: gone } }\n  less: { per: key, window: month, limit_usd: -0.5 }\n",
        ..Given::default()
    });
    let all = problems.join("\n");
    for wanted in [
        "`spending.nothing` has no limit [yaml",
        "`spending.clock.zone` names the time zone `Europe/Berlim`, which there is not [yaml",
        "`spending.Bad` is not a name [yaml",
        "`spending.Bad.cheaper.tier` names the tier `gone`, which is not configured [yaml",
        "`spending.less.limit_usd` is less than nothing [yaml",
    ] {
        assert!(all.contains(wanted), "{wanted}\n  is not in\n{all}");
    }
    assert_eq!(problems.len(), 5, "{all}");
}
