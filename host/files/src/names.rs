//! Resolves names of hosts. The system's resolver blocks for as long as a name server is silent, so it runs at a gate of its
//! own: a name that nobody answers for keeps a few threads, and all others are resolved beside it.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use brains_core::config::Budgets;
use brains_core::traffic::budget::Standing;

use crate::gate::{Gate, GateLabels, GateLimits, GateTarget, seconds};

const NAMES: GateLabels = GateLabels {
    stalled: "name_stalled",
    spent: "name_threads_spent",
    threads: "budgets.name_threads",
    hint: "look whether the name server of this machine answers, e.g. with `getent hosts`",
};

/// The system's resolver. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Names(Gate);

impl Default for Names {
    fn default() -> Self {
        Self::new(&Budgets::default())
    }
}

impl Names {
    pub fn new(budgets: &Budgets) -> Self {
        let names = Self(Gate::with(NAMES));
        names.keep_to(budgets);
        names
    }

    /// The limits that count from now on.
    pub fn keep_to(&self, budgets: &Budgets) {
        self.0.set(GateLimits { threads: budgets.name_threads, time: seconds(budgets.name_seconds) });
    }

    /// How it stands, for `/health/ready`.
    pub fn standing(&self) -> Standing {
        self.0.standing()
    }

    /// The addresses of a host. One that is an address already asks nobody.
    pub async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = host.to_owned();
        let found = self.0.run(GateTarget::named(host.to_ascii_lowercase()), move |_| {
            (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
        });
        found.await.map_err(io::Error::other)?
    }
}
