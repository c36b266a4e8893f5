//! Calls of operations by name, as every surface makes them.

use brains_core::{Caller, Fault, Principal};
use serde_json::Value;

use crate::context::{ControlPlane, Cx, OperationAnswer};
use crate::registry::Registry;

impl ControlPlane {
    /// Every operation there is.
    pub fn registry(&self) -> &'static Registry {
        Registry::shared()
    }

    /// Runs an operation as `principal`, as a plain HTTP call would. Dropping the future midway leaves either
    /// nothing or the whole change.
    pub async fn call(&self, name: &str, input: Value, principal: &Principal) -> Result<Value, Fault> {
        self.call_as(name, input, principal, &Caller::http()).await
    }

    /// Runs an operation as `principal`, under the circumstances of `caller`.
    pub async fn call_as(
        &self,
        name: &str,
        input: Value,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<Value, Fault> {
        self.answer(name, input, principal, caller).await.map(|answered| answered.value)
    }

    /// As [`ControlPlane::call_as`]; also tells whether the answer is one from before.
    pub async fn answer(
        &self,
        name: &str,
        input: Value,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<OperationAnswer, Fault> {
        let cx = Cx::new(self, principal, caller);
        let answer = Registry::shared().call(name, input, &cx).await;
        cx.keep_alive().await;
        answer
    }
}
