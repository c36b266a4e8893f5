//! The names that a request may carry as `model`: aliases first, then what the providers list.

use brains_core::Fault;
use brains_runtime::swap::Snapshot;

use crate::plan::wanted;
use crate::resolve::{Wanted, aliases};
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
        let snapshot = self.live.current();
        self.catalogue.refresh(&snapshot, &self.egress, &*self.ambient).await;
        let mut entries: Vec<ModelEntry> = Vec::new();
        let around = self.around(&snapshot);
        entries.extend(aliases(&snapshot.config).into_iter().filter_map(|id| {
            let meant = wanted(&id, around).ok()?;
            Some(self.entry(id, &meant, &snapshot))
        }));
        for instance in snapshot.providers() {
            for known in self.catalogue.models_of(instance.name()) {
                let meant = Wanted::Exact { provider: instance.name().to_owned(), model: known.id.clone() };
                entries.push(self.entry(format!("{}/{}", instance.name(), known.id), &meant, &snapshot));
            }
        }
        entries
    }

    /// One name, if it can be asked for.
    pub async fn model(&self, id: &str) -> Result<ModelEntry, Fault> {
        let snapshot = self.live.current();
        let around = self.around(&snapshot);
        let meant = self.meaning(id, around).await?;
        Ok(self.entry(id.to_owned(), &meant, &snapshot))
    }

    fn entry(&self, id: String, meant: &Wanted, snapshot: &Snapshot) -> ModelEntry {
        let (kind, tier, target) = match meant {
            Wanted::Auto => ("automatic", None, None),
            Wanted::Tier(tier) => {
                let target = snapshot.config.models.get(tier).map(|t| (t.provider.clone(), t.model.clone()));
                ("tier", Some(tier.clone()), target)
            }
            Wanted::Exact { provider, model } => ("model", None, Some((provider.clone(), model.clone()))),
        };
        let known = target.as_ref().and_then(|(provider, model)| self.catalogue.find(provider, model));
        let (provider, model) = target.unzip();
        debug_assert!(kind != "automatic" || id.ends_with("auto") || id == DEFAULT_MODEL);
        let (label, context) = known.map_or((None, None), |known| (known.label, known.context));
        ModelEntry { id, kind, tier, provider, model, label, context }
    }
}
