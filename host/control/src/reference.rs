//! The reference pages: one per noun and an index, in Markdown, from the registry alone; and the configuration's.

pub mod configuration;

use std::fmt::Write as _;

use brains_core::FaultKind;
use serde_json::Value;

use crate::call_requirement::scope_name;
use crate::field::InputField;
use crate::openapi::role_word;
use crate::operation::OperationEntry;
use crate::registry::Registry;

const NOTE: &str =
    "<!-- Generated from the registry of operations; `UPDATE=1 cargo xtask test unit` rewrites it. -->\n\n";

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePage {
    /// File name under `docs/reference/`.
    pub file: String,
    pub text: String,
}

/// Every generated file of `docs/reference/`, the OpenAPI document included.
pub fn pages(registry: &Registry) -> Vec<ReferencePage> {
    let mut nouns: Vec<&str> = Vec::new();
    for entry in registry.entries() {
        if !nouns.contains(&entry.noun) {
            nouns.push(entry.noun);
        }
    }
    let mut pages: Vec<ReferencePage> = nouns
        .iter()
        .map(|noun| {
            let entries: Vec<&OperationEntry> =
                registry.entries().iter().filter(|entry| entry.noun == *noun).collect();
            ReferencePage { file: format!("{noun}.md"), text: noun_page(noun, &entries) }
        })
        .collect();
    pages.push(ReferencePage { file: "operations.md".into(), text: index(registry, &nouns) });
    pages
}

fn index(registry: &Registry, nouns: &[&str]) -> String {
    let mut text = String::from(NOTE);
    text.push_str(
        "# Operations\n\n\
         Every operation has one name on every surface: `POST /api/ops/<name>` with a JSON object, and a command.\n\
         Answers are JSON; on a terminal commands print tables unless `--json` is given.\n\n\
         What changes something takes an `idempotency_key` (or the header `idempotency-key`, over MCP `_meta.idempotencyKey`):\n\
         under it the same request is done once, and answered as before for 24 hours. It is yours alone: your session's, else\n\
         your connection's, your client's native id's or your API key's. An answer from before says so: `x-brains-replayed: true`,\n\
         over MCP `brains/replayed` in the `_meta` of the result.\n\n\
         | Refusal | Why |\n|---|---|\n\
         | `idempotency_mismatch` | the key was used for another request |\n\
         | `idempotency_lapsed` | it was done; the lock, claim, session or key that it gave has ended since |\n\
         | `idempotency_unproven` | it started or resumed a session, and neither connection, native id nor token shows that it was you |\n\
         | `idempotency_forgotten` | it was done, and its answer cannot be given again |\n\n\
         **Role** is the least role of the operator and of the key, **scope** what the key must hold; `gateway` stands for\n\
         every key. **Agents** says whether an agent may, whatever its key or its operator: every MCP connection and every\n\
         key that was made with `--agent` is one.\n\n\
         | Operation | Command | What it does | Kind | Role | Scope | Agents |\n|---|---|---|---|---|---|---|\n",
    );
    for noun in nouns {
        for entry in registry.entries().iter().filter(|entry| entry.noun == *noun) {
            line(
                &mut text,
                format_args!(
                    "| [`{}`]({}.md#{}) | `brains {}` | {} | {} | {} | {} | {} |",
                    entry.name,
                    noun,
                    entry.name,
                    shown_path(entry),
                    entry.summary,
                    entry.kind.word(),
                    role_word(entry),
                    scope_name(entry.scope),
                    entry.tool.agents()
                ),
            );
        }
    }
    text.push_str("\n## Errors and exit codes\n\n| Kind | Code | HTTP | Exit code |\n|---|---|---|---|\n");
    for (kind, words) in FAULTS {
        line(
            &mut text,
            format_args!("| {words} | `{}` | {} | {} |", kind.code(), kind.http_status(), kind.exit_code()),
        );
    }
    text
}

const FAULTS: &[(FaultKind, &str)] = &[
    (FaultKind::Invalid, "malformed or invalid input"),
    (FaultKind::ContextTooLong, "the conversation does not fit the model"),
    (FaultKind::Unauthorized, "no key, or a wrong one"),
    (FaultKind::Forbidden, "not allowed"),
    (FaultKind::NotFound, "not there, or not visible"),
    (FaultKind::MethodNotAllowed, "wrong method"),
    (FaultKind::Conflict, "a name is taken, a lock is held"),
    (FaultKind::TooLarge, "the body is too large"),
    (FaultKind::TooSlow, "the body took too long to arrive"),
    (FaultKind::Misdirected, "wrong Host header"),
    (FaultKind::RateLimited, "rate limit"),
    (FaultKind::Unavailable, "nothing there to answer"),
    (FaultKind::Timeout, "took too long"),
    (FaultKind::UpstreamAuth, "the upstream refused our credential"),
    (FaultKind::Moderated, "the upstream's moderation refused"),
    (FaultKind::Region, "the upstream does not serve this place"),
    (FaultKind::Billing, "the upstream wants to be paid first"),
    (FaultKind::Quota, "what was paid for at the upstream is used up, or what a budget allows"),
    (FaultKind::Upstream, "the upstream failed"),
    (FaultKind::Plugin, "a component failed"),
    (FaultKind::Unsupported, "the model cannot do this"),
    (FaultKind::Cancelled, "the caller went away"),
    (FaultKind::Internal, "our own fault"),
];

