//! The items of one answer. Each comes in pieces, whole, or both, and some servers leave one of the two out: what has been
//! said is remembered, so that what comes whole adds only what is missing. Pieces of several items may alternate.

use super::item::{Flow, Item, ItemPiece, ItemPlace};
use super::marked;
use super::plain::PlainOutputText;
use crate::canon::{Annotation, BlockEnd, BlockKind, BlockStart, Delta, Event, Fault, ToolStart};
use crate::fault::protocol;
use crate::json::{JsonKind, Members, Node, Object, check, quote};
use crate::openai_responses::origin;

#[derive(Debug)]
pub(super) struct Items {
    list: Vec<Item>,
    /// The next block's number.
    next: u32,
    origin: String,
    /// Part of the ids of calls that came without one.
    seed: String,
    calls: u32,
    /// The arguments of a call were not one object.
    broken: bool,
}

impl Items {
    pub(super) fn new(seed: String) -> Self {
        Self { list: Vec::new(), next: 0, origin: origin(""), seed, calls: 0, broken: false }
    }

    /// The model whose thoughts these are.
    pub(super) fn encrypted_by(&mut self, model: &str) {
        self.origin = origin(model);
    }

    /// Whether a tool was called.
    pub(super) fn called(&self) -> bool {
        self.list.iter().any(|item| matches!(item.flow, Flow::Function | Flow::Custom))
    }

    /// Fails when the arguments of a call that is meant to be run are not one object.
    pub(super) fn check_arguments(&self) -> Result<(), Fault> {
        if self.broken {
            return Err(protocol(
                "the arguments of a tool call of the upstream's answer are not one JSON object",
            ));
        }
        Ok(())
    }

    /// An item begins, mostly with nothing in it yet.
    pub(super) fn open(
        &mut self,
        place: &ItemPlace,
        node: &Node<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let mut object = item(node)?;
        let flow = Flow::of(&mut object)?;
        let at = self.find_or_push(place, flow);
        self.describe(at, &mut object, events);
        Ok(())
    }

    /// All of an item: what has not been said of it is said, and it ends.
    pub(super) fn whole(
        &mut self,
        place: &ItemPlace,
        node: &Node<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let mut object = item(node)?;
        let flow = Flow::of(&mut object)?;
        let at = self.find_or_push(place, flow);
        if self.list.get(at).is_none_or(|item| item.ended) {
            return Ok(());
        }
        self.describe(at, &mut object, events);
        match flow {
            Flow::Message => self.message(at, &mut object, events),
            Flow::Reasoning => {
                for (member, piece) in [("summary", ItemPiece::Summary), ("content", ItemPiece::Thought)] {
                    for (part, node) in (0..).zip(parts(&mut object, member)) {
                        self.rest(at, piece, part, text_of(&node, "text"), events);
                    }
                }
            }
            Flow::Function | Flow::Custom => {
                let (piece, member) = if flow == Flow::Function {
                    (ItemPiece::Arguments, "arguments")
                } else {
                    (ItemPiece::Input, "input")
                };
                if let Some(said) = object.optional(member).ok().flatten().map(|node| argument_text(&node)) {
                    self.rest(at, piece, 0, said, events);
                }
            }
            Flow::Other => {
                let kind = BlockKind::Other(node.text().to_owned());
                let index = self.block(kind, events);
                events.push(ended(index, None, None));
            }
        }
        self.close(at, events)
    }

    fn message(&mut self, at: usize, object: &mut Object<'_>, events: &mut Vec<Event>) {
        for (part, node) in (0..).zip(parts(object, "content")) {
            let Ok(mut inner) = node.object() else { continue };
            match inner.string("type").ok().flatten().as_deref() {
                Some("refusal") => {
                    self.rest(at, ItemPiece::Refusal, part, text_of(&node, "refusal"), events);
                }
                _ => self.rest(at, ItemPiece::Text, part, text_of(&node, "text"), events),
            }
            let annotations = parts(&mut inner, "annotations");
            let known = self.list.get(at).map_or(0, |item| item.annotations);
            for annotation in annotations.iter().skip(known) {
                self.cite(at, annotation, events);
            }
            if let Some(node) = inner.optional("logprobs").ok().flatten()
                && self.list.get(at).is_some_and(|item| !item.probable)
            {
                self.judged(at, &node, events);
            }
        }
    }

    /// A piece.
    pub(super) fn say(
        &mut self,
        place: &ItemPlace,
        piece: ItemPiece,
        text: String,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let at = self.find_or_push(place, piece.flow());
        if self.list.get(at).is_some_and(|item| item.ended) {
            return Err(protocol("the upstream's answer has a piece of an item that has ended"));
        }
        self.add(at, piece, place.part, text, events);
        Ok(())
    }

