//! The table of operations: names, access, descriptions, examples.

use std::collections::BTreeSet;

use brains_core::FaultKind;
use brains_core::principal::{KeyScope, Role};
use serde_json::{Value, json};

use super::Registry;
use crate::operation::Kind;
use crate::testing::{Bed, principal};

/// Who may call what. A new operation is added here on purpose, or the tests fail.
const TABLE: &[(&str, Kind, Role)] = &[
    ("classify_prompt", Kind::Read, Role::Member),
    ("plan_prompt", Kind::Read, Role::Member),
    ("explain_route", Kind::Read, Role::Member),
    ("list_models", Kind::Read, Role::Member),
    ("list_traces", Kind::Read, Role::Member),
    ("show_trace", Kind::Read, Role::Member),
    ("list_usage", Kind::Read, Role::Member),
    ("create_key", Kind::Write, Role::Admin),
    ("list_keys", Kind::Read, Role::Member),
    ("revoke_key", Kind::Write, Role::Admin),
    ("add_operator", Kind::Write, Role::Admin),
    ("list_operators", Kind::Read, Role::Admin),
    ("show_operator", Kind::Read, Role::Member),
    ("revoke_operator", Kind::Write, Role::Admin),
    ("show_admin_key", Kind::Read, Role::Admin),
    ("rotate_admin_key", Kind::Flow, Role::Admin),
    ("register_workspace", Kind::Write, Role::Member),
    ("list_workspaces", Kind::Read, Role::Member),
    ("show_workspace", Kind::Read, Role::Member),
    ("rename_workspace", Kind::Write, Role::Member),
    ("archive_workspace", Kind::Write, Role::Member),
    ("unarchive_workspace", Kind::Write, Role::Member),
    ("set_workspace_visibility", Kind::Write, Role::Member),
    ("list_workspace_members", Kind::Read, Role::Member),
    ("invite_to_workspace", Kind::Write, Role::Member),
    ("uninvite_from_workspace", Kind::Write, Role::Member),
    ("get_state", Kind::Read, Role::Member),
    ("check_workspaces", Kind::Flow, Role::Member),
    ("prune_workspaces", Kind::Flow, Role::Member),
    ("import_workspaces", Kind::Write, Role::Member),
    ("start_session", Kind::Write, Role::Member),
    ("heartbeat_session", Kind::Touch, Role::Member),
    ("end_session", Kind::Write, Role::Member),
    ("kill_session", Kind::Write, Role::Member),
    ("list_sessions", Kind::Read, Role::Member),
    ("show_session", Kind::Read, Role::Member),
    ("resume_session", Kind::Write, Role::Member),
    ("link_session", Kind::Write, Role::Member),
    ("list_session_links", Kind::Read, Role::Member),
    ("find_sessions", Kind::Read, Role::Member),
    ("write_checkpoint", Kind::Write, Role::Member),
    ("list_checkpoints", Kind::Read, Role::Member),
    ("latest_checkpoint", Kind::Read, Role::Member),
    ("list_presence", Kind::Read, Role::Member),
    ("adoption_report", Kind::Read, Role::Member),
    ("set_focus", Kind::Write, Role::Member),
    ("clear_focus", Kind::Write, Role::Member),
    ("list_focus", Kind::Read, Role::Member),
    ("acquire_lock", Kind::Flow, Role::Member),
    ("renew_lock", Kind::Touch, Role::Member),
    ("release_lock", Kind::Write, Role::Member),
    ("steal_lock", Kind::Write, Role::Member),
    ("list_locks", Kind::Read, Role::Member),
    ("who_blocks", Kind::Read, Role::Member),
    ("claim_workspace", Kind::Write, Role::Member),
    ("release_workspace", Kind::Write, Role::Member),
    ("list_workspace_claims", Kind::Read, Role::Member),
    ("show_config", Kind::Read, Role::Admin),
    ("get_config", Kind::Read, Role::Admin),
    ("set_config", Kind::Flow, Role::Admin),
    ("unset_config", Kind::Flow, Role::Admin),
    ("check_config", Kind::Read, Role::Admin),
    ("reload_config", Kind::Flow, Role::Admin),
    ("list_config_revisions", Kind::Read, Role::Admin),
    ("diff_config", Kind::Read, Role::Admin),
    ("rollback_config", Kind::Flow, Role::Admin),
    ("config_schema", Kind::Read, Role::Admin),
    ("list_components", Kind::Read, Role::Admin),
    ("show_component", Kind::Read, Role::Admin),
    ("component_logs", Kind::Read, Role::Admin),
    ("add_component", Kind::Flow, Role::Admin),
    ("enable_component", Kind::Flow, Role::Admin),
    ("disable_component", Kind::Flow, Role::Admin),
    ("pin_component", Kind::Flow, Role::Admin),
    ("upgrade_component", Kind::Flow, Role::Admin),
    ("rollback_component", Kind::Flow, Role::Admin),
    ("remove_component", Kind::Flow, Role::Admin),
    ("create_task", Kind::Write, Role::Member),
    ("list_tasks", Kind::Read, Role::Member),
    ("count_tasks", Kind::Read, Role::Member),
    ("show_task", Kind::Read, Role::Member),
    ("next_task", Kind::Write, Role::Member),
    ("claim_task", Kind::Write, Role::Member),
    ("release_task", Kind::Write, Role::Member),
    ("complete_task", Kind::Write, Role::Member),
    ("handoff_task", Kind::Write, Role::Member),
    ("block_task", Kind::Write, Role::Member),
    ("unblock_task", Kind::Write, Role::Member),
    ("reopen_task", Kind::Write, Role::Member),
    ("archive_task", Kind::Write, Role::Member),
    ("assign_task", Kind::Write, Role::Member),
    ("update_task", Kind::Write, Role::Member),
    ("comment_task", Kind::Write, Role::Member),
    ("list_task_comments", Kind::Read, Role::Member),
    ("list_task_history", Kind::Read, Role::Member),
    ("set_handoff", Kind::Write, Role::Member),
    ("pick_handoff", Kind::Write, Role::Member),
    ("clear_handoff", Kind::Write, Role::Member),
    ("list_handoffs", Kind::Read, Role::Member),
    ("send_message", Kind::Write, Role::Member),
    ("read_messages", Kind::Write, Role::Member),
    ("wait_messages", Kind::Flow, Role::Member),
    ("list_messages", Kind::Read, Role::Member),
    ("show_message", Kind::Read, Role::Member),
    ("show_thread", Kind::Read, Role::Member),
    ("acknowledge_message", Kind::Write, Role::Member),
    ("list_events", Kind::Read, Role::Member),
    ("wait_events", Kind::Flow, Role::Member),
    ("append_event", Kind::Write, Role::Member),
    ("list_audit", Kind::Read, Role::Admin),
    ("verify_audit", Kind::Read, Role::Admin),
    ("export_audit", Kind::Read, Role::Admin),
    ("rotate_audit_key", Kind::Flow, Role::Admin),
    ("service_status", Kind::Read, Role::Member),
];

