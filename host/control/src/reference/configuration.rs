//! The configuration's reference: the page of all keys, and a complete file in which every key stands commented out with
//! its default. Both are written from the schema that the program serves, the keys of its components included.

use serde_json::{Map, Value};

use super::ReferencePage;
use crate::field::{choice, type_word};

/// How wide the prose of the file may be.
const WIDTH: usize = 110;

const HEAD: &str = "<!-- Generated from the schema of the configuration; `UPDATE=1 cargo xtask test docs` rewrites it. -->

# Configuration

Every key is optional. The file is `config.yaml` in the state directory (`BRAINS_CONFIG`, `--config`); `templates/config.yaml`
holds every key with its default, and `brains init` puts it there when there is none. Layers, each over the one before: defaults, the
components' own, the file, `brains.runtime.yaml` (which commands edit), `BRAINS_<KEY>` for every key of one word, the command line.
`brains config show` tells each value and where it came from, `brains config check` what is wrong.

A secret may stand elsewhere: `${FILE:/path}`, or `${ENV:NAME}` of the process that serves.

**Where**: *any* layer, or *file* for keys that no command may set: those stand in the file, in the environment or on the
command line. Tiers, classifier and policy have defaults that come with the program: `brains config show` tells them. **Hot** keys count as soon as they change, the others from the next start on. What is **not served** is known and
read by nothing yet: a value other than the default is told, and refused where it promises that something will not happen.

| Key | Type | Default | Where | Hot | Served | What it is |
|---|---|---|---|---|---|---|
";

const FILE_HEAD: &str = "\
# Configuration of Brains. Every key is optional; each stands here behind a `#` with its default.
# Order: defaults < this file < brains.runtime.yaml (which commands edit) < BRAINS_<KEY> < command line.
# `brains config show` tells each value and where it came from, `brains config check` what is wrong here.
# A secret may stand elsewhere: ${FILE:/path}, or ${ENV:NAME} of the process that serves.
";

/// The page of all keys.
pub fn page(schema: &Value) -> ReferencePage {
    let mut text = HEAD.to_owned();
    for key in keys(schema) {
        let default =
            key.default.as_ref().map_or_else(|| "–".to_owned(), |value| format!("`{}`", plain(value)));
        let cells = [
            format!("`{}`", key.path),
            key.kind,
            default,
            if key.marks.file_only { "file" } else { "any" }.to_owned(),
            if key.marks.hot { "yes" } else { "next start" }.to_owned(),
            key.marks.served.word().to_owned(),
            key.description.replace('\n', " "),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        text.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    ReferencePage { file: "configuration.md".into(), text }
}

/// The complete file; `examples` stand before the keys.
pub fn file(schema: &Value, examples: &str) -> String {
    let mut text = format!("{FILE_HEAD}#\n");
    for line in examples.lines() {
        let gap = if line.is_empty() { "" } else { " " };
        text.extend(["#", gap, line, "\n"]);
    }
    for key in keys(schema) {
        if key.depth > 0 {
            continue;
        }
        let mut about = vec![key.description.trim_end_matches('.').to_owned()];
        if key.marks.served != Served::Yes {
            about.push("Not served by this build".into());
        } else if !key.marks.hot {
            about.push("Counts from the next start on".into());
        }
        text.push('\n');
        for line in wrapped(&format!("{}.", about.join(". "))) {
            text.extend(["# ", &line, "\n"]);
        }
        for member in keys(schema).into_iter().filter(|member| member.belongs_to(&key.path)) {
            let line = format!("{} ({}): {}", member.path, member.kind, member.description);
            for (at, line) in wrapped(&line).iter().enumerate() {
                text.extend(["#   ", if at == 0 { "" } else { "  " }, line, "\n"]);
            }
        }
        let default = key.default.map_or_else(String::new, |value| format!(" {}", plain(&value)));
        text.extend(["#", &key.path, ":", &default, "\n"]);
    }
    text
}

/// One key as people read of it.
struct Key {
    /// Dotted; `<name>` stands for any name, `[]` for each entry of a list.
    path: String,
    depth: usize,
    kind: String,
    default: Option<Value>,
    description: String,
    marks: Marks,
}

impl Key {
    fn belongs_to(&self, section: &str) -> bool {
        self.depth > 0 && self.path.strip_prefix(section).is_some_and(|rest| rest.starts_with(['.', '[']))
    }
}

fn keys(schema: &Value) -> Vec<Key> {
    let mut found = Vec::new();
    let top = Marks { file_only: false, hot: true, served: Served::Yes };
    members(schema, "", 0, top, &mut found);
    found.retain(|key| key.path != "schema_version");
    found
}

/// What holds for everything below a key, too.
#[derive(Debug, Clone, Copy)]
struct Marks {
    file_only: bool,
    hot: bool,
    served: Served,
}

/// Whether this build does what a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Yes,
    No,
    /// Nor does it take a value that somebody would rely on.
    Refused,
}

impl Served {
    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Refused => "no, refused",
        }
    }
}

