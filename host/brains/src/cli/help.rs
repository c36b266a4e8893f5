//! The help of the whole program: its verbs in groups, as people look for them. Spellings that are kept for those who know
//! them from elsewhere stand neither there nor in completions, pages and suggestions.

use std::fmt::Write as _;

use clap::Command;
use clap::builder::StyledStr;

use super::STYLES;

/// The groups, with their verbs in the order in which they are told.
pub(super) const GROUPS: [(&str, &[&str]); 6] = [
    ("Start and look", &["up", "init", "status", "watch", "open", "logs", "doctor", "stop"]),
    ("Work together", &["workspace", "session", "task", "lock", "focus", "message", "handoff", "event"]),
    (
        "Models",
        &[
            "chat", "explain", "plan", "classify", "route", "models", "model", "traces", "trace", "usage",
            "spent", "prices", "price", "budget",
        ],
    ),
    ("Components", &["plugin"]),
    ("Administer", &["config", "key", "admin-key", "operator", "audit", "service"]),
    (
        "Serve a part, and tools for the shell",
        &["serve-all", "serve", "mcp", "completions", "man", "version"],
    ),
];

/// The group of the verbs about accounts.
const ACCOUNTS: &str = "Models";

/// The command with its verbs in groups; `accounts` are those that the bundle adds.
pub(super) fn grouped(command: Command, accounts: &[String]) -> Command {
    let (header, literal) = (STYLES.get_header(), STYLES.get_literal());
    let longest =
        GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).chain(accounts.iter().map(String::as_str));
    let longest = longest.map(str::len).max().unwrap_or(0);
    let mut text = StyledStr::new();
    // Writing into a string does not fail.
    let _ = write!(text, "{{about}}\n\n{{usage-heading}} {{usage}}\n");
    for (group, verbs) in GROUPS {
        let _ = write!(text, "\n{header}{group}:{header:#}\n");
        let added = accounts.iter().map(String::as_str).filter(|_| group == ACCOUNTS);
        for verb in verbs.iter().copied().chain(added) {
            let Some(inner) = command.find_subcommand(verb) else { continue };
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            let about = about.lines().next().unwrap_or_default();
            let _ = writeln!(text, "  {literal}{verb:longest$}{literal:#}  {about}");
        }
    }
    let _ = write!(text, "\n{{options}}{{after-help}}");
    command.help_template(text)
}

/// The command without what is hidden: what completions and pages are made of, and suggestions come from.
pub(crate) fn visible(command: &Command) -> Command {
    let mut shown = command.clone();
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    if command.get_subcommands().any(Command::is_hide_set) {
        shown = without_subcommands(command);
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            shown = shown.subcommand(visible(inner));
        }
        return shown;
    }
    for name in names {
        shown = shown.mut_subcommand(name, |inner| visible(&inner));
    }
    shown
}

/// The same command with none below it: clap takes none away.
fn without_subcommands(command: &Command) -> Command {
    let mut bare = Command::new(command.get_name().to_owned()).styles(STYLES);
    if let Some(about) = command.get_about() {
        bare = bare.about(about.clone());
    }
    if let Some(about) = command.get_long_about() {
        bare = bare.long_about(about.clone());
    }
    if let Some(after) = command.get_after_help() {
        bare = bare.after_help(after.clone());
    }
    if let Some(version) = command.get_version() {
        bare = bare.version(version.to_owned());
    }
    let own = command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()));
    bare.args(own.cloned())
        .subcommand_required(command.is_subcommand_required_set())
        .arg_required_else_help(command.is_arg_required_else_help_set())
}
