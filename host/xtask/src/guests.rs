//! Builds the components and lays out the bundle that the program embeds: `<id>.wasm` and `<id>.yaml` for each,
//! and `defaults.yaml`. Components that only tests want and examples (`test = true` or `example = true` under
//! `[package.metadata.brains]`) go to folders of their own. Nothing is built when no source of theirs has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell::{Call, Repository, Watch};
use crate::{stamp, tools};

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// What components are made of: their own sources and what these inherit or share.
const SOURCES: [&str; 5] = ["plugins", "examples/plugins", "wit", "host/dialect", "Cargo.toml"];

const BUNDLE: &str = "target/bundle";
const FOR_TESTS: &str = "target/bundle-test";
const EXAMPLES: &str = "target/bundle-examples";
/// Marks in a crate's manifest, and where its component goes.
const BUNDLES: [(&str, &str); 2] = [("test", FOR_TESTS), ("example", EXAMPLES)];

/// One component's crate.
#[derive(Debug)]
struct Guest {
    id: String,
    folder: PathBuf,
    /// Below `target`.
    bundle: &'static str,
}

/// Where the program's own components are laid out.
pub(crate) fn bundle(repository: &Repository) -> PathBuf {
    repository.at(BUNDLE)
}

/// Where those for tests are.
pub(crate) fn bundle_for_tests(repository: &Repository) -> PathBuf {
    repository.at(FOR_TESTS)
}

/// Builds and lays out all components, if anything changed.
pub(crate) fn build(repository: &Repository) -> Result<()> {
    let compiler = Call::new("rustc").arg("-vV").within(repository.root()).read()?;
    let digest = stamp::digest(repository.root(), &SOURCES, &[&compiler])?;
    let stamp = repository.at("target/guests.stamp");
    let guests = guests(repository)?;
    if stamp::holds(&stamp, &digest) && laid_out(repository, &guests) {
        return Ok(());
    }
    tools::guest_target(repository)?;
    let watch = Watch::start();
    let built = repository.at("target/guests");
    repository
        .cargo_plugins("build")
        .args(["--release", "--locked", "--workspace", "--lib", "--target", TARGET, "--target-dir"])
        .arg(&built)
        .run()?;
    lay_out(repository, &guests, &built.join(TARGET).join("release"))?;
    fs_err::write(&stamp, &digest)?;
    eprintln!("{:>12} {} components in {:.1} s", "Bundled", guests.len(), watch.seconds());
    Ok(())
}

/// The crates that make a component.
fn guests(repository: &Repository) -> Result<Vec<Guest>> {
    let metadata =
        repository.cargo_plugins("metadata").args(["--no-deps", "--format-version", "1"]).read()?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let packages = metadata.pointer("/packages").and_then(Value::as_array).into_iter().flatten();
    let mut guests = Vec::new();
    for package in packages {
        let text = |member: &str| package.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let targets = package.get("targets").and_then(Value::as_array).into_iter().flatten();
        let kinds = targets.filter_map(|target| target.get("crate_types")?.as_array()).flatten();
        if !kinds.into_iter().any(|kind| kind == "cdylib") {
            continue;
        }
        let manifest = PathBuf::from(text("manifest_path"));
        guests.push(Guest {
            id: text("name"),
            folder: manifest.parent().unwrap_or(Path::new("")).to_owned(),
            bundle: BUNDLES
                .into_iter()
                .find(|(mark, _)| {
                    package.pointer(&format!("/metadata/brains/{mark}")) == Some(&Value::Bool(true))
                })
                .map_or(BUNDLE, |(_, bundle)| bundle),
        });
    }
    if guests.is_empty() {
        bail!("no component is in plugins/");
    }
    Ok(guests)
}

/// What is bundled beside the components: their configuration, the keys of those that are not here yet, the vendors that are
/// known by name, and prices.
const FRAGMENTS: [&str; 4] = ["defaults.yaml", "unserved.yaml", "vendors.yaml", "prices.json"];

fn laid_out(repository: &Repository, guests: &[Guest]) -> bool {
    FRAGMENTS.iter().all(|name| bundle(repository).join(name).is_file())
        && guests.iter().all(|guest| {
            let folder = guest.bundle(repository);
            ["wasm", "yaml"].iter().all(|ending| folder.join(format!("{}.{ending}", guest.id)).is_file())
        })
}

impl Guest {
    fn bundle(&self, repository: &Repository) -> PathBuf {
        repository.at(self.bundle)
    }
}

fn lay_out(repository: &Repository, guests: &[Guest], built: &Path) -> Result<()> {
    let mut folders: BTreeMap<PathBuf, Vec<(String, PathBuf)>> = BTreeMap::new();
    folders.insert(
        bundle(repository),
        FRAGMENTS
            .iter()
            .map(|name| ((*name).to_owned(), repository.at(&format!("plugins/{name}"))))
            .collect(),
    );
    folders.insert(bundle_for_tests(repository), Vec::new());
    folders.insert(repository.at(EXAMPLES), Vec::new());
    for guest in guests {
        let wasm = built.join(format!("{}.wasm", guest.id.replace('-', "_")));
        let files = folders.entry(guest.bundle(repository)).or_default();
        files.push((format!("{}.wasm", guest.id), wasm));
        files.push((format!("{}.yaml", guest.id), guest.folder.join("manifest.yaml")));
    }
    for (folder, files) in folders {
        fs_err::create_dir_all(&folder)?;
        for (name, source) in &files {
            let content = fs_err::read(source).context("a component is incomplete")?;
            stamp::write_if_changed(&folder.join(name), &content)?;
        }
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            if !files.iter().any(|(name, _)| entry.file_name() == name.as_str()) {
                fs_err::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
