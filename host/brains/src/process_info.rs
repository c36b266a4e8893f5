//! What the HTTP surface asks about the process around it: the configuration in force, and whether requests can
//! be served.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brains_control::ports::ServicePort as _;
use brains_control::{ControlPlane, JobStatus};
use brains_core::config::Budgets;
use brains_core::plane::component::ComponentState;
use brains_files::{Gate, Names};
use brains_gateway::{ActiveSet, Gateway};
use brains_http::{ListenerState, ProcessInfo, Readiness};
use brains_mcp::{Bounds, Connections};
use brains_runtime::ComponentRegistry;
use brains_store::Store;
use serde_json::{Map, json};

use crate::ports::ServiceInfo;
use crate::services::Services;

/// This process.
#[derive(Debug)]
pub(crate) struct ThisProcess {
    live: Arc<ComponentRegistry>,
    control: Arc<ControlPlane>,
    store: Store,
    gateway: Arc<Gateway>,
    info: Arc<ServiceInfo>,
    states: BTreeMap<&'static str, ListenerState>,
    mcp: Connections,
    gate: Gate,
    names: Names,
}

/// The budgets in force, for who knows nothing else of the configuration.
#[derive(Debug)]
pub(crate) struct LiveBudgets(pub(crate) Arc<ComponentRegistry>);

impl Bounds for LiveBudgets {
    fn budgets(&self) -> Budgets {
        self.0.current().config.budgets
    }
}

impl ThisProcess {
    pub(crate) fn new(
        services: &Services,
        states: BTreeMap<&'static str, ListenerState>,
        mcp: Connections,
    ) -> Self {
        Self {
            mcp,
            live: Arc::clone(&services.live),
            control: Arc::clone(&services.control),
            store: services.store.clone(),
            gateway: Arc::clone(&services.gateway),
            info: Arc::clone(&services.info),
            states,
            gate: services.settings.gate.clone(),
            names: services.settings.names.clone(),
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
        details.insert("listeners".into(), json!(self.info.facts().urls));
        let states = self.states.iter().map(|(name, state)| ((*name).to_owned(), state.to_json()));
        details.insert("listener_states".into(), states.collect::<Map<_, _>>().into());
        details.insert("providers".into(), providers.into());
        let mut components: Vec<ComponentState> =
            self.live.components().into_iter().map(|record| record.component).collect();
        let mut for_administrators = Map::new();
        for_administrators.insert("components".into(), json!(components));
        for component in &mut components {
            component.reason = None;
        }
        details.insert("components".into(), json!(components));
        details.insert("components_loaded".into(), self.live.components_loaded().into());
        details.insert("versions_draining".into(), self.live.draining().into());
        details.insert("runtime".into(), json!(self.live.runtime().stats()));
        let problems: Vec<String> = self.live.problems().iter().map(ToString::to_string).collect();
        details.insert("config_in_force".into(), problems.is_empty().into());
        for_administrators.insert("config_problems".into(), problems.into());
        let counts = self.store.traces().counts();
        details.insert(
            "traces".into(),
            json!({ "written": counts.written, "queued": counts.queued, "dropped": counts.dropped }),
        );
        details.insert("ledger".into(), json!(self.store.ledger().counts()));
        details.insert("responses".into(), json!(self.store.responses().counts()));
        details.insert("places".into(), json!(self.store.shared_places().counts()));
        let looks = [("file_threads", self.gate.standing()), ("name_threads", self.names.standing())];
        let of_components = self.live.runtime().standings();
        let budgets = self.mcp.standings().into_iter().chain(looks).chain(of_components);
        let budgets = budgets.map(|(name, standing)| (name.to_owned(), json!(standing)));
        details.insert("budgets".into(), budgets.collect::<Map<_, _>>().into());
        let jobs = self.control.job_statuses();
        for_administrators.insert("background".into(), json!(jobs));
        let jobs: Vec<JobStatus> = jobs.into_iter().map(JobStatus::without_reason).collect();
        details.insert("background".into(), json!(jobs));
        let traffic = self.gateway.traffic();
        details.insert("breakers".into(), json!(traffic.breakers));
        details.insert("provider_load".into(), json!(traffic.providers));
        Readiness { ready: database.is_ok() && providers > 0, details, for_administrators }
    }
}

impl ProcessInfo for ThisProcess {
    fn active(&self) -> Arc<ActiveSet> {
        self.live.current()
    }

    fn readiness(&self) -> Pin<Box<dyn Future<Output = Readiness> + Send + '_>> {
        Box::pin(self.look())
    }
}