impl Marks {
    fn with(self, schema: &Value) -> Self {
        let is = |mark: &str, value: bool| schema.get(mark) == Some(&Value::Bool(value));
        let served = match (is("x-served", false), is("x-safety", true)) {
            (true, true) => Served::Refused,
            (true, false) => Served::No,
            (false, _) => self.served,
        };
        Self {
            file_only: self.file_only || is("x-overlay", false),
            hot: self.hot && !is("x-hot", false),
            served,
        }
    }
}

fn members(schema: &Value, prefix: &str, depth: usize, marks: Marks, found: &mut Vec<Key>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, key) in properties.into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let marks = marks.with(key);
        let inner = present(key);
        found.push(Key {
            path: path.clone(),
            depth,
            kind: kind(inner),
            default: default(key, inner),
            description: text(key, "description").or_else(|| text(inner, "description")).unwrap_or_default(),
            marks,
        });
        below(inner, &path, depth + 1, marks, found);
    }
}

/// What stands below a map of names, or a list.
fn below(schema: &Value, path: &str, depth: usize, marks: Marks, found: &mut Vec<Key>) {
    members(schema, path, depth, marks, found);
    for (part, suffix) in [("additionalProperties", ".<name>"), ("items", "[]")] {
        if let Some(entry) = schema.get(part).filter(|entry| entry.is_object()) {
            below(present(entry), &format!("{path}{suffix}"), depth, marks, found);
        }
    }
}

/// The default of a key; a section, whose members have lines of their own, is nothing by itself.
fn default(key: &Value, schema: &Value) -> Option<Value> {
    let kind = type_word(schema);
    if kind == Some("object") {
        return Some(Value::Object(Map::new()));
    }
    let stated = key.get("default").filter(|value| !value.is_null()).cloned();
    stated.or_else(|| (kind == Some("array")).then(|| Value::Array(Vec::new())))
}

/// The schema behind `anyOf: [it, null]`.
fn present(schema: &Value) -> &Value {
    let several = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut real = several.filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
    real.next().unwrap_or(schema)
}

fn kind(schema: &Value) -> String {
    if let Some(words) = choice(schema) {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    let word = match (type_word(schema).unwrap_or_default(), schema.get("format").and_then(Value::as_str)) {
        ("string", Some("secret")) => "secret",
        ("string", Some("uri")) => "URL",
        ("string", _) => "text",
        ("boolean", _) => "`true`, `false`",
        ("integer", _) => "whole number",
        ("number", _) => "number",
        ("array", _) => return list(schema),
        ("object", _) if schema.get("properties").is_some() => "section",
        ("object", _) => "map",
        _ => "anything",
    };
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let least = bound("minimum").filter(|least| *least != 0.0).map(|least| format!("{least} or more"));
    let above = bound("exclusiveMinimum").map(|above| format!("more than {above}"));
    let most = bound("maximum").filter(|most| *most < 1e9).map(|most| format!("at most {most}"));
    let bounds: Vec<String> = least.into_iter().chain(above).chain(most).collect();
    if bounds.is_empty() { word.to_owned() } else { format!("{word}, {}", bounds.join(", ")) }
}

fn list(schema: &Value) -> String {
    match schema.get("items") {
        Some(items) if items.get("properties").is_some() => "list of sections".into(),
        Some(items) => format!("list: {}", kind(present(items))),
        None => "list".into(),
    }
}

fn text(schema: &Value, member: &str) -> Option<String> {
    schema.get(member).and_then(Value::as_str).map(str::to_owned)
}

/// A value as YAML, which takes JSON on one line; a whole number without a point.
fn plain(value: &Value) -> String {
    match value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0) {
        Some(number) => format!("{number:.0}"),
        None => value.to_string(),
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(word);
                continue;
            }
            if line.len() + 1 + word.len() <= WIDTH {
                line.extend([" ", word]);
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    lines
}
