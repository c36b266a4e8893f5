//! The way out: the only crate that knows reqwest. Sends the exchanges that components describe, towards
//! granted origins only, to addresses that were checked, with the instance's secrets filled in at the last moment.

mod address;
mod client;
mod error;
mod fill;
pub mod local;
mod mask;
mod origin;
mod resolve;
mod upstream;

#[cfg(test)]
mod tests;

use std::sync::Once;

pub use client::{Egress, EgressOptions, OutboundCall};
pub use error::{EgressError, Phase};
pub use fill::Secrets;
pub use origin::{BadOrigin, Grant};
pub use resolve::{Lookup, LookupFuture};
pub use upstream::Upstream;

/// Makes the process use one TLS provider. Every client of this crate calls it; it acts once.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    // An error says that the program has installed one before, which is as good.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
