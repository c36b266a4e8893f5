//! The one table of operations. Surfaces look names up here and call through here, so that role, scope and
//! the reading of input are the same everywhere.

use brains_core::{Caller, Fault};
use serde_json::Value;

use crate::access::Located;
use crate::context::Cx;
use crate::envelope::Envelope;
use crate::operation::{Entry, Operation};
use crate::plane;
use crate::tool::Audience;

/// Every operation of this build, in the order of the planes.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    pub fn new() -> Self {
        let mut registry = Self { entries: Vec::new() };
        plane::register(&mut registry);
        registry
    }

    pub(crate) fn add<O: Operation>(&mut self) {
        self.entries.push(Entry::of::<O>());
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The operation of this name; a reference product's name (`brains.audit_list`) finds its successor.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let bare = name.strip_prefix("brains.").unwrap_or(name);
        self.entries
            .iter()
            .find(|entry| entry.name == bare)
            .or_else(|| self.entries.iter().find(|entry| entry.former.contains(&bare)))
    }

    /// Checks the caller, then the input, then runs. The answer's members are those of `output_schema`.
    pub async fn call(&self, name: &str, input: Value, cx: &Cx<'_>) -> Result<Value, Fault> {
        let entry = self.find(name).ok_or_else(|| {
            Fault::not_found("operation", name.chars().take(64).collect::<String>())
                .hint("`GET /api/openapi.json` lists the operations")
        })?;
        if !entry.permits(cx.principal) {
            tracing::debug!(operation.name = entry.name, operator.slug = %cx.principal.operator, "call refused");
            return Err(refusal(entry, cx));
        }
        // People's own business stays theirs, whatever key an agent holds (contract 5.3).
        if entry.tool.audience == Audience::People && cx.is_agent() {
            return Err(for_people(entry));
        }
        let mut input = input;
        let envelope = Envelope::open(entry, &mut input, cx.principal, cx.caller)?;
        let caller = envelope.token.map(|token| Caller { token: Some(token), ..cx.caller.clone() });
        let cx = Cx {
            caller: caller.as_ref().unwrap_or(cx.caller),
            once: envelope.once.as_ref(),
            fence: envelope.fence,
            ..*cx
        };
        let located = Located::ahead(entry, &input, &cx).await;
        let cx = Cx { located: located.as_ref(), ..cx };
        entry.call(input, &cx).await
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

fn for_people(entry: &Entry) -> Fault {
    Fault::forbidden(format!("`{}` is for people, not for agents", entry.name))
        .code("people_only")
        .hint("ask the operator to do it on the command line or in the console")
}

fn refusal(entry: &Entry, cx: &Cx<'_>) -> Fault {
    let fault = Fault::forbidden(format!("`{}` is not allowed to this key", entry.name));
    if entry.role == brains_core::principal::Role::Admin && cx.principal.role != entry.role {
        fault.hint("it takes the admin key or an operator with the role `admin`")
    } else {
        fault.hint(format!("it takes a key with the scope `{}`", scope_word(entry)))
    }
}

pub(crate) fn scope_word(entry: &Entry) -> &'static str {
    use brains_core::principal::KeyScope;
    match entry.scope {
        KeyScope::Gateway => "gateway",
        KeyScope::Read => "read",
        KeyScope::Write => "write",
    }
}

#[cfg(test)]
mod tests;
