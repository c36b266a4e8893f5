//! The one table of operations. Surfaces look names up here and call through here, so that role, scope and
//! the reading of input are the same everywhere.

use std::borrow::Cow;
use std::sync::LazyLock;

use brains_core::caller::NativeId;
use brains_core::redact::redact;
use brains_core::{Caller, Fault, Principal, Secret};
use serde_json::Value;

use crate::context::Cx;
use crate::input;
use crate::input_redaction;
use crate::operation::OperationEntry;
use crate::plane;
use crate::request_options::RequestOptions;

/// Every operation of this build, in the order of the planes.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Vec<OperationEntry>,
}

impl Registry {
    pub fn new() -> Self {
        Self { entries: plane::entries() }
    }

    /// The registry of this process: it never changes.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Registry> = LazyLock::new(Registry::new);
        &SHARED
    }

    pub fn entries(&self) -> &[OperationEntry] {
        &self.entries
    }

    /// The operation of this name; a reference product's name (`brains.audit_list`) finds its successor.
    pub fn find(&self, name: &str) -> Option<&OperationEntry> {
        let bare = name.strip_prefix("brains.").unwrap_or(name);
        self.entries
            .iter()
            .find(|entry| entry.name == bare)
            .or_else(|| self.entries.iter().find(|entry| entry.former.contains(&bare)))
    }

    /// The operation of this name, if whoever asks may call it at all: looked at before any input is.
    pub fn admit(
        &self,
        name: &str,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<&OperationEntry, Fault> {
        let entry = self.find(name).ok_or_else(|| {
            Fault::not_found("operation", name.chars().take(64).collect::<String>())
                .hint("`GET /api/openapi.json` lists the operations")
        })?;
        entry.admit(principal, caller)?;
        Ok(entry)
    }
}

/// Checks the input of a call that was admitted, then runs it. The answer's members are those of `output_schema`; also
/// tells whether it is one from before.
pub(crate) async fn run(
    entry: &OperationEntry,
    mut input: Value,
    cx: &Cx<'_>,
) -> Result<(Value, bool), Fault> {
    input::lenient::accept(&entry.input_schema, &mut input);
    let options = RequestOptions::open(entry.accepts(), &mut input, cx.principal, cx.caller, cx.found)?;
    let caller = circumstances(cx.caller, options.token);
    let cx = Cx {
        caller: caller.as_ref().unwrap_or(cx.caller),
        once: options.once.as_ref(),
        requirement: Some(entry.requirement()),
        fence: options.fence,
        spoken: entry.tool.spoken,
        budget: options.budget,
        ..*cx
    };
    let nul = input_redaction::replace_nul(entry.kind, &mut input)?;
    let covered = input_redaction::redact_input(entry.kind, &mut input)?;
    let located = cx.locate_ahead(&entry.input_schema, &input).await;
    let cx = Cx { located: located.as_ref(), ..cx };
    let mut value = entry.call(input, &cx).await?;
    entry.lists.bound(&mut value, options.budget);
    input_redaction::report_covered(&mut value, &covered);
    input_redaction::report_nul(&mut value, &nul);
    Ok((value, options.once.is_some_and(|once| once.is_replayed())))
}

/// The caller with a token that came in the input, and without native ids that are secrets: such an id is kept and
/// shown to others.
fn circumstances(caller: &Caller, token: Option<Secret>) -> Option<Caller> {
    let is_secret = |native: &NativeId| matches!(redact(&native.value), Cow::Owned(_));
    if token.is_none() && !caller.native.iter().any(is_secret) {
        return None;
    }
    let mut caller = caller.clone();
    caller.native.retain(|native| !is_secret(native));
    caller.token = token.or(caller.token);
    Some(caller)
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
