//! Runs a component against its contract in the host's own runtime: who it is, its settings, and the cases of its
//! `golden` folder, each with what comes in and what must come out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brains_control::Table;
use brains_core::config::{ComponentLimits, document};
use brains_core::{Fault, Secret};
use brains_runtime::{CallLimits, Component, Instance, InstanceSpec, Runtime};
use fs_err as fs;
use serde::Serialize;
use serde_json::{Value, json};

use super::artifact::{Artifact, runtime, unreadable};
use super::golden::{self, Case};
use super::inspect;
use crate::cli::TestPlugin;
use crate::home;
use crate::output;
use crate::shell::Shell;

/// Where a project keeps its cases.
const GOLDEN: &str = "golden";
/// A case's own record of what must come out.
const EXPECT: &str = "expect";

/// One step, and how it went.
#[derive(Debug, Serialize)]
struct Outcome {
    step: String,
    ok: bool,
    detail: String,
}

/// Runs every step; one that fails is also the exit code.
pub(super) async fn test(shell: &Shell, wanted: &TestPlugin) -> Result<(), anyhow::Error> {
    let mut artifact = Artifact::find(&wanted.path)?;
    let runtime = runtime(shell)?;
    let component = artifact.load(&runtime).map_err(|error| inspect::unusable_component(&error))?;
    let mut steps = vec![Outcome {
        step: "describe".into(),
        ok: true,
        detail: format!("version {}, plays {}", component.version(), artifact.manifest.plays.name()),
    }];
    steps.push(without_settings(&runtime, &component));
    let folder =
        wanted.golden.clone().or_else(|| artifact.project.as_ref().map(|project| project.join(GOLDEN)));
    for path in folder.as_deref().map(cases).transpose()?.unwrap_or_default() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (ok, detail) = match golden_case(&runtime, &component, &path, wanted.update).await {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        steps.push(Outcome { step: name, ok, detail });
    }
    let failed = steps.iter().filter(|step| !step.ok).count();
    let answer = json!({ "component": artifact.manifest.component, "ok": failed == 0, "steps": steps });
    let table = Table { rows: "steps", columns: &["step", "ok", "detail"] };
    output::answer(&answer, shell.form, Some(table))?;
    if failed == 0 {
        return Ok(());
    }
    Err(Fault::internal(format!("{failed} of {} steps failed", steps.len())).code("test_failed").into())
}

/// The largest case.
const GOLDEN_BYTES: u64 = 4 << 20;

/// The files with cases, by name.
fn cases(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    Ok(paths)
}

/// An instance without settings is fine, or says what it needs: both is an answer.
fn without_settings(runtime: &Runtime, component: &Arc<Component>) -> Outcome {
    let (ok, detail) = match instance(runtime, component, json!({}), &[]) {
        Ok(_) => (true, "an instance without settings is accepted".into()),
        Err(error @ brains_runtime::LoadError::Settings { .. }) => (true, format!("wants {error}")),
        Err(error) => (false, error.to_string()),
    };
    Outcome { step: "settings".into(), ok, detail }
}

fn instance(
    runtime: &Runtime,
    component: &Arc<Component>,
    settings: Value,
    secrets: &[String],
) -> Result<Arc<Instance>, brains_runtime::LoadError> {
    let manifest = component.manifest();
    let set = |name: &String| (name.clone(), Secret::new("a secret of a test"));
    let spec = InstanceSpec {
        name: manifest.component.clone(),
        aliases: Vec::new(),
        config: settings,
        secrets: secrets.iter().map(set).collect::<BTreeMap<_, _>>(),
        commands: BTreeMap::new(),
        grants: Vec::new(),
        timeout_ms: 0,
        limits: CallLimits::of(manifest.plays, manifest.limits, ComponentLimits::default()),
    };
    runtime.instantiate(Arc::clone(component), spec).map(Arc::new)
}

async fn golden_case(
    runtime: &Runtime,
    component: &Arc<Component>,
    path: &Path,
    update: bool,
) -> Result<String, String> {
    let bytes = home::read_named(path, GOLDEN_BYTES).map_err(|fault| fault.message)?;
    let mut document: Value = serde_json::from_slice(&bytes)
        .map_err(|error| format!("is not JSON at line {} column {}", error.line(), error.column()))?;
    let case: Case = document::fit(document.clone()).map_err(|error| format!("is no case: {error}"))?;
    let instance = instance(runtime, component, case.settings.clone(), &case.secrets)
        .map_err(|error| error.to_string())?;
    let came = golden::run(&instance, component.manifest().plays, &case).await?;
    if case.expect.as_ref() == Some(&came) {
        return Ok("as expected".into());
    }
    if update {
        let members = document.as_object_mut().ok_or("is no object")?;
        members.shift_remove(EXPECT);
        members.insert(EXPECT.into(), came);
        fs::write(path, format!("{document:#}\n")).map_err(|error| error.to_string())?;
        return Ok("`expect` was written".into());
    }
    Err(match &case.expect {
        None => "has no `expect` yet: `--update` writes what comes out now".into(),
        Some(expected) => golden::first_difference(expected, &came),
    })
}
