//! The one reader of YAML and JSON documents that people and components write. Size, number of parts and depth are bounded
//! before anything is built, aliases are counted by what they stand for before they are expanded, and an error says where
//! and what kind of thing is wrong, never what stands there.

mod lines;
mod scalar;

pub use lines::line_of;

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The largest document, in bytes, and the most that its aliases may make of it.
pub const DOCUMENT_BYTES: usize = 1 << 20;
/// How deep maps and lists may nest.
const DEPTH: usize = 64;
/// Values of a document, those behind aliases counted each time.
const NODES: usize = 50_000;
/// Characters that may begin, end or part something: what a parser keeps until it knows more is bounded by them.
const MARKS: usize = 100_000;

/// Whether a document may name a part of itself to repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// Counted by what they stand for.
    Counted,
    /// Neither anchors nor aliases.
    Refused,
}

/// Why a text is no document: where, and what kind of thing is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// Line and column, from 1; none for the document as a whole.
    at: Option<(usize, usize)>,
    what: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => {
                write!(f, "is not readable YAML at line {line} column {column}: {}", self.what)
            }
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for DocumentError {}

impl DocumentError {
    fn whole(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }

    fn at(marker: &Marker, what: impl Into<String>) -> Self {
        Self { at: Some((marker.line(), marker.col() + 1)), what: what.into() }
    }

    fn of(error: &ScanError) -> Self {
        // The one message of the parser that repeats a character.
        let what = if error.info().contains('`') { "an unexpected character" } else { error.info() };
        Self::at(error.marker(), what)
    }
}

/// Reads a document; an empty one is `null`.
pub fn parse(text: &str, aliases: Aliases) -> Result<Value, DocumentError> {
    if text.len() > DOCUMENT_BYTES {
        return Err(DocumentError::whole(format!("is larger than {} MiB", DOCUMENT_BYTES >> 20)));
    }
    let is_mark = |byte: &u8| matches!(byte, b'[' | b']' | b'{' | b'}' | b',' | b':' | b'?' | b'-' | b'\n');
    if text.bytes().filter(|byte| is_mark(byte)).count() > MARKS {
        return Err(DocumentError::whole(format!("may hold more than {MARKS} parts")));
    }
    Reader::new(text, aliases).document()
}

/// Reads a map of keys; an empty document is an empty map.
pub fn parse_map(text: &str, aliases: Aliases) -> Result<Map<String, Value>, DocumentError> {
    match parse(text, aliases)? {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        _ => Err(DocumentError::whole("is not a map of keys")),
    }
}

/// Reads a document of ours without aliases as the type that it should be.
pub fn parse_as<T: DeserializeOwned>(text: &str) -> Result<T, DocumentError> {
    fit(parse(text, Aliases::Refused)?)
}

/// A tree as the type that it should be.
pub fn fit<T: DeserializeOwned>(tree: Value) -> Result<T, DocumentError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = error.path().to_string();
        let what = without_values(&error.inner().to_string());
        DocumentError::whole(if path == "." { what } else { format!("`{}`: {what}", shown(&path)) })
    })
}

/// A tree as YAML, in block style.
pub fn render(tree: &impl Serialize) -> Result<String, DocumentError> {
    serde_yaml::to_string(tree).map_err(|_| DocumentError::whole("cannot be written as YAML"))
}

/// What serde says, without the value that it says it of.
fn without_values(message: &str) -> String {
    // The last one is serde's own: what a value could hold stands before it.
    match message.rfind(", expected ").map(|at| message.split_at(at)) {
        Some((said, expected)) => {
            let expected = expected.trim_start_matches(", ");
            let key = said.starts_with("unknown field");
            if key { format!("a key that is not known, {expected}") } else { expected.to_owned() }
        }
        None if message.starts_with("missing field") || message.starts_with("duplicate field") => {
            message.to_owned()
        }
        None if message.starts_with("unknown field") => "a key that is not known".to_owned(),
        None => "does not fit".to_owned(),
    }
}

/// A path to something in a document, as far as its keys are words.
fn shown(path: &str) -> String {
    let word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    let shown: String = path.chars().take_while(word).take(128).collect();
    if shown.len() == path.len() { shown } else { format!("{shown}…") }
}

/// A value with what it counts for.
#[derive(Debug, Clone)]
struct Weighed {
    value: Value,
    nodes: usize,
    bytes: usize,
}

/// A map or a list that is not at its end.
struct Open {
    kind: Kind,
    anchor: usize,
    /// What was counted before it began.
    nodes: usize,
    bytes: usize,
}

