//! Outbound HTTP: sends the exchanges that components describe, and calls the program's own service on this machine.
//!
//! Architecture invariant: this is the only crate that knows reqwest.
//! Architecture invariant: an exchange goes to an origin that is granted, and to an address that was checked when its name
//! was resolved. Nothing resolves the name again, and no redirect leaves the origin.
//! Architecture invariant: secrets are filled in last, and nowhere in a URL where they could change its origin or path.
//! What comes back shows none of them.
//! Architecture invariant: nothing here knows components, instances or the store; grants and secrets come with each call.

mod address;
mod client;
mod error;
mod fill;
pub mod local;
mod mask;
mod origin;
mod peer;
mod resolve;
mod reuse;
mod upstream;
mod wait;

#[cfg(test)]
mod tests;

use std::sync::Once;

pub use client::{Egress, EgressOptions, OutboundCall};
pub use error::{EgressError, Phase};
pub use fill::Secrets;
pub use origin::{BadOrigin, Grant};
pub use peer::Peer;
pub use resolve::{Lookup, LookupFuture};
pub use upstream::{ReceivedBody, Upstream};

/// Makes the process use one TLS provider. Every client of this crate calls it; it acts once.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    // An error says that the program has installed one before, which is as good.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
