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
    for name in ["serde", "serde_json", "wit-bindgen"] {
        let vendored = line("templates/plugin/rust/sdk/brains-sdk/Cargo.toml.txt", name);
        assert_eq!(vendored, line("plugins/Cargo.toml", name));
    }
    for name in ["memchr", "serde", "serde_json", "thiserror"] {
        let vendored = line("templates/plugin/rust/sdk/brains-dialect/Cargo.toml.txt", name);
        assert_eq!(vendored, line("Cargo.toml", name));
    }
}

#[test]
fn a_scaffold_has_no_mark_left_and_no_test_of_ours() {
    for kind in
        [crate::cli::PluginKind::Provider, crate::cli::PluginKind::Classifier, crate::cli::PluginKind::Policy]
    {
        let folder = tempfile::tempdir().unwrap();
        let wanted = NewPlugin {
            kind,
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
