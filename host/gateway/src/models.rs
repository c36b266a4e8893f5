//! The names that a request may carry as `model`: aliases first, then what the providers list.

use brains_core::Fault;
use brains_runtime::ActiveSet;

use crate::plan::{PlanContext, model_target, resolve_model};
use crate::resolve::{ModelTarget, aliases};
use crate::{DEFAULT_MODEL, Gateway};

/// One name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    pub id: String,
    /// `automatic`, `tier` or `model`.
    pub kind: &'static str,
    pub tier: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub label: Option<String>,
    pub context: Option<u32>,
}

impl Gateway {
    /// Everything that can be asked for, aliases first. Lists that are old are fetched again.
    pub async fn models(&self) -> Vec<ModelEntry> {
        let snapshot = self.0.live.current();
        self.0.upstreams.refresh_catalogue(&snapshot).await;
        let mut entries: Vec<ModelEntry> = Vec::new();
        let context = PlanContext { snapshot: &snapshot, upstreams: &self.0.upstreams };
        entries.extend(aliases(&snapshot.config).into_iter().filter_map(|id| {
            let target = model_target(&id, context).ok()?;
            Some(self.entry(id, &target, &snapshot))
        }));
        for instance in snapshot.providers() {
            for known in self.0.upstreams.catalogue.models_of(instance.name()) {
                let target =
                    ModelTarget::Exact { provider: instance.name().to_owned(), model: known.id.clone() };
                entries.push(self.entry(format!("{}/{}", instance.name(), known.id), &target, &snapshot));
            }
        }
        entries
    }

    /// One name, if it can be asked for.
    pub async fn model(&self, id: &str) -> Result<ModelEntry, Fault> {
        let snapshot = self.0.live.current();
        let context = PlanContext { snapshot: &snapshot, upstreams: &self.0.upstreams };
        let target = resolve_model(id, context).await?;
        Ok(self.entry(id.to_owned(), &target, &snapshot))
    }

    fn entry(&self, id: String, target: &ModelTarget, snapshot: &ActiveSet) -> ModelEntry {
        let (kind, tier, target) = match target {
            ModelTarget::Auto => ("automatic", None, None),
            ModelTarget::Tier(tier) => {
                let target = snapshot.config.models.get(tier).map(|t| (t.provider.clone(), t.model.clone()));
                ("tier", Some(tier.clone()), target)
            }
            ModelTarget::Exact { provider, model } => {
                ("model", None, Some((provider.clone(), model.clone())))
            }
        };
        let known =
            target.as_ref().and_then(|(provider, model)| self.0.upstreams.catalogue.find(provider, model));
        let (provider, model) = target.unzip();
        debug_assert!(kind != "automatic" || id.ends_with("auto") || id == DEFAULT_MODEL);
        let (label, context) = known.map_or((None, None), |known| (known.label, known.context));
        ModelEntry { id, kind, tier, provider, model, label, context }
    }
}
