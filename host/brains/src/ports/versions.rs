//! Versions of components, as the operations see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brains_control::BoxedFuture;
use brains_control::ports::ComponentsPort;
use brains_core::config::manifest::Manifest;
use brains_core::plane::component::{ComponentLogLine, StagedVersion};
use brains_core::{Fault, FaultKind, Origin};
use brains_runtime::{ComponentRegistry, LoadError};

use super::blocking;

/// The versions of this process.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) live: Arc<ComponentRegistry>,
}

impl ComponentsPort for Versions {
    fn stage(
        &self,
        id: String,
        wasm: Vec<u8>,
        manifest: Option<Manifest>,
    ) -> BoxedFuture<'_, Result<StagedVersion, Fault>> {
        let live = Arc::clone(&self.live);
        Box::pin(async move {
            let wanted = Wanted::default();
            let still = Arc::clone(&wanted.0);
            let staged = blocking(move || live.stage(&id, &wasm, manifest, &still)).await?;
            staged.map_err(|error| component_refusal(&error))
        })
    }

    fn waiting(&self, id: String) -> BoxedFuture<'_, Result<Option<StagedVersion>, Fault>> {
        let live = Arc::clone(&self.live);
        Box::pin(async move { blocking(move || live.waiting(&id)).await })
    }

    fn earlier(&self, id: &str) -> Vec<String> {
        self.live.earlier(id)
    }

    fn is_bundled(&self, id: &str, digest: &str) -> bool {
        self.live.is_bundled_version(id, digest)
    }

    fn unquarantine(&self, id: String, digest: String) -> BoxedFuture<'_, Result<(), Fault>> {
        let live = Arc::clone(&self.live);
        Box::pin(async move { blocking(move || live.unquarantine(&id, &digest)).await })
    }

    fn forget(&self, id: String) -> BoxedFuture<'_, Result<(), Fault>> {
        let live = Arc::clone(&self.live);
        Box::pin(async move {
            blocking(move || live.forget(&id)).await?.map_err(|error| {
                tracing::warn!(%error, "a component's file could not be removed");
                Fault::internal(format!("its file could not be removed: {}", error.kind()))
                    .hint("remove it from the folder `plugins` of the state directory")
            })
        })
    }

    fn lines(&self, name: &str, limit: usize) -> Vec<ComponentLogLine> {
        self.live.lines(name, limit)
    }
}

/// Somebody waits; nobody any more when this is dropped.
struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Why a component was not taken, with what its error says of causes.
fn component_refusal(error: &LoadError) -> Fault {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    match error {
        LoadError::Busy => Fault::unavailable(error.to_string()).code("compiler_busy").retry_after_ms(10_000),
        LoadError::Stopping => Fault::unavailable(error.to_string()).retry_after_ms(1_000),
        LoadError::Compiler { .. } | LoadError::Keep { .. } => {
            Fault::internal(format!("{error}{cause}")).hint("check the state directory: `brains doctor`")
        }
        _ => Fault::new(FaultKind::Invalid, Origin::Client, format!("the component is refused: {error}"))
            .code("component_refused")
            .hint("build it for this version: docs/guides/components.md"),
    }
}
