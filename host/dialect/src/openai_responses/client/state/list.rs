//! What went into a response, as a list of items in pages. Every item has an id of its own there: one that came without, or
//! with another one's, gets the one of its place, so that pages can begin behind it.

use std::collections::HashSet;

use super::{id_of, items, output_of};
use crate::canon::Json;
use crate::ingress::{ItemPage, KeptTurn};
use crate::invalid::Invalid;
use crate::json::{JsonKind, Members, Node, array, quote};

/// The page of what went into the last of these turns: all that was said before it, and its own input.
pub(crate) fn page(turns: &[KeptTurn<'_>], page: &ItemPage) -> Result<Json, Invalid> {
    let mut listed: Vec<(String, Json)> = Vec::new();
    let mut taken = HashSet::new();
    for (at, turn) in turns.iter().enumerate() {
        let unique = turn.id.split_once('_').map_or(turn.id, |(_, unique)| unique);
        let input = items(&Node::root(turn.input))?;
        listed.extend(input.iter().enumerate().map(|(place, item)| shown(item, unique, place, &mut taken)));
        if at + 1 < turns.len() {
            let output = output_of(turn.answer);
            let behind = output.iter().enumerate();
            let shown = |(place, item): (usize, &Node<'_>)| {
                shown(item.text(), unique, input.len() + place, &mut taken)
            };
            listed.extend(behind.map(shown));
        }
    }
    if !page.ascending {
        listed.reverse();
    }
    let from = match &page.after {
        None => 0,
        Some(after) => {
            let at = listed.iter().position(|(id, _)| id == after);
            let unknown = || Invalid::value("`after` is no id of the list", Some("after".to_owned()));
            at.ok_or_else(unknown)? + 1
        }
    };
    let to = from.saturating_add(page.limit).min(listed.len());
    let part = listed.get(from..to).unwrap_or_default();
    let data: Vec<Json> = part.iter().map(|(_, item)| item.clone()).collect();
    let id = |entry: Option<&(String, Json)>| entry.map_or_else(|| "null".to_owned(), |(id, _)| quote(id));
    let mut out = Members::new();
    out.string("object", "list")
        .raw("data", &array(&data))
        .raw("first_id", &id(part.first()))
        .raw("last_id", &id(part.last()))
        .plain("has_more", to < listed.len());
    Ok(out.finish())
}

/// An item with its id, as lists have it: with all members that readers want, and content in parts.
fn shown(item: &str, unique: &str, place: usize, taken: &mut HashSet<String>) -> (String, Json) {
    let node = Node::root(item);
    let own = id_of(&node).filter(|id| taken.insert(id.clone()));
    let Ok(mut object) = node.object() else { return (own.unwrap_or_default(), item.to_owned()) };
    let kind = object.string("type").ok().flatten().unwrap_or_else(|| "message".to_owned());
    let id = own.unwrap_or_else(|| format!("{}_{unique}_in{place}", prefix(&kind)));
    let role = object.string("role").ok().flatten();
    let mut out = Members::new();
    out.string("id", &id).string("type", &kind).maybe_string("role", role.as_deref());
    if let Some(content) = object.optional("content").ok().flatten() {
        out.raw("content", &parts(&content, role.as_deref()));
    }
    let status = object.string("status").ok().flatten();
    for (name, node) in object.iter().filter(|(name, _)| *name != "id") {
        out.raw(name, node.text());
    }
    if kind != "reasoning" {
        out.string("status", status.as_deref().unwrap_or("completed"));
    }
    (id, out.finish())
}

/// Content in parts; a text is one.
fn parts(content: &Node<'_>, role: Option<&str>) -> Json {
    if !matches!(content.kind(), Ok(JsonKind::String)) {
        return content.text().to_owned();
    }
    let mut part = Members::new();
    if role == Some("assistant") {
        part.string("type", "output_text").raw("text", content.text()).raw("annotations", "[]");
    } else {
        part.string("type", "input_text").raw("text", content.text());
    }
    array(&[part.finish()])
}

/// How ids of items of a kind begin.
fn prefix(kind: &str) -> &str {
    match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "function_call_output" => "fco",
        "custom_tool_call_output" => "ctco",
        _ => "item",
    }
}
