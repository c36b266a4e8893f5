//! Layers, references and what a write accepts, through the command line.

use brains_tests::service::Home;
use brains_tests::{Brains, Setup};
use serde_json::{Value, json};

fn text(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn later_layers_win_and_are_named() {
    let home = Home::default();
    home.write_config("gateway_preamble: from the file\nrate_limit_per_minute: 5\n");
    fs_err::write(home.state().join("brains.runtime.yaml"), "rate_limit_per_minute: 6 # mine\n")
        .expect("written");
    let output = home
        .command(&["config", "show", "--json"])
        .env("BRAINS_GATEWAY_PREAMBLE", "from outside")
        .output()
        .await
        .expect("ran");
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let of = |key: &str| {
        let all = shown["values"].as_array().expect("values");
        all.iter().find(|value| value["key"] == key).cloned().unwrap_or_else(|| panic!("{key} in {shown}"))
    };
    let preamble = of("gateway_preamble");
    assert_eq!(
        (preamble["value"].as_str(), preamble["from"]["layer"].as_str()),
        (Some("from outside"), Some("environment"))
    );
    let limit = of("rate_limit_per_minute");
    assert_eq!((limit["value"].as_u64(), limit["from"]["layer"].as_str()), (Some(6), Some("overlay")));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_keep_comments_and_refuse_what_they_must() {
    let home = Home::default();
    fs_err::create_dir_all(home.state()).expect("made");
    let overlay = home.state().join("brains.runtime.yaml");
    fs_err::write(&overlay, "# kept\nrate_limit_per_minute: 6 # mine\n").expect("written");
    let set = home.run(&["config", "set", "gateway_preamble", "Be brief"]).await;
    assert!(set.status.success(), "{}", text(&set));
    let content = fs_err::read_to_string(&overlay).expect("there");
    assert!(
        content.starts_with("# kept\nrate_limit_per_minute: 6 # mine\n") && content.contains("Be brief"),
        "{content}"
    );
    for (key, value) in [
        ("rate_limit_per_minute", "lots"),
        ("no_such_key", "1"),
        ("db_url", "sqlite:///tmp/x.db"),
        ("openai_compatible_api_key", "sk-raw-secret-0123456789"),
        ("routes.code_fix", "no-such-tier"),
    ] {
        let refused = home.run(&["config", "set", key, value]).await;
        assert!(!refused.status.success(), "{key}: {}", text(&refused));
        assert!(!text(&refused).contains("sk-raw-secret-0123456789"), "{key}: {}", text(&refused));
        assert_eq!(fs_err::read_to_string(&overlay).expect("there"), content, "{key}: the old state stays");
    }
}

/// What promises that something will not happen, and that nothing keeps, is refused by every way in.
#[tokio::test(flavor = "multi_thread")]
async fn promises_that_this_build_does_not_keep_are_refused() {
    let document = "hooks: [{component: redactor-that-does-not-exist, fail: closed}]\n\
        bridges: {team: {component: bridge-telegram}}\ncontrol: {require_approval_for_deep: true}\n\
        redaction_sensitive_key_parts: [patient]\nsource_allowlist: [docs.example]\ndashboard_port: 9999\n\
        subsystems: {otel: {enabled: true}}\ntraces: {bodies: true}\n";
    let home = Home::default();
    home.write_config(document);
    let refused = ["hooks.0", "source_allowlist", "control.require_approval_for_deep"];
    let checked = home.run(&["config", "check", "--json"]).await;
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    let told: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let paths = |member: &str| {
        let all = told[member].as_array().expect("a list").iter();
        all.map(|problem| problem["path"].as_str().expect("a path").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("problems"), refused);
    assert_eq!(paths("warnings"), ["dashboard_port", "subsystems.otel", "bridges.team"]);
    for verb in [&["serve-all", "--gateway-port", "0", "--mcp-port", "0"][..], &["doctor"]] {
        let output = home.run(verb).await;
        assert!(!output.status.success(), "{output:?}");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for path in refused {
            assert!(text.contains(path) && text.contains("not served by this build"), "{path}: {text}");
        }
    }
    // What runs goes on as it was.
    let service = Brains::start_in(Home::default(), Setup::config("rate_limit_per_minute: 9\n")).await;
    fs_err::write(service.home.state().join("config.yaml"), document).expect("written");
    let reloaded = service.client.post("/api/ops/reload_config", "{}").await;
    assert_eq!(reloaded.status, 400, "{}", reloaded.text());
    let limit = service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await;
    assert_eq!(limit["value"], 9);
}

/// One problem, one exit code, whichever verb meets it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unsound_configuration_ends_every_verb_with_one_exit_code() {
    let home = Home::default();
    home.write_config("models: {default: {provider: no-such-provider, model: x}}\n");
    for verb in [
        &["config", "check"][..],
        &["config", "show"],
        &["task", "list"],
        &["doctor"],
        &["explain", "hi"],
        &["serve-all", "--gateway-port", "0", "--mcp-port", "0"],
    ] {
        let output = home.run(verb).await;
        assert_eq!(output.status.code(), Some(2), "{verb:?}: {}", text(&output));
        assert!(text(&output).contains("no-such-provider"), "{verb:?}: {}", text(&output));
    }
}

/// Components that there are not, and settings that theirs do not take, are found by every way in.
#[tokio::test(flavor = "multi_thread")]
async fn components_and_their_settings_are_checked_by_every_way_in() {
    let service = Brains::start_in(Home::default(), Setup::config("rate_limit_per_minute: 9\n")).await;
    let classifier = service.client.operation("get_config", &json!({"key": "classifier"})).await;
    let known = classifier["value"]["component"].as_str().expect("a bundled classifier").to_owned();
    let unknown = "providers: {mock: {component: provider-mock}}\n".to_owned();
    let settings = format!("classifier: {{component: {known}, config: {{no_such_setting: [1]}}}}\n");
    let broken = [("providers.mock", "provider-mock", unknown), ("classifier", &*known, settings)];
    for (path, component, document) in &broken {
        let checked = service.client.operation("check_config", &json!({"document": document})).await;
        assert_eq!(checked["ok"], false, "{document}: {checked}");
        assert_eq!(checked["problems"][0]["path"], *path, "{checked}");
        let message = checked["problems"][0]["message"].as_str().expect("a message");
        assert!(message.contains(component), "{checked}");
        // Looking changes nothing.
        let listed = service.client.operation("list_components", &json!({})).await;
        assert!(!listed.to_string().contains("provider-mock"), "{listed}");
        fs_err::write(service.home.state().join("config.yaml"), document).expect("written");
        let reloaded = service.client.post("/api/ops/reload_config", "{}").await;
        assert_eq!(reloaded.status, 400, "{document}: {}", reloaded.text());
        assert!(
            reloaded.text().contains(message.split(':').next().unwrap_or_default()),
            "{}",
            reloaded.text()
        );
    }
    let (home, _) = service.stop().await;
    for (path, component, document) in &broken {
        home.write_config(document);
        let checked = home.run(&["config", "check", "--json"]).await;
        let told: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        assert_eq!(told["problems"][0]["path"], *path, "{told}");
        // One problem, one exit code, whichever verb meets it.
        let doctor = home.run(&["doctor", "--json"]).await;
        for output in [&checked, &doctor] {
            assert_eq!(output.status.code(), Some(2), "{document}: {output:?}");
        }
        let told = text(&doctor);
        assert!(told.contains(path) && told.contains(component), "{told}");
    }
    home.write_config("rate_limit_per_minute: 9\n");
    let sound = home.run(&["config", "check", "--json"]).await;
    assert!(sound.status.success(), "{}", text(&sound));
}

/// What an operator calls sensitive is covered whether a service runs or not.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_sensitive_count_for_commands_without_a_service() {
    let home = Home::default();
    home.write_config("redaction_sensitive_key_parts: [patient]\n");
    fs_err::write(home.path().join("Cargo.toml"), "").expect("a marker");
    assert!(home.run(&["workspace", "register", "."]).await.status.success());
    let made =
        home.run(&["task", "create", "Call back", "--body", r#"{"patient": "Joe Average"}"#, "--json"]).await;
    let told: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{}", text(&made)));
    assert_eq!(told["task"]["body"], r#"{"patient": "[REDACTED]"}"#, "{told}");
}

/// What needs no provider asks for no provider's key; what does names the process that lacks it, as each has variables of
/// its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_of_a_provider_stops_only_who_needs_the_provider() {
    let home = Home::default();
    home.write_config(
        "# mine\nopenai_compatible_base_url: https://vendor.example/v1\nopenai_compatible_api_key: ${ENV:NOT_IN_THIS_SHELL}\n",
    );
    fs_err::write(home.path().join("Cargo.toml"), "").expect("a marker");
    for command in [&["init"][..], &["task", "create", "Work"], &["task", "list"]] {
        let done = home.run(command).await;
        assert!(done.status.success(), "{command:?}: {}", text(&done));
    }
    for command in [&["up"][..], &["doctor"], &["config", "check"]] {
        let refused = home.run(command).await;
        assert!(!refused.status.success(), "{command:?}");
        let said = text(&refused);
        assert!(said.contains("variable `NOT_IN_THIS_SHELL` is not set in the process `brains "), "{said}");
        assert!(said.contains("openai_compatible_api_key") && said.contains("${FILE:/path}"), "{said}");
    }
    let refused = text(&home.run(&["up"]).await);
    assert!(refused.contains("config.yaml:3"), "the line of the file: {refused}");
}

/// A reload says since when what is in force is, whoever put it in force.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_says_since_when_what_is_in_force_is() {
    let service = Brains::start(Setup::default()).await;
    let reload = async || service.client.operation("reload_config", &json!({})).await;
    let since = |told: &Value| told["in_force_since"].as_str().expect("a time").to_owned();
    let first = reload().await;
    assert_eq!(first["changed"], false);
    let again = reload().await;
    assert_eq!(since(&again), since(&first), "nothing came into force");
    // By an operation: the reload after it was not first, and says when that was.
    service.client.operation("set_config", &json!({"key": "rate_limit_per_minute", "value": 700})).await;
    let set = reload().await;
    assert_eq!(set["changed"], false);
    assert!(since(&set) > since(&first), "{set}");
    // By hand: whether the watcher or the reload was first, it is in force since then.
    let text = "rate_limit_per_minute: 701\n";
    fs_err::write(service.home.state().join("brains.runtime.yaml"), text).expect("written");
    let edited = reload().await;
    assert!(since(&edited) > since(&set), "{edited}");
    assert_eq!(
        service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await["value"],
        701
    );
    // What is refused changes nothing of that.
    fs_err::write(service.home.state().join("brains.runtime.yaml"), "rate_limit_per_minute: lots\n")
        .expect("written");
    assert_eq!(service.client.post("/api/ops/reload_config", "{}").await.status, 400);
    fs_err::write(service.home.state().join("brains.runtime.yaml"), text).expect("written");
    let back = reload().await;
    assert_eq!((&back["changed"], since(&back)), (&json!(false), since(&edited)));
}

/// An edit is whole and sound before anybody reads it; else the file stays as it was, and what was written is kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_counts_when_it_is_sound() {
    let service = Brains::start(Setup::default()).await;
    let file = service.home.state().join("config.yaml");
    let edit = async |script: &str| {
        let editor = service.home.path().join("editor.sh");
        fs_err::write(&editor, script).expect("written");
        let mut command = service.home.command(&["config", "edit", "--json"]);
        let run = command.env("EDITOR", format!("sh '{}'", editor.display())).output();
        brains_tests::within("the editor", run).await.expect("the program starts")
    };
    let limit = async || {
        service.client.operation("get_config", &json!({"key": "rate_limit_per_minute"})).await["value"]
            .clone()
    };
    // There is no file yet: the starter is what is opened.
    let made =
        edit("grep -q '^#rate_limit_per_minute' \"$1\" && echo 'rate_limit_per_minute: 601' >> \"$1\"").await;
    assert!(made.status.success(), "{}", text(&made));
    assert_eq!(limit().await, 601);
    let sound = fs_err::read_to_string(&file).expect("there");
    assert!(sound.contains("rate_limit_per_minute: 601"));

    let bad = edit("echo 'rate_limit_per_minute: lots' > \"$1\"").await;
    let said = text(&bad);
    assert_eq!(bad.status.code(), Some(2), "{said}");
    assert!(said.contains("`rate_limit_per_minute` expected a whole number"), "{said}");
    let told: Value = serde_json::from_slice(&bad.stderr).expect("JSON");
    let hint = told["error"]["hint"].as_str().expect("a hint");
    let kept = hint.rsplit(' ').next().expect("a path");
    assert_eq!(fs_err::read_to_string(kept).expect("kept"), "rate_limit_per_minute: lots\n");
    fs_err::remove_file(kept).expect("removed");
    assert_eq!((limit().await, fs_err::read_to_string(&file).expect("there")), (json!(601), sound.clone()));

    for script in ["true", "exit 3"] {
        edit(script).await;
        assert_eq!(fs_err::read_to_string(&file).expect("there"), sound, "{script}");
    }
}
