//! Secrets of a configuration: read from where they are, never shown.

use super::*;

#[test]
fn secrets_are_read_from_where_they_are_and_never_shown() {
    let resolved = good(&Given {
        yaml: "api_key: raw-admin-key-90\napi_keys: [one-of-several-keys, '${FILE:/run/secrets/key}']\ndb_url: postgres://u:hunter2@h/db\n\
               providers: { local: { secrets: { x: raw-provider-key }, config: { note: { password: p4ssw0rd } } } }\n",
        environment: &[("BRAINS_UPSTREAM_A_API_KEY", "raw-upstream-key")],
        ..Given::default()
    });
    assert_eq!(resolved.config.api_key.as_ref().unwrap().expose(), "raw-admin-key-90");
    assert_eq!(resolved.config.api_keys[1].expose(), "key-from-a-file-71");
    assert_eq!(resolved.config.db_url.as_deref(), Some("postgres://u:hunter2@h/db"));
    let shown = format!("{} {:?}", resolved.config.show(&resolved.provenance), resolved.config.document);
    for secret in [
        "raw-admin-key-90",
        "one-of-several-keys",
        "key-from-a-file-71",
        "hunter2",
        "raw-provider-key",
        "raw-upstream-key",
        "acme",
        "p4ssw0rd",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("${FILE:/run/secrets/key}"));
    assert!(!format!("{:?}", resolved.config.api_keys).contains("one-of"));
}

#[test]
fn a_reference_to_nothing_names_its_path_and_variable() {
    let problems = bad(&Given {
        yaml: "upstream_a_api_key: ${ENV:NOT_THERE}\napi_key: ${FILE:/nope}\napi_keys: ['${ENV:EMPTY}', '${EXEC:rm}']\n\
               gateway_preamble: ${FILE:/etc/passwd}\n\
               bridges: { off: { component: b, enabled: false, secrets: { t: '${ENV:NOT_THERE}' } } }",
        ..Given::default()
    });
    assert_eq!(
        problems,
        [
            "`api_keys.1` a reference is `${ENV:NAME}` or `${FILE:/path}` [yaml (/etc/brains.yaml:3)]",
            "`gateway_preamble` only a secret may be a reference [yaml (/etc/brains.yaml:4)]",
            "`api_key` refers to nothing: file `/nope`: not found [yaml (/etc/brains.yaml:2)]",
            "`api_keys.0` refers to nothing: variable `EMPTY` is not set in this process [yaml (/etc/brains.yaml:3)]",
            "`upstream_a_api_key` refers to nothing: variable `NOT_THERE` is not set in this process [yaml (/etc/brains.yaml:1)]",
        ]
    );
}

#[test]
fn a_missing_secret_of_a_component_concerns_who_uses_it() {
    let given = Given {
        yaml: "providers: {acme: {component: c, secrets: {api_key: '${ENV:NOT_THERE}'}}}\n",
        ..Given::default()
    };
    let resolved = good(&given);
    assert!(resolved.config.providers["acme"].secrets["api_key"].is_empty());
    let problems = resolved.whole().unwrap_err();
    let expected = "`providers.acme.secrets.api_key` refers to nothing: variable `NOT_THERE` is not set in this process \
        [yaml (/etc/brains.yaml:1)]";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

/// `echo "$KEY" > file` and a shell's `$(cat file)` leave ends of lines (commonly#481).
#[test]
fn what_editors_and_shells_leave_behind_a_secret_is_no_part_of_it() {
    let resolved = good(&Given { yaml: "api_key: '${ENV:SHELL_LEFT_A_LINE}'\n", ..Given::default() });
    assert_eq!(resolved.config.api_key.as_ref().unwrap().expose(), "sk-1234567890-abcdefghij");
}

#[test]
fn a_text_is_open_only_without_a_raw_secret_anywhere() {
    let schema = Schema::new(&manifests());
    let open = |text: &str| {
        let document: Value = serde_yaml::from_str(text).unwrap();
        schema.is_open(text, &document)
    };
    assert!(open("rate_limit_per_minute: 5 # was 6\nupstream_a_api_key: ${ENV:ACME}\n"));
    assert!(!open("upstream_a_api_key: short\n"));
    assert!(!open("providers: { x: { component: c, secrets: { api_key: short } } }\n"));
    assert!(!open("providers: { x: { component: c, config: { api_key: short } } }\n"));
    assert!(!open("rate_limit_per_minute: 5 # key: sk-proj-Zk3vN8xQ2wL7mT5rB9cF1hJ4dS6gY0aP\n"));
    let covered = schema.cover(json!({ "upstream_a_api_key": "short" }));
    assert!(is_covered(&covered) && !covered.to_string().contains("short"));
}

#[test]
fn keys_that_are_found_by_trying_are_refused_and_not_repeated() {
    for key in [
        "a",
        "changeme",
        "fifteen-chars-x",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "passwordpassword",
        "abcabcabcabcabcabcabc",
        "0123456789abcdefghijkl",
        "zyxwvutsrqponmlkjihg",
        "1212121212121212",
    ] {
        for name in ["BRAINS_API_KEY", "BRAINS_API_KEYS"] {
            let layers =
                Layers { environment: [(name.to_owned(), key.to_owned())].into(), ..Layers::default() };
            let problems = resolve(&layers, &manifests(), &Refs).unwrap_err();
            let said = problems[0].to_string();
            assert!(problems[0].path.starts_with("api_key") && said.contains("by trying"), "{said}");
            assert!(key == "a" || !said.contains(key), "{said}");
        }
    }
    for key in
        ["team-admin-key-0123456789abcdef0123456789", "hT8_x0Qz-41kLmWp", "d41d8cd98f00b204e9800998ecf8427e"]
    {
        let layers = Layers {
            environment: [("BRAINS_API_KEY".to_owned(), key.to_owned())].into(),
            ..Layers::default()
        };
        resolve(&layers, &manifests(), &Refs).unwrap();
    }
}
