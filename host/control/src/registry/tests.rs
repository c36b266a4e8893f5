//! The table of operations: names, access, descriptions, examples.

use std::collections::BTreeSet;

use brains_core::FaultKind;
use brains_core::principal::{KeyScope, Role};
use serde_json::{Value, json};

use super::Registry;
use crate::operation::OperationKind;
use crate::testing::{Bed, principal};

/// Who may call what. A new operation is added here on purpose, or the tests fail.
const TABLE: &[(&str, OperationKind, Role)] = &[
    ("classify_prompt", OperationKind::Read, Role::Member),
    ("plan_prompt", OperationKind::Read, Role::Member),
    ("explain_route", OperationKind::Read, Role::Member),
    ("list_models", OperationKind::Read, Role::Member),
    ("list_traces", OperationKind::Read, Role::Member),
    ("show_trace", OperationKind::Read, Role::Member),
    ("list_usage", OperationKind::Read, Role::Member),
    ("get_usage", OperationKind::Read, Role::Member),
    ("list_prices", OperationKind::Read, Role::Member),
    ("show_price", OperationKind::Read, Role::Member),
    ("set_price", OperationKind::Flow, Role::Admin),
    ("update_prices", OperationKind::Flow, Role::Admin),
    ("list_budgets", OperationKind::Read, Role::Admin),
    ("create_key", OperationKind::Write, Role::Admin),
    ("list_keys", OperationKind::Read, Role::Member),
    ("revoke_key", OperationKind::Write, Role::Admin),
    ("add_operator", OperationKind::Write, Role::Admin),
    ("list_operators", OperationKind::Read, Role::Admin),
    ("show_operator", OperationKind::Read, Role::Member),
    ("revoke_operator", OperationKind::Write, Role::Admin),
    ("show_admin_key", OperationKind::Read, Role::Admin),
    ("rotate_admin_key", OperationKind::Flow, Role::Admin),
    ("register_workspace", OperationKind::Write, Role::Member),
    ("list_workspaces", OperationKind::Read, Role::Member),
    ("show_workspace", OperationKind::Read, Role::Member),
    ("rename_workspace", OperationKind::Write, Role::Member),
    ("move_workspace", OperationKind::Write, Role::Member),
    ("archive_workspace", OperationKind::Write, Role::Member),
    ("unarchive_workspace", OperationKind::Write, Role::Member),
    ("set_workspace_visibility", OperationKind::Write, Role::Member),
    ("list_workspace_members", OperationKind::Read, Role::Member),
    ("invite_to_workspace", OperationKind::Write, Role::Member),
    ("uninvite_from_workspace", OperationKind::Write, Role::Member),
    ("get_state", OperationKind::Read, Role::Member),
    ("check_workspaces", OperationKind::Flow, Role::Member),
    ("prune_workspaces", OperationKind::Flow, Role::Member),
    ("import_workspaces", OperationKind::Write, Role::Member),
    ("start_session", OperationKind::Write, Role::Member),
    ("heartbeat_session", OperationKind::Touch, Role::Member),
    ("end_session", OperationKind::Write, Role::Member),
    ("kill_session", OperationKind::Write, Role::Member),
    ("list_sessions", OperationKind::Read, Role::Member),
    ("show_session", OperationKind::Read, Role::Member),
    ("resume_session", OperationKind::Write, Role::Member),
    ("link_session", OperationKind::Write, Role::Member),
    ("list_session_links", OperationKind::Read, Role::Member),
    ("find_sessions", OperationKind::Read, Role::Member),
    ("write_checkpoint", OperationKind::Write, Role::Member),
    ("list_checkpoints", OperationKind::Read, Role::Member),
    ("latest_checkpoint", OperationKind::Read, Role::Member),
    ("list_presence", OperationKind::Read, Role::Member),
    ("list_activity", OperationKind::Read, Role::Member),
    ("adoption_report", OperationKind::Read, Role::Member),
    ("set_focus", OperationKind::Write, Role::Member),
    ("clear_focus", OperationKind::Write, Role::Member),
    ("list_focus", OperationKind::Read, Role::Member),
    ("acquire_lock", OperationKind::Flow, Role::Member),
    ("renew_lock", OperationKind::Touch, Role::Member),
    ("release_lock", OperationKind::Write, Role::Member),
    ("steal_lock", OperationKind::Write, Role::Member),
    ("list_locks", OperationKind::Read, Role::Member),
    ("who_blocks", OperationKind::Read, Role::Member),
    ("claim_workspace", OperationKind::Write, Role::Member),
    ("release_workspace", OperationKind::Write, Role::Member),
    ("list_workspace_claims", OperationKind::Read, Role::Member),
    ("show_config", OperationKind::Read, Role::Admin),
    ("get_config", OperationKind::Read, Role::Admin),
    ("set_config", OperationKind::Flow, Role::Admin),
    ("unset_config", OperationKind::Flow, Role::Admin),
    ("check_config", OperationKind::Read, Role::Admin),
    ("reload_config", OperationKind::Flow, Role::Admin),
    ("list_config_revisions", OperationKind::Read, Role::Admin),
    ("diff_config", OperationKind::Read, Role::Admin),
    ("rollback_config", OperationKind::Flow, Role::Admin),
    ("config_schema", OperationKind::Read, Role::Admin),
    ("list_components", OperationKind::Read, Role::Admin),
    ("show_component", OperationKind::Read, Role::Admin),
    ("component_logs", OperationKind::Read, Role::Admin),
    ("add_component", OperationKind::Flow, Role::Admin),
    ("enable_component", OperationKind::Flow, Role::Admin),
    ("disable_component", OperationKind::Flow, Role::Admin),
    ("pin_component", OperationKind::Flow, Role::Admin),
    ("upgrade_component", OperationKind::Flow, Role::Admin),
    ("rollback_component", OperationKind::Flow, Role::Admin),
    ("remove_component", OperationKind::Flow, Role::Admin),
    ("create_task", OperationKind::Write, Role::Member),
    ("list_tasks", OperationKind::Read, Role::Member),
    ("count_tasks", OperationKind::Read, Role::Member),
    ("show_task", OperationKind::Read, Role::Member),
    ("next_task", OperationKind::Write, Role::Member),
    ("claim_task", OperationKind::Write, Role::Member),
    ("release_task", OperationKind::Write, Role::Member),
    ("complete_task", OperationKind::Write, Role::Member),
    ("handoff_task", OperationKind::Write, Role::Member),
    ("block_task", OperationKind::Write, Role::Member),
    ("unblock_task", OperationKind::Write, Role::Member),
    ("reopen_task", OperationKind::Write, Role::Member),
    ("archive_task", OperationKind::Write, Role::Member),
    ("assign_task", OperationKind::Write, Role::Member),
    ("update_task", OperationKind::Write, Role::Member),
    ("comment_task", OperationKind::Write, Role::Member),
    ("list_task_comments", OperationKind::Read, Role::Member),
    ("list_task_history", OperationKind::Read, Role::Member),
    ("set_handoff", OperationKind::Write, Role::Member),
    ("pick_handoff", OperationKind::Write, Role::Member),
    ("clear_handoff", OperationKind::Write, Role::Member),
    ("list_handoffs", OperationKind::Read, Role::Member),
    ("send_message", OperationKind::Write, Role::Member),
    ("read_messages", OperationKind::Write, Role::Member),
    ("wait_messages", OperationKind::Flow, Role::Member),
    ("list_messages", OperationKind::Read, Role::Member),
    ("show_message", OperationKind::Read, Role::Member),
    ("show_thread", OperationKind::Read, Role::Member),
    ("acknowledge_message", OperationKind::Write, Role::Member),
    ("list_events", OperationKind::Read, Role::Member),
    ("wait_events", OperationKind::Flow, Role::Member),
    ("append_event", OperationKind::Write, Role::Member),
    ("list_audit", OperationKind::Read, Role::Admin),
    ("verify_audit", OperationKind::Read, Role::Admin),
    ("export_audit", OperationKind::Read, Role::Admin),
    ("rotate_audit_key", OperationKind::Flow, Role::Admin),
    ("service_status", OperationKind::Read, Role::Member),
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
                let own = ["list_traces", "show_trace", "list_usage", "get_usage"].contains(name)
                    && !held.is_empty();
                // It only looks, but it opens what a document refers to.
                let opens = *name == "check_config";
                let reads = *kind == OperationKind::Read && !opens && held.contains(&KeyScope::Read);
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
