//! What operations say, in the words of the command line. They name themselves and their members as every surface has
//! them; whoever typed a command reads the command and the option.

use std::collections::BTreeSet;

use brains_control::Registry;

/// Members of one word that are meant as such wherever they stand between backticks.
const MEMBERS: [&str; 4] = ["operator", "reason", "session", "workspace"];

/// `text` with operations as commands and members as options.
pub(crate) fn of_commands(text: &str, registry: &Registry) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, part) in text.split('`').enumerate() {
        if place > 0 {
            out.push('`');
        }
        match place % 2 {
            1 => out.push_str(&typed(part, registry).unwrap_or_else(|| part.to_owned())),
            _ => out.push_str(part),
        }
    }
    out
}

/// The command of an operation, the option of a member; none for anything else.
fn typed(word: &str, registry: &Registry) -> Option<String> {
    if let Some(entry) = registry.entries().iter().find(|entry| entry.name == word) {
        return Some(format!("brains {}", entry.cli.path.join(" ")));
    }
    let is_member = MEMBERS.contains(&word) || word.contains('_') && members(registry).contains(word);
    is_member.then(|| format!("--{}", word.replace('_', "-")))
}

/// The members that are options somewhere.
fn members(registry: &Registry) -> BTreeSet<String> {
    let fields = registry.entries().iter().flat_map(brains_control::OperationEntry::fields);
    fields.filter(|field| !field.positional).map(|field| field.name).collect()
}
