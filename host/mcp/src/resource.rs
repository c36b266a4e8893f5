//! Resources: what a client may hold beside its conversation, each the answer of one reading operation under an address.
//! Who sees what is that operation's rule.

use brains_control::OperationEntry;
use brains_core::{Caller, Fault, Principal};
use rmcp::model::{ListResourcesResult, Resource, ResourceTemplate};
use serde_json::{Value, json};

use crate::port::{ToolInvocation, Tools};
use crate::schema;

pub(crate) const JSON: &str = "application/json";
const SCHEME: &str = "brains://workspace/";
/// Workspaces of one page.
const PAGE: usize = 100;

/// The address of a workspace's state.
pub(crate) fn state(slug: &str) -> String {
    format!("{SCHEME}{slug}/state")
}

/// The address of a task.
pub(crate) fn task(slug: &str, code: &str) -> String {
    format!("{SCHEME}{slug}/task/{code}")
}

fn handoff(slug: &str) -> String {
    format!("{SCHEME}{slug}/handoff")
}

/// The addresses that there are, with a place for each name in them.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    [
        (state("{slug}"), "state", "A workspace at a glance", "As `get_state` shows it."),
        (handoff("{slug}"), "handoff", "Where work stopped", "The handoff that waits to be picked up."),
        (task("{slug}", "{code}"), "task", "One task", "With what was said of it and what waits for what."),
    ]
    .into_iter()
    .map(|(address, name, title, description)| {
        let template = ResourceTemplate::new(address, name).with_title(title);
        template.with_description(description).with_mime_type(JSON)
    })
    .collect()
}

/// What stands behind an address.
#[derive(Debug, PartialEq)]
struct Address<'a> {
    slug: &'a str,
    operation: &'static str,
    input: Value,
}

impl<'a> Address<'a> {
    /// None when it is none of ours. A name in it is a slug or a code as they are, nothing escaped.
    fn parse(uri: &'a str) -> Option<Self> {
        let parts: Vec<&str> = uri.strip_prefix(SCHEME)?.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        if !parts.iter().all(plain) {
            return None;
        }
        let (slug, operation, input) = match *parts.as_slice() {
            [slug, "state"] => (slug, "get_state", json!({ "workspace": slug })),
            [slug, "handoff"] => (slug, "list_handoffs", json!({ "workspace": slug })),
            [slug, "task", code] => (slug, "show_task", json!({ "task": code })),
            _ => return None,
        };
        Some(Self { slug, operation, input })
    }
}

/// The workspace that an address is in.
pub(crate) fn workspace(uri: &str) -> Result<&str, Fault> {
    Address::parse(uri).map(|address| address.slug).ok_or_else(|| absent(uri))
}

/// Reads what stands under an address, as JSON.
pub(crate) async fn read(
    tools: &dyn Tools,
    uri: &str,
    principal: &Principal,
    caller: &Caller,
) -> Result<String, Fault> {
    let Address { slug, operation, input } = Address::parse(uri).ok_or_else(|| absent(uri))?;
    let value = answer(tools, operation, input, principal, caller).await?;
    // A task of another workspace does not stand here.
    if operation == "show_task" && value.pointer("/task/workspace").and_then(Value::as_str) != Some(slug) {
        return Err(absent(uri));
    }
    Ok(value.to_string())
}

/// The resources of the workspaces that the caller sees; tasks are found by their template.
pub(crate) async fn list(
    tools: &dyn Tools,
    cursor: Option<String>,
    principal: &Principal,
    caller: &Caller,
) -> Result<ListResourcesResult, Fault> {
    let input = json!({ "limit": PAGE, "cursor": cursor });
    let page = answer(tools, "list_workspaces", input, principal, caller).await?;
    let workspaces = page.get("workspaces").and_then(Value::as_array).into_iter().flatten();
    let slugs = workspaces.filter_map(|one| one.get("slug").and_then(Value::as_str));
    let resources = slugs.flat_map(|slug| {
        let one = |address: String, what: &str, title: &str| {
            let resource = Resource::new(address, format!("{slug}-{what}"));
            resource.with_title(format!("{title}: {slug}")).with_mime_type(JSON)
        };
        [one(state(slug), "state", "State"), one(handoff(slug), "handoff", "Handoff")]
    });
    let mut listed = ListResourcesResult::with_all_items(resources.collect());
    listed.next_cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
    Ok(listed)
}

async fn answer(
    tools: &dyn Tools,
    operation: &'static str,
    input: Value,
    principal: &Principal,
    caller: &Caller,
) -> Result<Value, Fault> {
    let entry = named(tools, operation)?;
    let mut value = tools.call(ToolInvocation { entry, input, principal, caller }).await?.value;
    schema::prune(&entry.output_schema, &mut value);
    Ok(value)
}

/// The operation of a name that this surface knows.
pub(crate) fn named<'t>(tools: &'t dyn Tools, operation: &'static str) -> Result<&'t OperationEntry, Fault> {
    tools.registry().find(operation).ok_or_else(|| Fault::not_found("operation", operation))
}

fn absent(uri: &str) -> Fault {
    let shown: String = uri.chars().take(200).collect();
    Fault::not_found("resource", shown).param("uri").hint("`resources/templates/list` shows the addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expected: Option<(&str, &Value)>) {
        let found = Address::parse(uri);
        let told = found.as_ref().map(|address| (address.operation, &address.input));
        assert_eq!(told, expected, "{uri}");
    }

    #[test]
    fn an_address_is_one_operation() {
        check("brains://workspace/app/state", Some(("get_state", &json!({ "workspace": "app" }))));
        check("brains://workspace/app/handoff", Some(("list_handoffs", &json!({ "workspace": "app" }))));
        check("brains://workspace/app/task/APP-1", Some(("show_task", &json!({ "task": "APP-1" }))));
        for uri in [
            "",
            "brains://workspace/",
            "brains://workspace/app",
            "brains://workspace/app/",
            "brains://workspace/app/state/",
            "brains://workspace//state",
            "brains://workspace/../state",
            "brains://workspace/%61pp/state",
            "brains://workspace/app/task",
            "brains://workspace/app/task/APP 1",
            "brains://workspace/app/mail",
            "file:///etc/passwd",
        ] {
            check(uri, None);
        }
    }
}
