use brains_control::{OperationKind, Registry};
use brains_core::Principal;
use brains_core::principal::{KeyScope, Role};

use super::{ToolCatalogue, ToolProfile, title};

/// Bytes that the tools may take, in the whole list and in the core profile; what the protocol puts around them comes on
/// top.
const FULL_BYTES: usize = 40 * 1024 - 512;
const CORE_BYTES: usize = 10 * 1024 - 512;
const CORE_TOOLS: usize = 16;

fn wire(profile: ToolProfile) -> (usize, usize) {
    let tools = ToolCatalogue::of(&Registry::new()).list(profile, &Principal::admin("x"));
    (tools.len(), serde_json::to_string(&tools).unwrap().len())
}

#[test]
fn the_lists_keep_their_budgets() {
    let (_, full) = wire(ToolProfile::Full);
    let (tools, core) = wire(ToolProfile::Core);
    assert!(full <= FULL_BYTES, "{full} bytes");
    assert!(tools <= CORE_TOOLS && core <= CORE_BYTES, "{tools} tools, {core} bytes");
}

#[test]
fn every_tool_says_what_it_is() {
    for tool in ToolCatalogue::of(&Registry::new()).list(ToolProfile::Full, &Principal::admin("x")) {
        let name = &tool.name;
        assert!(
            name.len() <= 64 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{name}: a name that every client takes"
        );
        assert!(
            tool.title.is_some() && tool.description.as_deref().is_some_and(|text| text.len() > 10),
            "{name}"
        );
        let annotations = tool.annotations.as_ref().unwrap();
        assert!(annotations.read_only_hint.is_some() && annotations.open_world_hint.is_some(), "{name}");
        let input = serde_json::to_value(&*tool.input_schema).unwrap();
        for (member, schema) in input["properties"].as_object().unwrap() {
            assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}.{member}");
        }
        let all = serde_json::to_string(&tool).unwrap();
        for odd in ["\"null\"", "\"format\"", "\"$ref\"", "\"$schema\""] {
            assert!(!all.contains(odd), "{name}: {odd}");
        }
        assert!(tool.output_schema.is_some(), "{name}");
    }
}

#[test]
fn a_key_is_shown_what_it_may_call() {
    let registry = Registry::new();
    let reader = Principal { role: Role::Member, scopes: vec![KeyScope::Read], ..Principal::admin("x") };
    for tool in ToolCatalogue::of(&registry).list(ToolProfile::Full, &reader) {
        assert_eq!(registry.find(&tool.name).unwrap().kind, OperationKind::Read, "{}", tool.name);
    }
}

#[test]
fn what_is_for_people_is_not_shown_to_agents() {
    let names: Vec<String> = ToolCatalogue::of(&Registry::new())
        .list(ToolProfile::Full, &Principal::admin("x"))
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    for hidden in ["create_key", "list_keys", "revoke_key", "add_operator", "set_config", "rotate_admin_key"]
    {
        assert!(!names.contains(&hidden.to_owned()), "{hidden}");
    }
    assert!(names.contains(&"explain_route".to_owned()));
}

#[test]
fn profiles_are_read_from_a_query() {
    assert_eq!(ToolProfile::of_query(Some("a=b&profile=core")).unwrap().unwrap(), ToolProfile::Core);
    assert_eq!(
        ToolProfile::of_query(Some("profile=tiny")).unwrap().unwrap_err().param.as_deref(),
        Some("profile")
    );
    assert!(ToolProfile::of_query(Some("other=core")).is_none());
    assert!(ToolProfile::of_query(None).is_none());
}

#[test]
fn titles_are_names_for_people() {
    assert_eq!(title("create_task"), "Create task");
    assert_eq!(title(""), "");
}