    /// More of the text whose block is open; false when it belongs elsewhere, and nothing has been done.
    pub(super) fn say_more(&mut self, piece: &PlainOutputText<'_>, events: &mut Vec<Event>) -> bool {
        let Some(item) = self.list.iter_mut().rfind(|item| item.output == Some(piece.output)) else {
            return false;
        };
        let open = item.block.filter(|(_, kind, part)| (*kind, *part) == (ItemPiece::Text, piece.part));
        let Some((index, ..)) = open.filter(|_| item.flow == Flow::Message && !item.ended) else {
            return false;
        };
        let said =
            item.said.iter_mut().find(|(kind, part, _)| (*kind, *part) == (ItemPiece::Text, piece.part));
        let Some((.., said)) = said else { return false };
        said.push_str(&piece.text);
        if !piece.text.is_empty() {
            let text = piece.text.as_ref().to_owned();
            events.push(Event::Delta(Delta { choice: 0, index, text }));
        }
        true
    }

    /// All of a part, of which pieces may have come.
    pub(super) fn say_rest(
        &mut self,
        place: &ItemPlace,
        piece: ItemPiece,
        text: String,
        events: &mut Vec<Event>,
    ) {
        let at = self.find_or_push(place, piece.flow());
        if self.list.get(at).is_some_and(|item| !item.ended) {
            self.rest(at, piece, place.part, text, events);
        }
    }

    /// The name of a call, where it comes with the end of its arguments.
    pub(super) fn name(
        &mut self,
        place: &ItemPlace,
        piece: ItemPiece,
        name: String,
        events: &mut Vec<Event>,
    ) {
        let Some(at) = self.find(place, piece.flow()) else { return };
        if let Some(item) = self.list.get_mut(at)
            && item.name.is_none()
        {
            item.name = Some(name).filter(|name| !name.is_empty());
        }
        self.begin_call(at, events);
    }

    pub(super) fn annotate(
        &mut self,
        place: &ItemPlace,
        node: &Node<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let at = self.find(place, Flow::Message);
        let at = at.ok_or_else(|| protocol("the upstream's answer cites for an item that never began"))?;
        self.cite(at, node, events);
        Ok(())
    }

    pub(super) fn probabilities(&mut self, place: &ItemPlace, node: &Node<'_>, events: &mut Vec<Event>) {
        if let Some(at) = self.find(place, Flow::Message) {
            self.judged(at, node, events);
        }
    }

    /// What the upstream left open when it said that the answer has ended.
    pub(super) fn close_all(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        (0..self.list.len()).try_for_each(|at| self.close(at, events))
    }

    /// The item of a place: by its number, else by its id, else the last one of its kind.
    fn find(&self, place: &ItemPlace, flow: Flow) -> Option<usize> {
        let found = match (place.output, &place.id) {
            (Some(output), _) => self.list.iter().rposition(|item| item.output == Some(output)),
            (None, Some(id)) => self.list.iter().rposition(|item| item.id.as_ref() == Some(id)),
            (None, None) => self.list.iter().rposition(|item| item.flow == flow && !item.ended),
        };
        let of_kind = |at: &usize| self.list.get(*at).is_some_and(|item| item.flow == flow);
        // Numbers that mean something else in the end than they did on the way, or are told only then.
        let named = |item: &Item| place.id.is_some() && item.id == place.id;
        let nameless = |item: &Item| item.output.is_none() && item.id.is_none();
        found.filter(of_kind).or_else(|| {
            let find =
                |is: &dyn Fn(&Item) -> bool| self.list.iter().position(|item| item.flow == flow && is(item));
            find(&named).or_else(|| find(&nameless))
        })
    }

    fn find_or_push(&mut self, place: &ItemPlace, flow: Flow) -> usize {
        let Some(at) = self.find(place, flow) else {
            self.list.push(Item::new(place, flow));
            return self.list.len() - 1;
        };
        if let Some(item) = self.list.get_mut(at) {
            item.output = item.output.or(place.output);
        }
        at
    }

