//! What an operation works with. Built once per process (`Control`) and once per call (`Cx`).

use std::sync::Arc;

use brains_core::{Ambient, Fault, Millis, Principal};
use brains_store::Store;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::ports::Ports;
use crate::registry::Registry;

/// The operations and everything they stand on.
#[derive(Debug)]
pub struct Control {
    pub store: Store,
    pub ports: Ports,
    pub ambient: Arc<dyn Ambient>,
    registry: Registry,
    /// One edit of the configuration at a time: it reads a file, validates, writes and applies.
    pub(crate) editing: Mutex<()>,
}

impl Control {
    pub fn new(store: Store, ports: Ports, ambient: Arc<dyn Ambient>) -> Self {
        Self { store, ports, ambient, registry: Registry::new(), editing: Mutex::new(()) }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs an operation as `principal`. Dropping the future midway leaves either nothing or the whole change.
    pub async fn call(&self, name: &str, input: Value, principal: &Principal) -> Result<Value, Fault> {
        self.registry.call(name, input, &Cx { control: self, principal }).await
    }

    /// As [`Control::call`], with the circumstances of the call.
    pub async fn call_as(
        &self,
        name: &str,
        input: Value,
        principal: &Principal,
        _caller: &brains_core::Caller,
    ) -> Result<Value, Fault> {
        self.call(name, input, principal).await
    }
}

/// One call: who asks, and what there is. Built by the surface, never by an operation.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    pub control: &'a Control,
    pub principal: &'a Principal,
}

impl Cx<'_> {
    pub(crate) fn now(&self) -> Millis {
        self.control.ambient.now()
    }
}
