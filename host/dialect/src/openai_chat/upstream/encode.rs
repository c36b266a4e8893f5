//! The canonical request as an upstream of this wire wants it. What it cannot say is named, never dropped in
//! silence.

#[cfg(test)]
mod tests;

use super::prefill::Prefill;
use super::strict;
use crate::canon::{
    ChatRequest, Content, Fault, FunctionTool, Json, Media, MediaSource, Message, OutputFormat, Part,
    Reasoning, ResultPart, Role, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::envelope::Envelope;
use crate::fault::unsupported;
use crate::json::{Members, Node, member, quote};
use crate::media::is_document;
use crate::openai_chat::{media, reasoning, signature};

pub use crate::translation::Encoded;
use crate::translation::{Disposition, UpstreamWire, asks_nothing, disposition, is_wire};

/// What the upstream understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiChatOptions {
    /// `max_completion_tokens`, or `max_tokens` for servers that know only that; unset, a client's own word passes.
    pub max_tokens_member: Option<String>,
    /// Whether it knows the role `developer`.
    pub developer_role: bool,
    /// Whether it takes members beyond the vendor's own: `top_k`, `cache_control`, `reasoning_content`. Unset, we write none,
    /// and a client's own pass.
    pub extensions: Option<bool>,
    /// Whether it can be asked for the counts of a stream.
    pub stream_usage: bool,
    /// How it is asked to go on exactly from a turn of the assistant's at the end; unset, nobody knows that it would.
    pub prefill: Option<Prefill>,
}

impl Default for OpenAiChatOptions {
    fn default() -> Self {
        Self {
            max_tokens_member: None,
            developer_role: true,
            extensions: None,
            stream_usage: true,
            prefill: None,
        }
    }
}

/// Writes the request. A stream always asks for usage; whether the client sees it is decided later.
/// What clients of other wires alone can say is lost or refused, as the table of `translation` decides.
pub fn encode(request: &ChatRequest, options: &OpenAiChatOptions) -> Result<Encoded, Fault> {
    let mut encoder = Encoder { options, model: &request.model, losses: Vec::new(), refused: None };
    let body = encoder.request(request);
    if let Some(fault) = encoder.refused {
        return Err(fault);
    }
    let mut losses = encoder.losses;
    if options.extensions != Some(false) {
        return Ok(Encoded { body, losses });
    }
    // What the client's leftovers brought along.
    let edits = strict::edits();
    let narrowed = Envelope::scan_text(&body).ok().and_then(|envelope| {
        let mut splice = envelope.splice();
        let edited = splice.apply(&edits, &[]).ok()?;
        Some((splice.finish(), edited))
    });
    let Some((body, edited)) = narrowed else { return Ok(Encoded { body, losses }) };
    losses.extend(edited.losses().iter().filter(|loss| !losses.contains(loss)).cloned().collect::<Vec<_>>());
    Ok(Encoded { body, losses })
}

struct Encoder<'o> {
    options: &'o OpenAiChatOptions,
    model: &'o str,
    losses: Vec<String>,
    /// The first thing that this wire refuses.
    refused: Option<Fault>,
}