#[test]
fn the_registry_is_the_table() {
    let registry = Registry::new();
    let found: Vec<_> = registry.entries().iter().map(|entry| (entry.name, entry.kind, entry.role)).collect();
    assert_eq!(found, TABLE);
}

#[tokio::test]
async fn every_operation_asks_for_its_role_and_its_scope() {
    let bed = Bed::new().await;
    let scopes = [KeyScope::Gateway, KeyScope::Read, KeyScope::Write];
    for (name, kind, least) in TABLE {
        for role in [Role::Admin, Role::Member] {
            for held in 0..8_usize {
                let held: Vec<_> =
                    scopes.into_iter().enumerate().filter(|(bit, _)| held >> bit & 1 == 1).collect();
                let held: Vec<_> = held.into_iter().map(|(_, scope)| scope).collect();
                let writes = held.contains(&KeyScope::Write);
                // What a key did itself, every key may see.
                let own = ["list_traces", "show_trace", "list_usage"].contains(name) && !held.is_empty();
                // It only looks, but it opens what a document refers to.
                let opens = *name == "check_config";
                let reads = *kind == Kind::Read && !opens && held.contains(&KeyScope::Read);
                let expected = (*least == Role::Member || role == Role::Admin) && (own || writes || reads);
                // An input that every operation refuses shows that the caller was let in, and changes nothing.
                let fault =
                    bed.call_as(&principal("ada", role, &held), name, json!({ "\0": 1 })).await.unwrap_err();
                let let_in = fault.kind == FaultKind::Invalid && fault.code == "unknown_parameter";
                let refused = fault.kind == FaultKind::Forbidden && fault.hint.is_some();
                assert_eq!((let_in, refused), (expected, !expected), "{name} {role:?} {held:?}: {fault:?}");
            }
        }
    }
}

