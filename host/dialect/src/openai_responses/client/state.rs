//! Conversations that go on by the id of a response (`previous_response_id`): the earlier turns' items stand before those of
//! the new one, in one input that any upstream takes. What is kept of a turn is its input and its response as they were.

mod list;
#[cfg(test)]
mod tests;

use super::head::INPUT;
use crate::canon::Json;
use crate::envelope::{Envelope, SpliceError};
use crate::fault::UNSUPPORTED_PARAMETER;
use crate::ingress::{AnswerNames, KeptTurn, StateHead};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, array};

pub(crate) use list::page;

pub(super) const PREVIOUS: &str = "previous_response_id";
const REFERENCE: &str = "item_reference";

/// What a request says of its conversation. Fails when it asks for what is not done here, whoever its upstream is.
pub(crate) fn read(envelope: &Envelope<'_>) -> Result<StateHead, Invalid> {
    if let Some(node) = envelope.node("conversation")? {
        return Err(not_here(&node, "go on with `previous_response_id`, or send all items in `input`"));
    }
    if let Some(node) = envelope.node("background")?.filter(|node| node.text() == "true") {
        return Err(not_here(&node, "answers are given at once"));
    }
    let references = match envelope.node(INPUT)?.filter(may_refer) {
        Some(input) => input.array()?.iter().filter_map(referred).collect(),
        None => Vec::new(),
    };
    let previous = envelope.string(PREVIOUS)?.map(std::borrow::Cow::into_owned);
    Ok(StateHead { store: envelope.boolean("store")?, previous, references })
}

fn not_here(node: &Node<'_>, why: &str) -> Invalid {
    let message = format!("`{}` is not supported here: {why}", node.path());
    Invalid { code: UNSUPPORTED_PARAMETER, message, param: Some(node.path()) }
}

fn may_refer(input: &Node<'_>) -> bool {
    let text = input.text().as_bytes();
    text.starts_with(b"[") && memchr::memmem::find(text, REFERENCE.as_bytes()).is_some()
}

/// The id that an item names instead of being one.
fn referred(item: &Node<'_>) -> Option<String> {
    let mut object = item.object().ok()?;
    // The kind may be left out.
    let kind = object.string("type").ok()?;
    let id = object.string("id").ok()??;
    (kind.as_deref() == Some(REFERENCE)).then_some(id)
}

/// The input of this turn alone, with items in the place of their names.
pub(crate) fn own_input(
    envelope: &Envelope<'_>,
    find: impl Fn(&str) -> Option<Json>,
) -> Result<Json, Invalid> {
    // A text without words is nothing that anybody says.
    let Some(input) = envelope.node(INPUT)?.filter(|input| input.text() != "\"\"") else {
        return Ok("[]".to_owned());
    };
    if !may_refer(&input) {
        return Ok(input.text().to_owned());
    }
    let resolved = |item: &Node<'_>| match referred(item) {
        None => Ok(item.text().to_owned()),
        Some(id) => find(&id).ok_or_else(|| {
            let message = format!("Item with id '{id}' not found.");
            Invalid::value(message, Some(INPUT.to_owned()))
        }),
    };
    let items: Result<Vec<Json>, Invalid> = input.array()?.iter().map(resolved).collect();
    Ok(array(&items?))
}

/// The request with the whole conversation as its input.
pub(crate) fn continued(
    envelope: &Envelope<'_>,
    turns: &[KeptTurn<'_>],
    own_input: &str,
) -> Result<Json, SpliceError> {
    let mut splice = envelope.splice();
    let own = Node::at(own_input, INPUT);
    if turns.is_empty() {
        splice.set_sound(INPUT, own_input.to_owned())?;
    } else {
        let bytes = |turn: &KeptTurn<'_>| turn.input.len() + turn.answer.len();
        let mut out = String::with_capacity(own_input.len() + turns.iter().map(bytes).sum::<usize>() + 64);
        out.push('[');
        let mut push = |item: &str| {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(item);
        };
        for turn in turns {
            for item in items(&Node::root(turn.input))? {
                push(&item);
            }
            for item in output_of(turn.answer) {
                push(&nameless(&item));
            }
        }
        for item in items(&own)? {
            push(&item);
        }
        out.push(']');
        splice.set_sound(INPUT, out)?;
    }
    splice.remove(PREVIOUS)?;
    Ok(splice.finish())
}

/// An input as items; a text is what the user says.
fn items(input: &Node<'_>) -> Result<Vec<Json>, Invalid> {
    if input.kind()? == JsonKind::String {
        let mut message = Members::new();
        message.string("type", "message").string("role", "user").raw("content", input.text());
        return Ok(vec![message.finish()]);
    }
    Ok(input.array()?.iter().map(|item| item.text().to_owned()).collect())
}

/// The items of a response.
fn output_of(answer: &str) -> Vec<Node<'_>> {
    let output = Node::root(answer).object().and_then(|mut object| object.array("output"));
    output.unwrap_or_default()
}

/// An item without its id, which names something that its upstream does not keep: some refuse it for that
/// (vercel/ai#12689).
fn nameless(item: &Node<'_>) -> Json {
    let changed = || {
        let envelope = Envelope::scan_text(item.text()).ok()?;
        let mut splice = envelope.splice();
        splice.remove("id").ok()?;
        Some(splice.finish())
    };
    changed().unwrap_or_else(|| item.text().to_owned())
}

fn id_of(item: &Node<'_>) -> Option<String> {
    item.object().ok()?.string("id").ok()?.filter(|id| !id.is_empty())
}

pub(crate) fn names(answer: &str) -> Option<AnswerNames> {
    let id = id_of(&Node::root(answer))?;
    Some(AnswerNames { id, items: output_of(answer).iter().filter_map(id_of).collect() })
}

pub(crate) fn item(answer: &str, id: &str) -> Option<Json> {
    let items = output_of(answer);
    items.iter().find(|item| id_of(item).as_deref() == Some(id)).map(nameless)
}

/// A kept response. Its upstream was told to keep nothing and knows of nothing before it.
pub(crate) fn shown(answer: &str, previous: Option<&str>) -> Json {
    let changed = || {
        let envelope = Envelope::scan_text(answer).ok()?;
        let mut splice = envelope.splice();
        splice.set_sound("store", "true".to_owned()).ok()?;
        if let Some(previous) = previous {
            splice.set_string(PREVIOUS, previous).ok()?;
        }
        Some(splice.finish())
    };
    changed().unwrap_or_else(|| answer.to_owned())
}

pub(crate) fn deleted(id: &str) -> Json {
    let mut out = Members::new();
    out.string("id", id).string("object", "response").plain("deleted", true);
    out.finish()
}
