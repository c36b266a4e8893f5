//! The guide for authors, run as it stands: its shell blocks take an empty folder to a provider that answers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use brains_tests::guide::{blocks, document};
use brains_tests::{Brains, Upstream, model, service};
use tokio::process::Command;

/// Building a component from nothing takes minutes on a busy machine; nothing here is decided by it.
const PATIENCE: Duration = Duration::from_mins(9);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A variable of the runner, or a folder below its home.
fn inherited(name: &str, below_home: &str) -> PathBuf {
    std::env::var_os(name)
        .map_or_else(|| Path::new(&std::env::var_os("HOME").expect("a home")).join(below_home), PathBuf::from)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_commands_take_an_empty_folder_to_a_live_provider() {
    let guide = document("docs/guides/write-a-plugin.md");
    let script = blocks(&guide, "sh");
    assert!(script.len() >= 5, "{script:?}");
    let upstream = Upstream::start(model::answer).await;
    let service = Brains::plain().await;
    let folder = tempfile::tempdir().expect("an empty folder");
    let program = service::program();
    let program = fs_err::canonicalize(program.parent().expect("a folder")).expect("a folder");
    let path = std::env::var_os("PATH").expect("a path");
    let path =
        std::env::join_paths([program].into_iter().chain(std::env::split_paths(&path))).expect("a path");
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.concat()])
        .current_dir(folder.path())
        .env_remove("CARGO_MANIFEST_DIR")
        .env("PATH", path)
        .env("HOME", service.home.path())
        .env("BRAINS_HOME", service.home.state())
        .env("CARGO_HOME", inherited("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", inherited("RUSTUP_HOME", ".rustup"))
        // Dependencies are built once for all runs; the author's own folder is new each time.
        .env("CARGO_TARGET_DIR", root().join("target/authors"))
        .env("GATEWAY", &service.client.base)
        .env("VENDOR_URL", upstream.base())
        .env("VENDOR_KEY", "sk-author-0123456789abcdef")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("the guide ends").expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{told}\n{}", service.log());
    assert!(said.contains("scripted: Say hello"), "{said}\n{told}");
    let first = upstream.seen().into_iter().find(|seen| seen.path.ends_with("/chat/completions"));
    let first = first.expect("the provider was asked");
    assert_eq!(first.header("authorization"), Some("Bearer sk-author-0123456789abcdef"));
    assert_eq!(first.header("x-team"), None);
    assert!(!service.log().contains("sk-author-0123456789abcdef"), "the key is in the log");

    // The upgrade at the guide's end is live.
    let body = serde_json::json!({"model": "acme/small", "messages": [{"role": "user", "content": "again"}]});
    let answer = service.client.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().header("x-team"), Some("docs"));

    // What the guide shows of the code is what the scaffold has.
    let source =
        fs_err::read_to_string(root().join("templates/plugin/rust/provider/src/lib.rs")).expect("a template");
    let shown = blocks(&guide, "rust").concat();
    for line in shown.lines().filter(|line| !line.is_empty()) {
        assert!(source.replace("{{type}}", "Acme").contains(line), "the scaffold has no line `{line}`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scaffolds_are_refused_with_what_there_is() {
    let home = service::Home::default();
    for (arguments, code, said) in [
        (
            &["plugin", "new", "--kind", "provider", "--lang", "python", "acme"][..],
            2,
            "there is one for rust",
        ),
        (&["plugin", "new", "--kind", "provider", "No Name"], 2, "is no name for a component"),
        (&["plugin", "new", "--kind", "provider", "serde"], 2, "choose another"),
        (&["plugin", "build"], 3, "brains plugin new"),
        (&["plugin", "check", "nowhere"], 3, "nowhere"),
        (&["plugin", "test", "."], 3, "brains plugin new"),
    ] {
        let output = home.run(arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    let made = home.run(&["plugin", "new", "--kind", "policy", "mine"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = home.run(&["plugin", "new", "--kind", "policy", "mine"]).await;
    assert_eq!(again.status.code(), Some(4), "what is there stays");
    // A file that is no component, and one of another kind than its manifest says.
    fs_err::write(home.path().join("text.wasm"), "not a component").expect("written");
    let refused = home.run(&["plugin", "check", "text.wasm"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not a component"));
}

/// A project's manifest is found wherever its component is named from, as it lies in the examples.
#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_of_a_project_is_found_beside_and_above_what_was_built() {
    let home = service::Home::default();
    let example = root().join("examples/plugins/provider-vendor/manifest.yaml");
    let built = root().join("target/bundle-examples/provider-vendor.wasm");
    let project = home.path().join("provider-vendor");
    fs_err::create_dir_all(project.join("dist")).expect("a folder");
    fs_err::copy(&example, project.join("manifest.yaml")).expect("copied");
    fs_err::copy(&built, project.join("dist/provider-vendor.wasm")).expect("copied");
    fs_err::copy(&built, project.join("provider-vendor.wasm")).expect("copied");
    for place in [
        "provider-vendor",
        "provider-vendor/dist/provider-vendor.wasm",
        "provider-vendor/provider-vendor.wasm",
    ] {
        let checked = home.run(&["plugin", "check", place, "--json"]).await;
        assert!(checked.status.success(), "{place}: {checked:?}");
        let told: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        assert!(!told["asks"].to_string().contains("no manifest"), "{place}: {told}");
        let trapping = told["would_trap"].as_array().expect("a list");
        assert!(trapping.iter().all(|name| !name.to_string().contains("output-stream")), "{told}");
    }
    // One of another component is not its own.
    fs_err::copy(&built, project.join("other.wasm")).expect("copied");
    let checked = home.run(&["plugin", "check", "provider-vendor/other.wasm", "--json"]).await;
    assert!(String::from_utf8_lossy(&checked.stdout).contains("no manifest"), "{checked:?}");
}
