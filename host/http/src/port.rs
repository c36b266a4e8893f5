//! What the surface calls. The gateway and the operations are reached through two small traits, so that the whole
//! surface is tested over real sockets without a component or a database; the program passes the real ones.

use std::fmt::Debug;
use std::sync::Arc;

use brains_control::{Addressee, ControlPlane, OperationAnswer, OperationKind};
use brains_core::config::Config;
use brains_core::{Caller, Fault, Principal};
use brains_dialect::ingress::Ingress;
use brains_gateway::{ActiveSet, Gateway, GatewayCall, ModelEntry, Outcome};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

/// The plane of the configuration.
const SETTINGS: &str = "config";

/// Models: answers and the list of names. Boxed futures, for one router serves every implementation.
pub trait Models: Debug + Send + Sync {
    /// Dropping the future, or the stream that comes of it, ends the upstream call.
    fn answer(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome>;
    fn list(&self) -> BoxFuture<'_, Vec<ModelEntry>>;
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ModelEntry, Fault>>;
}

impl Models for Gateway {
    fn answer(&self, ingress: Ingress, call: GatewayCall) -> BoxFuture<'_, Outcome> {
        Box::pin(Gateway::answer(self, ingress, call))
    }

    fn list(&self) -> BoxFuture<'_, Vec<ModelEntry>> {
        Box::pin(self.models())
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ModelEntry, Fault>> {
        Box::pin(self.model(id))
    }
}

/// What is known of a call before its input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Its input carries a file.
    pub upload: bool,
    /// It is about the configuration, by which every limit is set.
    pub settings: bool,
}

/// The operations by name. Role and scope are checked behind this, too.
pub trait Operations: Debug + Send + Sync {
    /// Whether there is such an operation and the caller may call it, whatever its input is.
    fn admit(&self, name: &str, principal: &Principal, caller: &Caller) -> Result<Admitted, Fault>;
    fn call<'a>(
        &'a self,
        name: &'a str,
        input: Value,
        principal: &'a Principal,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<OperationAnswer, Fault>>;
    /// The line about mail that waits for whoever called.
    fn mail_notice<'a>(&'a self, addressee: &'a Addressee) -> BoxFuture<'a, Option<String>>;
    /// Whether the operation may change who is allowed in.
    fn changes_state(&self, name: &str) -> bool;
    /// The OpenAPI document.
    fn document(&self) -> Value;
}

impl Operations for ControlPlane {
    fn admit(&self, name: &str, principal: &Principal, caller: &Caller) -> Result<Admitted, Fault> {
        let entry = self.registry().admit(name, principal, caller)?;
        Ok(Admitted { upload: entry.upload, settings: entry.noun == SETTINGS })
    }

    fn call<'a>(
        &'a self,
        name: &'a str,
        input: Value,
        principal: &'a Principal,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<OperationAnswer, Fault>> {
        Box::pin(ControlPlane::answer(self, name, input, principal, caller))
    }

    fn mail_notice<'a>(&'a self, addressee: &'a Addressee) -> BoxFuture<'a, Option<String>> {
        Box::pin(ControlPlane::mail_notice(self, addressee))
    }

    fn changes_state(&self, name: &str) -> bool {
        self.registry().find(name).is_some_and(|entry| entry.kind != OperationKind::Read)
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
