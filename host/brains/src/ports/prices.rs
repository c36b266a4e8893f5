//! What models cost, as the gateway bills them.

use std::sync::Arc;

use brains_control::ports::PricesPort;
use brains_core::Fault;
use brains_core::price::{ModelPrice, PriceOrigin, PriceTable};
use brains_gateway::Gateway;

/// Asks the gateway.
#[derive(Debug)]
pub(crate) struct Prices {
    pub(crate) gateway: Arc<Gateway>,
}

impl PricesPort for Prices {
    fn table(&self) -> Arc<PriceTable> {
        self.gateway.price_table()
    }

    fn find(&self, provider: &str, model: &str) -> Result<Option<(PriceOrigin, ModelPrice)>, Fault> {
        self.gateway.price(provider, model)
    }
}
