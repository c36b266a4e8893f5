//! What the build and the tests need from the machine. Missing things are installed where that is possible,
//! else the error says what to install; nothing is ever skipped.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};

use crate::guests::TARGET;
use crate::shell::{Call, Repository, find_program};
use crate::stamp;

/// The compiler's target for components.
pub(crate) fn guest_target(repository: &Repository) -> Result<()> {
    let sysroot = Call::new("rustc").args(["--print", "sysroot"]).within(repository.root()).read()?;
    if Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    if find_program("rustup").is_none() {
        bail!("the Rust target {TARGET} is missing: install it the way this Rust was installed");
    }
    Call::new("rustup").args(["target", "add", TARGET]).within(repository.root()).run()
}

/// `rustfmt` and `clippy`.
pub(crate) fn rust_components(repository: &Repository) -> Result<()> {
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        let works = Call::new(program).arg("--version").within(repository.root()).read().is_ok();
        if works {
            continue;
        }
        if find_program("rustup").is_none() {
            bail!("`{program}` is missing: install the Rust component {component}");
        }
        Call::new("rustup").args(["component", "add", component]).within(repository.root()).run()?;
    }
    Ok(())
}

/// A program that cargo installs, at one version, in `target/tools`.
pub(crate) fn cargo_program(repository: &Repository, name: &str, version: &str) -> Result<PathBuf> {
    let home = repository.at("target/tools");
    let program = home.join("bin").join(name);
    let stamp = home.join(format!("{name}.version"));
    if stamp::holds(&stamp, version) && program.exists() {
        return Ok(program);
    }
    eprintln!("{:>12} {name} {version}", "Installing");
    repository
        .cargo("install")
        .args(["--locked", "--quiet", "--force", "--version", version, name])
        .arg("--root")
        .arg(&home)
        .arg("--target-dir")
        .arg(repository.at("target/tools/build"))
        .run()?;
    fs_err::write(&stamp, version)?;
    Ok(program)
}

/// The folder with the server programs of Postgres.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(found) = find_postgres() {
        return Ok(found);
    }
    install(&["postgresql"])?;
    find_postgres().context("`initdb` is still missing: install the Postgres server and put it on the path")
}

fn find_postgres() -> Option<PathBuf> {
    if let Some(initdb) = find_program("initdb")
        && let Ok(real) = fs_err::canonicalize(initdb)
        && let Some(folder) = real.parent()
        && folder.join("postgres").is_file()
    {
        return Some(folder.to_owned());
    }
    let versions = fs_err::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    folders.sort();
    folders.pop().map(|(_, folder)| folder)
}

/// A Python with the pinned packages of a file, in a folder of its own.
pub(crate) fn python_packages(repository: &Repository, requirements: &str, home: &str) -> Result<PathBuf> {
    let home = repository.at(home);
    let python = home.join("bin/python");
    let digest = stamp::digest(repository.root(), &[requirements], &[])?;
    let stamp = home.join("requirements.stamp");
    if stamp::holds(&stamp, &digest) && python.exists() {
        return Ok(python);
    }
    if home.exists() {
        fs_err::remove_dir_all(&home)?;
    }
    let make = || Call::new("python3").args(["-m", "venv"]).arg(&home).read();
    if make().is_err() {
        install(&["python3", "python3-venv"])?;
        make()?;
    }
    Call::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(repository.at(requirements))
        .run()?;
    fs_err::write(&stamp, &digest)?;
    Ok(python)
}

/// What the packages of a project may do while they are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Run,
    Ignore,
}

/// The packages that a project's lock file pins, in `target/<folder>`; gives the folder that holds them.
pub(crate) fn node_packages(
    repository: &Repository,
    project: &Path,
    folder: &str,
    scripts: Scripts,
) -> Result<PathBuf> {
    npm()?;
    let home = repository.at("target").join(folder);
    let packages = home.join("node_modules");
    let files = ["package.json", "package-lock.json"];
    let stamp = home.join("lock.stamp");
    let digest = stamp::digest(project, &files, &[])?;
    if stamp::holds(&stamp, &digest) && packages.is_dir() {
        return Ok(packages);
    }
    fs_err::create_dir_all(&home)?;
    for file in files {
        fs_err::copy(project.join(file), home.join(file))?;
    }
    Call::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
        .args((scripts == Scripts::Ignore).then_some("--ignore-scripts"))
        .within(&home)
        .run()?;
    fs_err::write(&stamp, &digest)?;
    Ok(packages)
}

/// The package manager of Node.
pub(crate) fn npm() -> Result<()> {
    if find_program("npm").is_none() {
        install(&["nodejs", "npm"])?;
    }
    Ok(())
}

/// A Python with the reference product, at the version that its behaviour was taken from; in `target/reference`.
pub(crate) fn reference(repository: &Repository) -> Result<PathBuf> {
    let home = repository.at("target/reference");
    let python = home.join("bin/python");
    if home.join("bin/brains").exists() {
        return Ok(python);
    }
    Call::new("python3").args(["-m", "venv"]).arg(&home).read()?;
    Call::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "brains-ai==0.1.0a3",
            "mcp<2",
        ])
        .run()?;
    Ok(python)
}

/// A Python with the proxy of `LiteLLM`, which benchmarks stand beside; in `target/litellm`.
pub(crate) fn litellm(repository: &Repository) -> Result<PathBuf> {
    /// Pins of this release contradict each other; these lift the older side.
    const OVERRIDES: &str = "certifi>=2026.10.18\nlitellm-proxy-extras>=0.4.108\n";
    let home = repository.at("target/litellm");
    let python = home.join("bin/python");
    if home.join("bin/litellm").exists() {
        return Ok(python);
    }
    Call::new("python3").args(["-m", "venv"]).arg(&home).read()?;
    Call::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
        .run()?;
    let overrides = home.join("overrides.txt");
    fs_err::write(&overrides, OVERRIDES)?;
    let mut install = Call::new(home.join("bin/uv"))
        .args(["pip", "install", "--quiet", "--python"])
        .arg(&python)
        .arg("--override")
        .arg(&overrides)
        .args(["litellm[proxy]==1.109.1"]);
    // Where pip is told of another authority, so is the other installer.
    if let Some(certificates) = std::env::var_os("PIP_CERT") {
        install = install.env("SSL_CERT_FILE", certificates);
    }
    install.run()?;
    Ok(python)
}

/// Whether this process may do what root may.
pub(crate) fn is_root() -> Result<bool> {
    Ok(Call::new("id").arg("-u").read()? == "0")
}

/// Installs packages of the distribution.
fn install(packages: &[&str]) -> Result<()> {
    // The distribution's installer does not run beside itself.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = packages.join(" ");
    if find_program("apt-get").is_none() || !is_root()? {
        bail!("{wanted} is missing: install it (Debian and Ubuntu: `sudo apt-get install {wanted}`)");
    }
    eprintln!("{:>12} {wanted}", "Installing");
    Call::new("apt-get").args(["update", "-q"]).run()?;
    Call::new("apt-get")
        .args(["install", "--yes", "-q", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}
