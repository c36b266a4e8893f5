use fs_err as fs;

use super::*;

fn sources(home: &Home, pairs: &[(&str, &str)]) -> Sources {
    Sources::new(home, &Environment::of(pairs), None, BTreeMap::new(), Gate::default()).unwrap()
}

#[test]
fn each_layer_lies_over_the_one_below() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    let limit = |pairs: &[(&str, &str)], flags: BTreeMap<String, Value>| {
        let sources = Sources::new(&home, &Environment::of(pairs), None, flags, Gate::default()).unwrap();
        sources.resolve().unwrap().config.rate_limit_per_minute
    };
    assert_eq!(limit(&[], BTreeMap::new()), 0);
    fs::write(home.config(), "rate_limit_per_minute: 1\n").unwrap();
    assert_eq!(limit(&[], BTreeMap::new()), 1);
    fs::write(home.overlay(), "rate_limit_per_minute: 2\n").unwrap();
    assert_eq!(limit(&[], BTreeMap::new()), 2);
    let environment = [("BRAINS_RATE_LIMIT_PER_MINUTE", "3")];
    assert_eq!(limit(&environment, BTreeMap::new()), 3);
    assert_eq!(limit(&environment, [("rate_limit_per_minute".to_owned(), 4.into())].into()), 4);
}

#[test]
fn a_named_file_must_be_there() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    let path = scratch.path().join("absent.yaml");
    let problems = sources(&home, &[("BRAINS_CONFIG", path.to_str().unwrap())]).resolve().unwrap_err();
    assert!(problems[0].message.contains("not there"));
    assert_eq!(unsound(&problems).kind.exit_code(), 2);
}

#[test]
fn a_secret_may_stand_elsewhere() {
    let scratch = tempfile::tempdir().unwrap();
    let home = Home::at(scratch.path());
    fs::write(scratch.path().join("key"), "key-from-a-file-71\n").unwrap();
    fs::write(home.config(), "api_key: ${FILE:~/key}\napi_keys: [\"${ENV:MORE}\"]\n").unwrap();
    let resolved =
        sources(&home, &[("HOME", scratch.path().to_str().unwrap()), ("MORE", "one-of-several-keys")])
            .resolve()
            .unwrap();
    assert_eq!(resolved.config.api_key.as_ref().unwrap().expose(), "key-from-a-file-71");
    assert_eq!(resolved.config.api_keys[0].expose(), "one-of-several-keys");
    let problems = sources(&home, &[]).resolve().unwrap_err();
    assert!(problems.iter().any(|problem| problem.path.starts_with("api_keys")), "{problems:?}");
}
