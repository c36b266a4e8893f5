//! Verbs made from the registry: an operation's fields become arguments, its comments the help, and what was
//! typed becomes its JSON input.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brains_control::{FieldKind, InputField, OperationEntry, Registry};
use brains_core::Fault;
use brains_core::config::document::{self, Aliases};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use crate::home;
use crate::manifest_file;

/// The largest component, and the largest list, that is read from a file.
const COMPONENT_BYTES: u64 = 256 << 20;
const LIST_BYTES: u64 = 64 << 20;

/// Id of the `--yes` of verbs that ask first.
const YES: &str = "yes";

/// What the groups of verbs are about.
const GROUPS: [(&str, &str); 22] = [
    ("admin-key", "The admin key"),
    ("audit", "The audit log"),
    ("budget", "Budgets: what may be spent, what is spent, what is left"),
    ("component", "Components: what is loaded, what was refused and why"),
    ("config", "The configuration: what is in force, where it comes from, changes"),
    ("event", "What happened in a workspace, in order"),
    ("focus", "What sessions are at"),
    ("handoff", "Where work stopped, for whoever comes next"),
    ("key", "Keys for clients"),
    ("lock", "Locks: who holds what, who waits"),
    ("message", "Mail between sessions"),
    ("model", "The names that a request may carry as its model"),
    ("operator", "Operators: who may use this installation"),
    ("plugin", "Components: what is loaded, what was refused and why"),
    ("price", "What models cost, and prices of your own"),
    ("route", "Where a request would go, and why"),
    ("service", "The running service"),
    ("session", "Sessions: who works where, and what they left"),
    ("task", "What is to be done, who does it, what waits for what"),
    ("trace", "What was answered, by whom, how fast"),
    ("workspace", "Workspaces: where agents work, who sees them, who claims them"),
    ("workspaces", "Many workspaces at once"),
];

/// Other names of groups, as people say them.
const ALIASES: [(&str, &str); 1] = [("message", "mail")];

/// Spellings that print one member of the answer alone, as other products do.
const BARE: [(&str, &str); 2] = [("sessions", "sessions"), ("workspace-claims", "claims")];

/// The member that a spelling prints alone.
pub(crate) fn bare(path: &[&str]) -> Option<&'static str> {
    let [verb] = path else { return None };
    BARE.iter().find(|(flat, _)| flat == verb).map(|(_, member)| *member)
}

/// Adds every operation's verb and its other spellings.
pub(crate) fn add_all(mut command: Command, registry: &Registry) -> Command {
    for entry in registry.entries() {
        command = add(command, entry.cli.path, entry, false);
        for alias in entry.cli.aliases {
            command = add(command, alias.path, entry, alias.hidden);
        }
    }
    command
}

/// The operation behind the words of a command.
pub(crate) fn find<'a>(registry: &'a Registry, path: &[&str]) -> Option<&'a OperationEntry> {
    registry
        .entries()
        .iter()
        .find(|entry| entry.cli.path == path || entry.cli.aliases.iter().any(|alias| alias.path == path))
}

fn add(command: Command, path: &'static [&'static str], entry: &OperationEntry, hidden: bool) -> Command {
    match path {
        [] => command,
        [verb] => command.subcommand(leaf(verb, entry).hide(hidden)),
        [group, rest @ ..] => {
            let known = command.find_subcommand(group).is_some();
            if known {
                command.mut_subcommand(*group, |inner| add(inner, rest, entry, hidden))
            } else {
                let about = GROUPS.iter().find(|(name, _)| name == group).map_or(*group, |(_, about)| about);
                let inner = Command::new(*group).about(about).hide(hidden);
                let inner = inner.subcommand_required(true).arg_required_else_help(true);
                let inner = match ALIASES.iter().find(|(name, _)| name == group) {
                    Some((_, alias)) => inner.visible_alias(*alias),
                    None => inner,
                };
                command.subcommand(add(inner, rest, entry, hidden))
            }
        }
    }
}

