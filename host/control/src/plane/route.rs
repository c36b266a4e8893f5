//! Where a request would go, and why, without sending it. Runs the request's own code.

use brains_core::Fault;
use brains_core::principal::Role;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::context::Cx;
use crate::operation::{Alias, CliShape, Example, Operation, OperationKind};
use crate::ports::{Classification, Explanation, RoutePlan};
use crate::tool::ToolShape;

const AUTOMATIC: &str = "brains-auto";

/// The chat request that the input stands for.
fn body(
    prompt: Option<String>,
    request: Option<Map<String, Value>>,
    model: Option<String>,
) -> Result<Vec<u8>, Fault> {
    let request = match (prompt, request) {
        (Some(prompt), None) => {
            let model = model.unwrap_or_else(|| AUTOMATIC.to_owned());
            json!({ "model": model, "messages": [{ "role": "user", "content": prompt }] })
        }
        (None, Some(mut request)) => {
            if let Some(model) = model {
                request.insert("model".into(), model.into());
            }
            request.entry("model").or_insert_with(|| AUTOMATIC.into());
            Value::Object(request)
        }
        (Some(_), Some(_)) => {
            return Err(Fault::invalid("`prompt` and `request` exclude each other").param("request"));
        }
        (None, None) => {
            return Err(Fault::invalid("`prompt` is missing")
                .code("missing_required_parameter")
                .param("prompt")
                .hint("give a prompt, or a whole chat request as `request`"));
        }
    };
    serde_json::to_vec(&request).map_err(|error| Fault::invalid(error.to_string()).param("request"))
}

/// Says what the classifier makes of a prompt. Nothing is sent to any model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassifyPrompt {
    /// The text, as one user message.
    prompt: Option<String>,
    /// A whole chat completions request instead of a text.
    request: Option<Map<String, Value>>,
}

impl Operation for ClassifyPrompt {
    const NAME: &'static str = "classify_prompt";
    const NOUN: &'static str = "route";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["route", "classify"])
        .positional(&["prompt"])
        .aliases(&[Alias { path: &["classify"], hidden: false }]);
    const EXAMPLES: &'static [Example] = &[Example {
        title: "Classify a text",
        command: "classify \"Fix retry bug in webhook handler\"",
        input: r#"{"prompt": "Fix retry bug in webhook handler"}"#,
    }];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = Classification;

    async fn run(self, cx: &Cx<'_>) -> Result<Classification, Fault> {
        cx.control.ports.routing.classify(body(self.prompt, self.request, None)?).await
    }
}

/// Says which models would be tried for a prompt, in order. Nothing is sent to any model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanPrompt {
    /// The text, as one user message.
    prompt: Option<String>,
    /// A whole chat completions request instead of a text.
    request: Option<Map<String, Value>>,
    /// The model; `brains-auto` when the request names none either.
    model: Option<String>,
}

impl Operation for PlanPrompt {
    const NAME: &'static str = "plan_prompt";
    const NOUN: &'static str = "route";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["route", "plan"])
        .positional(&["prompt"])
        .aliases(&[Alias { path: &["plan"], hidden: false }])
        .table("attempts", &["provider", "model", "tier", "lane", "score"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Plan for a text",
            command: "plan \"design a system for scalability\"",
            input: r#"{"prompt": "design a system for scalability"}"#,
        },
        Example {
            title: "Plan for a tier",
            command: "plan hello --model brains-strong",
            input: r#"{"prompt": "hello", "model": "brains-strong"}"#,
        },
    ];
    const FORMER: &'static [&'static str] = &["plan_request"];
    const TOOL: ToolShape = ToolShape::of(Self::ROLE, Self::KIND).unlisted();
    type Output = RoutePlan;

    async fn run(self, cx: &Cx<'_>) -> Result<RoutePlan, Fault> {
        cx.control.ports.routing.plan(body(self.prompt, self.request, self.model)?).await
    }
}

/// Explains step by step why a request would go where it goes, in agreement with its headers. No model is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainRoute {
    /// The text, as one user message.
    prompt: Option<String>,
    /// A whole chat completions request instead of a text.
    request: Option<Map<String, Value>>,
    /// The model; `brains-auto` when the request names none either.
    model: Option<String>,
    /// What the client says it is for, such as `compaction`.
    request_class: Option<String>,
}

impl Operation for ExplainRoute {
    const NAME: &'static str = "explain_route";
    const NOUN: &'static str = "route";
    const KIND: OperationKind = OperationKind::Read;
    const ROLE: Role = Role::Member;
    const CLI: CliShape = CliShape::new(&["route", "explain"])
        .positional(&["prompt"])
        .aliases(&[Alias { path: &["explain"], hidden: false }])
        .table("steps", &["step", "detail"]);
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Explain a text",
            command: "explain \"the tests are failing\"",
            input: r#"{"prompt": "the tests are failing"}"#,
        },
        Example {
            title: "Explain a whole request",
            command: "explain --request '{\"model\": \"brains-auto\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}'",
            input: r#"{"request": {"model": "brains-auto", "messages": [{"role": "user", "content": "hi"}]}}"#,
        },
    ];
    type Output = Explanation;

    async fn run(self, cx: &Cx<'_>) -> Result<Explanation, Fault> {
        let body = body(self.prompt, self.request, self.model)?;
        cx.control.ports.routing.explain(body, self.request_class).await
    }
}
