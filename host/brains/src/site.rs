//! What the HTTP surface asks about the process around it: the configuration in force, and whether requests can
//! be served.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brains_core::config::Config;
use brains_gateway::Gateway;
use brains_http::{Readiness, Site};
use brains_runtime::swap::Live;
use brains_store::Store;
use serde_json::{Map, json};

use crate::house::House;

/// This process.
#[derive(Debug)]
pub(crate) struct Here {
    live: Arc<Live>,
    store: Store,
    gateway: Arc<Gateway>,
}

impl Here {
    pub(crate) fn new(house: &House) -> Self {
        Self {
            live: Arc::clone(&house.live),
            store: house.store.clone(),
            gateway: Arc::clone(&house.gateway),
        }
    }

    async fn look(&self) -> Readiness {
        let snapshot = self.live.current();
        let database = self.store.read().await.map(drop);
        let providers = snapshot.providers().count();
        let mut details = Map::new();
        details.insert("version".into(), crate::VERSION.into());
        let database_word = match &database {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        details.insert("database".into(), database_word.into());
        details.insert("providers".into(), providers.into());
        let components: Vec<_> =
            self.live.components().iter().map(|record| json!(record.component)).collect();
        details.insert("components".into(), components.into());
        details.insert("components_loaded".into(), self.live.components_loaded().into());
        details.insert("versions_draining".into(), self.live.draining().into());
        details.insert("runtime".into(), json!(self.live.runtime().stats()));
        let problems: Vec<String> = self.live.problems().iter().map(ToString::to_string).collect();
        details.insert("config_problems".into(), problems.into());
        let counts = self.store.traces().counts();
        details.insert(
            "traces".into(),
            json!({ "written": counts.written, "queued": counts.queued, "dropped": counts.dropped }),
        );
        details.insert("ledger".into(), json!(self.store.ledger().counts()));
        let traffic = self.gateway.traffic();
        details.insert("breakers".into(), json!(traffic.breakers));
        details.insert("provider_load".into(), json!(traffic.providers));
        Readiness { ready: database.is_ok() && providers > 0, details }
    }
}

impl Site for Here {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.current().config)
    }

    fn readiness(&self) -> Pin<Box<dyn Future<Output = Readiness> + Send + '_>> {
        Box::pin(self.look())
    }
}
