//! What models cost, as the gateway bills them.

use std::fmt::Debug;
use std::sync::Arc;

use brains_core::Fault;
use brains_core::price::{ModelPrice, PriceOrigin, PriceTable};

/// The prices in force.
pub trait PricesPort: Debug + Send + Sync {
    /// The table that the program carries.
    fn table(&self) -> Arc<PriceTable>;
    /// What a model of a provider costs, and who says so; none when nobody does. A provider that is not there is a fault.
    fn find(&self, provider: &str, model: &str) -> Result<Option<(PriceOrigin, ModelPrice)>, Fault>;
}
