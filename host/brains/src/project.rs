//! The project of a directory that `init` and `up` are given: registered as a workspace when something says that it is
//! one. Nothing is read from it but what names it.

use std::path::Path;

use brains_control::ControlPlane;
use brains_control::ports::DirectoriesPort as _;
use brains_core::{Caller, Fault, Principal};
use brains_files::Gate;
use serde_json::{Value, json};

use crate::ports::Trees;

/// Whether something in or above `path` says that it is a project.
pub(crate) async fn is_project(path: &Path, gate: &Gate) -> Result<bool, Fault> {
    Trees::of(gate.clone()).locate(absolute(path)).await.map(|location| location.marked)
}

/// The input of the operation that registers it.
pub(crate) fn input(path: &Path, slug: Option<&str>, name: Option<&str>) -> Value {
    let mut input = json!({ "path": absolute(path) });
    for (member, value) in [("slug", slug), ("name", name)] {
        if let (Some(value), Some(members)) = (value, input.as_object_mut()) {
            members.insert(member.into(), value.into());
        }
    }
    input
}

/// Registers the project at `path`, when there is one.
pub(crate) async fn register(control: &ControlPlane, path: &Path, gate: &Gate) -> Result<(), Fault> {
    if is_project(path, gate).await? {
        let caller = Caller::cli();
        control.call_as("register_workspace", input(path, None, None), &Principal::local(), &caller).await?;
    }
    Ok(())
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
