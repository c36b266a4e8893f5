//! What a request reaches the providers with: the client for outbound HTTP, what the providers list, and what this
//! process knows of them.

use std::sync::Arc;

use brains_core::Ambient;
use brains_runtime::ActiveSet;
use brains_store::SharedPlaces;

use crate::affinity::ConversationPlaces;
use crate::catalogue::ModelCatalogue;
use crate::exchange::ExchangeSender;
use crate::provider_state::ProviderStates;
use crate::served::ServedRequests;

/// Shared by all requests.
#[derive(Debug)]
pub(crate) struct Upstreams {
    pub(crate) sender: ExchangeSender,
    pub(crate) catalogue: ModelCatalogue,
    pub(crate) states: Arc<ProviderStates>,
    pub(crate) served: ServedRequests,
    pub(crate) places: ConversationPlaces,
    pub(crate) ambient: Arc<dyn Ambient>,
}

impl Upstreams {
    pub(crate) fn new(sender: ExchangeSender, places: SharedPlaces, ambient: Arc<dyn Ambient>) -> Self {
        let states = Arc::new(ProviderStates::new(Arc::clone(&ambient)));
        let (catalogue, served) = (ModelCatalogue::default(), ServedRequests::default());
        let places = ConversationPlaces::new(places);
        Self { sender, catalogue, states, served, places, ambient }
    }

    /// Asks every provider whose list of models is missing or old.
    pub(crate) async fn refresh_catalogue(&self, snapshot: &ActiveSet) {
        self.catalogue.refresh(snapshot, &self.sender, &*self.ambient).await;
    }
}
