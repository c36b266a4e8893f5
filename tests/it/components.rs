//! Components are files that the operator names: the host knows none of them.

use brains_tests::service::Home;
use brains_tests::{Brains, Setup};
use serde_json::json;

/// Where the suite's components lie; the test ones beside the bundled ones.
fn bundle() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bundle")
}

/// The same component under another name and, by a custom section at its end, another digest.
fn disguised(home: &Home, original: &str, name: &str) {
    let plugins = home.state().join("plugins");
    fs_err::create_dir_all(&plugins).expect("a folder");
    let mut wasm =
        fs_err::read(bundle().join(format!("{original}.wasm"))).expect("built by `cargo xtask build`");
    wasm.extend_from_slice(b"\0\x08\x07another");
    fs_err::write(plugins.join(format!("{name}.wasm")), wasm).expect("written");
    let manifest = fs_err::read_to_string(bundle().join(format!("{original}.yaml"))).expect("a manifest");
    fs_err::write(plugins.join(format!("{name}.yaml")), manifest.replace(original, name)).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_and_another_digest_change_nothing() {
    let home = Home::default();
    let parts =
        [("provider-echo", "parrot"), ("classifier-weighted", "sorter"), ("policy-tiered", "chooser")];
    let sources = parts.map(|(original, name)| {
        disguised(&home, original, name);
        format!("  {name}: {{source: {name}.wasm}}\n")
    });
    let mut config = format!("components:\n{}", sources.concat());
    config.push_str("providers: {echo: {component: parrot}}\nclassifier: {component: sorter}\npolicy: {component: chooser}\n");
    let renamed = Brains::start_in(home, Setup::config(config)).await;
    let plain = Brains::plain().await;
    for prompt in [
        "Fix retry bug in webhook handler",
        "compare postgres and sqlite",
        "hi",
        "design a system for scalability",
    ] {
        let body = json!({"model": "brains-auto", "messages": [{"role": "user", "content": prompt}]});
        let (one, other) = (plain.client.chat(&body).await, renamed.client.chat(&body).await);
        assert_eq!((one.status, other.status), (200, 200), "{}", other.text());
        assert_eq!(one.json()["choices"], other.json()["choices"]);
        for header in ["task", "tier", "provider", "model", "confidence", "route-reason"] {
            let header = format!("x-brains-{header}");
            assert_eq!(one.header(&header), other.header(&header), "{header}");
        }
    }
    let listed = renamed.client.operation("list_components", &json!({})).await;
    let all = listed["components"].as_array().expect("a list").clone();
    for (original, name) in parts {
        let of = |id: &str| all.iter().find(|component| component["id"] == id).cloned().expect("listed");
        assert_eq!((&of(name)["state"], &of(original)["state"]), (&json!("live"), &json!("off")), "{listed}");
        assert_ne!(of(name)["digest"], of(original)["digest"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_components_a_request_is_503_and_says_what_to_build() {
    // A configuration that takes the bundle's parts away stands for a program that was built without them.
    let service = Brains::start(Setup::config(
        "providers: {echo: null}\nmodels: null\nroutes: null\nclassifier: null\npolicy: null\n",
    ))
    .await;
    let answer = service
        .client
        .chat(&json!({"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]}))
        .await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("cargo xtask build"), "{}", answer.text());
    assert_eq!(service.client.with_key("").get("/health/ready").await.status, 503);
}
