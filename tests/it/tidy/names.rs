//! One word, one meaning: no public type of the host has a namesake, and no free function has a name that says nothing.

use std::collections::BTreeMap;

use super::{code, crates, root, sources};

/// Namesakes that mean one thing, or that stand where a reader cannot take one for the other.
const NAMESAKES: &[(&str, &str)] = &[
    (
        "Fault",
        "`dialect::canon` mirrors the WIT, where a component tells its fault; `core` has what the host makes of it",
    ),
    ("FaultKind", "as `Fault`"),
    ("Outbound", "as `Fault`: the WIT has one in `chat` and one in `relay`"),
    (
        "Role",
        "`dialect::canon` has who speaks in a conversation, `core` what a key may do: both are the field's only word",
    ),
];

/// Names of functions from which nobody can guess what they do.
const VAGUE: &[&str] =
    &["told", "said", "word", "words", "place", "refused", "waiting", "seen", "mint", "given"];

/// The name that a line defines after `keyword`, whatever stands before it.
fn defined<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let rest = line.split_once(keyword)?.1;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

/// The visible type that a line defines.
fn public_type(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("pub")?;
    let rest = match rest.strip_prefix('(') {
        Some(restricted) => restricted.split_once(") ")?.1,
        None => rest.strip_prefix(' ')?,
    };
    ["struct ", "enum ", "trait ", "type ", "union "]
        .iter()
        .find_map(|keyword| rest.starts_with(keyword).then(|| defined(rest, keyword)).flatten())
}

/// The free function that a line defines: one that stands at the margin.
fn free_function(line: &str) -> Option<&str> {
    let at_margin = line.starts_with("fn ")
        || line.starts_with("pub")
        || line.starts_with("async ")
        || line.starts_with("const fn");
    (at_margin && line.contains("fn ")).then(|| defined(line, "fn ")).flatten()
}

#[test]
fn lines_are_read_for_the_names_they_define() {
    assert_eq!(public_type("    pub(super) struct Part<'a> {"), Some("Part"));
    assert_eq!(public_type("pub enum Kind {"), Some("Kind"));
    assert_eq!(public_type("struct Hidden;"), None);
    assert_eq!(public_type("pub fn of(kind: &str) {"), None);
    assert_eq!(free_function("pub(crate) async fn told(x: u8) {"), Some("told"));
    assert_eq!(free_function("    fn told(&self) {"), None, "a method has its type before it");
}

#[test]
fn a_type_has_one_name_and_a_name_one_type() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in crates().iter().filter(|name| *name != "xtask").flat_map(|name| sources(name)) {
        let told = path.strip_prefix(root()).expect("below the repository").to_string_lossy().into_owned();
        if told.contains("/tests") || told.contains("/benches") || told.ends_with("/testing.rs") {
            continue;
        }
        for name in code(&path).lines().filter_map(public_type) {
            homes.entry(name.to_owned()).or_default().push(told.clone());
        }
    }
    let doubled: Vec<_> = homes.iter().filter(|(_, homes)| homes.len() > 1).collect();
    let unexplained: Vec<_> =
        doubled.iter().filter(|(name, _)| !NAMESAKES.iter().any(|(known, _)| known == name)).collect();
    assert!(unexplained.is_empty(), "one name, several types: {unexplained:#?}");
    for (name, _) in NAMESAKES {
        assert!(doubled.iter().any(|(doubled, _)| doubled == name), "`{name}` has no namesake any more");
    }
}

#[test]
fn a_function_is_named_for_what_it_does() {
    for path in crates().iter().flat_map(|name| sources(name)) {
        for name in code(&path).lines().filter_map(free_function) {
            assert!(!VAGUE.contains(&name), "{}: `fn {name}` says nothing", path.display());
        }
    }
}