    /// Takes in what an item says of itself.
    fn describe(&mut self, at: usize, object: &mut Object<'_>, events: &mut Vec<Event>) {
        let Some(item) = self.list.get_mut(at) else { return };
        let mut text = |name: &str| object.string(name).ok().flatten().filter(|text| !text.is_empty());
        let id = text("id");
        item.id = item.id.take().or(id);
        item.call_id = item.call_id.take().or_else(|| text("call_id"));
        item.name = item.name.take().or_else(|| text("name"));
        item.namespace = item.namespace.take().or_else(|| text("namespace"));
        // The one at the end counts: what an item begins with is not all of it.
        item.encrypted = text("encrypted_content").or_else(|| item.encrypted.take());
        if item.begun_with.is_empty() {
            let member = if item.flow == Flow::Custom { "input" } else { "arguments" };
            let begun = object.clone().optional(member).ok().flatten();
            item.begun_with = begun.map(|node| argument_text(&node)).unwrap_or_default();
        }
        self.begin_call(at, events);
    }

    /// Opens the block of a call, once its name is known, with the arguments that have come so far.
    fn begin_call(&mut self, at: usize, events: &mut Vec<Event>) {
        let Some(item) = self.list.get_mut(at) else { return };
        if item.block.is_some() || item.ended || !matches!(item.flow, Flow::Function | Flow::Custom) {
            return;
        }
        let Some(name) = item.name.clone() else { return };
        self.calls += 1;
        let id = item.call_id.clone().or_else(|| item.id.clone());
        let id = id.unwrap_or_else(|| format!("call_{}_{}", self.seed, self.calls));
        let namespace = item.namespace.clone();
        let piece = if item.flow == Flow::Custom { ItemPiece::Input } else { ItemPiece::Arguments };
        let waiting: String = item.said.iter().map(|(.., text)| text.as_str()).collect();
        let start = ToolStart { id, name, namespace, signature: None, origin: None };
        let index = self.block(BlockKind::ToolCall(start), events);
        if let Some(item) = self.list.get_mut(at) {
            item.block = Some((index, piece, 0));
        }
        if !waiting.is_empty() {
            events.push(Event::Delta(Delta { choice: 0, index, text: waiting }));
        }
    }

    /// Says what of a part is missing. Where the whole is another text than the pieces, the pieces have been read already.
    fn rest(&mut self, at: usize, piece: ItemPiece, part: u32, whole: String, events: &mut Vec<Event>) {
        let Some(item) = self.list.get(at) else { return };
        let said = item.said.iter().find(|(kind, number, _)| *kind == piece && *number == part);
        let missing = match said {
            Some((.., said)) => whole.strip_prefix(said.as_str()).unwrap_or_default().to_owned(),
            None => whole,
        };
        if !missing.is_empty() {
            self.add(at, piece, part, missing, events);
        }
    }

    /// Says a piece.
    fn add(&mut self, at: usize, piece: ItemPiece, part: u32, text: String, events: &mut Vec<Event>) {
        let Some(item) = self.list.get_mut(at) else { return };
        let apart = match item.block {
            // Another part of a thought is another paragraph of it.
            Some((_, kind, number)) if item.flow == Flow::Reasoning => {
                (kind, number) != (piece, part) && !text.is_empty()
            }
            _ => false,
        };
        match item.said.iter_mut().find(|(kind, number, _)| *kind == piece && *number == part) {
            Some((.., said)) => said.push_str(&text),
            None => item.said.push((piece, part, text.clone())),
        }
        let index = match (item.flow, item.block) {
            // Until its name is known, it waits.
            (Flow::Function | Flow::Custom, None) => return,
            (Flow::Function | Flow::Custom, Some((index, ..))) => index,
            (Flow::Reasoning, Some((index, ..))) => {
                item.block = Some((index, piece, part));
                index
            }
            (_, Some((index, kind, number))) if (kind, number) == (piece, part) => index,
            (_, open) => {
                // Parts of a message follow one another.
                events.extend(open.map(|(index, ..)| ended(index, None, None)));
                let kind = match piece {
                    ItemPiece::Refusal => BlockKind::Refusal,
                    ItemPiece::Summary | ItemPiece::Thought => BlockKind::Reasoning,
                    ItemPiece::Text | ItemPiece::Arguments | ItemPiece::Input => BlockKind::Text,
                };
                let index = self.block(kind, events);
                if let Some(item) = self.list.get_mut(at) {
                    item.block = Some((index, piece, part));
                }
                index
            }
        };
        if apart {
            events.push(Event::Delta(Delta { choice: 0, index, text: "\n\n".to_owned() }));
        }
        if !text.is_empty() {
            events.push(Event::Delta(Delta { choice: 0, index, text }));
        }
    }

    fn cite(&mut self, at: usize, node: &Node<'_>, events: &mut Vec<Event>) {
        let Some(item) = self.list.get_mut(at) else { return };
        item.annotations += 1;
        let index = item.block.map_or_else(|| self.next.saturating_sub(1), |(index, ..)| index);
        let value = format!("{{\"annotations\":[{}]}}", citation(node));
        events.push(Event::Annotation(Annotation { choice: 0, index, value }));
    }

