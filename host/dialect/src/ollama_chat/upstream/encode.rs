//! The canonical request as a body of this wire. What it cannot say is named or refused, as the table of
//! `translation` decides.

mod messages;
#[cfg(test)]
mod tests;

use crate::canon::{ChatRequest, Fault, FunctionTool, Json, OutputFormat, Tool, ToolChoice};
use crate::json::{Members, Node, member, quote};
use crate::translation::{Losses, UpstreamWire, asks_nothing, is_wire};

pub use crate::translation::Encoded;

/// What the upstream is told beyond what requests say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaChatOptions {
    /// The model's window; the server's own default cuts long conversations in silence.
    pub context_length: Option<u32>,
    /// How long the model stays loaded, such as `5m`.
    pub keep_alive: Option<String>,
    /// Whether to pass on how hard to think; models that cannot think refuse to be told.
    pub thinking: bool,
}

impl Default for OllamaChatOptions {
    fn default() -> Self {
        Self { context_length: None, keep_alive: None, thinking: true }
    }
}

/// Writes the request, or says what of it this wire refuses.
pub fn encode(request: &ChatRequest, options: &OllamaChatOptions) -> Result<Encoded, Fault> {
    let mut encoder = Encoder { request, options, losses: Losses::new(UpstreamWire::OllamaChat) };
    let body = encoder.body()?;
    Ok(Encoded { body, losses: encoder.losses.into_names() })
}

struct Encoder<'r> {
    request: &'r ChatRequest,
    options: &'r OllamaChatOptions,
    losses: Losses,
}

