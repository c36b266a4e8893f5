//! Builds the examples that are written in other languages, with their own toolchains, pinned by their lock files. The
//! result lies in `target/bundle-scripted`, beside nothing else.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{Call, Repository, Watch};
use crate::{stamp, tools};

/// Where the components are laid out.
fn bundle(repository: &Repository) -> PathBuf {
    repository.at("target/bundle-scripted")
}

/// A language, its example, and how it is built into the file that is given.
struct Scripted {
    id: &'static str,
    build: fn(&Repository, &PathBuf) -> Result<()>,
}

const JAVASCRIPT: Scripted = Scripted { id: "provider-javascript", build: javascript };
const PYTHON: Scripted = Scripted { id: "provider-python", build: python };

/// The one that builds in a second.
pub(crate) fn quick(repository: &Repository) -> Result<()> {
    JAVASCRIPT.make(repository)
}

/// All of them.
pub(crate) fn all(repository: &Repository) -> Result<()> {
    quick(repository)?;
    PYTHON.make(repository)
}

impl Scripted {
    fn make(&self, repository: &Repository) -> Result<()> {
        let project = format!("examples/plugins/{}", self.id);
        let folder = bundle(repository);
        let wasm = folder.join(self.id).with_extension("wasm");
        let stamp = folder.join(self.id).with_extension("stamp");
        let digest = stamp::digest(repository.root(), &[&project, "wit"], &[])?;
        if wasm.is_file() && stamp::holds(&stamp, &digest) {
            return Ok(());
        }
        let watch = Watch::start();
        fs_err::create_dir_all(&folder)?;
        (self.build)(repository, &wasm)?;
        fs_err::copy(repository.at(&project).join("manifest.yaml"), wasm.with_extension("yaml"))?;
        fs_err::write(&stamp, &digest)?;
        eprintln!("{:>12} {} in {:.1} s", "Built", self.id, watch.seconds());
        Ok(())
    }
}

fn javascript(repository: &Repository, wasm: &PathBuf) -> Result<()> {
    let project = repository.at("examples/plugins/provider-javascript");
    let tools = tools::node_packages(repository, &project, "node", tools::Scripts::Ignore)?;
    Call::new("node")
        .arg(tools.join("componentize-qjs/cli.mjs"))
        .args(["--js", "plugin.js", "--world", "chat-provider", "--stub-wasi", "--sync", "--wit"])
        .arg(repository.at("wit"))
        .arg("--output")
        .arg(wasm)
        .within(&project)
        .read()
        .map(drop)
}

fn python(repository: &Repository, wasm: &PathBuf) -> Result<()> {
    let project = repository.at("examples/plugins/provider-python");
    let python = tools::python_packages(
        repository,
        "examples/plugins/provider-python/requirements.txt",
        "target/py-guests",
    )?;
    Call::new(python.with_file_name("componentize-py"))
        .arg("--wit-path")
        .arg(repository.at("wit"))
        .args(["--world", "chat-provider", "componentize", "--stub-wasi", "app", "--output"])
        .arg(wasm)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .within(&project)
        .read()
        .map(drop)
}
