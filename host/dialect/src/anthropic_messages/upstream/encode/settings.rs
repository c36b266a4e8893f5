//! Everything of a request but its conversation: tools, limits, sampling, the form of the answer.

use super::AnthropicMessagesOptions;
use super::thinking::Thought;
use super::turns::{Conversation, cached};
use super::user::opaque;
use crate::anthropic_messages::DIALECT;
use crate::canon::{ChatRequest, Fault, FunctionTool, OutputFormat, Tool, ToolChoice};
use crate::json::{Members, Node, member, quote};
use crate::schema::{self, closed};
use crate::translation::{Losses, asks_nothing, is_wire};

pub(super) struct SettingsWriter<'r, 'l> {
    pub(super) request: &'r ChatRequest,
    pub(super) options: &'r AnthropicMessagesOptions,
    pub(super) losses: &'l mut Losses,
}

impl SettingsWriter<'_, '_> {
    /// Writes them, and says whether the model is told to think.
    pub(super) fn write(mut self, conversation: &Conversation, body: &mut Members) -> Result<bool, Fault> {
        let tools = self.tools()?;
        let mut forced = !tools.is_empty()
            && matches!(self.request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        if forced && !self.options.forced_tools {
            self.losses.name("tool_choice");
            forced = false;
        }
        let sampling = &self.request.sampling;
        let (thought, effort) = self.thinking(forced || conversation.thoughtless_loop, forced)?;
        let thinks = !matches!(thought, Thought::Silent);
        let default = match thought {
            Thought::Budget(budget) => self.options.default_max_tokens.saturating_add(budget),
            Thought::Silent | Thought::Adaptive => self.options.default_max_tokens,
        };
        let default = default.min(self.options.max_output.unwrap_or(u32::MAX));
        body.plain("max_tokens", sampling.max_output_tokens.unwrap_or(default));
        let thinking = match thought {
            Thought::Silent => None,
            Thought::Adaptive => Some(r#"{"type":"adaptive"}"#.to_owned()),
            Thought::Budget(budget) => Some(format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#)),
        };
        if let Some(thinking) = &thinking {
            body.raw("thinking", thinking);
        }
        self.sampling(thinks, body)?;
        self.output(effort, body)?;
        if !tools.is_empty() {
            body.raw("tools", &format!("[{}]", tools.join(",")));
            self.tool_choice(forced, body)?;
        }
        self.leftovers(body)?;
        Ok(thinks)
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

    fn tool(&mut self, function: &FunctionTool) -> Result<String, Fault> {
        let FunctionTool { name, namespace, description, parameters, strict, cache, extra } = function;
        let name = self.losses.qualified(namespace.as_deref(), name);
        let mut out = Members::new();
        out.string("name", &name).maybe_string("description", description.as_deref());
        let held = *strict == Some(true) && self.options.structured_outputs;
        let schema = schema::of_object(parameters);
        if held {
            out.raw("input_schema", &closed(&schema, schema::TOOL, self.losses)).plain("strict", true);
        } else {
            out.raw("input_schema", &schema);
        }
        if *strict == Some(true) && !held {
            self.losses.name("tools.strict");
        }
        cached(cache.as_deref(), &mut out);
        out.extra(member(extra.as_deref(), DIALECT).as_deref(), &[]);
        self.losses.leftovers("tools", extra.as_deref(), &[DIALECT])?;
        Ok(out.finish())
    }

    fn tool_choice(&mut self, forced: bool, body: &mut Members) -> Result<(), Fault> {
        let alone = self.request.parallel_tools == Some(false);
        let mut out = Members::new();
        match &self.request.tool_choice {
            ToolChoice::None => out.string("type", "none"),
            ToolChoice::Required if forced => out.string("type", "any"),
            ToolChoice::Named(name) if forced => out.string("type", "tool").string("name", name),
            ToolChoice::Other(_) => return self.losses.cannot("tool_choice.other"),
            ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_) if !alone => return Ok(()),
            ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_) => out.string("type", "auto"),
        };
        if alone && self.request.tool_choice != ToolChoice::None {
            out.plain("disable_parallel_tool_use", true);
        }
        body.raw("tool_choice", &out.finish());
        Ok(())
    }

    fn sampling(&mut self, thinks: bool, body: &mut Members) -> Result<(), Fault> {
        if self.options.sampling {
            self.randomness(thinks, body);
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
            body.raw("stop_sequences", &format!("[{}]", stops.join(",")));
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
        Ok(())
    }

    fn randomness(&mut self, thinks: bool, body: &mut Members) {
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
        body.maybe_plain("temperature", temperature);
        match top_p {
            Some(top_p) if thinks && top_p < 0.95 => self.losses.name("top_p"),
            top_p => {
                body.maybe_plain("top_p", top_p);
            }
        }
        match sampling.top_k {
            Some(_) if thinks => self.losses.name("top_k"),
            top_k => {
                body.maybe_plain("top_k", top_k);
            }
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

    fn output(&mut self, effort: Option<&str>, body: &mut Members) -> Result<(), Fault> {
        let mut config = Members::new();
        config.maybe_string("effort", effort);
        match &self.request.output {
            OutputFormat::Text | OutputFormat::JsonObject => {}
            OutputFormat::JsonSchema(format) if self.options.structured_outputs => {
                let mut out = Members::new();
                out.string("type", "json_schema");
                out.raw("schema", &closed(&format.schema, schema::ANSWER, self.losses));
                config.raw("format", &out.finish());
            }
            OutputFormat::JsonSchema(_) => {
                return Err(crate::fault::unsupported(
                    "response_format",
                    "it does not hold answers to a schema",
                ));
            }
            OutputFormat::Other(_) => self.losses.cannot("response_format.other")?,
        }
        let config = config.finish();
        if config != "{}" {
            body.raw("output_config", &config);
        }
        Ok(())
    }

    /// Members that the canonical form has no place for.
    fn leftovers(&mut self, body: &mut Members) -> Result<(), Fault> {
        let extra = self.request.extra.as_deref().and_then(|text| Node::root(text).object().ok());
        let mut user = self.request.user.clone();
        for (name, node) in extra.iter().flat_map(crate::json::Object::iter) {
            let text = node.text();
            let word = node.string().ok();
            match (name, word.as_deref()) {
                (DIALECT, _) => {
                    // What is left of members that are written anew has no place in them.
                    const RESTS: [&str; 3] = ["thinking", "output_config", "metadata"];
                    body.extra(Some(text), &RESTS);
                    for name in RESTS {
                        if member(Some(text), name).is_some_and(|rest| !asks_nothing(&rest)) {
                            self.losses.cannot(name)?;
                        }
                    }
                }
                (name, _) if is_wire(name) => self.losses.leftovers("", Some(text), &[])?,
                ("response_format", _) => {
                    let schema = member(Some(text), "json_schema");
                    self.losses.leftovers("response_format.json_schema", schema.as_deref(), &[])?;
                }
                ("stream_options", _) => self.losses.leftovers("stream_options", Some(text), &[])?,
                ("modalities", _) if !text.contains("\"audio\"") => {}
                ("service_tier", Some("auto")) => {
                    body.string("service_tier", "auto");
                }
                ("service_tier", Some("default")) => {
                    body.string("service_tier", "standard_only");
                }
                ("safety_identifier", Some(word)) if user.is_none() => user = Some(word.to_owned()),
                _ if asks_nothing(text) => {}
                _ if is_wire(name) => self.losses.leftovers("", Some(text), &[])?,
                _ => self.losses.cannot(name)?,
            }
        }
        if let Some(user) = user {
            let mut metadata = Members::new();
            metadata.string("user_id", &opaque(&user));
            body.raw("metadata", &metadata.finish());
        }
        Ok(())
    }
}
