//! Everything of a request but its conversation: tools, limits, sampling, the form of the answer, and what goes to the model
//! past this wire.

use super::thinking::ThinkingTold;
use super::turns::{ConverseMessages, cache_point};
use super::{BedrockConverseOptions, CachePoints, TopK};
use crate::bedrock_converse::plain_name;
use crate::canon::{ChatRequest, Fault, FunctionTool, OutputFormat, Tool, ToolChoice};
use crate::fault::unsupported;
use crate::json::{Members, Node, member, quote};
use crate::schema::{self, closed};
use crate::translation::{Losses, asks_nothing, is_wire};

pub(super) struct ConverseSettings<'r, 'l> {
    pub(super) request: &'r ChatRequest,
    pub(super) options: &'r BedrockConverseOptions,
    pub(super) losses: &'l mut Losses,
}

impl ConverseSettings<'_, '_> {
    /// Writes them, and says whether the model is told to think.
    pub(super) fn write(
        mut self,
        conversation: &ConverseMessages,
        body: &mut Members,
    ) -> Result<bool, Fault> {
        let tools = self.tools(conversation)?;
        let mut forced = !tools.is_empty()
            && matches!(self.request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        if forced && !self.options.forced_tools {
            self.losses.name("tool_choice");
            forced = false;
        }
        let thought = self.thinking(forced || conversation.thoughtless_loop, forced)?;
        let thinks = !matches!(thought, ThinkingTold::Silent);
        let mut beside = Members::new();
        let mut limit = self.request.sampling.max_output_tokens;
        match thought {
            ThinkingTold::Silent => {}
            ThinkingTold::Told(members) => {
                beside.extra(Some(&members), &[]);
            }
            ThinkingTold::Budget(members, budget) => {
                beside.extra(Some(&members), &[]);
                let most = self.options.max_output.unwrap_or(u32::MAX);
                let default = self.options.default_max_tokens.saturating_add(budget).min(most);
                limit.get_or_insert(default);
            }
        }
        let mut inference = Members::new();
        inference.maybe_plain("maxTokens", limit);
        self.sampling(thinks, &mut inference, &mut beside)?;
        let inference = inference.finish();
        if inference != "{}" {
            body.raw("inferenceConfig", &inference);
        }
        if !tools.is_empty() {
            let mut config = Members::new();
            config.raw("tools", &format!("[{}]", tools.join(",")));
            self.tool_choice(forced, &mut config)?;
            body.raw("toolConfig", &config.finish());
        }
        self.output(body)?;
        let beside = beside.finish();
        if beside != "{}" {
            body.raw("additionalModelRequestFields", &beside);
        }
        self.leftovers(body)?;
        Ok(thinks)
    }

    /// The tools. Where calls stand in the conversation there must be some, whatever is offered now:
    /// vxcontrol/pentagi#160, patriceckhart/zot#18.
    fn tools(&mut self, conversation: &ConverseMessages) -> Result<Vec<String>, Fault> {
        let called = &conversation.called;
        let withheld = self.request.tool_choice == ToolChoice::None;
        if withheld && called.is_empty() {
            // The wire has no such word; without tools none is called.
            return Ok(Vec::new());
        }
        let mut written = Vec::with_capacity(self.request.tools.len());
        for tool in &self.request.tools {
            match tool {
                Tool::Function(function) => self.tool(function, &mut written)?,
                Tool::Other(json) if member(Some(json), "type").as_deref() == Some("\"custom\"") => {
                    self.losses.cannot("tools.custom")?;
                }
                Tool::Other(_) => self.losses.cannot("tools.hosted")?,
            }
        }
        if withheld && !written.is_empty() {
            self.losses.name("tool_choice");
        }
        if written.is_empty() {
            written.extend(called.iter().map(|name| {
                format!(
                    r#"{{"toolSpec":{{"name":{},"description":"Not offered any more.","inputSchema":{{"json":{{"type":"object"}}}}}}}}"#,
                    quote(name)
                )
            }));
        }
        Ok(written)
    }

    fn tool(&mut self, function: &FunctionTool, written: &mut Vec<String>) -> Result<(), Fault> {
        let FunctionTool { name, namespace, description, parameters, strict, cache, extra } = function;
        let name = plain_name(&self.losses.qualified(namespace.as_deref(), name));
        let mut out = Members::new();
        out.string("name", &name);
        out.maybe_string("description", description.as_deref().filter(|text| !text.is_empty()));
        let held = *strict == Some(true) && self.options.structured_outputs;
        let schema = schema::of_object(parameters);
        let schema = if held { closed(&schema, schema::TOOL, self.losses) } else { schema };
        out.raw("inputSchema", &format!(r#"{{"json":{schema}}}"#));
        if held {
            out.plain("strict", true);
        } else if *strict == Some(true) {
            self.losses.name("tools.strict");
        }
        self.losses.leftovers("tools", extra.as_deref(), &[])?;
        written.push(format!(r#"{{"toolSpec":{}}}"#, out.finish()));
        match cache {
            // NousResearch/hermes-agent#97327: Nova takes none here.
            Some(_) if self.options.cache_points != CachePoints::Everywhere => {
                self.losses.name("cache_control");
            }
            Some(ttl) => written.push(cache_point(ttl)),
            None => {}
        }
        Ok(())
    }

    fn tool_choice(&mut self, forced: bool, config: &mut Members) -> Result<(), Fault> {
        if self.request.parallel_tools == Some(false) {
            self.losses.cannot("parallel_tool_calls")?;
        }
        match &self.request.tool_choice {
            ToolChoice::Required if forced => {
                config.raw("toolChoice", r#"{"any":{}}"#);
            }
            ToolChoice::Named(name) if forced => {
                let name = quote(&plain_name(name));
                config.raw("toolChoice", &format!(r#"{{"tool":{{"name":{name}}}}}"#));
            }
            ToolChoice::Other(_) => self.losses.cannot("tool_choice.other")?,
            ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Named(_) => {}
        }
        Ok(())
    }

    fn sampling(&mut self, thinks: bool, inference: &mut Members, beside: &mut Members) -> Result<(), Fault> {
        if self.options.sampling {
            self.randomness(thinks, inference, beside);
        } else {
            self.no_randomness();
        }
        let sampling = &self.request.sampling;
        let (stops, blank): (Vec<&String>, Vec<&String>) =
            sampling.stop.iter().partition(|stop| !stop.trim().is_empty());
        if !blank.is_empty() {
            self.losses.name("stop");
        }
        if !stops.is_empty() {
            let stops: Vec<String> = stops.into_iter().map(|stop| quote(stop)).collect();
            inference.raw("stopSequences", &format!("[{}]", stops.join(",")));
        }
        for (name, asked) in [
            ("seed", sampling.seed.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some_and(|value| value != 0.0)),
            ("presence_penalty", sampling.presence_penalty.is_some_and(|value| value != 0.0)),
            ("n", sampling.choices.is_some_and(|count| count != 1)),
        ] {
            if asked {
                self.losses.cannot(name)?;
            }
        }
        if self.request.user.is_some() {
            self.losses.cannot("user")?;
        }
        Ok(())
    }

    fn randomness(&mut self, thinks: bool, inference: &mut Members, beside: &mut Members) {
        let sampling = &self.request.sampling;
        let temperature = sampling.temperature.map(|value| value.clamp(0.0, 1.0));
        if temperature != sampling.temperature {
            self.losses.name("temperature");
        }
        // A model that thinks takes no temperature, and newer ones take one of the two settings only.
        let (temperature, top_p) = match (temperature, sampling.top_p) {
            (Some(temperature), top_p) if thinks && temperature < 1.0 => {
                self.losses.name("temperature");
                (None, top_p)
            }
            (Some(temperature), Some(top_p)) if top_p < 1.0 => {
                self.losses.name("top_p");
                (Some(temperature), None)
            }
            (Some(temperature), _) => (Some(temperature), None),
            (None, top_p) => (None, top_p),
        };
        inference.maybe_plain("temperature", temperature);
        match top_p {
            Some(top_p) if thinks && top_p < 0.95 => self.losses.name("top_p"),
            top_p => {
                inference.maybe_plain("topP", top_p);
            }
        }
        match (sampling.top_k, self.options.top_k) {
            (None, _) => {}
            (Some(top_k), TopK::Plain) if !thinks => {
                beside.plain("top_k", top_k);
            }
            (Some(top_k), TopK::InferenceConfig) => {
                beside.raw("inferenceConfig", &format!(r#"{{"topK":{top_k}}}"#));
            }
            (Some(_), TopK::Plain | TopK::Untold) => self.losses.name("top_k"),
        }
    }

    /// What is lost on a model that takes none of it. One is what it does anyway.
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

    fn output(&mut self, body: &mut Members) -> Result<(), Fault> {
        match &self.request.output {
            OutputFormat::Text | OutputFormat::JsonObject => Ok(()),
            OutputFormat::JsonSchema(format) if self.options.structured_outputs => {
                let schema = closed(&format.schema, schema::ANSWER, self.losses);
                let mut inner = Members::new();
                // A text with JSON in it.
                inner.string("schema", &schema);
                let name = Some(format.name.as_str()).filter(|name| !name.is_empty()).map(plain_name);
                inner.maybe_string("name", name.as_deref());
                let structure = format!(r#"{{"jsonSchema":{}}}"#, inner.finish());
                let config = format!(r#"{{"textFormat":{{"type":"json_schema","structure":{structure}}}}}"#);
                body.raw("outputConfig", &config);
                Ok(())
            }
            OutputFormat::JsonSchema(_) => {
                Err(unsupported("response_format", "it does not hold answers to a schema"))
            }
            OutputFormat::Other(_) => self.losses.cannot("response_format.other"),
        }
    }

    /// Members that the canonical form has no place for.
    fn leftovers(&mut self, body: &mut Members) -> Result<(), Fault> {
        let extra = self.request.extra.as_deref().and_then(|text| Node::root(text).object().ok());
        for (name, node) in extra.iter().flat_map(crate::json::Object::iter) {
            let text = node.text();
            let word = node.string().ok();
            match (name, word.as_deref()) {
                (name, _) if is_wire(name) => self.losses.leftovers("", Some(text), &[])?,
                ("response_format", _) => {
                    let schema = member(Some(text), "json_schema");
                    self.losses.leftovers("response_format.json_schema", schema.as_deref(), &[])?;
                }
                ("stream_options", _) => self.losses.leftovers("stream_options", Some(text), &[])?,
                ("modalities", _) if !text.contains("\"audio\"") => {}
                // Whatever the account has.
                ("service_tier", Some("auto" | "standard_only")) => {}
                ("service_tier", Some(tier @ ("default" | "flex" | "priority"))) => {
                    body.raw("serviceTier", &format!(r#"{{"type":"{tier}"}}"#));
                }
                _ if asks_nothing(text) => {}
                _ => self.losses.cannot(name)?,
            }
        }
        Ok(())
    }
}
