//! What the surface calls. The gateway and the operations are reached through two small traits, so that the whole
//! surface is tested over real sockets without a component or a database; the program passes the real ones.

use std::fmt::Debug;
use std::sync::Arc;

use brains_control::{ControlPlane, OperationAnswer, OperationEntry};
use brains_core::config::Config;
use brains_core::{Caller, Fault, Principal};
use brains_dialect::ingress::Ingress;
use brains_gateway::{ActiveSet, Gateway, GatewayCall, KeptAsk, ModelEntry, Outcome};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

/// Models: answers and the list of names. Boxed futures, for one router serves every implementation.
pub trait Models: Debug + Send + Sync {
    /// Dropping the future, or the stream that comes of it, ends the upstream call.
    fn answer(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome>;
    /// Vectors for texts. Dropping the future ends the upstream call.
    fn embed(&self, call: GatewayCall) -> BoxFuture<'_, Outcome>;
    /// How many tokens a request would have.
    fn count(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome>;
    /// Does what is asked of a kept answer.
    fn kept<'a>(
        &'a self,
        ingress: Ingress,
        principal: &'a Principal,
        id: &'a str,
        ask: KeptAsk,
    ) -> BoxFuture<'a, Result<String, Fault>>;
    /// Keeps the prompt of an earlier request warm at whoever served it.
    fn touch(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome>;
    fn list(&self) -> BoxFuture<'_, Vec<ModelEntry>>;
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ModelEntry, Fault>>;
}

impl Models for Gateway {
    fn answer(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        Box::pin(Gateway::answer(self, ingress, call))
    }

    fn embed(&self, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        Box::pin(Gateway::embed(self, call))
    }

    fn count(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        Box::pin(Gateway::count(self, ingress, call))
    }

    fn kept<'a>(
        &'a self,
        ingress: Ingress,
        principal: &'a Principal,
        id: &'a str,
        ask: KeptAsk,
    ) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(Gateway::kept(self, ingress, principal, id, ask))
    }

    fn touch(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        Box::pin(Gateway::touch(self, ingress, call))
    }

    fn list(&self) -> BoxFuture<'_, Vec<ModelEntry>> {
        Box::pin(self.models())
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ModelEntry, Fault>> {
        Box::pin(self.model(id))
    }
}

/// The operations. Role and scope are checked behind this, too.
pub trait Operations: Debug + Send + Sync {
    /// The operation of this name, if the caller may call it, whatever its input is.
    fn admit(
        &self,
        name: &str,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<&'static OperationEntry, Fault>;
    fn call<'a>(
        &'a self,
        entry: &'a OperationEntry,
        input: Value,
        principal: &'a Principal,
        caller: &'a Caller,
    ) -> BoxFuture<'a, OperationAnswer>;
    /// The OpenAPI document.
    fn document(&self) -> Value;
}

impl Operations for ControlPlane {
    fn admit(
        &self,
        name: &str,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<&'static OperationEntry, Fault> {
        self.registry().admit(name, principal, caller)
    }

    fn call<'a>(
        &'a self,
        entry: &'a OperationEntry,
        input: Value,
        principal: &'a Principal,
        caller: &'a Caller,
    ) -> BoxFuture<'a, OperationAnswer> {
        Box::pin(self.answer(entry, input, principal, caller))
    }

    fn document(&self) -> Value {
        crate::openapi::document(self.registry())
    }
}

/// The process around the surface.
pub trait ProcessInfo: Debug + Send + Sync {
    /// The configuration in force with its instances. Asked once by every request, so a change counts from the next one on.
    fn active(&self) -> Arc<ActiveSet>;

    /// The configuration in force, for what belongs to no request.
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.active().config)
    }

    fn readiness(&self) -> BoxFuture<'_, Readiness>;
}

/// Whether requests can be served, and why not.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    pub ready: bool,
    /// Shown to callers with a key only; a member `status` is overwritten.
    pub details: Map<String, Value>,
    /// Why something is not as it should be: in the place of the details of the same name for administrators, who are
    /// people.
    pub for_administrators: Map<String, Value>,
}
