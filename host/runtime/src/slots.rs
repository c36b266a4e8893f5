//! Gives out guests: from the pool, then from memory allocated on demand; when too many are alive, after a short wait for one
//! to end. A caller that gets none is answered with "try again"; no other call is affected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::context::InstanceContext;
use crate::guest::Guest;
use crate::load::{Code, Component};
use crate::{CallFault, RuntimeShared};

/// How long a request waits for a place.
const WAIT: Duration = Duration::from_millis(100);

impl RuntimeShared {
    /// A live instance for a request.
    pub(crate) async fn guest(
        &self,
        component: &Arc<Component>,
        context: &Arc<InstanceContext>,
    ) -> Result<Guest, CallFault> {
        let lease = self.lease().await.ok_or(CallFault::Exhausted)?;
        let mut guest = match self.pooled(component, context) {
            Err(CallFault::Exhausted) => self.beyond(component, context).await?,
            made => made?,
        };
        guest.lease = Some(lease);
        Ok(guest)
    }

    /// A live instance for the loader's questions. Blocks while code is prepared, and takes no request's place.
    pub(crate) fn guest_for_loading(
        &self,
        component: &Component,
        context: &Arc<InstanceContext>,
    ) -> Result<Guest, CallFault> {
        let made = self.pooled(component, context);
        let mut guest = match (made, &self.engine.beyond) {
            (Err(CallFault::Exhausted), Some(engine)) => {
                let code = component.go_beyond(engine).ok_or(CallFault::Exhausted)?;
                self.on_demand(code, context)
            }
            (made, _) => made,
        }?;
        guest.bind_all()?;
        Ok(guest)
    }

    async fn lease(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(lease) = Arc::clone(&self.engine.leases).try_acquire_owned() {
            return Some(lease);
        }
        tokio::time::timeout(WAIT, Arc::clone(&self.engine.leases).acquire_owned()).await.ok()?.ok()
    }

    fn pooled(&self, component: &Component, context: &Arc<InstanceContext>) -> Result<Guest, CallFault> {
        Guest::new(&component.code, context, &self.engine.ticker)
    }

    async fn beyond(
        &self,
        component: &Arc<Component>,
        context: &Arc<InstanceContext>,
    ) -> Result<Guest, CallFault> {
        let engine = self.engine.beyond.as_ref().ok_or(CallFault::Exhausted)?;
        if component.beyond().is_none() {
            tracing::info!(component.id = %component.id, "the pool of instances is full, more are allocated on demand");
            let (component, engine) = (Arc::clone(component), engine.clone());
            let preparing = tokio::task::spawn_blocking(move || component.go_beyond(&engine).is_some());
            // A panic in there is told by the runtime; the code is missing then, which says it all.
            let _ready = preparing.await.unwrap_or(false);
        }
        self.on_demand(component.beyond().ok_or(CallFault::Exhausted)?, context)
    }

    /// What the system refuses to allocate is no fault of the component.
    fn on_demand(&self, code: &Code, context: &Arc<InstanceContext>) -> Result<Guest, CallFault> {
        Guest::new(code, context, &self.engine.ticker).map_err(|fault| match fault {
            CallFault::Output { .. } => CallFault::Exhausted,
            fault => fault,
        })
    }
}
