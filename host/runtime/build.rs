//! Embeds the components of the folder that `BRAINS_BUNDLE` names; an absent folder embeds none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=BRAINS_BUNDLE");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bundle.rs");
    let mut bundled = String::new();
    let mut defaults = String::from("None");
    let mut unserved = defaults.clone();
    let mut vendors = defaults.clone();
    let mut prices = defaults.clone();
    if let Some(folder) = env::var_os("BRAINS_BUNDLE").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut components: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        components.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
        components.sort();
        for path in components {
            let manifest = path.with_extension("yaml");
            let id = path.file_stem().unwrap_or_default().to_string_lossy();
            println!("cargo::rerun-if-changed={}", path.display());
            println!("cargo::rerun-if-changed={}", manifest.display());
            let (wasm, manifest) = (literal(&path), literal(&manifest));
            let _written = writeln!(
                bundled,
                "    Bundled {{ id: {id:?}, wasm: include_bytes!({wasm}), manifest: include_str!({manifest}) }},"
            );
        }
        let fragments = [
            ("defaults.yaml", &mut defaults),
            ("unserved.yaml", &mut unserved),
            ("vendors.yaml", &mut vendors),
            ("prices.json", &mut prices),
        ];
        for (name, constant) in fragments {
            let fragment = folder.join(name);
            if fragment.exists() {
                println!("cargo::rerun-if-changed={}", fragment.display());
                *constant = format!("Some(include_str!({}))", literal(&fragment));
            }
        }
    }
    // A build script has no reason to depend on more than the standard library.
    #[expect(clippy::disallowed_methods, reason = "a build script depends on nothing")]
    fs::write(
        out,
        format!(
            "const BUNDLED: &[Bundled] = &[\n{bundled}];\nconst DEFAULTS: Option<&'static str> = {defaults};\nconst UNSERVED: Option<&'static str> = {unserved};\nconst VENDORS: Option<&'static str> = {vendors};\nconst PRICES: Option<&'static str> = {prices};\n"
        ),
    )
}

fn literal(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