fn noun_page(noun: &str, entries: &[&OperationEntry]) -> String {
    let mut text = format!("{NOTE}# {noun}\n");
    for entry in entries {
        operation(&mut text, entry);
    }
    text
}

fn operation(text: &mut String, entry: &OperationEntry) {
    let fields = entry.fields();
    line(text, format_args!("\n## {}\n\n{}\n", entry.name, entry.description));
    line(text, format_args!("```console\n$ brains {}\n```\n", usage(entry, &fields)));
    line(
        text,
        format_args!(
            "`POST /api/ops/{}` · {} · role {} · scope {} · agents: {}{}\n",
            entry.name,
            entry.kind.word(),
            role_word(entry),
            scope_name(entry.scope),
            entry.tool.agents(),
            other_names(entry)
        ),
    );
    if !fields.is_empty() {
        text.push_str("| Input | Type | | Description |\n|---|---|---|---|\n");
        for field in &fields {
            let need = match (&field.default, field.required) {
                (Some(default), _) => format!("default `{default}`"),
                (None, true) => "required".into(),
                (None, false) => String::new(),
            };
            line(
                text,
                format_args!(
                    "| `{}` | {} | {need} | {} |",
                    field.name,
                    field.kind.word(),
                    cell(&field.description)
                ),
            );
        }
        text.push('\n');
    }
    let mut members = Vec::new();
    answer_members(&entry.output_schema, "", 0, &mut members);
    if !members.is_empty() {
        text.push_str("| Answer | Description |\n|---|---|\n");
        for (name, description) in members {
            line(text, format_args!("| `{name}` | {} |", cell(&description)));
        }
        text.push('\n');
    }
    text.push_str("Examples:\n\n```console\n");
    for example in entry.examples {
        line(text, format_args!("# {}\n$ brains {}", example.title, example.command));
    }
    text.push_str("```\n");
}

/// `key create NAME [--scopes …]`.
fn usage(entry: &OperationEntry, fields: &[InputField]) -> String {
    let mut words = vec![shown_path(entry)];
    for field in fields {
        let name = field.name.to_uppercase();
        words.push(match (field.positional, field.required) {
            (true, true) => name,
            (true, false) => format!("[{name}]"),
            (false, true) => format!("--{} {name}", field.flag()),
            (false, false) if field.kind == crate::field::FieldKind::Boolean => {
                format!("[--{}]", field.flag())
            }
            (false, false) => format!("[--{} {name}]", field.flag()),
        });
    }
    words.join(" ")
}

/// The shortest spelling that help shows.
fn shown_path(entry: &OperationEntry) -> String {
    let shown = entry.cli.aliases.iter().filter(|alias| !alias.hidden).map(|alias| alias.path);
    shown.chain([entry.cli.path]).min_by_key(|path| path.len()).unwrap_or(entry.cli.path).join(" ")
}

fn other_names(entry: &OperationEntry) -> String {
    let shown = shown_path(entry);
    let others: Vec<String> = [entry.cli.path]
        .into_iter()
        .chain(entry.cli.aliases.iter().filter(|alias| !alias.hidden).map(|alias| alias.path))
        .map(|path| path.join(" "))
        .filter(|path| *path != shown)
        .map(|path| format!("`brains {path}`"))
        .collect();
    if others.is_empty() { String::new() } else { format!(" · also {}", others.join(", ")) }
}

/// Members of an answer, lists and objects opened two levels deep.
fn answer_members(schema: &Value, prefix: &str, depth: usize, members: &mut Vec<(String, String)>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let path = format!("{prefix}{name}");
        let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let inner = real(property);
        let item = inner.get("items").map(real);
        let shown = if item.is_some() { format!("{path}[]") } else { path };
        members.push((shown.clone(), description.replace('\n', " ")));
        if depth < 2 {
            answer_members(item.unwrap_or(inner), &format!("{shown}."), depth + 1, members);
        }
    }
}

/// The schema of a value that may also be null.
fn real(schema: &Value) -> &Value {
    let branches = schema.get("anyOf").and_then(Value::as_array);
    branches
        .and_then(|branches| branches.iter().find(|branch| branch.get("type") != Some(&Value::from("null"))))
        .unwrap_or(schema)
}

/// Text that stays inside its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}

#[cfg(test)]
mod tests;
