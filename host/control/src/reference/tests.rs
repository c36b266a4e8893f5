//! The generated pages.

use std::collections::BTreeSet;
use std::path::Path;

use super::pages;
use crate::registry::Registry;

/// Rewrites the files when `UPDATE` is set, else compares.
#[test]
fn the_committed_pages_are_those_of_the_registry() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    #[expect(clippy::disallowed_methods, reason = "how a test is told to rewrite its golden files")]
    let update = std::env::var("UPDATE").is_ok();
    let mut stale = Vec::new();
    for page in pages(&Registry::new()) {
        let path = directory.join(&page.file);
        if update {
            fs_err::create_dir_all(&directory).unwrap();
            fs_err::write(&path, &page.text).unwrap();
        } else if fs_err::read_to_string(&path).unwrap_or_default() != page.text {
            stale.push(page.file);
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}; `UPDATE=1 cargo test -p brains-control` rewrites them");
}

#[test]
fn pages_are_the_same_every_time_and_hold_every_operation() {
    let registry = Registry::new();
    let first = pages(&registry);
    assert_eq!(first, pages(&Registry::new()));
    let files: BTreeSet<_> = first.iter().map(|page| page.file.as_str()).collect();
    assert_eq!(files.len(), first.len());
    for entry in registry.entries() {
        let page = first.iter().find(|page| page.file == format!("{}.md", entry.noun)).unwrap();
        assert!(page.text.contains(&format!("## {}\n", entry.name)), "{}", entry.name);
    }
}