#[test]
fn names_commands_and_letters_are_unique() {
    let registry = Registry::new();
    let (mut names, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for entry in registry.entries() {
        assert!(
            entry.name.chars().all(|symbol| symbol.is_ascii_lowercase() || symbol == '_'),
            "{}",
            entry.name
        );
        for name in entry.former.iter().chain([&entry.name]) {
            assert!(names.insert(*name), "{name} twice");
        }
        for path in entry.cli.aliases.iter().map(|alias| alias.path).chain([entry.cli.path]) {
            assert!(!path.is_empty() && commands.insert(path), "{path:?} twice");
        }
        let fields = entry.fields();
        let known: BTreeSet<_> = fields.iter().map(|field| field.name.as_str()).collect();
        assert!(entry.cli.positional.iter().all(|name| known.contains(name)), "{}", entry.name);
        assert!(entry.cli.shorts.iter().all(|(name, _)| known.contains(name)), "{}", entry.name);
        for flag in ["json", "verbose", "config", "db", "help", "yes"] {
            assert!(!known.contains(flag), "{}: `--{flag}` is taken by every command", entry.name);
        }
    }
    // A command is no group of others: `brains traces` and `brains traces list` exclude each other.
    for path in &commands {
        for longer in commands.iter().filter(|longer| longer.len() > path.len()) {
            assert_ne!(*path, &longer[..path.len()]);
        }
    }
}

#[test]
fn everything_is_described() {
    for entry in Registry::new().entries() {
        assert!(
            entry.summary.len() > 10 && !entry.summary.ends_with('.'),
            "{}: {:?}",
            entry.name,
            entry.summary
        );
        assert!(entry.description.ends_with('.'), "{}", entry.name);
        for field in entry.fields() {
            assert!(!field.description.is_empty(), "{}.{}", entry.name, field.name);
        }
        let about = entry.output_schema.get("description").and_then(Value::as_str);
        assert!(about.is_some_and(|about| !about.is_empty()), "{}: the answer is not described", entry.name);
    }
}

#[test]
fn schemas_are_closed_and_self_contained() {
    for entry in Registry::new().entries() {
        assert_eq!(entry.input_schema["type"], "object", "{}", entry.name);
        assert_eq!(entry.input_schema["additionalProperties"], false, "{} takes unknown members", entry.name);
        for schema in [&entry.input_schema, &entry.output_schema] {
            assert!(!schema.to_string().contains("\"$ref\""), "{}", entry.name);
        }
    }
}

#[test]
fn examples_are_inputs_and_commands_of_theirs() {
    for entry in Registry::new().entries() {
        assert!(!entry.examples.is_empty(), "{}", entry.name);
        for example in entry.examples {
            let input = serde_json::from_str(example.input).unwrap();
            entry.check(input).unwrap_or_else(|fault| panic!("{}: {fault}", entry.name));
            let spelled = entry.cli.aliases.iter().map(|alias| alias.path).chain([entry.cli.path]);
            let fits = spelled.map(|path| path.join(" ")).any(|path| example.command.starts_with(&path));
            assert!(fits, "{}: {}", entry.name, example.command);
        }
    }
}

#[test]
fn former_names_find_their_successor() {
    let registry = Registry::new();
    for (name, found) in [
        ("brains.explain_route", Some("explain_route")),
        ("brains.plan_request", Some("plan_prompt")),
        ("brains.audit_list", Some("list_audit")),
        ("audit_verify", Some("verify_audit")),
        ("brains.brains.list_keys", None),
        ("", None),
    ] {
        assert_eq!(registry.find(name).map(|entry| entry.name), found, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_operation_is_not_found() {
    let bed = Bed::new().await;
    let fault = bed.admin("make_coffee", json!({})).await.unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::NotFound, "no operation `make_coffee`"));
}
