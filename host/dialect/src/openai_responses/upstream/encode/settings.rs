//! Everything of a request but its conversation and its tools: limits, sampling, the form of the answer, and what is
//! said only on this wire.

use super::own;
use crate::canon::{ChatRequest, Fault, OutputFormat, SchemaFormat};
use crate::json::{Members, Node, Object, array, member};
use crate::openai_responses::DIALECT;
use crate::translation::{Losses, asks_nothing};

/// The shortest limit that the vendor takes.
const LEAST_TOKENS: u32 = 16;

const ENCRYPTED: &str = "\"reasoning.encrypted_content\"";
const PROBABILITIES: &str = "\"message.output_text.logprobs\"";

/// Members that both wires of the vendor have.
const SHARED: [&str; 5] =
    ["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier"];

/// Members of [`own`] that are written together with what the canonical form holds of them.
const MERGED: [&str; 6] = ["include", "reasoning", "store", "stream_options", "text", "top_logprobs"];

/// Writes them.
pub(super) fn write(request: &ChatRequest, losses: &mut Losses, body: &mut Members) -> Result<(), Fault> {
    text(request, losses, body)?;
    reasoning(request, losses, body);
    sampling(request, losses, body)?;
    body.maybe_string("user", request.user.as_deref());
    leftovers(request, losses, body)?;
    include(request, body);
    if request.stream {
        body.plain("stream", true);
    }
    let own = own(request.extra.as_deref());
    let said = own.as_deref().and_then(|text| Node::root(text).object().ok());
    for (name, node) in said.iter().flat_map(Object::iter).filter(|(name, _)| !MERGED.contains(name)) {
        // Items of which the canonical form has nothing are named like this, and are no members.
        if name.starts_with("input.") {
            losses.cannot(name)?;
        } else {
            body.raw(name, node.text());
        }
    }
    Ok(())
}

/// What the client said of a member, on this wire or on the vendor's other one.
pub(super) fn own_member(request: &ChatRequest, name: &str) -> Option<String> {
    let extra = request.extra.as_deref();
    member(own(extra).as_deref(), name).or_else(|| member(extra, name))
}

/// What the client wants beside the answer.
pub(super) fn client_include(request: &ChatRequest) -> Vec<String> {
    let listed = member(own(request.extra.as_deref()).as_deref(), "include");
    let listed = listed.as_deref().and_then(|text| Node::root(text).array().ok()).unwrap_or_default();
    let mut included: Vec<String> = listed.iter().map(|node| node.text().to_owned()).collect();
    let probable = own_member(request, "logprobs").is_some_and(|asked| asked == "true");
    if probable && !included.iter().any(|one| one == PROBABILITIES) {
        included.push(PROBABILITIES.to_owned());
    }
    included
}

/// Whether thoughts are to be told in words of our own accord. A client of this wire says so itself.
pub(super) fn wants_summary(request: &ChatRequest) -> bool {
    let thinks = request.effort.as_deref().is_some_and(|effort| effort != "none");
    (thinks || request.thinking_budget.is_some()) && own(request.extra.as_deref()).is_none()
}

fn include(request: &ChatRequest, body: &mut Members) {
    let mut included = client_include(request);
    if !included.iter().any(|one| one == ENCRYPTED) {
        included.push(ENCRYPTED.to_owned());
    }
    body.raw("store", own_member(request, "store").as_deref().unwrap_or("false"));
    body.raw("include", &array(&included));
}

fn text(request: &ChatRequest, losses: &mut Losses, body: &mut Members) -> Result<(), Fault> {
    let extra = request.extra.as_deref();
    let mut out = Members::new();
    let kept = member(extra, "response_format");
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => {
            out.raw("format", r#"{"type":"json_object"}"#);
        }
        OutputFormat::JsonSchema(format) => {
            let kept = member(kept.as_deref(), "json_schema");
            losses.leftovers("response_format.json_schema", kept.as_deref(), &["description", DIALECT])?;
            out.raw("format", &schema(format, kept.as_deref()));
        }
        OutputFormat::Other(json) => match super::own_json(json) {
            Some(json) => {
                out.raw("format", &json);
            }
            None => losses.cannot("response_format.other")?,
        },
    }
    let verbosity = member(extra, "verbosity");
    if let Some(verbosity) = &verbosity {
        out.raw("verbosity", verbosity);
    }
    let said = member(own(extra).as_deref(), "text");
    out.extra(said.as_deref(), &["format", if verbosity.is_some() { "verbosity" } else { "format" }]);
    let out = out.finish();
    if out != "{}" {
        body.raw("text", &out);
    }
    Ok(())
}

