//! Documents name files that are there: a file that moves takes its mentions with it.

use super::{files, read, root};

/// Documents that tell what was decided, at a time when files had other names, tell it as it was.
const HISTORY: [&str; 2] = ["docs/decisions/", "CHANGELOG.md"];

/// What stands between backticks and looks like a source file: `http/router.rs`, `host/core/src/fault.rs`.
fn mentions(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        let word = word.strip_suffix(".rs").or_else(|| word.strip_suffix(".wit"));
        word.is_some_and(|word| {
            word.contains('/') && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        })
    })
}

/// A path from the root (those below `src/` are the reader's own), or one that begins with a crate's name and leaves out `host` and `src`.
fn is_there(mention: &str) -> bool {
    if mention.starts_with("src/") {
        return true;
    }
    let short = mention.split_once('/').map(|(room, rest)| format!("host/{room}/src/{rest}"));
    root().join(mention).exists() || short.is_some_and(|path| root().join(path).exists())
}

#[test]
fn documents_name_files_that_exist() {
    let mut found = 0;
    for path in files(&root(), &[".md"]) {
        let shown = path.strip_prefix(root()).expect("below the repository").to_string_lossy().into_owned();
        if HISTORY.iter().any(|history| shown.starts_with(history)) {
            continue;
        }
        for mention in mentions(&read(&path)) {
            assert!(is_there(mention), "{shown}: `{mention}` is no file");
            found += 1;
        }
    }
    assert!(found > 20, "mentions of files: {found}");
}
