//! The clients that the suite runs, at the versions that `tests/clients` pins, or at the newest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::shell::{Call, Repository};
use crate::tools::{self, Scripts};

const PINS: &str = "tests/clients";
/// Of clients that need Pythons of their own.
const AIDER: &str = "aider.txt";
const LIBRARIES: &str = "requirements.txt";

/// Where clients are.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) python: PathBuf,
    pub(crate) aider: PathBuf,
    pub(crate) node_modules: PathBuf,
    /// Where what is seen of versions that nobody pinned is written.
    pub(crate) newest: Option<PathBuf>,
}

/// Those that are pinned.
pub(crate) fn pinned(repository: &Repository) -> Result<Clients> {
    let pythons =
        |file: &str, home: &str| tools::python_packages(repository, &format!("{PINS}/{file}"), home);
    Ok(Clients {
        python: pythons(LIBRARIES, "target/py")?,
        aider: pythons(AIDER, "target/py-aider")?.with_file_name("aider"),
        node_modules: tools::node_packages(repository, &repository.at(PINS), "npm", Scripts::Run)?,
        newest: None,
    })
}

/// The newest of each, below `target/newest`, which begins anew.
pub(crate) fn newest(repository: &Repository) -> Result<Clients> {
    let home = repository.at("target/newest");
    if home.exists() {
        fs_err::remove_dir_all(&home)?;
    }
    fs_err::create_dir_all(&home)?;
    for file in [LIBRARIES, AIDER] {
        let pins = fs_err::read_to_string(repository.at(PINS).join(file))?;
        fs_err::write(home.join(file), unpinned(&pins))?;
    }
    let manifest = fs_err::read_to_string(repository.at(PINS).join("package.json"))?;
    let mut manifest: Value = serde_json::from_str(&manifest).context("package.json")?;
    for group in ["dependencies", "optionalDependencies"] {
        let group = manifest.get_mut(group).and_then(Value::as_object_mut);
        for version in group.into_iter().flat_map(|group| group.values_mut()) {
            *version = "latest".into();
        }
    }
    fs_err::write(home.join("package.json"), manifest.to_string())?;
    tools::npm()?;
    Call::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--loglevel", "error"])
        .within(&home)
        .run()?;
    let pythons = |file: &str, folder: &str| {
        tools::python_packages(
            repository,
            &format!("target/newest/{file}"),
            &format!("target/newest/{folder}"),
        )
    };
    Ok(Clients {
        python: pythons(LIBRARIES, "py")?,
        aider: pythons(AIDER, "py-aider")?.with_file_name("aider"),
        node_modules: home.join("node_modules"),
        newest: Some(home),
    })
}

impl Clients {
    /// Names them to a test run.
    pub(crate) fn name_to(&self, call: Call) -> Call {
        let call = call
            .env("BRAINS_TEST_PYTHON", &self.python)
            .env("BRAINS_TEST_AIDER", &self.aider)
            .env("BRAINS_TEST_NODE_MODULES", &self.node_modules);
        match &self.newest {
            Some(folder) => call.env("BRAINS_TEST_NEWEST", Path::new(folder)),
            None => call,
        }
    }
}

/// The names of a list of requirements, without their versions.
fn unpinned(pins: &str) -> String {
    let names = pins.lines().map(|line| line.split("==").next().unwrap_or_default());
    names.fold(String::new(), |list, name| list + name + "\n")
}
