//! The house keeps its shape: dependencies point one way, and each room lacks what architecture.md says it lacks.

mod circles;
mod names;
mod paths;
mod records;
mod size;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

fn read(path: &Path) -> String {
    fs_err::read_to_string(path).expect("readable")
}

/// Every file below `folder` with one of `endings`, but nothing that was built.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && name != "node_modules" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources(crate_name: &str) -> Vec<PathBuf> {
    files(&root().join("host").join(crate_name), &[".rs"])
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(root().join("host"))
        .expect("host/")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Names under `[dependencies]` of a crate's manifest.
fn dependencies(crate_name: &str) -> Vec<String> {
    let manifest = read(&root().join("host").join(crate_name).join("Cargo.toml"));
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[dependencies");
        } else if inside
            && let Some((name, _)) = line.split_once(['.', '=', ' '])
            && !name.trim().is_empty()
            && !name.starts_with('#')
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// Code without comments and without what stands in test modules: the rules are about what runs.
fn code(path: &Path) -> String {
    read(path).lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn assert_absent(crate_names: &[&str], words: &[&str], rule: &str) {
    for crate_name in crate_names {
        for path in sources(crate_name) {
            if path.to_string_lossy().contains("/tests") {
                continue;
            }
            let code = code(&path);
            for word in words {
                assert!(!code.contains(word), "{}: `{word}`: {rule}", path.display());
            }
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("core", &[][..]),
        ("dialect", &[]),
        ("store", &["core", "dialect"]),
        ("files", &["core"]),
        ("runtime", &["core", "dialect", "files"]),
        ("egress", &["core", "dialect", "files"]),
        ("gateway", &["core", "dialect", "store", "runtime", "egress", "files"]),
        ("control", &["core", "dialect", "store", "runtime", "egress"]),
        ("http", &["core", "dialect", "store", "runtime", "egress", "gateway", "control"]),
        ("mcp", &["core", "dialect", "store", "runtime", "egress", "control"]),
        (
            "brains",
            &["core", "dialect", "store", "runtime", "egress", "gateway", "control", "http", "mcp", "files"],
        ),
        ("xtask", &[]),
    ]);
    for name in crates() {
        let may = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("host/{name} is not on the map of architecture.md"));
        for dependency in dependencies(&name) {
            if let Some(ours) = dependency.strip_prefix("brains-") {
                assert!(may.contains(&ours), "host/{name} must not know host/{ours}");
            }
        }
    }
}

#[test]
fn each_library_has_one_room() {
    let rooms: &[(&str, &[&str])] = &[
        ("rusqlite", &["store"]),
        ("sqlx", &["store"]),
        ("wasmtime", &["runtime"]),
        ("wasmtime-wasi", &["runtime"]),
        ("reqwest", &["egress"]),
        ("axum", &["http", "mcp"]),
        ("rmcp", &["mcp"]),
        ("clap", &["brains", "xtask"]),
    ];
    for name in crates() {
        for dependency in dependencies(&name) {
            if let Some((library, homes)) = rooms.iter().find(|(library, _)| *library == dependency) {
                assert!(
                    homes.contains(&name.as_str()),
                    "host/{name} must not use {library}: its room is {homes:?}"
                );
            }
        }
    }
}

#[test]
fn the_pure_rooms_do_no_io_and_read_no_clock() {
    assert_absent(
        &["core", "dialect"],
        &[
            "std::fs",
            "fs_err",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "ToSocketAddrs",
            "tokio",
            "SystemTime",
            "Instant::now",
            "std::env",
            "Timestamp::now",
            "getrandom",
            "std::process",
        ],
        "core and dialect do no I/O and read no clock",
    );
}

/// What may block for as long as somebody else likes has a home each; whoever serves asks `host/files`.
#[test]
fn threads_that_serve_touch_no_file_and_look_up_no_name() {
    let words = [
        "std::fs",
        "fs_err",
        "canonicalize",
        ".exists()",
        ".is_dir()",
        ".is_file()",
        ".metadata()",
        "serde_yaml",
        "saphyr",
        "ToSocketAddrs",
        "lookup_host",
        "spawn_blocking",
    ];
    let homes: BTreeMap<&str, &str> = BTreeMap::from([
        ("core/src/config/document.rs", "the one reader and writer of documents; pure"),
        ("core/src/config/document/lines.rs", "where a problem stands, read where the document is"),
        ("runtime/src/component/directory.rs", "its looks run at the gate"),
        ("runtime/src/component/blob_store.rs", "its looks and writes run at the gate"),
        ("runtime/src/component/history.rs", "its looks and writes run at the gate"),
        ("runtime/src/load/compile.rs", "the compiling process itself"),
        ("runtime/src/load/compiler.rs", "starts the compiling process, on a thread that serves nobody"),
        ("runtime/src/code_cache.rs", "compiled code, on the threads that prepare components"),
        (
            "runtime/src/load/compile_failures.rs",
            "what could not be compiled, on the threads that prepare components",
        ),
        ("runtime/src/workers.rs", "bounded workers for calls of components"),
        ("runtime/src/slots.rs", "makes an instance ready, which computes"),
        ("store/src/open.rs", "opens the database at the start"),
        ("store/src/identity.rs", "looks at the database, where the database is looked at too"),
        ("store/src/identity/inodes.rs", "as the identity, whose part it is"),
        ("store/src/identity/owner.rs", "written where the database is opened"),
        ("store/src/store.rs", "the writer's thread, and long looks"),
        ("brains/src/home.rs", "the state directory: made at the start, written at the gate"),
        ("brains/src/instance.rs", "the lock and `runtime.json`, at the start and the end"),
        ("brains/src/log.rs", "the log's own file"),
        ("brains/src/ports.rs", "key files, changed at the gate"),
        ("brains/src/ports/places.rs", "runs at the gate"),
        ("brains/src/ports/places/ground.rs", "runs at the gate"),
        ("brains/src/ports/processes.rs", "`/proc` answers from memory"),
        ("brains/src/process.rs", "`/proc` answers from memory"),
        ("brains/src/ports/settings.rs", "compiling, on threads that serve nobody"),
        ("brains/src/watch.rs", "watches folders at the gate; prepares components aside"),
        ("brains/src/cli.rs", "the command line"),
        ("brains/src/cli/operation.rs", "the command line"),
        ("brains/src/verb.rs", "the command line"),
        ("brains/src/verb/account.rs", "the command line"),
        ("brains/src/verb/call.rs", "the command line"),
        ("brains/src/manifest_file.rs", "the command line"),
        ("brains/src/verb/doctor.rs", "the command line"),
        ("brains/src/verb/edit.rs", "the command line"),
        ("brains/src/verb/logs.rs", "the command line"),
        ("brains/src/verb/token.rs", "the command line"),
        ("brains/src/verb/plugin/artifact.rs", "the command line"),
        ("brains/src/verb/plugin/build.rs", "the command line"),
        ("brains/src/verb/plugin/scaffold.rs", "the command line"),
        ("brains/src/verb/plugin/trial.rs", "the command line"),
    ]);
    let host = root().join("host");
    let mut needed = Vec::new();
    for name in ["core", "store", "runtime", "egress", "gateway", "control", "http", "mcp", "brains"] {
        for path in files(&host.join(name).join("src"), &[".rs"]) {
            let told = path.strip_prefix(&host).expect("below host").to_string_lossy().into_owned();
            let code = code(&path);
            let found = words.iter().find(|word| code.contains(**word));
            if let Some(word) = found.filter(|_| !told.contains("/tests") && !told.ends_with("/testing.rs")) {
                assert!(
                    homes.contains_key(told.as_str()),
                    "host/{told}: `{word}` may block: it belongs into host/files"
                );
                needed.push(told);
            }
        }
    }
    let needless: Vec<_> = homes.keys().filter(|home| !needed.iter().any(|path| path == *home)).collect();
    assert!(needless.is_empty(), "these are no homes any more: {needless:?}");
}

#[test]
fn sql_stands_only_in_the_store() {
    let others: Vec<String> = crates().into_iter().filter(|name| name != "store").collect();
    for name in &others {
        for path in sources(name) {
            let code = code(&path);
            for word in ["SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE SET", "CREATE TABLE"] {
                assert!(!code.contains(word), "{}: `{word}`: SQL stands only in the store", path.display());
            }
        }
    }
}

#[test]
fn the_host_names_no_component() {
    let components: Vec<String> = fs_err::read_dir(root().join("plugins"))
        .expect("plugins/")
        .flatten()
        .filter(|entry| entry.path().join("manifest.yaml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(components.len() >= 5, "the bundled components: {components:?}");
    for name in crates() {
        for path in sources(&name) {
            let code = code(&path);
            for component in &components {
                assert!(!code.contains(component.as_str()), "{}: names `{component}`", path.display());
            }
            for flat in ["openai_compatible", "ollama_base", "ollama_timeout", "anthropic_base", "litellm_"] {
                assert!(!code.contains(flat), "{}: `{flat}`: flat keys come from manifests", path.display());
            }
        }
    }
}

#[test]
fn no_unsafe_in_the_host_and_every_file_says_what_it_is_for() {
    for name in crates() {
        let manifest = read(&root().join("host").join(&name).join("Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "host/{name} does not take the workspace's lints"
        );
        for path in sources(&name) {
            let text = read(&path);
            assert!(!code(&path).contains("unsafe "), "{}: unsafe", path.display());
            let tests = path.to_string_lossy().contains("/tests");
            assert!(tests || text.starts_with("//!"), "{}: no `//!` header", path.display());
        }
    }
}

/// Wires are `dialect`'s: what the gateway does holds for each of them.
#[test]
fn the_gateway_names_no_wire() {
    let words = [
        "openai",
        "OpenAi",
        "anthropic",
        "Anthropic",
        "ollama",
        "Ollama",
        "\"chat\"",
        "\"responses\"",
        "\"messages\"",
    ];
    assert_absent(&["gateway"], &words, "the gateway knows no wire: see `dialect::ingress`");
}

/// A key of the configuration is read somewhere, or says in the schema that it is not.
#[test]
fn every_key_is_read_or_marked() {
    let readers: Vec<String> = crates()
        .iter()
        .flat_map(|name| sources(name))
        .filter(|path| !path.to_string_lossy().contains("/tests"))
        .map(|path| code(&path))
        .collect();
    let schema = brains_core::config::Schema::new(&[]);
    let mut keys = Vec::new();
    served(schema.json(), &mut keys);
    assert!(keys.len() > 60, "the keys that are served: {keys:?}");
    for key in keys {
        let is_read = |code: &String| code.contains(&format!(".{key}")) || code.contains(&format!(" {key},"));
        // The version of the file's form is looked at by the schema itself.
        let read = key == "schema_version" || readers.iter().any(is_read);
        assert!(read, "`{key}` is read nowhere: serve it, or mark it `x-served: false`");
    }
}

/// Names of keys that are not marked as unserved, nor stand below one that is.
fn served(schema: &serde_json::Value, keys: &mut Vec<String>) {
    for (name, key) in schema["properties"].as_object().into_iter().flatten() {
        if key["x-served"] == false {
            continue;
        }
        keys.push(name.clone());
        served(key, keys);
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let entries = [&schema["additionalProperties"], &schema["items"]];
    for inner in entries.into_iter().chain(alternatives).filter(|inner| inner.is_object()) {
        served(inner, keys);
    }
}

#[test]
fn a_plane_has_one_name_in_every_room() {
    let nouns = |folder: &str| -> Vec<String> {
        let folder = root().join("host").join(folder).join("src/plane");
        let mut nouns: Vec<String> = fs_err::read_dir(folder)
            .expect("planes")
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
            .filter(|noun| noun != "tests")
            .collect();
        nouns.sort();
        nouns
    };
    let verbs = nouns("control");
    for noun in nouns("core").iter().chain(&nouns("store")) {
        assert!(
            verbs.contains(noun),
            "plane `{noun}` has rows or rules but no verbs in control/plane: {verbs:?}"
        );
    }
    for noun in &verbs {
        let source = read(&root().join("host/control/src/plane").join(format!("{noun}.rs")));
        let page = root().join("docs/reference").join(format!("{}.md", noun.replace('_', "-")));
        assert!(
            !source.contains("impl Operation for") || page.exists(),
            "plane `{noun}` has no page {}",
            page.display()
        );
    }
}

#[test]
fn migrations_come_in_pairs() {
    let names = |backend: &str| -> Vec<String> {
        files(&root().join("migrations").join(backend), &[".sql"])
            .iter()
            .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let text = [".rs", ".md", ".toml", ".yaml", ".yml", ".sql", ".wit", ".py", ".sh"];
    for path in files(&root(), &text) {
        if path.ends_with("tests/it/tidy.rs") {
            continue;
        }
        let content = read(&path);
        for word in ["/work/", "TODO", "FIXME"] {
            assert!(!content.contains(word), "{}: `{word}`", path.display());
        }
    }
}
