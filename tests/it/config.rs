//! Layers, references and what a write accepts, through the command line.

use brains_tests::service::Home;

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
    let shown: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
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
