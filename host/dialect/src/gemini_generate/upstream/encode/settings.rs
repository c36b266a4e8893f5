//! Everything of a request but its conversation: tools, limits, sampling, thinking, the form of the answer.

use super::{GeminiGenerateOptions, thinking};
use crate::canon::{ChatRequest, Fault, FunctionTool, Json, OutputFormat, Tool, ToolChoice};
use crate::fault::unsupported;
use crate::json::{Members, Node, Object, array, member, quote, strings};
use crate::translation::{Losses, asks_nothing, is_wire};

/// So many sequences end an answer.
const MOST_STOPS: usize = 5;

pub(super) struct GenerationSettings<'r, 'l> {
    pub(super) request: &'r ChatRequest,
    pub(super) options: &'r GeminiGenerateOptions,
    pub(super) losses: &'l mut Losses,
}

impl GenerationSettings<'_, '_> {
    pub(super) fn write(mut self, body: &mut Members) -> Result<(), Fault> {
        let tools = self.tools()?;
        if !tools.is_empty() {
            body.raw("tools", &format!("[{{\"functionDeclarations\":{}}}]", array(&tools)));
            self.tool_choice(body)?;
        }
        let config = self.generation(!tools.is_empty())?;
        if config != "{}" {
            body.raw("generationConfig", &config);
        }
        if self.request.parallel_tools == Some(false) && !tools.is_empty() {
            self.losses.cannot("parallel_tool_calls")?;
        }
        if self.request.user.is_some() {
            self.losses.cannot("user")?;
        }
        self.leftovers()
    }

    fn tools(&mut self) -> Result<Vec<String>, Fault> {
        let mut written = Vec::with_capacity(self.request.tools.len());
        for tool in &self.request.tools {
            match tool {
                Tool::Function(function) => written.push(self.tool(function)?),
                Tool::Other(json) if member(Some(json), "type").as_deref() == Some("\"custom\"") => {
                    self.losses.cannot("tools.custom")?;
                }
                Tool::Other(_) => self.losses.cannot("tools.hosted")?,
            }
        }
        Ok(written)
    }

    /// The schema goes as JSON Schema: what `parameters` has in its place is a smaller language of the vendor's own.
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
        let mut out = Members::new();
        out.string("name", &name).maybe_string("description", description.as_deref());
        out.raw("parametersJsonSchema", &object_schema(parameters));
        Ok(out.finish())
    }

    fn tool_choice(&mut self, body: &mut Members) -> Result<(), Fault> {
        let (mode, only) = match &self.request.tool_choice {
            ToolChoice::Auto => return Ok(()),
            ToolChoice::Other(_) => return self.losses.cannot("tool_choice.other"),
            ToolChoice::None => ("NONE", None),
            ToolChoice::Required => ("ANY", None),
            ToolChoice::Named(name) => ("ANY", Some(name)),
        };
        let mut config = Members::new();
        config.string("mode", mode);
        if let Some(name) = only {
            config.raw("allowedFunctionNames", &format!("[{}]", quote(name)));
        }
        body.raw("toolConfig", &format!("{{\"functionCallingConfig\":{}}}", config.finish()));
        Ok(())
    }

    fn generation(&mut self, has_tools: bool) -> Result<Json, Fault> {
        let sampling = &self.request.sampling;
        let mut out = Members::new();
        if self.options.sampling {
            out.maybe_plain("temperature", sampling.temperature)
                .maybe_plain("topP", sampling.top_p)
                .maybe_plain("topK", sampling.top_k);
        } else {
            self.no_randomness();
        }
        out.maybe_plain("maxOutputTokens", sampling.max_output_tokens);
        // An empty one would end every answer before it begins.
        let mut stops: Vec<String> = sampling.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        stops.truncate(MOST_STOPS);
        if stops.len() < sampling.stop.len() {
            self.losses.name("stop");
        }
        if !stops.is_empty() {
            out.raw("stopSequences", &strings(&stops));
        }
        out.maybe_plain("seed", sampling.seed);
        for (name, member, value) in [
            ("frequency_penalty", "frequencyPenalty", sampling.frequency_penalty),
            ("presence_penalty", "presencePenalty", sampling.presence_penalty),
        ] {
            match value {
                Some(value) if self.options.penalties => drop(out.plain(member, value)),
                Some(value) if value != 0.0 => self.losses.name(name),
                Some(_) | None => {}
            }
        }
        match sampling.choices {
            Some(count) if count != 1 && !self.options.choices => {
                return Err(unsupported("n", "this model gives one answer per request"));
            }
            Some(count) if count != 1 => drop(out.plain("candidateCount", count)),
            Some(_) | None => {}
        }
        self.output(has_tools, &mut out)?;
        if let Some(thinking) = thinking::config(self.request, self.options, self.losses)? {
            out.raw("thinkingConfig", &thinking);
        }
        Ok(out.finish())
    }

    /// What is lost on a model that heeds none of it. One is what it does anyway.
    fn no_randomness(&mut self) {
        let sampling = &self.request.sampling;
        let other = |value: Option<f32>| value.is_some_and(|value| (value - 1.0).abs() > f32::EPSILON);
        for (name, asked) in [
            ("temperature", other(sampling.temperature)),
            ("top_p", other(sampling.top_p)),
            ("top_k", sampling.top_k.is_some()),
        ] {
            if asked {
                self.losses.name(name);
            }
        }
    }

    fn output(&mut self, has_tools: bool, out: &mut Members) -> Result<(), Fault> {
        let member = match &self.request.output {
            OutputFormat::Text => return Ok(()),
            OutputFormat::Other(_) => return self.losses.cannot("response_format.other"),
            OutputFormat::JsonObject => "response_format.json_object",
            OutputFormat::JsonSchema(_) => "response_format.json_schema",
        };
        if has_tools && !self.options.schemas_with_tools {
            return Err(unsupported(
                member,
                "this model holds an answer to a form only where there are no tools",
            ));
        }
        out.string("responseMimeType", "application/json");
        if let OutputFormat::JsonSchema(format) = &self.request.output {
            out.raw("responseJsonSchema", &format.schema);
        }
        Ok(())
    }

    /// Members that the canonical form has no place for.
    fn leftovers(&mut self) -> Result<(), Fault> {
        let extra = self.request.extra.as_deref().and_then(|text| Node::root(text).object().ok());
        for (name, node) in extra.iter().flat_map(Object::iter) {
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
                _ => self.losses.cannot(name)?,
            }
        }
        Ok(())
    }
}

/// What a tool takes is an object, also when nobody said so.
fn object_schema(schema: &str) -> String {
    if member(Some(schema), "type").is_some() {
        return schema.to_owned();
    }
    let mut out = Members::new();
    out.string("type", "object").extra(Some(schema), &["type"]);
    out.finish()
}
