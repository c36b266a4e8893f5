use super::*;

#[test]
fn types_are_named_after_the_component() {
    for (name, expected) in [("acme", "Acme"), ("acme-eu_2", "AcmeEu2"), ("a--b", "AB")] {
        assert_eq!(type_name(name), expected);
    }
}

/// The scaffold names the versions of what the SDK is built with here.
#[test]
fn the_vendored_manifests_want_what_the_sdk_is_built_with() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let line = |file: &str, crate_name: &str| -> String {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let start = format!("{crate_name} = ");
        text.lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("{start} in {file}"))
            .to_owned()
    };
    for name in ["serde", "serde_json", "sha2", "wit-bindgen"] {
        let vendored = line("templates/plugin/rust/sdk/brains-sdk/Cargo.toml.txt", name);
        assert_eq!(vendored, line("plugins/Cargo.toml", name));
    }
    for name in ["memchr", "serde", "serde_json", "sha2", "thiserror"] {
        let vendored = line("templates/plugin/rust/sdk/brains-dialect/Cargo.toml.txt", name);
        assert_eq!(vendored, line("Cargo.toml", name));
    }
}

#[test]
fn a_scaffold_has_no_mark_left_and_no_test_of_ours() {
    for (kind, wire) in [
        (PluginKind::Provider, None),
        (PluginKind::Provider, Some(PluginWire::Own)),
        (PluginKind::Classifier, None),
        (PluginKind::Policy, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let wanted = NewPlugin {
            kind,
            wire,
            lang: "rust".into(),
            name: "acme".into(),
            into: folder.path().to_owned(),
            summary: None,
        };
        let count = write(folder.path(), &wanted).unwrap();
        assert!(count > 40, "{count}");
        for own in [
            "Cargo.toml",
            ".gitignore",
            "src/lib.rs",
            "manifest.yaml",
            "config.schema.json",
            "wit/brains-plugin.wit",
        ] {
            let text = fs::read_to_string(folder.path().join(own)).unwrap();
            assert!(!text.contains("{{"), "{own}: {text}");
        }
        assert!(!folder.path().join("sdk/brains-dialect/src/sse/tests.rs").exists());
    }
}

/// The scaffold of a wire of its own is the example under a name of its own: what holds for one holds for the other.
#[test]
fn the_scaffold_of_an_own_wire_is_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = root.join("examples/plugins/provider-parts");
    let template = root.join("templates/plugin/rust/provider-own");
    let read = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let files = ["src/request.rs", "src/answer.rs", "config.schema.json"];
    let cases = ["cut", "rate-limited", "stream", "whole"].map(|case| format!("golden/{case}.json"));
    for file in files.into_iter().chain(cases.iter().map(String::as_str)) {
        assert_eq!(read(&template, file), read(&example, file), "{file}");
    }
    let code = |text: String| -> String {
        text.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>().join("\n")
    };
    let scaffold = code(read(&template, "src/lib.rs")).replace("{{type}}", "Parts");
    assert_eq!(scaffold, code(read(&example, "src/lib.rs")));
}

/// Whoever has the program alone has no folder of ours to be pointed to.
#[test]
fn a_language_without_a_scaffold_is_told_what_the_program_brings_for_it() {
    let wanted = NewPlugin {
        kind: PluginKind::Provider,
        wire: None,
        lang: "python".into(),
        name: "acme".into(),
        into: ".".into(),
        summary: None,
    };
    let hint = check(&wanted).unwrap_err().hint.unwrap();
    assert!(
        hint.contains("`wit/`") && hint.contains("componentize-py") && !hint.contains("examples/"),
        "{hint}"
    );
}
