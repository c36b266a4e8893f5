//! A proxy of `LiteLLM` with the scripted model behind it: three wires at one address under one bearer token, the headers of
//! its answers, its two lists of models, and its refusals. Written from `docs.litellm.ai/docs/proxy/response_headers`
//! and `…/error_reference`, and from its `common_request_processing.py` (1.109).

use serde_json::{Value, json};

use crate::upstream::{Reply, Seen};

/// What it asks of its callers.
pub const KEY: &str = "sk-litellm-0123456789abcdef";
/// What it says that a call cost.
pub const COST: &str = "3.25e-05";

/// Answers as the proxy would.
pub fn answer(seen: &Seen) -> Reply {
    if seen.header("authorization") != Some(format!("Bearer {KEY}").as_str()) {
        let message = "Authentication Error, Invalid proxy server token passed. Unable to find token in cache or `LiteLLM_VerificationTokenTable`";
        return refusal(401, message, &json!("token_not_found_in_db"));
    }
    let reply = match seen.path.split('?').next().unwrap_or_default() {
        "/v1/chat/completions" => super::answer(seen),
        "/v1/models" => return Reply::json(200, models().to_string()),
        "/v1/model/info" => return Reply::json(200, model_info().to_string()),
        "/v1/responses" | "/v1/responses/compact" => super::responses::answer(seen),
        "/v1/messages" => super::messages::answer(&on_messages(seen)),
        // As its web framework says it.
        _ => return Reply::json(404, json!({"detail": "Not Found"}).to_string()),
    };
    let told = [
        ("x-litellm-call-id", "b980db26-9512-45cc-b1da-c511a363b83f"),
        ("x-litellm-model-id", "cb41bc03f4c33d310019bae8c5afdb1af0a8f97b36a234405a9807614988457c"),
        ("x-litellm-version", "1.109.1"),
        ("x-litellm-key-spend", "0.0125"),
        ("x-litellm-response-duration-ms", "241.5"),
        ("llm_provider-x-request-id", "req_of_the_vendor"),
    ];
    let reply = told.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value));
    // A stream has no end yet when its head goes out, so it has no cost either.
    if reply.whole { reply.header("x-litellm-response-cost", COST) } else { reply }
}

/// An answer that is no success, as the proxy writes it: the code is the status, as text.
pub fn refusal(status: u16, message: &str, kind: &Value) -> Reply {
    let error = json!({"message": message, "type": kind, "param": null, "code": status.to_string()});
    Reply::json(status, json!({"error": error}).to_string()).header("x-litellm-version", "1.109.1")
}

/// It takes a bearer token on this wire too, where the vendor wants a header of its own.
fn on_messages(seen: &Seen) -> Seen {
    let mut seen = seen.clone();
    seen.headers.push(("x-api-key".into(), KEY.into()));
    seen
}

fn models() -> Value {
    let model =
        |id: &str| json!({"id": id, "object": "model", "created": 1_677_610_602, "owned_by": "openai"});
    json!({"data": [model("scripted-1"), model("scripted-2")], "object": "list"})
}

/// Two deployments of one name, and one of another.
fn model_info() -> Value {
    let deployment = |name: &str, id: &str, model: &str| {
        json!({"model_name": name, "litellm_params": {"model": model},
               "model_info": {"id": id, "db_model": false, "key": model, "max_tokens": 16384,
                              "max_input_tokens": 128_000, "max_output_tokens": 16384,
                              "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
                              "litellm_provider": "openai", "mode": "chat", "supports_vision": true}})
    };
    json!({"data": [
        deployment("scripted-1", "cb41bc03", "openai/gpt-4o-mini"),
        deployment("scripted-1", "e889baac", "azure/gpt-4o-mini"),
        {"model_name": "scripted-2", "litellm_params": {"model": "hosted_vllm/mine"},
         "model_info": {"id": "77aa", "db_model": false, "max_tokens": null, "input_cost_per_token": null}},
    ]})
}