fn leaf(verb: &'static str, entry: &OperationEntry) -> Command {
    let mut command =
        Command::new(verb).about(entry.summary.clone()).long_about(paragraphs(&entry.description));
    for field in entry.fields() {
        let arg = argument(&field);
        command = command.arg(if is_component(entry, &field) {
            arg.value_name("FILE").help("The component's file; the manifest beside it comes along")
        } else if is_document(entry, &field) {
            let help = format!(
                "File with {} (`-` reads it from stdin) [default: the configuration file in use]",
                lower_first(&field.description)
            );
            arg.required(false).value_name("FILE").help(help)
        } else if is_list(entry, &field) {
            Arg::new(field.name.clone())
                .required(field.required)
                .value_name("FILE")
                .help(format!("{} (a file; `-` reads stdin)", field.description.trim_end_matches('.')))
        } else if field.file {
            arg.value_name("FILE")
                .help(format!("{} (a file; `-` reads stdin)", field.description.trim_end_matches('.')))
        } else {
            arg
        });
    }
    if entry.cli.confirm.is_some() {
        let yes = Arg::new(YES).short('y').long(YES).action(ArgAction::SetTrue);
        command = command.arg(yes.help("Do not ask"));
    }
    if !entry.examples.is_empty() {
        // A command is copied as a whole: what it does stands above it.
        let lines = entry
            .examples
            .iter()
            .map(|example| format!("\n  # {}\n  brains {}", example.title, example.command));
        command = command.after_help(format!("Examples:{}", lines.collect::<String>()));
    }
    command
}

/// Lines of source as paragraphs: a terminal has a width of its own.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A field that holds the text of a configuration: people name its file.
fn is_document(entry: &OperationEntry, field: &InputField) -> bool {
    holds(entry, field, "application/yaml")
}

/// A field that holds a component: people name its file.
fn is_component(entry: &OperationEntry, field: &InputField) -> bool {
    holds(entry, field, "application/wasm")
}

/// A field that holds JSON of some length: people name its file.
fn is_list(entry: &OperationEntry, field: &InputField) -> bool {
    holds(entry, field, "application/json")
}

