//! Versions that a later one took the place of and that exchanges still run on. Nothing here keeps a version: when
//! its last exchange is over it is gone, and its code with it. What outlasts the limit is cut.

use std::sync::{Arc, Mutex, Weak};

use brains_core::plane::component::{ComponentStanding, ComponentVersion};
use brains_core::sync::Unpoisoned as _;
use tokio_util::sync::CancellationToken;

use crate::instance::Instance;

#[derive(Debug)]
struct Drained {
    id: String,
    version: ComponentVersion,
    instance: Weak<Instance>,
    recall: CancellationToken,
    since_us: u64,
}

/// All versions under way out.
#[derive(Debug, Default)]
pub(crate) struct Drains(Mutex<Vec<Drained>>);

/// A version that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) id: String,
    pub(crate) digest: String,
}

impl Drains {
    pub(crate) fn begin(&self, instance: &Arc<Instance>, now_us: u64) {
        let (config_digest, grants_digest) = instance.version_digests();
        let version = ComponentVersion {
            state: ComponentStanding::Draining,
            digest: instance.component().digest().to_owned(),
            reason: None,
            instance: Some(instance.name().to_owned()),
            config_digest: Some(config_digest),
            grants_digest: Some(grants_digest),
            exchanges: None,
        };
        self.lock().push(Drained {
            id: instance.component_id().to_owned(),
            version,
            instance: Arc::downgrade(instance),
            recall: instance.recall().clone(),
            since_us: now_us,
        });
    }

    /// Lets go of those that nothing runs on any more, and cuts what has run for longer than `limit_us`.
    pub(crate) fn sweep(&self, now_us: u64, limit_us: u64) -> Vec<Gone> {
        let mut drains = self.lock();
        let mut gone = Vec::new();
        drains.retain(|drained| {
            if drained.instance.strong_count() == 0 {
                gone.push(Gone { id: drained.id.clone(), digest: drained.version.digest.clone() });
                return false;
            }
            if now_us.saturating_sub(drained.since_us) >= limit_us && !drained.recall.is_cancelled() {
                tracing::warn!(
                    component.id = drained.id,
                    component.digest = drained.version.digest,
                    "exchanges outlasted the drain limit of their version and are cut"
                );
                drained.recall.cancel();
            }
            true
        });
        gone
    }

    /// The versions of a component that are still run on.
    pub(crate) fn of(&self, id: &str) -> Vec<ComponentVersion> {
        let drains = self.lock();
        let own = drains.iter().filter(|drained| drained.id == id);
        own.filter_map(|drained| {
            let instance = drained.instance.upgrade()?;
            Some(ComponentVersion { exchanges: Some(instance.exchanges()), ..drained.version.clone() })
        })
        .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().iter().filter(|drained| drained.instance.strong_count() > 0).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Drained>> {
        self.0.lock_unpoisoned()
    }
}
