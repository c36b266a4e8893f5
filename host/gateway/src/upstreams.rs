//! What a request reaches the providers with: the client for outbound HTTP, what the providers list, and what this
//! process knows of them.

use std::sync::Arc;

use brains_core::Ambient;
use brains_core::config::Config;
use brains_core::price::{ModelPrice, PriceBook, PriceOrigin, PriceTable, PricedProvider};
use brains_runtime::{ActiveSet, Instance, bundle};
use brains_store::SharedPlaces;

use crate::affinity::ConversationPlaces;
use crate::catalogue::ModelCatalogue;
use crate::exchange::ExchangeSender;
use crate::hedge_shares::HedgeShares;
use crate::provider_state::ProviderStates;
use crate::served::ServedRequests;

/// Shared by all requests.
#[derive(Debug)]
pub(crate) struct Upstreams {
    pub(crate) sender: ExchangeSender,
    pub(crate) catalogue: ModelCatalogue,
    /// What the vendors' models cost.
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) states: Arc<ProviderStates>,
    pub(crate) served: ServedRequests,
    pub(crate) places: ConversationPlaces,
    pub(crate) hedge_shares: HedgeShares,
    pub(crate) ambient: Arc<dyn Ambient>,
}

impl Upstreams {
    pub(crate) fn new(sender: ExchangeSender, places: SharedPlaces, ambient: Arc<dyn Ambient>) -> Self {
        let states = Arc::new(ProviderStates::new(Arc::clone(&ambient)));
        let (catalogue, served) = (ModelCatalogue::default(), ServedRequests::default());
        let places = ConversationPlaces::new(places);
        let prices =
            Arc::new(bundle::prices().map(PriceTable::parse).and_then(Result::ok).unwrap_or_default());
        let hedge_shares = HedgeShares::default();
        Self { sender, catalogue, prices, states, served, places, hedge_shares, ambient }
    }

    /// What a model of an instance costs, and who says so.
    pub(crate) fn price(
        &self,
        config: &Config,
        instance: &Instance,
        model: &str,
    ) -> Option<(PriceOrigin, ModelPrice)> {
        let listed = self.catalogue.find(instance.name(), model).and_then(|known| known.price);
        self.price_beside(config, instance, model, listed.as_ref())
    }

    /// The same, where the price that the provider lists is at hand.
    pub(crate) fn price_beside(
        &self,
        config: &Config,
        instance: &Instance,
        model: &str,
        listed: Option<&ModelPrice>,
    ) -> Option<(PriceOrigin, ModelPrice)> {
        let provider = PricedProvider {
            name: instance.name(),
            aliases: instance.aliases(),
            vendor: self.vendor(instance),
        };
        let book = PriceBook { own: &config.prices, table: &self.prices };
        book.find(provider, model, listed).map(|(origin, price)| (origin, price.clone()))
    }

    /// The vendor of the table that an instance asks: told by the hosts that it may reach, for who answers there bills.
    pub(crate) fn vendor(&self, instance: &Instance) -> Option<&str> {
        let hosts = instance.grants().iter().filter_map(|grant| host_of(&grant.url));
        self.prices.vendor_at(hosts)
    }

    /// Asks every provider whose list of models is missing or old.
    pub(crate) async fn refresh_catalogue(&self, snapshot: &ActiveSet) {
        self.catalogue.refresh(snapshot, &self.sender, &*self.ambient).await;
    }
}

/// The host of an origin, without its port.
fn host_of(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.split_once(':').map_or(host, |(name, _)| name)).filter(|name| !name.is_empty())
}
