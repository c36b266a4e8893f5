//! Embeds the components of the folder that `BRAINS_BUNDLE` names; an absent folder embeds none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is bundled beside the components, by the constant that holds it.
const FRAGMENTS: [(&str, &str); 4] = [
    ("DEFAULTS", "defaults.yaml"),
    ("UNSERVED", "unserved.yaml"),
    ("VENDORS", "vendors.yaml"),
    ("PRICES", "prices.json"),
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=BRAINS_BUNDLE");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bundle.rs");
    let mut bundled = String::new();
    let mut fragments = String::new();
    let folder = env::var_os("BRAINS_BUNDLE").map(PathBuf::from);
    if let Some(folder) = &folder {
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut components: Vec<PathBuf> = match fs::read_dir(folder) {
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
    }
    for (constant, file) in FRAGMENTS {
        let fragment = folder.as_ref().map(|folder| folder.join(file)).filter(|fragment| fragment.exists());
        let text = fragment.map_or_else(
            || "None".to_owned(),
            |fragment| {
                println!("cargo::rerun-if-changed={}", fragment.display());
                format!("Some(include_str!({}))", literal(&fragment))
            },
        );
        let _written = writeln!(fragments, "const {constant}: Option<&'static str> = {text};");
    }
    // A build script has no reason to depend on more than the standard library.
    #[expect(clippy::disallowed_methods, reason = "a build script depends on nothing")]
    fs::write(out, format!("const BUNDLED: &[Bundled] = &[\n{bundled}];\n{fragments}"))
}

fn literal(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}
