//! What a reader can hold in mind: the length of a file, and the fields and locks of a struct.

use super::{code, crates, files, read, root, sources};

/// Lines of a file of ours, tests included.
const LINES_MAX: usize = 500;

/// Fields of a struct of the runtime,
const FIELDS_MAX: usize = 8;

/// and how many of them may be locks or cells that threads share.
const LOCKS_MAX: usize = 3;

const LOCKS: [&str; 6] = ["Mutex<", "RwLock<", "ArcSwap", "OnceLock<", "Condvar", "Watch<"];

/// A struct's name and the types of its named fields.
fn structs(code: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut indent = None;
    for line in code.lines() {
        let trimmed = line.trim_start();
        let depth = line.len() - trimmed.len();
        match indent {
            None => {
                let Some((_, rest)) = trimmed.split_once("struct ") else { continue };
                let before = trimmed.split("struct ").next().unwrap_or_default();
                if trimmed.ends_with('{') && (before.is_empty() || before.starts_with("pub")) {
                    let name = rest.split(['<', ' ', '{']).next().unwrap_or_default();
                    found.push((name.to_owned(), Vec::new()));
                    indent = Some(depth);
                }
            }
            Some(outer) if depth <= outer && trimmed.starts_with('}') => indent = None,
            Some(outer) if depth == outer + 4 && !trimmed.starts_with('#') => {
                if let Some((_, kind)) = trimmed.split_once(": ")
                    && let Some((_, fields)) = found.last_mut()
                {
                    fields.push(kind.to_owned());
                }
            }
            Some(_) => {}
        }
    }
    found
}

#[test]
fn fields_are_counted_as_they_stand() {
    let code = "pub(crate) struct A<'a> {\n    pub one: &'a str,\n    #[x]\n    two: Mutex<u8>,\n}\nstruct B;\nimpl A {\n    x: y\n}";
    assert_eq!(structs(code), [("A".to_owned(), vec!["&'a str,".to_owned(), "Mutex<u8>,".to_owned()])]);
}

#[test]
fn no_file_is_too_long_to_read() {
    let folders = ["host", "plugins", "examples", "tests", "templates"];
    for path in folders.iter().flat_map(|folder| files(&root().join(folder), &[".rs"])) {
        let lines = read(&path).lines().count();
        assert!(lines <= LINES_MAX, "{}: {lines} lines, split it", path.display());
    }
}

/// Lines that a component may have, its tests aside: what the SDK does not do for its author.
const COMPONENTS: [(&str, usize); 9] = [
    ("plugins/provider-openai", 80),
    ("plugins/provider-openai-responses", 80),
    ("plugins/provider-gemini", 300),
    ("plugins/provider-litellm", 290),
    ("plugins/provider-bedrock", 520),
    ("plugins/provider-anthropic", 120),
    ("plugins/provider-ollama", 120),
    ("examples/plugins/provider-vendor", 80),
    ("examples/plugins/provider-parts", 250),
];

#[test]
fn a_component_is_what_its_vendor_does_otherwise() {
    for (component, lines_max) in COMPONENTS {
        let sources = files(&root().join(component).join("src"), &[".rs"]);
        let own = sources
            .iter()
            .filter(|path| !path.ends_with("tests.rs") && !path.to_string_lossy().contains("/tests/"));
        let lines: usize = own.map(|path| read(path).lines().count()).sum();
        assert!(
            (1..lines_max).contains(&lines),
            "{component}: {lines} lines, fewer than {lines_max} are meant"
        );
    }
}

#[test]
fn no_struct_of_the_runtime_holds_everything() {
    let mut counted = 0;
    for path in sources("runtime") {
        if path.to_string_lossy().contains("/tests") {
            continue;
        }
        for (name, fields) in structs(&code(&path)) {
            let locks = fields.iter().filter(|kind| LOCKS.iter().any(|lock| kind.contains(lock))).count();
            let place = path.display();
            assert!(fields.len() <= FIELDS_MAX, "{place}: `{name}` has {} fields", fields.len());
            assert!(locks <= LOCKS_MAX, "{place}: `{name}` has {locks} locks");
            counted += 1;
        }
    }
    assert!(counted > 50, "structs of the runtime that were counted: {counted}");
    assert!(crates().contains(&"runtime".to_owned()));
}