fn holds(entry: &OperationEntry, field: &InputField, what: &str) -> bool {
    let media = entry.input_schema.pointer(&format!("/properties/{}/contentMediaType", field.name));
    media.is_some_and(|media| media == what)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn argument(field: &InputField) -> Arg {
    let value_name = field.name.to_ascii_uppercase();
    let mut arg = Arg::new(field.name.clone()).help(help(field)).required(field.required);
    if !field.positional {
        arg = arg.long(field.flag());
    }
    if let Some(short) = field.short {
        arg = arg.short(short);
    }
    match &field.kind {
        FieldKind::Text | FieldKind::Json => arg.value_name(value_name).allow_hyphen_values(field.positional),
        FieldKind::Integer => {
            arg.value_name("N").value_parser(value_parser!(i64)).allow_negative_numbers(true)
        }
        FieldKind::Number => {
            arg.value_name("N").value_parser(value_parser!(f64)).allow_negative_numbers(true)
        }
        FieldKind::Boolean if field.positional => {
            arg.value_name("true|false").value_parser(value_parser!(bool))
        }
        FieldKind::Boolean => arg
            .value_name("true|false")
            .value_parser(value_parser!(bool))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        FieldKind::Choice(words) => {
            arg.value_name(value_name).value_parser(PossibleValuesParser::new(words.clone()))
        }
        FieldKind::List(of) => {
            let arg = arg.value_name(value_name).action(ArgAction::Append).value_delimiter(',');
            let arg = if field.positional { arg.num_args(1..) } else { arg };
            match &**of {
                FieldKind::Choice(words) => arg.value_parser(PossibleValuesParser::new(words.clone())),
                FieldKind::Integer => arg.value_parser(value_parser!(i64)),
                FieldKind::Text
                | FieldKind::Number
                | FieldKind::Boolean
                | FieldKind::List(_)
                | FieldKind::Json => arg,
            }
        }
    }
}

fn help(field: &InputField) -> String {
    let mut help = field.description.trim_end_matches('.').to_owned();
    if field.kind == FieldKind::Json {
        help.push_str(" (JSON or YAML; `-` reads it from stdin)");
    } else if field.kind == FieldKind::Text && field.positional {
        help.push_str(" (`-` reads it from stdin)");
    }
    if let Some(default) = field.default.as_deref().filter(|default| *default != "[]") {
        help = format!("{help} [default: {}]", default.trim_matches('"'));
    }
    help
}

/// What was typed, as the operation's input. Fields that were not given are left out; `document` is the file
/// that a field of its kind stands for then.
pub(crate) fn input(entry: &OperationEntry, matches: &ArgMatches, document: &Path) -> Result<Value, Fault> {
    let mut input = Map::new();
    for field in entry.fields() {
        let value = if is_component(entry, &field) {
            let Some(named) = one::<String>(matches, &field.name) else { continue };
            let file = Path::new(&named);
            beside(entry, matches, file, &mut input)?;
            Some(Value::from(STANDARD.encode(bytes(file)?)))
        } else if is_document(entry, &field) {
            Some(Value::from(match one::<String>(matches, &field.name) {
                Some(named) => file_or_stdin(Path::new(&named))?,
                None if document.exists() => file_or_stdin(document)?,
                // Nothing is written down: the defaults are in use.
                None => String::new(),
            }))
        } else if is_list(entry, &field) {
            let named = one::<String>(matches, &field.name);
            named.map(|named| json_of(Path::new(&named), &field.name)).transpose()?
        } else if field.file {
            let named = one::<String>(matches, &field.name);
            named.map(|named| file_or_stdin(Path::new(&named))).transpose()?.map(Value::from)
        } else {
            value(&field, matches)?
        };
        if let Some(value) = value {
            input.insert(field.name, value);
        }
    }
    Ok(Value::Object(input))
}

/// What a component's file says without being read: its manifest beside it, and its name as the id. What was typed
/// counts above it.
fn beside(
    entry: &OperationEntry,
    matches: &ArgMatches,
    file: &Path,
    input: &mut Map<String, Value>,
) -> Result<(), Fault> {
    let fields = entry.fields();
    let open = |name: &str| {
        fields.iter().any(|field| field.name == name && !field.positional)
            && one::<String>(matches, name).is_none()
    };
    if let Some(manifest) = manifest_file::of(file).filter(|_| open("manifest")) {
        input.insert("manifest".into(), file_or_stdin(&manifest)?.into());
    }
    let stem = file.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
    if let Some(stem) = stem.filter(|_| open("id")) {
        input.insert("id".into(), stem.into());
    }
    Ok(())
}

fn bytes(file: &Path) -> Result<Vec<u8>, Fault> {
    if file != Path::new("-") {
        return home::read_named(file, COMPONENT_BYTES);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::invalid(format!("stdin could not be read: {error}")))?;
    Ok(bytes)
}

/// Whether the question before this verb was answered on the command line.
pub(crate) fn confirmed(matches: &ArgMatches) -> bool {
    matches.get_flag(YES)
}

fn value(field: &InputField, matches: &ArgMatches) -> Result<Option<Value>, Fault> {
    let name = field.name.as_str();
    Ok(match &field.kind {
        FieldKind::Text => one::<String>(matches, name)
            .map(|text| text_or_stdin(text, field.positional))
            .transpose()?
            .map(Value::from),
        FieldKind::Choice(_) => one::<String>(matches, name).map(Value::from),
        FieldKind::Json => one::<String>(matches, name)
            .map(|text| text_or_stdin(text, true))
            .transpose()?
            .map(|text| loose(&text)),
        FieldKind::Integer => one::<i64>(matches, name).map(Value::from),
        FieldKind::Number => one::<f64>(matches, name).map(Value::from),
        FieldKind::Boolean => one::<bool>(matches, name).map(Value::from),
        FieldKind::List(of) if **of == FieldKind::Integer => {
            matches.get_many::<i64>(name).map(|items| items.copied().map(Value::from).collect())
        }
        FieldKind::List(of) => matches.get_many::<String>(name).map(|items| {
            let texts = matches!(**of, FieldKind::Text | FieldKind::Choice(_));
            items.map(|item| if texts { Value::from(item.as_str()) } else { loose(item) }).collect()
        }),
    })
}

fn one<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

fn text_or_stdin(text: String, allowed: bool) -> Result<String, Fault> {
    if !allowed || text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Fault::invalid(format!("stdin could not be read as text: {error}")))?;
    Ok(text)
}

fn file_or_stdin(path: &Path) -> Result<String, Fault> {
    if path == Path::new("-") {
        return text_or_stdin("-".to_owned(), true);
    }
    let bytes = home::read_named(path, LIST_BYTES)?;
    String::from_utf8(bytes).map_err(|_| Fault::invalid(format!("`{}` is not UTF-8 text", path.display())))
}

/// What a file of JSON holds.
fn json_of(path: &Path, field: &str) -> Result<Value, Fault> {
    serde_json::from_str(&file_or_stdin(path)?).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        Fault::invalid(format!("`{}` is not JSON at {at}", path.display())).code("invalid_json").param(field)
    })
}

/// A value as people type it: `5`, `true`, `{a: 1}`, else the text itself.
pub(super) fn loose(text: &str) -> Value {
    document::parse(text, Aliases::Refused).unwrap_or_else(|_| Value::from(text))
}
