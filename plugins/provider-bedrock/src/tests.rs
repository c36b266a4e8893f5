//! The exchanges as they leave, and answers and lists as they are read.

use brains_sdk::canon::exchange::{Head, Payload, Piece, Request, Response};
use brains_sdk::canon::{CallContext, ChatRequest, Content, Event, FaultKind, Message, Part, Role};
use brains_sdk::dialect::fault::SIGN_IN;
use brains_sdk::sigv4::SigningKeys;
use brains_sdk::wire::Address;
use brains_sdk::{Catalogue, Chat, Component, Errors};
use serde_json::{Value, json};

use crate::credentials::InUse;
use crate::{Bedrock, Settings, catalogue, families};

fn settings(settings: Value) -> Settings {
    serde_json::from_value(settings).unwrap()
}

fn component(given: Value) -> Bedrock {
    Bedrock::new(settings(given)).unwrap()
}

fn response(status: u16, body: &str) -> Response {
    Response { head: Head { status, headers: Vec::new() }, body: Payload::Text(body.into()) }
}

fn hello() -> ChatRequest {
    let part = Part::plain(Content::Text("hi".into()));
    let message = Message { role: Role::User, name: None, parts: vec![part], extra: None };
    ChatRequest { model: "m".into(), messages: vec![message], ..ChatRequest::default() }
}

fn text(pieces: &[Piece]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(name) => format!("<{name}>"),
        Piece::Credential(_) | Piece::BasicCredentials(_) => "?".to_owned(),
    };
    pieces.iter().map(piece).collect()
}

fn headers(request: &Request) -> Vec<String> {
    request.headers.iter().map(|header| format!("{}: {}", header.name, text(&header.value))).collect()
}

/// A host whose secrets are nothing.
struct Zeros;

impl SigningKeys for Zeros {
    fn sign(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![0; 32])
    }
}

#[test]
fn what_is_set_decides_what_exchanges_are_sent_with() {
    let of = |set: &[&str]| InUse::of(&|name: &str| set.contains(&name));
    assert_eq!(of(&["api_key", "access_key_id", "secret_access_key"]), Ok(InUse::ApiKey));
    let access_key = ["access_key_id", "secret_access_key"];
    assert_eq!(of(&access_key), Ok(InUse::AccessKey { with_token: false }));
    let temporary = [&access_key[..], &["session_token"]].concat();
    assert_eq!(of(&temporary), Ok(InUse::AccessKey { with_token: true }));
    for missing in [&[][..], &["access_key_id"], &["secret_access_key", "session_token"]] {
        let fault = of(missing).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Other(SIGN_IN.to_owned()));
        assert!(fault.message.contains("AWS_BEARER_TOKEN_BEDROCK"), "{}", fault.message);
    }
}

#[test]
fn an_exchange_is_signed_for_its_region_or_bears_the_key() {
    let exchange = || {
        let address = Address::new("https://bedrock-runtime.eu-west-1.amazonaws.com");
        address.post("/model/a%3A0/converse", "", &CallContext::default()).accepting(false).json("{}".into())
    };
    let request = |used: InUse| {
        headers(&used.signed(exchange(), &Zeros, "eu-west-1", 1_440_938_160_000).unwrap().into_request())
    };
    assert_eq!(request(InUse::ApiKey)[2], "authorization: Bearer <api_key>");
    let signed = request(InUse::AccessKey { with_token: true });
    assert_eq!(signed[2], "x-amz-date: 20150830T123600Z");
    assert_eq!(signed[3], "x-amz-security-token: <session_token>");
    let begin = "authorization: AWS4-HMAC-SHA256 Credential=<access_key_id>/20150830/eu-west-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(signed[4].starts_with(begin), "{}", signed[4]);
}

#[test]
fn without_credentials_nothing_is_sent() {
    let component = component(json!({}));
    let fault = component.encode(hello(), Vec::new(), &CallContext::default()).unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("no_credentials"));
    assert_eq!(component.models_request(&CallContext::default(), None), None);
    assert!(component.models(None).unwrap().models.is_empty());
}

#[test]
fn addresses_are_the_regions_unless_they_are_named() {
    let here = settings(json!({ "region": "eu-central-1" }));
    assert_eq!(here.base_url(), "https://bedrock-runtime.eu-central-1.amazonaws.com");
    assert_eq!(here.catalogue_url(), "https://bedrock.eu-central-1.amazonaws.com");
    let elsewhere = settings(json!({ "base_url": "https://vpce-1.example" }));
    assert_eq!(
        (elsewhere.base_url(), elsewhere.catalogue_url()),
        ("https://vpce-1.example".into(), "https://vpce-1.example".into())
    );
    let schema: Value = serde_json::from_str(Bedrock::CONFIG_SCHEMA).unwrap();
    let default = settings(json!({}));
    for (name, url) in [("base_url", default.base_url()), ("catalogue_url", default.catalogue_url())] {
        let told = schema["properties"][name]["default"].as_str().unwrap().replace("{region}", "us-east-1");
        assert_eq!(told, url);
    }
    for wrong in [json!({ "base_url": "a.example" }), json!({ "base_url": "https://a.example/model" })] {
        assert!(Bedrock::new(settings(wrong)).is_err());
    }
    let wrong = Bedrock::new(settings(json!({ "catalogue_url": "a.example" }))).unwrap_err();
    assert!(wrong[0].starts_with("catalogue_url: "), "{wrong:?}");
}

