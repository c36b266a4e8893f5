//! What the last full run of the matrix saw, kept beside the clients' versions, and the page that is made of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use brains_tests::wire;
use serde_json::{Value, json};

use super::feature::Feature;
use super::roster::ROSTER;

const PAGE: &str = "docs/reference/compatibility.md";
const RECORD: &str = "clients/compatibility.json";
const GREEN: &str = "ok";

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where the record and the page of versions that nobody pinned are written, when those run.
#[expect(clippy::disallowed_methods, reason = "the runner names the folder by environment")]
fn newest() -> Option<PathBuf> {
    std::env::var("BRAINS_TEST_NEWEST").ok().map(PathBuf::from)
}

/// What is known: by client its version, and by feature and upstream what became of it.
fn read(path: &Path) -> Value {
    let text = fs_err::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("a record")
}

/// What is committed.
pub(super) fn committed() -> Value {
    read(&at(RECORD))
}

/// What this run goes on with: what is committed, or what the newest versions did so far.
pub(super) fn begun() -> Value {
    newest().map_or_else(committed, |folder| read(&folder.join("compatibility.json")))
}

/// Whether the cell was green; nothing when no full run saw it.
pub(super) fn green(record: &Value, client: &str, feature: Feature, upstream: &str) -> Option<bool> {
    Some(record[client][feature.title()][upstream].as_str()? == GREEN)
}

/// Puts a cell down: green, or the words of the client.
pub(super) fn put(record: &mut Value, client: &str, feature: Feature, upstream: &str, words: Option<&str>) {
    record[client][feature.title()][upstream] = json!(words.unwrap_or(GREEN));
}

/// Writes the record and the page.
pub(super) fn write(record: &Value) {
    let text = serde_json::to_string_pretty(record).expect("JSON") + "\n";
    let (kept, shown) = match newest() {
        Some(folder) => (folder.join("compatibility.json"), folder.join("compatibility.md")),
        None => (at(RECORD), at("..").join(PAGE)),
    };
    fs_err::write(kept, text).expect("the record");
    fs_err::write(shown, page(record)).expect("the page");
}

fn upstreams() -> Vec<(&'static str, &'static str)> {
    let title = |provider: &'static str| match provider {
        provider if provider == wire::OPENAI.provider => "chat completions",
        provider if provider == wire::RESPONSES.provider => "Responses",
        provider if provider == wire::ANTHROPIC.provider => "Messages",
        _ => "Ollama",
    };
    wire::ALL.map(|wire| (wire.provider, title(wire.provider))).to_vec()
}

fn page(record: &Value) -> String {
    let mut page = String::from(
        "# Compatibility\n\nWhat real clients do through the gateway, by what they speak and what the upstream speaks; written by `cargo xtask soak clients`. \
         The upstream is a scripted one that is as strict as the vendor. *Yes* is a client that ended well, with the text that the model said last, \
         every request answered, and its own name of the session in each trace where it has one. A number leads to the client's own words; `–` is \
         what the client cannot be told to do without a screen. How each client is set up: [ask models from an agent](../guides/ask-models.md).\n",
    );
    for client in &ROSTER {
        let title = client.title();
        let known = &record[&title];
        let version = known["version"].as_str().unwrap_or("?");
        let _ = write!(page, "\n## {} {version}, {}\n\n|", client.name, client.speaks);
        for (_, upstream) in upstreams() {
            let _ = write!(page, " | {upstream}");
        }
        page.push_str(" |\n|---|---|---|---|---|\n");
        let mut words: Vec<&str> = Vec::new();
        for feature in Feature::ALL {
            let _ = write!(page, "| {}", feature.title());
            for (provider, _) in upstreams() {
                match known[feature.title()][provider].as_str() {
                    None => page.push_str(" | –"),
                    Some(GREEN) => page.push_str(" | yes"),
                    Some(told) => {
                        let number = words.iter().position(|known| *known == told).unwrap_or_else(|| {
                            words.push(told);
                            words.len() - 1
                        });
                        let _ = write!(page, " | {}", number + 1);
                    }
                }
            }
            page.push_str(" |\n");
        }
        for (number, told) in words.iter().enumerate() {
            let _ = writeln!(page, "{}{}. {told}", if number == 0 { "\n" } else { "" }, number + 1);
        }
    }
    page
}

#[test]
fn the_page_is_what_the_last_full_run_wrote() {
    let held = fs_err::read_to_string(at("..").join(PAGE)).expect("the page");
    assert!(held == page(&committed()), "{PAGE} is another one: `cargo xtask soak clients` writes it");
}

#[test]
fn the_last_full_run_was_of_these_versions() {
    if newest().is_some() {
        return;
    }
    let record = committed();
    for client in &ROSTER {
        assert_eq!(record[client.title()]["version"], client.package.version(), "{}", client.title());
        for feature in client.features {
            for (upstream, _) in upstreams() {
                let seen = green(&record, &client.title(), *feature, upstream);
                assert!(seen.is_some(), "{}: {}: {upstream} was not run", client.title(), feature.title());
            }
        }
    }
}
