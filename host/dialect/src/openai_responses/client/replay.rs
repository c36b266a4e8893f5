//! A whole response as the stream that was asked for: every item told at once, in its order. What the vendor says beyond the
//! wire stays, as items and the response go out as they came.

use super::events::{EventPlace, Sequence};
use crate::canon::{Fault, Json};
use crate::fault::protocol;
use crate::json::{Members, Node, array, quote};

/// The events of a response that has been judged to be one.
pub(super) fn stream(body: &str) -> Result<String, Fault> {
    let wrong = |_| protocol("the upstream's answer is not a JSON object");
    let mut object = Node::root(body).object().map_err(wrong)?;
    let output = object.array("output").map_err(wrong)?;
    let status = object.string("status").map_err(wrong)?;
    let mut promise = Members::new();
    for (name, node) in object.iter().filter(|(name, _)| *name != "usage" && *name != "incomplete_details") {
        promise.raw(name, node.text());
    }
    promise
        .string("status", "in_progress")
        .raw("incomplete_details", "null")
        .raw("output", "[]")
        .raw("usage", "null");
    let promise = promise.finish();
    let (mut sequence, mut out) = (Sequence::default(), String::new());
    for event in ["response.created", "response.in_progress"] {
        sequence.event(event, &[("response", &promise)], &mut out);
    }
    for (at, node) in output.iter().enumerate() {
        item(at, node, &mut sequence, &mut out)?;
    }
    let event = match status.as_deref() {
        Some("incomplete") => "response.incomplete",
        Some("failed") => "response.failed",
        _ => "response.completed",
    };
    sequence.event(event, &[("response", body.trim())], &mut out);
    Ok(out)
}

fn item(output: usize, node: &Node<'_>, sequence: &mut Sequence, out: &mut String) -> Result<(), Fault> {
    let wrong = |_| protocol("an item of the upstream's answer is not an object");
    let mut object = node.object().map_err(wrong)?;
    let kind = object.string("type").map_err(wrong)?.unwrap_or_default();
    let id = object.string("id").map_err(wrong)?.unwrap_or_default();
    // What is told in pieces begins empty.
    let (pieces, empty) = match kind.as_str() {
        "message" => ("content", "[]"),
        "reasoning" => ("summary", "[]"),
        "function_call" => ("arguments", "\"\""),
        "custom_tool_call" => ("input", "\"\""),
        _ => ("", ""),
    };
    if pieces.is_empty() {
        sequence.item("response.output_item.added", output, node.text(), out);
        sequence.item("response.output_item.done", output, node.text(), out);
        return Ok(());
    }
    let said = object.optional(pieces).map_err(wrong)?;
    let name = object.string("name").map_err(wrong)?.unwrap_or_default();
    let mut begun = Members::new();
    begun.extra(Some(node.text()), &[pieces, "status"]).raw(pieces, empty);
    if kind != "reasoning" {
        begun.string("status", "in_progress");
    }
    sequence.item("response.output_item.added", output, &begun.finish(), out);
    let place = |part| EventPlace { item: &id, output, part };
    match (pieces, said) {
        ("content", Some(parts)) => {
            for (at, part) in parts.array().map_err(wrong)?.iter().enumerate() {
                content(part, place(Some(("content_index", at))), sequence, out)?;
            }
        }
        ("summary", Some(parts)) => {
            for (at, part) in parts.array().map_err(wrong)?.iter().enumerate() {
                summary(part, place(Some(("summary_index", at))), sequence, out)?;
            }
        }
        (_, Some(text)) => {
            let (delta, done) = match pieces {
                "input" => ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"),
                _ => ("response.function_call_arguments.delta", "response.function_call_arguments.done"),
            };
            sequence.part(delta, place(None), &[("delta", text.text())], out);
            let name = quote(&name);
            let mut members = vec![(pieces, text.text())];
            if pieces == "arguments" {
                members.insert(0, ("name", name.as_str()));
            }
            sequence.part(done, place(None), &members, out);
        }
        (_, None) => {}
    }
    sequence.item("response.output_item.done", output, node.text(), out);
    Ok(())
}

fn content(
    node: &Node<'_>,
    place: EventPlace<'_>,
    sequence: &mut Sequence,
    out: &mut String,
) -> Result<(), Fault> {
    let wrong = |_| protocol("a part of the upstream's answer is not an object");
    let mut part = node.object().map_err(wrong)?;
    let kind = part.string("type").map_err(wrong)?.unwrap_or_default();
    let (member, events) = match kind.as_str() {
        "output_text" => ("text", ["response.output_text.delta", "response.output_text.done"]),
        "refusal" => ("refusal", ["response.refusal.delta", "response.refusal.done"]),
        _ => ("", ["", ""]),
    };
    let text = if member.is_empty() { None } else { part.optional(member).map_err(wrong)? };
    let Some(text) = text else {
        sequence.part("response.content_part.added", place, &[("part", node.text())], out);
        sequence.part("response.content_part.done", place, &[("part", node.text())], out);
        return Ok(());
    };
    let annotations = part.array("annotations").unwrap_or_default();
    let logprobs = part.array("logprobs").unwrap_or_default();
    let logprobs = array(&logprobs.iter().map(|node| node.text().to_owned()).collect::<Vec<Json>>());
    let mut begun = Members::new();
    begun.string("type", &kind).string(member, "");
    if member == "text" {
        begun.raw("annotations", "[]").raw("logprobs", "[]");
    }
    sequence.part("response.content_part.added", place, &[("part", &begun.finish())], out);
    let [delta, done] = events;
    let mut members = [vec![("delta", text.text())], vec![(member, text.text())]];
    if member == "text" {
        for members in &mut members {
            members.push(("logprobs", logprobs.as_str()));
        }
    }
    let [delta_members, done_members] = members;
    sequence.part(delta, place, &delta_members, out);
    for (at, annotation) in annotations.iter().enumerate() {
        let members = [("annotation_index", &*at.to_string()), ("annotation", annotation.text())];
        sequence.part("response.output_text.annotation.added", place, &members, out);
    }
    sequence.part(done, place, &done_members, out);
    sequence.part("response.content_part.done", place, &[("part", node.text())], out);
    Ok(())
}

fn summary(
    node: &Node<'_>,
    place: EventPlace<'_>,
    sequence: &mut Sequence,
    out: &mut String,
) -> Result<(), Fault> {
    let wrong = |_| protocol("a thought of the upstream's answer is not an object");
    let text = node.object().map_err(wrong)?.string("text").map_err(wrong)?.unwrap_or_default();
    let text = quote(&text);
    let begun = r#"{"type":"summary_text","text":""}"#;
    sequence.part("response.reasoning_summary_part.added", place, &[("part", begun)], out);
    sequence.part("response.reasoning_summary_text.delta", place, &[("delta", &text)], out);
    sequence.part("response.reasoning_summary_text.done", place, &[("text", &text)], out);
    sequence.part("response.reasoning_summary_part.done", place, &[("part", node.text())], out);
    Ok(())
}