fn schema(format: &SchemaFormat, kept: Option<&str>) -> String {
    let mut out = Members::new();
    out.string("type", "json_schema").string("name", &format.name);
    if let Some(description) = member(kept, "description") {
        out.raw("description", &description);
    }
    // Unsaid means yes here, and no on the other wires.
    out.raw("schema", &format.schema).plain("strict", format.strict);
    out.extra(own(kept).as_deref(), &["type", "name", "description", "schema", "strict"]);
    out.finish()
}

fn reasoning(request: &ChatRequest, losses: &mut Losses, body: &mut Members) {
    let mut out = Members::new();
    match request.effort.as_deref() {
        // A word of another vendor's, which means its most.
        Some("max") => {
            losses.name("reasoning_effort");
            out.string("effort", "xhigh");
        }
        effort => {
            out.maybe_string("effort", effort);
        }
    }
    if request.thinking_budget.is_some() {
        losses.name("thinking_budget");
    }
    if wants_summary(request) {
        out.string("summary", "auto");
    }
    let said = member(own(request.extra.as_deref()).as_deref(), "reasoning");
    out.extra(said.as_deref(), if request.effort.is_some() { &["effort"] } else { &[] });
    let out = out.finish();
    if out != "{}" {
        body.raw("reasoning", &out);
    }
}

fn sampling(request: &ChatRequest, losses: &mut Losses, body: &mut Members) -> Result<(), Fault> {
    let sampling = &request.sampling;
    body.maybe_plain("temperature", sampling.temperature);
    body.maybe_plain("top_p", sampling.top_p);
    let limit = sampling.max_output_tokens;
    if limit.is_some_and(|limit| limit < LEAST_TOKENS) {
        losses.name("max_completion_tokens");
    }
    body.maybe_plain("max_output_tokens", limit.map(|limit| limit.max(LEAST_TOKENS)));
    for (name, asked) in [
        ("top_k", sampling.top_k.is_some()),
        ("stop", !sampling.stop.is_empty()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|value| value != 0.0)),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|value| value != 0.0)),
        ("n", sampling.choices.is_some_and(|count| count != 1)),
    ] {
        if asked {
            losses.cannot(name)?;
        }
    }
    Ok(())
}

/// Members that the canonical form has no place for.
fn leftovers(request: &ChatRequest, losses: &mut Losses, body: &mut Members) -> Result<(), Fault> {
    let extra = request.extra.as_deref();
    let own = own(extra);
    let object = extra.and_then(|text| Node::root(text).object().ok());
    let mut stream_options = Members::new();
    for (name, node) in object.iter().flat_map(Object::iter) {
        let text = node.text();
        match name {
            // Written elsewhere.
            DIALECT | "response_format" | "store" | "logprobs" | "verbosity" => {}
            "stream_options" => {
                losses.leftovers("stream_options", Some(text), &["include_obfuscation"])?;
                if let Some(padded) = member(Some(text), "include_obfuscation") {
                    stream_options.raw("include_obfuscation", &padded);
                }
            }
            "modalities" if !text.contains("\"audio\"") => {}
            "top_logprobs" if !asks_nothing(text) && member(own.as_deref(), name).is_none() => {
                body.raw(name, text);
            }
            _ if asks_nothing(text) => {}
            // What was said on this wire stands below, under the same name.
            _ if SHARED.contains(&name) && member(own.as_deref(), name).is_none() => {
                body.raw(name, text);
            }
            _ if SHARED.contains(&name) => {}
            _ if crate::translation::is_wire(name) => losses.leftovers("", Some(text), &[])?,
            _ => losses.cannot(name)?,
        }
    }
    if let Some(top) = member(own.as_deref(), "top_logprobs") {
        body.raw("top_logprobs", &top);
    }
    let said = member(own.as_deref(), "stream_options");
    stream_options.extra(said.as_deref(), &["include_obfuscation"]);
    let stream_options = stream_options.finish();
    // Refused by the vendor where nothing streams.
    if request.stream && stream_options != "{}" {
        body.raw("stream_options", &stream_options);
    }
    Ok(())
}
