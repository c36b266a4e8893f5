//! Resolves names of hosts to addresses and checks them. The connection goes to what was checked here: nothing resolves
//! the name again.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use brains_files::Names;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;

/// A lookup under way. Boxed, as the resolver is chosen at run time.
pub type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names of hosts.
pub trait Lookup: Send + Sync + fmt::Debug {
    fn lookup(&self, host: &str) -> LookupFuture;
}

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct SystemResolver(pub(crate) Names);

impl Lookup for SystemResolver {
    fn lookup(&self, host: &str) -> LookupFuture {
        let (names, host) = (self.0.clone(), host.to_owned());
        Box::pin(async move { names.look_up(&host).await })
    }
}

/// Only private addresses were found for a name that does not grant them.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
pub(crate) struct PrivateAddress;

#[derive(Debug, thiserror::Error)]
#[error("the name has no address")]
pub(crate) struct NoAddress(#[source] pub(crate) Option<io::Error>);

/// The resolver of one client: gives only addresses that the client may reach.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) public_only: bool,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = self.lookup.lookup(name.as_str());
        let public_only = self.public_only;
        Box::pin(async move {
            let found = looking.await.map_err(|cause| NoAddress(Some(cause)))?;
            if found.is_empty() {
                return Err(NoAddress(None).into());
            }
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| !public_only || is_public(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
