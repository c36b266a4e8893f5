//! Embeds what `brains plugin new` writes: the scaffolds, and the sources of the SDK as far as a component needs them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folder of the repository, folder of the scaffold, ending of the files.
const SDK: [(&str, &str, &str); 3] = [
    ("plugins/sdk/src", "sdk/brains-sdk/src", "rs"),
    ("host/dialect/src", "sdk/brains-dialect/src", "rs"),
    ("wit", "wit", "wit"),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sdk = Vec::new();
    for (from, to, ending) in SDK {
        collect(&root.join(from), to, Some(ending), &mut sdk)?;
    }
    let mut templates = Vec::new();
    collect(&root.join("templates/plugin/rust"), "", None, &mut templates)?;
    let lock = root.join("plugins/Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let mut out = String::new();
    for (name, files) in [("SDK", sdk), ("TEMPLATES", templates), ("LOCK", vec![("Cargo.lock".into(), lock)])]
    {
        let _written = writeln!(out, "const {name}: &[(&str, &str)] = &[");
        for (to, from) in files {
            let _written = writeln!(out, "    ({to:?}, include_str!({:?})),", from.display().to_string());
        }
        out.push_str("];\n");
    }
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("scaffold.rs");
    #[expect(clippy::disallowed_methods, reason = "a build script depends on nothing")]
    fs::write(target, out)
}

/// Every file below `folder` with its place in the scaffold; none of tests.
fn collect(
    folder: &Path,
    to: &str,
    ending: Option<&str>,
    files: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let to = if to.is_empty() { name.clone() } else { format!("{to}/{name}") };
        if path.is_dir() {
            if name != "tests" {
                collect(&path, &to, ending, files)?;
            }
        } else if name != "tests.rs"
            && ending.is_none_or(|ending| path.extension().is_some_and(|it| it == ending))
        {
            files.push((to, fs::canonicalize(&path)?));
        }
    }
    Ok(())
}
