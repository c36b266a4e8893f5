//! Builds a project with its language's own tools, and lays the component out with its manifest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use brains_core::{Fault, FaultKind, Origin};
use fs_err as fs;
use serde_json::{Value, json};

use super::artifact::{manifest, unreadable};
use super::inspect;
use crate::manifest_file::{DIST, MANIFEST};
use crate::output;
use crate::shell::Shell;

/// The compiler's target for components.
const TARGET: &str = "wasm32-wasip2";

/// Leaves `dist/<id>.wasm` and `dist/<id>.yaml` in the project's folder.
pub(super) fn build(shell: &Shell, project: &Path) -> Result<(), anyhow::Error> {
    let manifest = manifest(&project.join(MANIFEST))?.ok_or_else(|| {
        Fault::not_found("file", project.join(MANIFEST).display())
            .hint("this is the folder of no component; `brains plugin new` begins one")
    })?;
    if !project.join("Cargo.toml").exists() {
        return Err(Fault::new(
            FaultKind::Unsupported,
            Origin::Client,
            format!("`{}` has no Cargo.toml: only Rust projects are built by this verb", project.display()),
        )
        .hint("build it with its language's tools; `brains plugin check FILE.wasm` and `test FILE.wasm` work on the result")
        .into());
    }
    let built = compile(project)?;
    let dist = project.join(DIST);
    fs::create_dir_all(&dist).map_err(|error| unreadable(&error))?;
    let wasm = dist.join(format!("{}.wasm", manifest.component));
    fs::copy(&built, &wasm).map_err(|error| unreadable(&error))?;
    fs::copy(project.join(MANIFEST), wasm.with_extension("yaml")).map_err(|error| unreadable(&error))?;
    let size_bytes = fs::metadata(&wasm).map_err(|error| unreadable(&error))?.len();
    let answer = json!({
        "component": manifest.component,
        "file": wasm.display().to_string(),
        "digest": inspect::digest(&wasm)?,
        "size_bytes": size_bytes,
        "next": "brains plugin check && brains plugin test",
    });
    Ok(output::answer(&answer, shell.form, None)?)
}

/// Runs cargo and gives the file that it made.
fn compile(project: &Path) -> Result<PathBuf, Fault> {
    let metadata = run(project, &["metadata", "--no-deps", "--format-version", "1"], Stdio::piped())?;
    let metadata: Value = serde_json::from_slice(&metadata)
        .map_err(|error| Fault::internal(format!("cargo printed what is not JSON: {error}")))?;
    let own = fs::canonicalize(project.join("Cargo.toml")).map_err(|error| unreadable(&error))?;
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let package = packages
        .filter_map(|package| Some((text(package, "name")?, PathBuf::from(text(package, "manifest_path")?))))
        .find(|(_, path)| fs::canonicalize(path).is_ok_and(|path| path == own));
    let (Some((name, _)), Some(target)) = (package, text(&metadata, "target_directory")) else {
        return Err(Fault::invalid(format!("`{}` is the manifest of no package", own.display())));
    };
    run(project, &["build", "--release", "--target", TARGET, "--lib", "--package", &name], Stdio::inherit())?;
    let file = format!("{}.wasm", name.replace('-', "_"));
    let built = PathBuf::from(target).join(TARGET).join("release").join(file);
    if built.exists() {
        return Ok(built);
    }
    Err(Fault::invalid(format!("cargo built no `{}`", built.display()))
        .hint("the library needs `crate-type = [\"cdylib\"]`"))
}

fn run(project: &Path, arguments: &[&str], stdout: Stdio) -> Result<Vec<u8>, Fault> {
    let ran = Command::new("cargo")
        .args(arguments)
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::inherit())
        .output();
    let output = ran.map_err(|error| {
        Fault::new(FaultKind::NotFound, Origin::Client, format!("`cargo` could not be started: {error}"))
            .hint("Rust comes from https://rustup.rs")
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Fault::new(FaultKind::Internal, Origin::Client, "cargo could not build the component")
        .code("build_failed")
        .hint(format!(
            "its own words are above; a missing target is installed by `rustup target add {TARGET}`"
        )))
}
