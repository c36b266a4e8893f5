//! Schemas as vendors take them that hold answers to one: every object closed, and nothing in it that they do not check.
//! <https://docs.claude.com/en/docs/build-with-claude/structured-outputs>, "JSON Schema limitations", read on 2026-11-29.

use crate::json::{JsonKind, Members, Node, array, member};
use crate::translation::Losses;

/// Whose schema it is, for the names of losses.
pub(crate) const ANSWER: &str = "response_format.json_schema.schema";
pub(crate) const TOOL: &str = "tools.parameters";

const OPEN: &str = "additionalProperties";
/// Keywords whose members are schemas, each by a name.
const NAMED: [&str; 5] = ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"];
/// Keywords that are a schema, or a list of them.
const NESTED: [&str; 10] =
    ["items", "prefixItems", "anyOf", "allOf", "oneOf", "not", "if", "then", "else", "contains"];
/// Keywords that these vendors refuse with the whole request.
const UNCHECKED: [&str; 12] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
];

/// The schema of a tool's arguments, which must say that it is an object's.
pub(crate) fn of_object(parameters: &str) -> String {
    if member(Some(parameters), "type").is_some() {
        return parameters.to_owned();
    }
    let mut out = Members::new();
    out.string("type", "object").extra(Some(parameters), &["type"]);
    out.finish()
}

/// The schema with every object closed. What said that it is open, and what is not checked, is named.
pub(crate) fn closed(schema: &str, place: &str, losses: &mut Losses) -> String {
    let node = Node::root(schema);
    match node.kind() {
        Ok(JsonKind::Object) => object(&node, place, losses).unwrap_or_else(|| schema.to_owned()),
        Ok(JsonKind::Array) => {
            let entries = node.array().unwrap_or_default();
            array(&entries.iter().map(|entry| closed(entry.text(), place, losses)).collect::<Vec<_>>())
        }
        _ => schema.to_owned(),
    }
}

fn object(node: &Node<'_>, place: &str, losses: &mut Losses) -> Option<String> {
    let members = node.object().ok()?;
    let mut out = Members::new();
    let mut is_object = false;
    let mut has_properties = false;
    let mut lose = |name: &str| losses.name(&format!("{place}.{name}"));
    let mut inner = Vec::new();
    for (name, node) in members.iter() {
        let text = node.text();
        match name {
            "type" => is_object = text.contains("\"object\""),
            "properties" => has_properties = true,
            OPEN if text != "false" => {
                lose(OPEN);
                is_object = true;
                continue;
            }
            OPEN => {
                is_object = true;
                continue;
            }
            // One is the most that is checked.
            "minItems" if !matches!(text, "0" | "1") => {
                lose(name);
                continue;
            }
            _ if UNCHECKED.contains(&name) => {
                lose(name);
                continue;
            }
            _ => {}
        }
        inner.push((name, node));
    }
    for (name, node) in inner {
        if NAMED.contains(&name) {
            let mut named = Members::new();
            for (name, node) in node.object().ok()?.iter() {
                named.raw(name, &closed(node.text(), place, losses));
            }
            out.raw(name, &named.finish());
        } else if NESTED.contains(&name) {
            out.raw(name, &closed(node.text(), place, losses));
        } else {
            out.raw(name, node.text());
        }
    }
    if is_object || has_properties {
        out.plain(OPEN, false);
    }
    Some(out.finish())
}

#[cfg(test)]
mod tests {
    use super::{ANSWER, closed};
    use crate::translation::Losses;

    #[track_caller]
    fn check(schema: &str, expected: &str, lost: &[&str]) {
        let mut losses = Losses::names_only();
        assert_eq!(closed(schema, ANSWER, &mut losses), expected);
        let names = lost.iter().map(|name| format!("{ANSWER}.{name}")).collect::<Vec<_>>();
        assert_eq!(losses.names(), names, "{schema}");
    }

    /// BerriAI/litellm#35808.
    #[test]
    fn open_objects_are_closed_at_every_depth() {
        check(
            r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"integer"}}}}},"$defs":{"c":{"type":["object","null"],"properties":{}}}}"#,
            r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"integer"}},"additionalProperties":false}}},"$defs":{"c":{"type":["object","null"],"properties":{},"additionalProperties":false}},"additionalProperties":false}"#,
            &[],
        );
        check(
            r#"{"anyOf":[{"properties":{"type":{"type":"string"}}},{"type":"string"},true]}"#,
            r#"{"anyOf":[{"properties":{"type":{"type":"string"}},"additionalProperties":false},{"type":"string"},true]}"#,
            &[],
        );
        check(
            r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            &[],
        );
    }

    #[test]
    fn what_said_that_it_is_open_is_named() {
        for open in ["true", r#"{"type":"string"}"#] {
            check(
                &format!(r#"{{"type":"object","properties":{{}},"additionalProperties":{open}}}"#),
                r#"{"type":"object","properties":{},"additionalProperties":false}"#,
                &["additionalProperties"],
            );
        }
        check(r#"{"type":"object"}"#, r#"{"type":"object","additionalProperties":false}"#, &[]);
    }

    #[test]
    fn what_is_not_checked_is_left_out_and_named() {
        check(
            r#"{"type":"object","properties":{"minimum":{"type":"integer","minimum":1,"enum":[1,2]},"l":{"type":"array","minItems":1,"maxItems":3}}}"#,
            r#"{"type":"object","properties":{"minimum":{"type":"integer","enum":[1,2]},"l":{"type":"array","minItems":1}},"additionalProperties":false}"#,
            &["minimum", "maxItems"],
        );
    }
}