    fn judged(&mut self, at: usize, node: &Node<'_>, events: &mut Vec<Event>) {
        let Some(item) = self.list.get_mut(at) else { return };
        if node.array().is_ok_and(|list| list.is_empty()) {
            return;
        }
        item.probable = true;
        let index = item.block.map_or_else(|| self.next.saturating_sub(1), |(index, ..)| index);
        let value = format!("{{\"logprobs\":{{\"content\":{},\"refusal\":null}}}}", node.text());
        events.push(Event::Annotation(Annotation { choice: 0, index, value }));
    }

    fn block(&mut self, kind: BlockKind, events: &mut Vec<Event>) -> u32 {
        let index = self.next;
        self.next = self.next.saturating_add(1);
        events.push(Event::BlockStart(BlockStart { choice: 0, index, kind }));
        index
    }

    /// Ends an item, unless that has been done.
    fn close(&mut self, at: usize, events: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(item) = self.list.get_mut(at).filter(|item| !item.ended) else { return Ok(()) };
        let (flow, encrypted) = (item.flow, item.encrypted.clone());
        let begun_with = std::mem::take(&mut item.begun_with);
        match flow {
            Flow::Message => events.extend(item.block.map(|(index, ..)| ended(index, None, None))),
            Flow::Reasoning => {
                let open = item.block.map(|(index, ..)| index);
                let open = match (open, &encrypted) {
                    // Nobody may read it, and it goes back all the same.
                    (None, Some(_)) => Some(self.block(BlockKind::Reasoning, events)),
                    (open, _) => open,
                };
                let extra = encrypted.as_ref().map(|_| marked("origin", &self.origin));
                events.extend(open.map(|index| ended(index, encrypted, extra)));
            }
            Flow::Function | Flow::Custom => {
                let Some((index, piece, _)) = item.block else {
                    return Err(protocol("a tool call of the upstream's answer has no name"));
                };
                let said: String = item.said.iter().map(|(.., text)| text.as_str()).collect();
                let missing = match (said.trim().is_empty(), flow) {
                    (true, Flow::Function) if begun_with.trim().is_empty() => "{}".to_owned(),
                    (true, _) => begun_with,
                    (false, _) => String::new(),
                };
                let arguments = if missing.is_empty() { said } else { missing.clone() };
                if !missing.is_empty() {
                    self.add(at, piece, 0, missing, events);
                }
                let custom = flow == Flow::Custom;
                let arguments = arguments.trim();
                self.broken |= !custom && (check(arguments).is_err() || !arguments.starts_with('{'));
                events.push(ended(index, None, custom.then(|| marked("type", "custom"))));
            }
            Flow::Other => {}
        }
        if let Some(item) = self.list.get_mut(at) {
            item.ended = true;
        }
        Ok(())
    }
}

const fn ended(index: u32, signature: Option<String>, extra: Option<String>) -> Event {
    Event::BlockEnd(BlockEnd { choice: 0, index, signature, extra })
}

fn item<'a>(node: &Node<'a>) -> Result<Object<'a>, Fault> {
    node.object().map_err(|_| protocol("an item of the upstream's answer is malformed"))
}

fn parts<'a>(object: &mut Object<'a>, name: &str) -> Vec<Node<'a>> {
    object.optional(name).ok().flatten().and_then(|node| node.array().ok()).unwrap_or_default()
}

fn text_of(node: &Node<'_>, name: &str) -> String {
    node.object().ok().and_then(|mut object| object.string(name).ok().flatten()).unwrap_or_default()
}

/// Some servers send arguments as an object instead of its text.
fn argument_text(node: &Node<'_>) -> String {
    match node.kind() {
        Ok(JsonKind::String) => node.string().map(std::borrow::Cow::into_owned).unwrap_or_default(),
        _ => node.text().to_owned(),
    }
}

/// A citation as chat completions, the vendor's other wire, write it: below the name of its kind.
fn citation(node: &Node<'_>) -> String {
    let Ok(mut object) = node.object() else { return quote(node.text()) };
    let kind = object.string("type").ok().flatten().unwrap_or_default();
    if kind != "url_citation" || object.clone().optional("url_citation").ok().flatten().is_some() {
        return node.text().to_owned();
    }
    let mut out = Members::new();
    out.string("type", &kind).raw("url_citation", &object.rest().unwrap_or_else(|| "{}".to_owned()));
    out.finish()
}
