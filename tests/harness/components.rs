//! Components as files, taken from what the build laid out and made to look like others: another name, another
//! digest, an import or a version that does not exist.

use std::path::{Path, PathBuf};

use crate::service::Home;

/// Where the program's own components lie.
fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bundle")
}

/// Where those lie that only tests use.
fn guests() -> PathBuf {
    let named = std::env::var_os("BRAINS_GUESTS");
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bundle-test"), PathBuf::from)
}

/// A component's bytes, by the name of its crate.
pub fn component(name: &str) -> Vec<u8> {
    let file = format!("{name}.wasm");
    let path = [bundle(), guests()].into_iter().map(|folder| folder.join(&file)).find(|path| path.exists());
    let path = path.unwrap_or_else(|| panic!("{file} is missing: build it with `cargo xtask build`"));
    fs_err::read(path).expect("readable")
}

/// The same code under another digest: a custom section at its end says `tag`.
pub fn variant(name: &str, tag: &str) -> Vec<u8> {
    let mut wasm = component(name);
    assert!(tag.len() < 100, "one byte of length is all that is written");
    let length = |size: usize| u8::try_from(size).expect("short");
    wasm.extend_from_slice(&[0, length(8 + tag.len()), 7]);
    wasm.extend_from_slice(b"variant");
    wasm.extend_from_slice(tag.as_bytes());
    wasm
}

/// Bytes with every `from` replaced by a `to` of the same length.
pub fn patched(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths are written elsewhere");
    let mut at = 0;
    let mut found = 0;
    while let Some(next) = wasm[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
        at += next;
        wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
        found += 1;
    }
    assert!(found > 0, "{from} is not in the component");
    wasm
}

/// `sha256:` and hex digits.
pub fn digest(wasm: &[u8]) -> String {
    format!("sha256:{}", brains_core::secret::sha256_hex(wasm))
}

/// A manifest with `asks` as YAML in braces.
pub fn manifest(id: &str, plays: &str, asks: &str) -> String {
    format!("component: {id}\nplays: {plays}\nasks: {asks}\n")
}

/// Lays a component into the plugins directory, with its manifest first, as a copy that takes a moment would.
pub fn drop_in(home: &Home, id: &str, wasm: &[u8], manifest: Option<&str>) {
    let plugins = home.state().join("plugins");
    fs_err::create_dir_all(&plugins).expect("a folder");
    if let Some(manifest) = manifest {
        fs_err::write(plugins.join(format!("{id}.yaml")), manifest).expect("written");
    }
    fs_err::write(plugins.join(format!("{id}.wasm")), wasm).expect("written");
}
