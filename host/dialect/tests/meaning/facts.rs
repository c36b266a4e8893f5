//! What a request says, one line a fact, as far as that is the same on every wire.

use brains_dialect::canon::{ChatRequest, OutputFormat, Sampling, Tool, ToolChoice};
use serde_json::{Value, json};

pub(super) type Facts = Vec<String>;

pub(super) fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

pub(super) fn object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ if blank(arguments) => json!({}),
        _ => json!({"_raw": arguments}),
    }
}

pub(super) fn settings_meant(request: &ChatRequest) -> Facts {
    let mut facts = vec![format!("stream {}", request.stream)];
    for tool in &request.tools {
        let Tool::Function(tool) = tool else { panic!("only functions here") };
        facts.push(format!(
            "tool {} {:?} {}",
            tool.name,
            tool.description.as_deref().unwrap_or(""),
            tool.parameters
        ));
    }
    if !request.tools.is_empty() && request.tool_choice == ToolChoice::None {
        facts.push("no tools".to_owned());
    }
    if let OutputFormat::JsonSchema(format) = &request.output {
        facts.push(format!("schema {}", format.schema));
    }
    let Sampling { max_output_tokens, temperature, top_k, stop, .. } = &request.sampling;
    facts.push(format!("{max_output_tokens:?} {temperature:?} {top_k:?} {stop:?}"));
    facts
}