impl Encoder<'_> {
    fn request(&mut self, request: &ChatRequest) -> Json {
        let extra = request.extra.as_deref();
        let mut body = Members::new();
        body.string("model", &request.model);
        let mut messages: Vec<String> =
            request.messages.iter().flat_map(|message| self.message(message)).collect();
        if let (Some(prefill), Some(turn)) = (self.options.prefill, messages.last_mut()) {
            prefill.go_on(request, turn, &mut body);
        }
        body.raw("messages", &list(&messages));
        let tools: Vec<String> = request.tools.iter().filter_map(|tool| self.tool(tool)).collect();
        if !tools.is_empty() {
            body.raw("tools", &list(&tools));
        }
        // There is nothing to choose where every tool was lost.
        if !tools.is_empty() || request.tools.is_empty() {
            self.tool_choice(request, &mut body);
        }
        match &request.output {
            OutputFormat::Other(json) if is_foreign(json) => self.cannot("response_format.other"),
            format => output(format, member(extra, "response_format").as_deref(), &mut body),
        }
        let sampling = &request.sampling;
        body.maybe_plain("temperature", sampling.temperature);
        body.maybe_plain("top_p", sampling.top_p);
        if self.extension(sampling.top_k.is_some(), "top_k") {
            body.maybe_plain("top_k", sampling.top_k);
        }
        body.maybe_plain(
            self.options.max_tokens_member.as_deref().unwrap_or("max_completion_tokens"),
            sampling.max_output_tokens,
        );
        if !sampling.stop.is_empty() {
            let stops: Vec<String> = sampling.stop.iter().map(|stop| quote(stop)).collect();
            body.raw("stop", &list(&stops));
        }
        body.maybe_plain("seed", sampling.seed);
        body.maybe_plain("frequency_penalty", sampling.frequency_penalty);
        body.maybe_plain("presence_penalty", sampling.presence_penalty);
        body.maybe_plain("n", sampling.choices);
        body.maybe_string("reasoning_effort", request.effort.as_deref());
        if request.thinking_budget.is_some() {
            self.lose("thinking_budget");
        }
        body.maybe_string("user", request.user.as_deref());
        if request.stream {
            body.plain("stream", true);
        }
        if !self.options.stream_usage {
            let asked = member(extra, "stream_options").is_some_and(|text| !asks_nothing(&text));
            if asked {
                self.lose("stream_options");
            }
        } else if request.stream {
            let mut stream_options = Members::new();
            stream_options.plain("include_usage", true);
            stream_options.extra(member(extra, "stream_options").as_deref(), &["include_usage"]);
            body.raw("stream_options", &stream_options.finish());
        }
        self.leftovers("", extra, &["response_format", "stream_options"], &mut body);
        body.finish()
    }

    fn tool_choice(&mut self, request: &ChatRequest, body: &mut Members) {
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => {
                body.string("tool_choice", "none");
            }
            ToolChoice::Required => {
                body.string("tool_choice", "required");
            }
            ToolChoice::Named(name) => {
                let choice = format!(r#"{{"type":"function","function":{{"name":{}}}}}"#, quote(name));
                body.raw("tool_choice", &choice);
            }
            ToolChoice::Other(json) if is_foreign(json) => self.cannot("tool_choice.other"),
            ToolChoice::Other(json) => {
                body.raw("tool_choice", json);
            }
        }
        // Without a tool the vendor refuses even what holds anyway, which other wires take.
        let said = request.parallel_tools.filter(|parallel| !(*parallel && request.tools.is_empty()));
        body.maybe_plain("parallel_tool_calls", said);
    }

    /// One message, preceded by those that its tool results become.
    fn message(&mut self, message: &Message) -> Vec<String> {
        let mut written = Vec::new();
        let mut rest = Vec::new();
        for part in &message.parts {
            match &part.content {
                Content::ToolResult(result) => written.push(self.tool_result(message, result)),
                _ => rest.push(part),
            }
        }
        if !rest.is_empty() || written.is_empty() {
            written.push(self.plain_message(message, &rest));
        }
        written
    }

    fn plain_message(&mut self, message: &Message, parts: &[&Part]) -> String {
        let mut out = Members::new();
        let role = match message.role {
            Role::Developer if self.options.developer_role => "developer",
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let extra = message.extra.as_deref();
        if member(extra, "role").is_none() {
            out.string("role", role);
        }
        out.maybe_string("name", message.name.as_deref());
        let mut content = Vec::new();
        let mut calls = Vec::new();
        let mut refusal: Option<String> = None;
        let mut thoughts = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolCall(call) => calls.push(self.tool_call(call)),
                Content::Refusal(text) if message.role == Role::Assistant && part.extra.is_none() => {
                    refusal.get_or_insert_default().push_str(text);
                }
                Content::Reasoning(thought) => thoughts.push(thought),
                _ => content.extend(self.part(part).map(|json| (json, *part))),
            }
        }
        match content.as_slice() {
            [] if message.role == Role::Assistant => out.raw("content", "null"),
            [(_, Part { content: Content::Text(text), cache: None, extra: None })] => {
                out.string("content", text)
            }
            parts => {
                out.raw("content", &list(&parts.iter().map(|(json, _)| json.clone()).collect::<Vec<_>>()))
            }
        };
        self.thoughts(&thoughts, &mut out);
        out.maybe_string("refusal", refusal.as_deref());
        if !calls.is_empty() {
            out.raw("tool_calls", &list(&calls));
        }
        self.leftovers("messages", extra, &[], &mut out);
        out.finish()
    }

    /// The text of all thoughts, and when one of them is marked, each with its marks.
    fn thoughts(&mut self, thoughts: &[&Reasoning], out: &mut Members) {
        let readable = thoughts.iter().any(|thought| thought.redacted.is_none());
        if self.extension(readable, "messages.reasoning_content") {
            let text: String = thoughts.iter().map(|thought| thought.text.as_str()).collect();
            out.string("reasoning_content", &text);
        }
        let marked = thoughts.iter().any(|thought| reasoning::is_marked(thought));
        if self.extension(marked, "messages.reasoning_details") {
            let details = thoughts.iter().enumerate().map(|(at, thought)| reasoning::write(at, thought));
            out.raw(reasoning::MEMBER, &list(&details.collect::<Vec<_>>()));
        }
    }

    fn part(&mut self, part: &Part) -> Option<String> {
        let mut out = Members::new();
        match &part.content {
            Content::Text(text) => out.string("type", "text").string("text", text),
            Content::Refusal(text) => out.string("type", "refusal").string("refusal", text),
            Content::Image(media) => {
                out.string("type", "image_url").raw("image_url", &media::image_json(media))
            }
            Content::Audio(media) => {
                let Some(json) = media::audio_json(media) else {
                    self.lose("audio_by_reference");
                    return None;
                };
                out.string("type", "input_audio").raw("input_audio", &json)
            }
            Content::File(media) => {
                let file = self.file(media)?;
                out.string("type", "file").raw("file", &file)
            }
            Content::Other(json) if is_foreign(json) => {
                self.cannot("messages.content.other");
                return None;
            }
            Content::Other(json) => return Some(json.clone()),
            Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => return None,
        };
        self.cache(part.cache.as_deref(), &mut out);
        self.leftovers("messages.content", part.extra.as_deref(), &[], &mut out);
        Some(out.finish())
    }

    fn tool_call(&mut self, call: &ToolCall) -> String {
        let extra = call.extra.as_deref();
        let custom = member(extra, "type").as_deref() == Some("\"custom\"");
        let (kind, input) = if custom { ("custom", "input") } else { ("function", "arguments") };
        let mut inner = Members::new();
        inner
            .string("name", &self.qualified(call.namespace.as_deref(), &call.name))
            .string(input, &call.arguments);
        inner.extra(member(extra, kind).as_deref(), &[]);
        let mut out = Members::new();
        out.string("id", &call.id).string("type", kind).raw(kind, &inner.finish());
        // Beside what else the client wrote there, the signature stands among the leftovers already.
        if let Some(signature) = &call.signature
            && member(extra, signature::MEMBER).is_none()
            && self.signed_here(call)
        {
            out.raw(signature::MEMBER, &signature::json(signature, call.origin.as_deref()));
        }
        self.leftovers("messages.tool_calls", extra, &["type", kind], &mut out);
        out.finish()
    }

    fn tool_result(&mut self, message: &Message, result: &ToolResult) -> String {
        if result.is_error {
            self.lose("tool_result_error_mark");
        }
        let mut out = Members::new();
        out.string("role", "tool").string("tool_call_id", &result.call_id);
        if message.role == Role::Tool {
            out.maybe_string("name", message.name.as_deref());
        }
        match result.content.as_slice() {
            // A list must have something in it.
            [] => out.string("content", ""),
            [ResultPart::Text(text)] => out.string("content", text),
            parts => {
                let parts: Vec<String> = parts.iter().filter_map(|part| self.result_part(part)).collect();
                out.raw("content", &list(&parts))
            }
        };
        self.leftovers("messages", result.extra.as_deref(), &[], &mut out);
        if message.role == Role::Tool {
            self.leftovers("messages", message.extra.as_deref(), &[], &mut out);
        }
        out.finish()
    }

    /// `None` when it was a loss.
    fn tool(&mut self, tool: &Tool) -> Option<String> {
        let function = match tool {
            Tool::Function(function) => function,
            Tool::Other(json) if is_foreign(json) || is_run_elsewhere(json) => {
                self.cannot("tools.hosted");
                return None;
            }
            Tool::Other(json) => return Some(json.clone()),
        };
        let FunctionTool { name, namespace, description, parameters, strict, cache, extra } = function;
        let extra = extra.as_deref();
        let mut inner = Members::new();
        inner.string("name", &self.qualified(namespace.as_deref(), name));
        inner.maybe_string("description", description.as_deref());
        inner.raw("parameters", parameters).maybe_plain("strict", *strict);
        inner.extra(member(extra, "function").as_deref(), &[]);
        let mut out = Members::new();
        out.string("type", "function").raw("function", &inner.finish());
        self.cache(cache.as_deref(), &mut out);
        self.leftovers("tools", extra, &["function"], &mut out);
        Some(out.finish())
    }

    fn cache(&mut self, ttl: Option<&str>, out: &mut Members) {
        if !self.extension(ttl.is_some(), "cache_control") {
            return;
        }
        match ttl {
            Some("5m") => {
                out.raw("cache_control", r#"{"type":"ephemeral"}"#);
            }
            Some(ttl) => {
                out.raw("cache_control", &format!(r#"{{"type":"ephemeral","ttl":{}}}"#, quote(ttl)));
            }
            None => {}
        }
    }

    /// This wire has flat names only.
    fn qualified(&mut self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) => {
                self.lose("tool_namespace");
                format!("{namespace}__{name}")
            }
            None => name.to_owned(),
        }
    }

    /// Whether the upstream may have signed a call; another's signature is named, and goes no further.
    fn signed_here(&mut self, call: &ToolCall) -> bool {
        let foreign = call.origin.as_deref().is_some_and(|origin| origin.contains('/'))
            || signature::is_foreign_to(self.model);
        if foreign {
            self.lose("messages.tool_calls.extra_content");
        }
        !foreign
    }

    fn extension(&mut self, present: bool, what: &str) -> bool {
        let taken = self.options.extensions == Some(true);
        if present && !taken {
            self.lose(what);
        }
        present && taken
    }

    fn result_part(&mut self, part: &ResultPart) -> Option<String> {
        let image =
            |media: &Media| format!(r#"{{"type":"image_url","image_url":{}}}"#, media::image_json(media));
        Some(match part {
            ResultPart::Text(text) => format!(r#"{{"type":"text","text":{}}}"#, quote(text)),
            ResultPart::Media(media) if is_document(media) => {
                format!(r#"{{"type":"file","file":{}}}"#, self.file(media)?)
            }
            ResultPart::Media(media) => image(media),
            ResultPart::Other(json) if is_foreign(json) => {
                self.cannot("messages.content.other");
                return None;
            }
            ResultPart::Other(json) => json.clone(),
        })
    }

    /// `None` when it cannot be said: some vendors fetch what stands at an address, the wire's own does not.
    fn file(&mut self, media: &Media) -> Option<String> {
        if matches!(media.source, MediaSource::Url(_)) && self.options.extensions != Some(true) {
            self.cannot("messages.content.file.remote");
            return None;
        }
        Some(media::file_json(media))
    }

    /// Writes leftovers of this wire's own clients. Those of others go by their own names.
    fn leftovers(&mut self, place: &str, extra: Option<&str>, except: &[&str], out: &mut Members) {
        let Some(object) = extra.and_then(|text| Node::root(text).object().ok()) else { return };
        for (name, node) in object.iter().filter(|(name, _)| !except.contains(name)) {
            if !is_wire(name) {
                out.raw(name, node.text());
                continue;
            }
            let Ok(said) = node.object() else { continue };
            for (name, _) in said.iter().filter(|(_, node)| !asks_nothing(node.text())) {
                let mark = if place.is_empty() { "" } else { "." };
                self.cannot(&format!("{place}{mark}{name}"));
            }
        }
    }

    /// This wire has no place for what a client of another said.
    fn cannot(&mut self, member: &str) {
        match disposition(member, UpstreamWire::OpenAiChat) {
            Disposition::Refused(why) => {
                self.refused.get_or_insert_with(|| unsupported(member, why));
            }
            Disposition::Kept | Disposition::Mapped(_) | Disposition::Lost(_) => self.lose(member),
        }
    }

    fn lose(&mut self, what: &str) {
        if !self.losses.iter().any(|loss| loss == what) {
            self.losses.push(what.to_owned());
        }
    }
}

/// Whether something of a kind that is not known is what a client of another wire said.
fn is_foreign(json: &str) -> bool {
    Node::root(json).object().is_ok_and(|object| object.iter().any(|(name, _)| is_wire(name)))
}

/// Whether a tool is one that another vendor runs: those have the day of their making in their type.
fn is_run_elsewhere(json: &str) -> bool {
    let kind = member(Some(json), "type").unwrap_or_default();
    let day = kind.trim_matches('"').rsplit('_').next().unwrap_or_default();
    kind.contains("mcp_toolset") || day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit())
}

fn output(format: &OutputFormat, kept: Option<&str>, body: &mut Members) {
    match format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => {
            body.raw("response_format", r#"{"type":"json_object"}"#);
        }
        OutputFormat::JsonSchema(format) => {
            let mut schema = Members::new();
            schema.string("name", &format.name).raw("schema", &format.schema);
            if format.strict {
                schema.plain("strict", true);
            }
            schema.extra(member(kept, "json_schema").as_deref(), &[]);
            let mut out = Members::new();
            out.string("type", "json_schema").raw("json_schema", &schema.finish());
            body.raw("response_format", &out.finish());
        }
        OutputFormat::Other(json) => {
            body.raw("response_format", json);
        }
    }
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}