#[test]
fn models_take_the_words_of_who_made_them() {
    let body = |given: Value, model: &str| -> Value {
        let mut req = ChatRequest { model: model.into(), effort: Some("medium".into()), ..hello() };
        req.sampling.top_k = Some(5);
        let options = families::options(&settings(given), model);
        serde_json::from_str(&brains_sdk::bedrock_converse::encode(&req, &options).unwrap().body).unwrap()
    };
    let beside = |model: &str| body(json!({}), model)["additionalModelRequestFields"].clone();
    assert_eq!(
        beside("eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        json!({"thinking": {"type": "enabled", "budget_tokens": 8192}})
    );
    assert_eq!(
        beside("global.anthropic.claude-opus-4-7"),
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}})
    );
    assert_eq!(
        beside("us.amazon.nova-2-lite-v1:0"),
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}, "inferenceConfig": {"topK": 5}})
    );
    assert_eq!(beside("openai.gpt-oss-120b-1:0"), json!({"reasoning_effort": "medium"}));
    assert_eq!(beside("us.meta.llama3-3-70b-instruct-v1:0"), Value::Null);
    let arn = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/x1";
    assert_eq!(body(json!({}), arn)["additionalModelRequestFields"], Value::Null);
    let told = json!({ "families": { "arn:*": "claude", arn: "gpt" } });
    assert_eq!(body(told, arn)["additionalModelRequestFields"], json!({"reasoning_effort": "medium"}));
    let more = json!({ "guardrail": { "identifier": "g", "version": "1" }, "latency": "optimized" });
    let body = body(more, "m");
    assert_eq!(body["guardrailConfig"], json!({"guardrailIdentifier": "g", "guardrailVersion": "1"}));
    assert_eq!(body["performanceConfig"], json!({"latency": "optimized"}));
}

#[test]
fn models_and_profiles_are_listed_page_by_page() {
    assert_eq!(catalogue::page_address(None).0, "/foundation-models");
    assert_eq!(catalogue::page_address(Some("profiles")), ("/inference-profiles", "maxResults=1000".into()));
    assert_eq!(catalogue::page_address(Some("profiles:a/b=")).1, "maxResults=1000&nextToken=a%2Fb%3D");
    let component = component(json!({}));
    let models = json!({"modelSummaries": [
        {"modelId": "anthropic.claude-3-haiku-20240307-v1:0", "modelName": "Claude 3 Haiku", "providerName": "Anthropic",
         "inputModalities": ["TEXT", "IMAGE"], "outputModalities": ["TEXT"], "inferenceTypesSupported": ["ON_DEMAND"]},
        {"modelId": "anthropic.claude-sonnet-4-5-20250929-v1:0", "outputModalities": ["TEXT"],
         "inferenceTypesSupported": ["INFERENCE_PROFILE"]},
        {"modelId": "amazon.titan-embed", "outputModalities": ["EMBEDDING"], "inferenceTypesSupported": ["ON_DEMAND"]}]});
    let page = component.models(Some(response(200, &models.to_string()))).unwrap();
    assert_eq!((page.models.len(), page.next.as_deref()), (1, Some("profiles")));
    assert_eq!((page.models[0].context, page.models[0].max_output), (Some(200_000), Some(4096)));
    let profiles = json!({"nextToken": "t", "inferenceProfileSummaries": [
        {"inferenceProfileId": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "type": "SYSTEM_DEFINED", "status": "ACTIVE"},
        {"inferenceProfileId": "x1", "inferenceProfileArn": "arn:aws:bedrock:eu-central-1:1:application-inference-profile/x1",
         "type": "APPLICATION", "status": "ACTIVE"},
        {"inferenceProfileId": "us.stability.stable-image-v1:0", "type": "SYSTEM_DEFINED", "status": "ACTIVE"}]});
    let page = component.models(Some(response(200, &profiles.to_string()))).unwrap();
    let ids: Vec<&str> = page.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids[0], "eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!((ids.len(), ids[1].starts_with("arn:")), (2, true));
    assert_eq!(page.next.as_deref(), Some("profiles:t"));
    assert!(component.models(Some(response(200, "{}"))).is_err());
    let named = crate::Bedrock::new(settings(json!({ "models": ["a", "b"] }))).unwrap();
    assert_eq!(named.models_request(&CallContext::default(), None), None);
    assert_eq!(named.models(None).unwrap().models.len(), 2);
}

#[test]
fn answers_and_errors_are_read() {
    let component = component(json!({}));
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}});
    let events = component.decode_unary(response(200, &answer.to_string()), &CallContext::default()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Usage(usage) if usage.input == 3)));
    let fault = component.decode_error(response(429, r#"{"message":"Too many requests"}"#));
    assert_eq!(fault.kind, FaultKind::RateLimited);
}
