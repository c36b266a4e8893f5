//! Where the manifest of a component's file lies.

use std::path::{Path, PathBuf};

use brains_core::config::document::DOCUMENT_BYTES;
use brains_core::config::manifest::Manifest;

use crate::home;

/// The manifest of a project.
pub(crate) const MANIFEST: &str = "manifest.yaml";
/// Where a build leaves what it made, within the project's folder.
pub(crate) const DIST: &str = "dist";

/// The file `acme.yaml` beside `acme.wasm`; else `manifest.yaml` in the same folder, or in that of the project when the file
/// lies in its `dist`, if it is this component's.
pub(crate) fn of(component: &Path) -> Option<PathBuf> {
    let beside = component.with_extension("yaml");
    if beside.is_file() {
        return Some(beside);
    }
    let folder = component.parent()?;
    let project = folder.parent().filter(|_| folder.ends_with(DIST));
    // A relative path of one part has an empty folder above it, which is the current one.
    let candidates = std::iter::once(folder).chain(project).map(|folder| folder.join(MANIFEST));
    candidates.into_iter().find(|manifest| is_of(manifest, component))
}

fn is_of(manifest: &Path, component: &Path) -> bool {
    let bytes = home::read_named(manifest, DOCUMENT_BYTES as u64).unwrap_or_default();
    Manifest::parse(&String::from_utf8_lossy(&bytes))
        .is_ok_and(|manifest| component.file_stem().is_some_and(|id| id == &*manifest.component))
}
