//! What the tools run on: the operations of this process, or those of the running service behind a stdio proxy.

use std::fmt::Debug;

use brains_control::{ControlPlane, OperationAnswer, OperationEntry, Registry};
use brains_core::{Caller, Fault, FaultKind, Principal};
use futures_util::future::BoxFuture;
use serde_json::Value;

/// One call of a tool.
#[derive(Debug)]
pub struct ToolInvocation<'a> {
    pub entry: &'a OperationEntry,
    pub input: Value,
    pub principal: &'a Principal,
    pub caller: &'a Caller,
}

/// What a call came to.
#[derive(Debug)]
pub struct ToolAnswer {
    pub value: Value,
    /// A line for whoever called, beside what was asked for: that mail waits.
    pub notice: Option<String>,
    /// Whether it was done before under the same idempotency key, and this is what was answered then.
    pub replayed: bool,
}

/// The operations. Role, scope and audience are checked behind this.
pub trait Tools: Debug + Send + Sync {
    fn registry(&self) -> &Registry;
    /// Dropping the future ends a wait; a change is made whole or not at all.
    fn call<'a>(&'a self, call: ToolInvocation<'a>) -> BoxFuture<'a, Result<ToolAnswer, Fault>>;
    /// A client ended its connection: what was begun over it is over too. One whose agents end by themselves does nothing.
    fn disconnected<'a>(&'a self, _: &'a Principal, _connection: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
    /// Whether the caller's key still counts. Asked often: cheap.
    fn counts<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, bool>;
}

impl Tools for ControlPlane {
    fn registry(&self) -> &Registry {
        ControlPlane::registry(self)
    }

    fn call<'a>(&'a self, call: ToolInvocation<'a>) -> BoxFuture<'a, Result<ToolAnswer, Fault>> {
        Box::pin(async move {
            let ToolInvocation { entry, input, principal, caller } = call;
            let OperationAnswer { outcome, replayed, notice } =
                self.answer(entry, input, principal, caller).await;
            Ok(ToolAnswer { value: outcome?, notice, replayed })
        })
    }

    fn disconnected<'a>(&'a self, principal: &'a Principal, connection: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.end_connection(principal, connection))
    }

    fn counts<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            // That it cannot be asked just now is no reason to end what goes on.
            self.ports
                .callers
                .still(principal)
                .await
                .map_or_else(|fault| fault.kind != FaultKind::Unauthorized, |_| true)
        })
    }
}
