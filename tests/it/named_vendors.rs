//! Instances by name alone: what the table of vendors says is sound, one line of configuration serves, and what is missing is
//! told with the next step.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use brains_core::config::Vendors;
use brains_core::config::manifest::Manifest;
use brains_tests::service::Home;
use brains_tests::{Brains, Client, Setup, Upstream, model, until};
use serde_json::{Value, json};

const KEY: &str = "sk-of-the-vendor-0123456789";

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")
}

fn table() -> Vendors {
    let text = fs_err::read_to_string(plugins().join("vendors.yaml")).expect("plugins/vendors.yaml");
    Vendors::parse(&text).expect("a sound table")
}

#[test]
fn every_row_has_its_source_and_date_and_a_component_that_takes_it() {
    let table = table();
    let (mut names, mut addresses) = (Vec::new(), BTreeSet::new());
    for (name, row) in table.iter() {
        names.push(name.to_owned());
        let folder = plugins().join(&row.component);
        let manifest = fs_err::read_to_string(folder.join("manifest.yaml")).expect("a bundled component");
        let manifest = Manifest::parse(&manifest).expect("a manifest");
        assert!(manifest.asks.secrets.contains(&"api_key".to_owned()), "{name}: nothing carries its key");
        assert!(manifest.flat.is_none_or(|flat| flat.instance != name), "{name}: flat keys mean it already");
        let schema = fs_err::read_to_string(folder.join("config.schema.json")).expect("a schema");
        let schema: Value = serde_json::from_str(&schema).expect("JSON");
        for setting in row.config.keys().map(String::as_str).chain(["base_url"]) {
            assert!(schema["properties"][setting].is_object(), "{name}: no setting `{setting}`");
        }
        if let Some(address) = &row.base_url {
            let local = address.starts_with("http://127.0.0.1:");
            assert!(address.starts_with("https://") || local, "{name}: {address}");
            assert!(!address.ends_with('/'), "{name}: {address}");
            assert_eq!(
                row.key.is_none(),
                local,
                "{name}: a key is asked for beyond this machine, and only there"
            );
            assert!(
                addresses.insert((row.component.clone(), address.clone())),
                "{name}: {address} is there twice"
            );
        }
        if let Some(form) = &row.base_url_form {
            assert!(form.starts_with("https://") && form.contains("RESOURCE"), "{name}: {form}");
        }
        assert!(row.source.starts_with("https://"), "{name}: {}", row.source);
        let date: Vec<u32> = row.as_of.split('-').filter_map(|part| part.parse().ok()).collect();
        assert!(row.as_of.len() == 10, "{name}: {}", row.as_of);
        assert!(
            matches!(date[..], [2026..=2035, 1..=12, 1..=31]),
            "{name}: {} is no day on which this was read",
            row.as_of
        );
        assert!(!row.label.is_empty() && !row.serves.is_empty(), "{name}");
    }
    assert!(names.is_sorted(), "sorted by name, so that none is there twice: {names:?}");
    assert!(names.len() >= 25, "{}", names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_serves_by_its_name() {
    let upstream = Upstream::start(model::answer).await;
    let config = format!(
        "providers:\n  groq: {{config: {{base_url: \"{0}\"}}}}\n  my-cohere: {{vendor: cohere, config: {{base_url: \"{0}\"}}, \
         secrets: {{api_key: \"${{ENV:MINE}}\"}}}}\n  vllm: {{config: {{base_url: \"{0}\"}}}}\n  openrouter: {{}}\n",
        upstream.base()
    );
    let setup = Setup::config(config).env("GROQ_API_KEY", KEY).env("MINE", "sk-mine-0123456789abc");
    let service = Brains::start(setup.env("OPENROUTER_API_KEY", KEY)).await;
    for (name, key, counts) in [
        ("groq", Some(format!("Bearer {KEY}")), true),
        // Its row says that it does not know how streams are asked for counts.
        ("my-cohere", Some("Bearer sk-mine-0123456789abc".to_owned()), false),
        ("vllm", None, true),
    ] {
        let body = json!({"model": format!("{name}/scripted-1"), "stream": true, "messages": [{"role": "user", "content": "hi"}]});
        let answer = service.client.chat(&body).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{name}");
        let sent = upstream.last();
        assert_eq!(sent.header("authorization"), key.as_deref(), "{name}");
        assert_eq!(sent.json()["stream_options"].is_object(), counts, "{name}");
    }
    until("the models", async || {
        let listed = service.home.run(&["models", "--json"]).await;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        ["groq/scripted-1", "my-cohere/scripted-1", "vllm/scripted-2"].iter().all(|id| listed.contains(id))
    })
    .await;
    let shown = service.client.operation("show_config", &json!({})).await;
    let values = shown["values"].as_array().expect("values");
    let address = values.iter().find(|value| value["key"] == "providers.openrouter.config.base_url");
    let address = address.expect("the address is shown");
    assert_eq!(
        (&address["value"], &address["from"]["layer"]),
        (&json!("https://openrouter.ai/api/v1"), &json!("bundle"))
    );
    assert!(!shown.to_string().contains(KEY) && !service.log().contains(KEY));

    // By a command, while it runs.
    let set = json!({"key": "providers.together", "value": {"vendor": "vllm", "config": {"base_url": upstream.base()}}});
    service.client.operation("set_config", &set).await;
    until("the added one", async || {
        let body = json!({"model": "together/x", "messages": [{"role": "user", "content": "hi"}]});
        service.client.chat(&body).await.status == 200
    })
    .await;
}

/// Standard output and error of a verb, and its exit code.
async fn ran(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = home.command(arguments);
    command.envs(variables.iter().copied());
    let output = command.output().await.expect("ran");
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code(), said.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_with_the_next_step() {
    let home = Home::default();
    home.write_config("providers:\n  groq: {}\n");
    for verb in [&["config", "check"][..], &["doctor"]] {
        let (code, said) = ran(&home, verb, &[]).await;
        assert_eq!(code, Some(2), "{verb:?}: {said}");
        for words in ["providers.groq.secrets.api_key", "`GROQ_API_KEY` is not set", "${FILE:/path}"] {
            assert!(said.contains(words), "{verb:?}: `{words}` is not in {said}");
        }
    }
    let (code, said) = ran(&home, &["config", "check"], &[("GROQ_API_KEY", KEY)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(KEY), "{said}");

    for (config, words) in [
        ("providers:\n  grok-q: {}\n", ["no vendor is known as `grok-q`", "name its `component`"]),
        ("providers:\n  mistrall: {}\n", ["no vendor is known as `mistrall`", "did you mean `mistral`?"]),
        (
            "providers:\n  mine: {vendor: opnrouter}\n",
            ["the vendor `opnrouter`", "did you mean `openrouter`?"],
        ),
        (
            "providers:\n  azure: {}\n",
            ["an address of its own", "https://RESOURCE.openai.azure.com/openai/v1"],
        ),
        (
            "models:\n  default: {provider: groq, model: m}\n",
            ["provider `groq`, which is not configured", "add `groq: {}` to `providers`"],
        ),
    ] {
        home.write_config(config);
        let (code, said) = ran(&home, &["config", "check"], &[("AZURE_OPENAI_API_KEY", KEY)]).await;
        assert_eq!(code, Some(2), "{config}: {said}");
        for word in words {
            assert!(said.contains(word), "{config}: `{word}` is not in {said}");
        }
    }
}

/// As learn.microsoft.com/azure/foundry/openai/api-version-lifecycle and …/openai/reference have it: the key in a header of
/// its own; an address of a resource, or one of a deployment with the version of the interface as a parameter.
#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_with_an_address_for_each_account_serves_by_settings() {
    let upstream = Upstream::start(model::answer).await;
    let origin = upstream.origin();
    let config = format!(
        "providers:\n  azure: {{config: {{base_url: \"{origin}/openai/v1\", models: [my-gpt]}}}}\n  dated: {{vendor: azure, \
         config: {{base_url: \"{origin}/openai/deployments/my-gpt\", api_version: 2024-10-21, models: [my-gpt]}}}}\n"
    );
    let service = Brains::start(Setup::config(config).env("AZURE_OPENAI_API_KEY", KEY)).await;
    for (name, path) in [
        ("azure", "/openai/v1/chat/completions"),
        ("dated", "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"),
    ] {
        for stream in [false, true] {
            let body = json!({"model": format!("{name}/my-gpt"), "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
            let answer = service.client.chat(&body).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            let sent = upstream.last();
            assert_eq!((sent.path.as_str(), sent.header("api-key")), (path, Some(KEY)));
            assert_eq!(sent.header("authorization"), None, "{name}: one credential");
            assert_eq!(sent.json()["model"], "my-gpt");
        }
        let messages = json!({"model": format!("{name}/my-gpt"), "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        let request = service.client.request(http::Method::POST, "/v1/messages");
        let request =
            request.header("content-type", "application/json").header("anthropic-version", "2023-06-01");
        let answer = Client::send(request.body(messages.to_string())).await;
        assert_eq!((answer.status, upstream.last().path.as_str()), (200, path), "{}", answer.text());
    }
}