enum Kind {
    List(Vec<Value>),
    Map { members: Map<String, Value>, key: Option<String> },
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    aliases: Aliases,
    anchors: HashMap<usize, Weighed>,
    open: Vec<Open>,
    nodes: usize,
    bytes: usize,
    root: Option<Value>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, aliases: Aliases) -> Self {
        Self {
            events: Parser::new_from_str(text),
            aliases,
            anchors: HashMap::new(),
            open: Vec::new(),
            nodes: 0,
            bytes: 0,
            root: None,
        }
    }

    fn document(&mut self) -> Result<Value, DocumentError> {
        let mut begun = false;
        while let Some(event) = self.events.next_event() {
            let (event, span) = event.map_err(|error| DocumentError::of(&error))?;
            match event {
                Event::DocumentStart(_) if begun => {
                    return Err(DocumentError::at(&span.start, "a second document"));
                }
                Event::DocumentStart(_) => begun = true,
                Event::Alias(anchor) => self.alias(anchor, &span)?,
                Event::Scalar(text, style, anchor, tag) => {
                    self.count(1, text.len(), &span)?;
                    let value = scalar(&text, style, tag.as_deref(), &span)?;
                    self.keep(anchor, &value, 1, text.len(), &span)?;
                    self.add(value, &span)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.begin(Kind::List(Vec::new()), anchor, tag.as_deref(), &span)?;
                }
                Event::MappingStart(anchor, tag) => {
                    let map = Kind::Map { members: Map::new(), key: None };
                    self.begin(map, anchor, tag.as_deref(), &span)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(&span)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.root.take().unwrap_or(Value::Null))
    }

    fn begin(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<(), DocumentError> {
        if self.open.len() >= DEPTH {
            return Err(DocumentError::at(&span.start, format!("nesting deeper than {DEPTH}")));
        }
        let plain = tag.is_none_or(|tag| {
            tag.is_yaml_core_schema()
                && tag.suffix == if matches!(kind, Kind::List(_)) { "seq" } else { "map" }
        });
        if !plain {
            return Err(DocumentError::at(&span.start, "a tag"));
        }
        let (nodes, bytes) = (self.nodes, self.bytes);
        self.count(1, 0, span)?;
        self.open.push(Open { kind, anchor, nodes, bytes });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), DocumentError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(items) => Value::Array(items),
            Kind::Map { members, .. } => Value::Object(members),
        };
        let (nodes, bytes) = (self.nodes - open.nodes, self.bytes - open.bytes);
        self.keep(open.anchor, &value, nodes, bytes, span)?;
        self.add(value, span)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), DocumentError> {
        if self.aliases == Aliases::Refused {
            return Err(DocumentError::at(&span.start, "an alias, which is not allowed here"));
        }
        let Some(meant) = self.anchors.get(&anchor) else {
            return Err(DocumentError::at(&span.start, "an alias for what it stands in"));
        };
        let (nodes, bytes) = (meant.nodes, meant.bytes);
        self.count(nodes, bytes, span)?;
        let value = self.anchors.get(&anchor).map(|meant| meant.value.clone());
        self.add(value.unwrap_or_default(), span)
    }

    /// Remembers what has a name.
    fn keep(
        &mut self,
        anchor: usize,
        value: &Value,
        nodes: usize,
        bytes: usize,
        span: &Span,
    ) -> Result<(), DocumentError> {
        if anchor == 0 {
            return Ok(());
        }
        if self.aliases == Aliases::Refused {
            return Err(DocumentError::at(&span.start, "an anchor, which is not allowed here"));
        }
        // It lies in memory twice.
        self.count(nodes, bytes, span)?;
        self.anchors.insert(anchor, Weighed { value: value.clone(), nodes, bytes });
        Ok(())
    }

    fn count(&mut self, nodes: usize, bytes: usize, span: &Span) -> Result<(), DocumentError> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > NODES {
            return Err(DocumentError::at(
                &span.start,
                format!("more than {NODES} values, with what aliases repeat"),
            ));
        }
        if self.bytes > DOCUMENT_BYTES {
            let limit = DOCUMENT_BYTES >> 20;
            return Err(DocumentError::at(
                &span.start,
                format!("more than {limit} MiB, with what aliases repeat"),
            ));
        }
        Ok(())
    }

    /// Puts a value where it belongs.
    fn add(&mut self, value: Value, span: &Span) -> Result<(), DocumentError> {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(value),
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Map { members, key }) => match key.take() {
                None => {
                    let name = scalar::key(value)
                        .ok_or_else(|| DocumentError::at(&span.start, "a key that is no single value"))?;
                    if members.contains_key(&name) {
                        return Err(DocumentError::at(&span.start, "a key that stands there twice"));
                    }
                    *key = Some(name);
                }
                Some(name) => drop(members.insert(name, value)),
            },
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Value, DocumentError> {
    let found = match tag {
        None if style == ScalarStyle::Plain => scalar::plain(text),
        None => Ok(Value::from(text)),
        Some(tag) if tag.is_yaml_core_schema() => scalar::tagged(text, &tag.suffix),
        Some(_) => Err("a tag"),
    };
    found.map_err(|what| DocumentError::at(&span.start, what))
}

#[cfg(test)]
mod tests;