impl Encoder<'_> {
    fn body(&mut self) -> Result<Json, Fault> {
        let request = self.request;
        let mut body = Members::new();
        body.string("model", &request.model);
        let messages = messages::write(request, &mut self.losses)?;
        body.raw("messages", &format!("[{}]", messages.join(",")));
        let tools = self.tools()?;
        if !tools.is_empty() {
            body.raw("tools", &format!("[{}]", tools.join(",")));
        }
        match &request.output {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => {
                body.string("format", "json");
            }
            OutputFormat::JsonSchema(format) => {
                body.raw("format", &format.schema);
            }
            OutputFormat::Other(_) => self.losses.cannot("response_format.other")?,
        }
        self.thinking(&mut body)?;
        let settings = self.settings()?;
        if settings != "{}" {
            body.raw("options", &settings);
        }
        body.maybe_string("keep_alive", self.options.keep_alive.as_deref());
        // The server streams unless told not to.
        body.plain("stream", request.stream);
        if request.parallel_tools == Some(false) && !tools.is_empty() {
            self.losses.cannot("parallel_tool_calls")?;
        }
        if request.user.is_some() {
            self.losses.cannot("user")?;
        }
        self.leftovers()?;
        Ok(body.finish())
    }

    fn tools(&mut self) -> Result<Vec<String>, Fault> {
        let request = self.request;
        let only = match &request.tool_choice {
            ToolChoice::Auto | ToolChoice::Required => None,
            ToolChoice::None => return Ok(Vec::new()),
            ToolChoice::Other(_) => {
                self.losses.cannot("tool_choice.other")?;
                None
            }
            ToolChoice::Named(name) => Some(name),
        };
        if matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_))
            && !request.tools.is_empty()
        {
            self.losses.cannot("tool_choice")?;
        }
        let mut written = Vec::with_capacity(request.tools.len());
        for tool in &request.tools {
            match tool {
                Tool::Function(function) if only.is_none_or(|name| is_called(function, name)) => {
                    written.push(self.tool(function)?);
                }
                Tool::Function(_) => {}
                Tool::Other(json) if member(Some(json), "type").as_deref() == Some("\"custom\"") => {
                    self.losses.cannot("tools.custom")?;
                }
                Tool::Other(_) => self.losses.cannot("tools.hosted")?,
            }
        }
        Ok(written)
    }

    fn tool(&mut self, function: &FunctionTool) -> Result<String, Fault> {
        let FunctionTool { name, namespace, description, parameters, strict, cache, extra } = function;
        let name = self.losses.qualified(namespace.as_deref(), name);
        if *strict == Some(true) {
            self.losses.cannot("tools.strict")?;
        }
        if cache.is_some() {
            self.losses.cannot("cache_control")?;
        }
        self.losses.leftovers("tools", extra.as_deref(), &[])?;
        let mut inner = Members::new();
        inner.string("name", &name).string("description", description.as_deref().unwrap_or_default());
        inner.raw("parameters", parameters);
        let mut out = Members::new();
        out.string("type", "function").raw("function", &inner.finish());
        Ok(out.finish())
    }

    fn thinking(&mut self, body: &mut Members) -> Result<(), Fault> {
        let effort = match (self.request.effort.as_deref(), self.request.thinking_budget) {
            (None, None) => return Ok(()),
            (Some(effort), _) => effort,
            (None, Some(_)) => "medium",
        };
        let think = match effort {
            "none" => "false",
            "minimal" | "low" => "\"low\"",
            "medium" => "\"medium\"",
            "high" | "xhigh" | "max" => "\"high\"",
            _ => return self.losses.cannot("reasoning_effort"),
        };
        if self.options.thinking {
            body.raw("think", think);
            return Ok(());
        }
        if effort == "none" { Ok(()) } else { self.losses.cannot("reasoning_effort") }
    }

    fn settings(&mut self) -> Result<Json, Fault> {
        let sampling = &self.request.sampling;
        let mut out = Members::new();
        out.maybe_plain("num_ctx", self.options.context_length)
            .maybe_plain("temperature", sampling.temperature)
            .maybe_plain("top_p", sampling.top_p)
            .maybe_plain("top_k", sampling.top_k)
            .maybe_plain("num_predict", sampling.max_output_tokens)
            .maybe_plain("seed", sampling.seed)
            .maybe_plain("frequency_penalty", sampling.frequency_penalty)
            .maybe_plain("presence_penalty", sampling.presence_penalty);
        // An empty one would end every answer before it begins.
        let stops: Vec<String> =
            sampling.stop.iter().filter(|stop| !stop.is_empty()).map(|stop| quote(stop)).collect();
        if stops.len() < sampling.stop.len() {
            self.losses.name("stop");
        }
        if !stops.is_empty() {
            out.raw("stop", &format!("[{}]", stops.join(",")));
        }
        if sampling.choices.is_some_and(|count| count != 1) {
            self.losses.cannot("n")?;
        }
        Ok(out.finish())
    }

    /// Members that the canonical form has no place for.
    fn leftovers(&mut self) -> Result<(), Fault> {
        let extra = self.request.extra.as_deref().and_then(|text| Node::root(text).object().ok());
        for (name, node) in extra.iter().flat_map(crate::json::Object::iter) {
            let text = node.text();
            match name {
                "response_format" => {
                    let schema = member(Some(text), "json_schema");
                    self.losses.leftovers("response_format.json_schema", schema.as_deref(), &[])?;
                }
                "stream_options" => self.losses.leftovers("stream_options", Some(text), &[])?,
                "modalities" if !text.contains("\"audio\"") => {}
                name if is_wire(name) => self.losses.leftovers("", Some(text), &[])?,
                _ if asks_nothing(text) => {}
                _ if is_wire(name) => self.losses.leftovers("", Some(text), &[])?,
                _ => self.losses.cannot(name)?,
            }
        }
        Ok(())
    }
}

/// Whether a tool goes by this name here, where a namespace stands in front of it.
fn is_called(function: &FunctionTool, name: &str) -> bool {
    match &function.namespace {
        Some(namespace) => name.strip_prefix(namespace.as_str()) == Some(&format!("__{}", function.name)),
        None => name == function.name,
    }
}
